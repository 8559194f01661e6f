"""The free calls: following a training, finding out about an ID, testing a key."""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from pikzels_ui import logs
from teams.encryption import CannotDecrypt
from teams.models import PikzelsKey, User

from .breaker import hold
from .creation import connect
from .models import Instructions, Style
from .pikzels import rules
from .pikzels.client import Change, Limits, Look, Training
from .pikzels.errors import FACTS, Code, Verdict
from .pikzels.outcome import Reply, classify, known_code, retry_after_seconds
from .portraits import copy_portrait
from .schedule import after_a_miss, next_look
from .states import State

log = logging.getLogger(__name__)

# A free call may be repeated, so it is not waited for.
LIMITS = Limits(connect=5, answer=15, total=30)
QUICK = Limits(connect=3, answer=5, total=8)  # while a person waits for the page
TAKEN_FOR = timedelta(seconds=45)
GONE_AFTER = timedelta(minutes=10)
PORTRAIT_TRIED_FOR = timedelta(hours=1)
# Why nobody is asked at all.
NO_USE = {"cannot_decrypt", Code.INVALID_API_KEY_FORMAT}
# An ID is whatever Pikzels calls one, but it has to fit into an address.
ID = re.compile(r"[!-~]{1,200}")


def follow(style_id: uuid.UUID) -> None:
    """Ask Pikzels how far a due style is, and note what it says."""
    style = Style.objects.select_related("key", "team").get(pk=style_id)
    now = timezone.now()
    if style.state not in {State.TRAINING, State.READY}:
        return
    is_old = now - (style.ready_at or now) > PORTRAIT_TRIED_FOR
    if style.state == State.READY and is_old and style.missing_since is None:
        Style.objects.filter(pk=style_id, state=State.READY).update(due_at=None)
        return
    # Taken for as long as a call may last: of two workers one asks.
    due = Style.objects.filter(pk=style_id, due_at__lte=now)
    taken = due.filter(due_at=style.due_at, state=style.state)
    if style.key is None or not taken.update(due_at=timezone.now() + TAKEN_FOR):
        return
    look = ask(style.key, style.pikzels_id)
    if look.training:
        _note_training(style, look.training)
        Instructions.note(style, look.training.special_instructions, looked_at=now)
    else:
        _note_miss(style, look)


def ask(key: PikzelsKey, pikzels_id: str, limits: Limits = LIMITS) -> Look:
    """Look at a style at Pikzels; whatever comes of it is in the answer."""
    try:
        pikzels = connect(key, limits)
    except CannotDecrypt:
        return Look(reason="cannot_decrypt")
    except ValueError:
        return Look(reason=Code.INVALID_API_KEY_FORMAT)
    look = pikzels.get(pikzels_id)
    logs.note(pikzels_request_id=look.reply.request_id if look.reply else "")
    return look


def turns_away(reason: str, reply: Reply | None = None) -> bool:
    """Whether a call came to nothing because of its key, by its answer where there was one."""
    if reply is not None:
        return classify(True, reply.status, reply.code or None) == Verdict.KEY_HELD
    code = known_code(reason)
    return reason in NO_USE or bool(code and FACTS[code].verdict == Verdict.KEY_HELD)


def _note_training(style: Style, training: Training) -> None:
    if training.status == "completed":
        _note_ready(style, training)
    elif training.status == "failed":
        style.move(State.TRAINING_FAILED, only_from=[State.TRAINING], reason="training_failed")
    else:
        Style.objects.filter(pk=style.pk, state=State.TRAINING).update(
            progress=training.progress, missing_since=None, due_at=next_look(style), reason=""
        )


def _note_ready(style: Style, training: Training) -> None:
    now = timezone.now()
    # Ready first, whatever becomes of the portrait; the row stays due until that is copied too.
    style.move(
        State.READY,
        only_from=[State.TRAINING],
        progress=100,
        missing_since=None,
        ready_at=now,
        due_at=now + timedelta(minutes=1),
    )
    if training.portrait_url and not style.portrait:
        assert style.key
        copied = copy_portrait(style, training.portrait_url, connect(style.key, LIMITS))
    else:
        copied = True
    if copied:
        ready = Style.objects.filter(pk=style.pk, state=State.READY)
        ready.update(due_at=None, missing_since=None)


def _note_miss(style: Style, look: Look) -> None:
    now = timezone.now()
    reason = ""
    if look.reason == Code.NOT_FOUND or (look.reply and look.reply.status == 404):
        _note_missing(style, now)
        return
    if style.key and turns_away(look.reason, look.reply):
        hold(style.key, look.reason)
        reason = "cannot_follow"
    asked = retry_after_seconds(look.reply.retry_after, now=now) if look.reply else None
    Style.objects.filter(pk=style.pk, state=style.state).update(
        due_at=after_a_miss(asked), missing_since=None, reason=reason
    )


def note_if_missing(style: Style, came: Look | Change) -> None:
    """Look again, until it is sure, at a style that a free call did not find at Pikzels."""
    if came.reason == Code.NOT_FOUND:
        _note_missing(style, timezone.now())


def _note_missing(style: Style, now: datetime) -> None:
    """A 404 may be a hiccup; ten minutes of them mean that the style is gone."""
    since = style.missing_since or now
    if now - since >= GONE_AFTER:
        style.move(State.GONE, only_from=[State.TRAINING, State.READY], reason="gone")
    else:
        Style.objects.filter(pk=style.pk, state=style.state).update(
            missing_since=since, due_at=next_look(style)
        )


# An ID that a person brings


class NotThisOne(Exception):
    """The ID cannot be this style's; `str()` says why, to a person."""


def paste_id(style: Style, pikzels_id: str, who: User) -> None:
    """Settle a doubt with the ID that a person found, checked by a free call.

    Raises NotThisOne where Pikzels does not know it, it is no style of this name, another style
    here has it, or the doubt was settled meanwhile.
    """
    pikzels_id = pikzels_id.strip()
    key = style.key
    if key is None or not style.may_exist():
        raise NotThisOne(_("This style has no key, so that its ID cannot be checked."))
    if not ID.fullmatch(pikzels_id) or pikzels_id in {".", ".."}:
        raise NotThisOne(_("Enter the style ID, such as 18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234."))
    if Style.objects.of(style.team).filter(pikzels_id=pikzels_id).exists():
        raise NotThisOne(_("Another style here has this ID already."))
    training = _look_up(key, pikzels_id)
    if training.mode and training.mode != "style":
        raise NotThisOne(_("This ID belongs to a persona, not to a style."))
    if rules.tidy_name(training.name) != style.name:
        raise NotThisOne(
            _("This ID belongs to “%(other)s”, and this style is called “%(name)s”.")
            % {"other": training.name, "name": style.name}
        )
    try:
        with transaction.atomic():
            won = style.give_id(pikzels_id, only_from=[style.state], due_at=timezone.now(), who=who)
    except IntegrityError as error:
        raise NotThisOne(_("Another style here has this ID already.")) from error
    if not won:
        raise NotThisOne(_("This style was settled in the meantime."))


@dataclass(frozen=True, kw_only=True)
class KeyTest:
    """What Pikzels says of a key: it works, it is turned away, or nobody can tell just now.

    `turned_away` is the code by which it is, or "". An empty balance shows in creating alone.
    """

    works: bool
    turned_away: str = ""


def test_key(key: PikzelsKey) -> KeyTest:
    """Ask Pikzels, for free, whether a key works, by asking for a style that nobody has."""
    look = ask(key, rules.NOBODYS_ID, QUICK)
    away = look.reason if turns_away(look.reason, look.reply) else ""
    return KeyTest(works=look.reason == Code.NOT_FOUND, turned_away=away)


def _look_up(key: PikzelsKey, pikzels_id: str) -> Training:
    look = ask(key, pikzels_id, QUICK)
    if look.training:
        return look.training
    if look.reason in {Code.NOT_FOUND, Code.INVALID_STYLE}:
        raise NotThisOne(
            _("Pikzels does not know this ID under the key %(key)s.") % {"key": key.shown}
        )
    raise NotThisOne(_("Pikzels could not be asked about this ID just now. Try again in a minute."))
