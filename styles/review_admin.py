"""The reviewers' desk in the admin: the same pages, about the styles of every team."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import cast

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from teams.models import User

from .models import Style
from .review import Desk
from .review_views import Place, decide_many, decide_one, go_on, show_one, show_queue

NAME = "styles_review"


def may_review(request: HttpRequest) -> bool:
    return request.user.has_perm("styles.review_style")


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the addresses below the styles' in the admin."""

    def at(address: str, page: str, view: Callable[..., HttpResponse]) -> URLPattern:
        return path(address, site.admin_view(_for_reviewers(site, view)), name=NAME + page)

    return [
        at("review/", "", require_safe(show_queue)),
        at("review/next/", "_next", require_POST(go_on)),
        at("review/many/", "_many", require_POST(decide_many)),
        at(
            "review/<uuid:style_id>/", "_style", require_http_methods(["GET", "HEAD", "POST"])(_one)
        ),
        at("review/<uuid:style_id>/take/", "_take", _take),
    ]


def _for_reviewers(
    site: AdminSite, view: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    """Give the view the desk and the admin's frame."""

    def wrapper(request: HttpRequest, **kwargs: uuid.UUID) -> HttpResponse:
        if not may_review(request):
            raise PermissionDenied
        desk = Desk(cast(User, request.user), Style.objects.all())
        frame = {**site.each_context(request), "show_team": True}
        return view(request, desk, Place("admin/styles/review", f"admin:{NAME}", frame), **kwargs)

    return wrapper


@require_http_methods(["GET", "HEAD", "POST"])
def _one(request: HttpRequest, desk: Desk, place: Place, style_id: uuid.UUID) -> HttpResponse:
    style = get_object_or_404(Style.objects.select_related("team", "creator"), pk=style_id)
    act = decide_one if request.method == "POST" else show_one
    return act(request, desk, place, style)


@require_POST
def _take(request: HttpRequest, desk: Desk, place: Place, style_id: uuid.UUID) -> HttpResponse:
    style = get_object_or_404(Style, pk=style_id)
    desk.take(style)
    return redirect(place.address("style", style))
