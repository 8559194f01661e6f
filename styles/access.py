"""Who may see and do what: what is not yours is a 404, and without a team there is one page."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render

from teams.models import Membership, Team, User

from .models import ReferenceImage, Style

P = ParamSpec("P")
ID_DIGITS = 18  # what the database's whole numbers hold


class MemberRequest(HttpRequest):
    """A request of a signed-in person, in one of their teams."""

    user: User
    membership: Membership
    memberships: list[Membership]
    team: Team


def in_team(
    view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
) -> Callable[Concatenate[MemberRequest, P], HttpResponseBase]:
    """Give the view its `request.membership`, or show the page for people without a team."""

    @wraps(view)
    def wrapper(request: MemberRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.memberships = memberships(request)
        membership = current_membership(request)
        if membership is None:
            return render(request, "teams/no_team.html", status=403)
        _be_in(request, membership)
        return view(request, *args, **kwargs)

    return wrapper


def for_owners(
    view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
) -> Callable[Concatenate[MemberRequest, P], HttpResponseBase]:
    """Like `in_team`, and a 404 for everybody who does not own the team."""

    @wraps(view)
    def wrapper(request: MemberRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.membership.is_owner:
            raise Http404
        return view(request, *args, **kwargs)

    return in_team(wrapper)


def current_membership(request: HttpRequest) -> Membership | None:
    """Return where the person is now: the team chosen last, else the one joined first."""
    mine = getattr(request, "memberships", None) or memberships(request)
    chosen = [each for each in mine if each.team_id == request.session.get("team")]
    return next(iter(chosen + mine), None)


def memberships(request: HttpRequest) -> list[Membership]:
    """Return the teams that the person is on, the one joined first in front."""
    mine = Membership.objects.filter(user=request.user.pk).select_related("team", "user")
    return list(mine.order_by("joined_at", "pk"))


def enter(request: MemberRequest, team_id: object) -> Team:
    """Go on in the team that a form names. A 404 where the person does not belong to it."""
    wanted = str(team_id)
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= ID_DIGITS):
        raise Http404
    mine = Membership.objects.filter(user=request.user).select_related("team", "user")
    _be_in(request, get_object_or_404(mine, team=int(wanted)))
    return request.team


def enter_as_owner(request: MemberRequest) -> None:
    """Go on in the team that the form names, if the person owns that; else a 404."""
    enter(request, request.POST.get("team", ""))
    if not request.membership.is_owner:
        raise Http404


def _be_in(request: MemberRequest, membership: Membership) -> None:
    request.membership = membership
    request.team = membership.team


def get_style(request: MemberRequest, style_id: uuid.UUID) -> Style:
    """Return a style of one of the person's teams, and go on in that team; else a 404."""
    styles = Style.objects.select_related("key", "team", "creator")
    style = get_object_or_404(styles, pk=style_id, team__members=request.user)
    enter(request, style.team_id)
    return style


def get_image(request: MemberRequest, style_id: uuid.UUID, position: int) -> ReferenceImage:
    """Return a picture that the person may see: their teams', all for who reviews in the admin."""
    images = ReferenceImage.objects.select_related("style").filter(position=position)
    if not (request.user.is_staff and request.user.has_perm("styles.view_referenceimage")):
        images = images.filter(style__team__members=request.user)
    return get_object_or_404(images, style=style_id)
