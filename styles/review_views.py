"""The reviewers' pages: the queue, one style at a time, and many at once.

The team's own pages are here; the admin shows the same ones in its own frame, of every team.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .access import MemberRequest, enter, get_style, in_team
from .advice import check, findings
from .models import Event, Style
from .presentation import cost_text, image_rows, preview_of
from .review import DONE, SHOWN, Desk, ReviewForm, seen_at, taken_by_another
from .states import State


@dataclass(frozen=True)
class Place:
    """Where a desk stands: whose pages they are, and at which addresses."""

    folder: str
    name: str
    frame: dict[str, Any] = field(default_factory=dict)

    def address(self, page: str = "", style: Style | None = None) -> str:
        name = f"{self.name}_{page}" if page else self.name
        return reverse(name, args=[style.pk] if style else [])

    def render(
        self, request: HttpRequest, page: str, status: int = 200, **context: object
    ) -> HttpResponse:
        around = {"place": self.folder, "queue_url": self.address(), **self.frame}
        return render(request, f"{self.folder}/{page}.html", {**around, **context}, status=status)


OURS = Place("styles/review", "review")


# What both frames show


def show_queue(request: HttpRequest, desk: Desk, place: Place) -> HttpResponse:
    waiting = list(_whole(desk.waiting())[: SHOWN + 1])
    mine = set(desk.open_to_me().values_list("pk", flat=True)[: SHOWN + 1])
    rows = [_row(style, desk, place, mine) for style in waiting[:SHOWN]]
    return place.render(
        request,
        "queue",
        rows=rows,
        more=len(waiting) > SHOWN,
        any_for_me=any(row["for_me"] for row in rows),
        next_url=place.address("next"),
        many_url=place.address("many"),
        cost_text=cost_text(),
    )


def _whole(styles: QuerySet[Style]) -> QuerySet[Style]:
    return styles.select_related("team", "creator", "claimed_by").prefetch_related("images")


def _row(style: Style, desk: Desk, place: Place, for_me: set[uuid.UUID]) -> dict[str, Any]:
    return {
        "style": style,
        "chosen": _chosen(style),
        "images": [
            {"preview_url": preview_of(style, image), "alt": "", "is_link": image.is_link}
            for image in style.images.all()
        ],
        "findings": findings(style),
        "for_me": style.pk in for_me,
        "taken_by": style.claimed_by if taken_by_another(style, desk.user) else None,
        "url": place.address("style", style),
        "take_url": place.address("take", style),
    }


def _chosen(style: Style) -> str:
    return f"{style.pk} {_seen(style)}"


def _seen(style: Style) -> str:
    """Return what names the style as it is now: it is submitted anew with every change."""
    return style.submitted_at.isoformat() if style.submitted_at else ""


def show_one(
    request: HttpRequest, desk: Desk, place: Place, style: Style, form: ReviewForm | None = None
) -> HttpResponse:
    if style.state != State.IN_REVIEW:
        messages.info(request, what_became_of(style))
        return redirect(place.address())
    rows = [row.text for row in check(style).rows if row.tone != "good"]
    return place.render(
        request,
        "one",
        422 if form else 200,
        style=style,
        form=form or ReviewForm(initial={"seen": _seen(style)}),
        images=image_rows(style),
        findings=rows,
        may_decide=desk.may_decide(style),
        taken_by=style.claimed_by if taken_by_another(style, desk.user) else None,
        waiting=desk.open_to_me()[:SHOWN].count(),
        cost_text=cost_text(),
    )


def decide_one(request: HttpRequest, desk: Desk, place: Place, style: Style) -> HttpResponse:
    """Decide, and go on to the next one."""
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return show_one(request, desk, place, style, form)
    said = form.cleaned_data
    if not desk.decide(style, said["do"], said["note"], as_submitted=said["seen"]):
        style.refresh_from_db()
        too_late = _("Your decision came too late and changed nothing.")
        messages.warning(request, f"{what_became_of(style)} {too_late}")
        if style.state == State.IN_REVIEW:
            return redirect(place.address("style", style))
    else:
        messages.success(request, DONE[said["do"]] % {"name": style})
    return go_on(request, desk, place)


def go_on(request: HttpRequest, desk: Desk, place: Place) -> HttpResponse:
    style = desk.take_next()
    return redirect(place.address("style", style) if style else place.address())


def what_became_of(style: Style) -> str:
    """Return how a style stands that somebody wanted to decide about."""
    if style.state == State.IN_REVIEW:
        text = _("“%(name)s” was changed and sent to review again. Look at it once more.")
        return text % {"name": style}
    last = style.events.filter(what=Event.What.MOVED).select_related("who").last()
    words = {"name": style, "state": style.get_state_display()}
    if last is None or last.who is None:
        return _("“%(name)s” is not in review any more, but “%(state)s”.") % words
    text = _("“%(name)s” is not in review any more, but “%(state)s”, by %(who)s.")
    return text % {**words, "who": last.who}


def decide_many(request: HttpRequest, desk: Desk, place: Place) -> HttpResponse:
    """Ask first, on a page of its own; then approve each by itself and say how many that were."""
    chosen = _read_chosen(request.POST.getlist("chosen"))
    known = _whole(desk.open_to_me()).in_bulk(list(chosen))
    if not chosen:
        messages.warning(request, _("Choose the styles that you want to approve."))
        return redirect(place.address())
    if "confirmed" not in request.POST:
        rows = [_row(style, desk, place, set()) for style in known.values()]
        lost = len(chosen) - len(rows)
        return place.render(request, "many", rows=rows, lost=lost, cost_text=cost_text())
    won = desk.approve_many((style, chosen[pk]) for pk, style in known.items())
    _say_how_many(request, won, len(chosen))
    return redirect(place.address())


def _read_chosen(values: list[str]) -> dict[uuid.UUID, datetime]:
    """Return which styles were ticked, and when what was seen of each was submitted."""
    chosen = {}
    for value in values[:SHOWN]:
        style_id, _space, seen = value.partition(" ")
        try:
            chosen[uuid.UUID(style_id)] = seen_at(seen)
        except (ValueError, forms.ValidationError):
            continue
    return chosen


def _say_how_many(request: HttpRequest, won: int, chosen: int) -> None:
    text = ngettext("%(won)d of %(all)d approved.", "%(won)d of %(all)d approved.", won)
    words = text % {"won": won, "all": chosen}
    if won == chosen:
        messages.success(request, words)
    else:
        why = _("Of the others, somebody was faster or something was changed.")
        messages.warning(request, f"{words} {why}")


# The team's own pages


def _desk(request: MemberRequest) -> Desk:
    """Return the person's desk in the team that they are in now; a 404 for who has none."""
    desk = Desk.of_team(request.membership)
    if desk is None:
        raise Http404
    return desk


@require_safe
@in_team
def queue(request: MemberRequest) -> HttpResponseBase:
    return show_queue(request, _desk(request), OURS)


@require_POST
@in_team
def take_next(request: MemberRequest) -> HttpResponseBase:
    enter(request, request.POST.get("team", ""))
    return go_on(request, _desk(request), OURS)


@require_http_methods(["GET", "HEAD", "POST"])
@in_team
def one(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    act = decide_one if request.method == "POST" else show_one
    return act(request, _desk(request), OURS, style)


@require_POST
@in_team
def take(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    _desk(request).take(style)
    return redirect(OURS.address("style", style))


@require_POST
@in_team
def approve_many(request: MemberRequest) -> HttpResponseBase:
    enter(request, request.POST.get("team", ""))
    return decide_many(request, _desk(request), OURS)
