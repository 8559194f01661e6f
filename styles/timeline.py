"""What happened to a style and what is still to come, as the steps of its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from .models import Attempt, Event, Style
from .states import IN_FLIGHT, MADE, State


@dataclass(frozen=True, kw_only=True)
class Step:
    """`status` is one of done, now, ahead, failed."""

    label: str
    status: str
    when: datetime | None = None


def steps_of(style: Style, label: str, attempt: Attempt | None) -> list[Step]:
    """Return the steps, done ones first. `label` is the word for the present state."""
    moves = list(style.events.filter(what=Event.What.MOVED).select_related("who"))
    if style.attached:
        return [_brought_in(style), *_trained(style, _end(style, label, moves))[1:]]
    steps = [*_saved(style), *_reviewed(moves), *_sent(style, label, attempt)]
    if style.state in MADE:
        return [*steps, *_trained(style, _end(style, label, moves))]
    steps += _present(style, label, moves, attempt)
    return steps if style.state == State.DROPPED else [*steps, *_ahead(style)]


def _saved(style: Style) -> list[Step]:
    if style.state == State.DRAFT and not style.reason:
        return [Step(label=_("Draft"), status="now", when=style.created_at)]
    return [Step(label=_("Saved"), status="done", when=style.submitted_at or style.created_at)]


def _brought_in(style: Style) -> Step:
    label = _("Brought in by %(name)s") % {"name": style.creator or _("somebody")}
    return Step(label=label, status="done", when=style.created_at)


def _end(style: Style, label: str, moves: list[Event]) -> str:
    """Return the word for the last step: who deleted it, where somebody did."""
    if style.state == State.GONE and style.reason == "deleted" and moves:
        return _("Deleted by %(name)s") % {"name": moves[-1].who or _("somebody")}
    return label


def _reviewed(moves: list[Event]) -> list[Step]:
    for event in reversed(moves):
        if event.from_state == State.IN_REVIEW and event.to_state == State.QUEUED:
            label = _("Approved by %(name)s") % {"name": event.who or _("a reviewer")}
            return [Step(label=label, status="done", when=event.at)]
    return []


def _sent(style: Style, label: str, attempt: Attempt | None) -> list[Step]:
    """The last byte's step, where one left since the style was last edited."""
    if style.state in {State.DRAFT, State.QUEUED, State.IN_REVIEW, State.DECLINED}:
        return []
    if attempt is None or attempt.committed_at is None:
        return []
    size = filesizeformat(attempt.bytes_total) if attempt.bytes_total else ""
    sent = _("Sent, %(size)s") % {"size": size} if size else _("Sent")
    return [Step(label=sent, status="done", when=attempt.committed_at)]


def _present(style: Style, label: str, moves: list[Event], attempt: Attempt | None) -> list[Step]:
    if style.state == State.DRAFT and not style.reason:
        return []
    bad = {State.DRAFT, State.REFUSED, State.DECLINED, State.DROPPED}
    when = moves[-1].at if moves else None
    if style.state == State.COMMITTED:
        label = _("Waiting for the answer")
    if style.state == State.IN_DOUBT and attempt and attempt.answered_at is None:
        label = _("No answer")
    return [Step(label=label, status="failed" if style.state in bad else "now", when=when)]


def _ahead(style: Style) -> list[Step]:
    labels = [_("Training"), _("Ready")]
    if style.state not in {*IN_FLIGHT, State.IN_DOUBT, State.REFUSED}:
        labels = [_("Sent"), *labels]
    return [Step(label=label, status="ahead") for label in labels]


def _trained(style: Style, label: str) -> list[Step]:
    accepted = Step(label=_("Accepted"), status="done", when=style.made_at)
    ready = Step(label=_("Ready"), status="done", when=style.ready_at)
    match style.state:
        case State.TRAINING:
            return [
                accepted,
                Step(label=label, status="now"),
                Step(label=_("Ready"), status="ahead"),
            ]
        case State.READY:
            return [accepted, ready]
        case State.GONE if style.ready_at:
            return [accepted, ready, Step(label=label, status="failed")]
    return [accepted, Step(label=label, status="failed")]
