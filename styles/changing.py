"""What the free calls share that change something at Pikzels: who makes them, and their words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from pikzels_ui import logs
from teams.encryption import CannotDecrypt
from teams.models import PikzelsKey

from .breaker import hold
from .creation import connect
from .explanations import explain
from .following import QUICK, turns_away
from .pikzels.client import Change, Look, Pikzels
from .pikzels.errors import Code, Silence
from .pikzels.outcome import Reply
from .wording import _ as lazy

WORDS: dict[str, str] = {
    Silence.COULD_NOT_CONNECT: lazy("Pikzels could not be reached. Try again in a minute."),
    Code.TOO_MANY_REQUESTS: lazy("Pikzels asks for a pause. Try again in a minute."),
    Code.SERVICE_UNDER_MAINTENANCE: lazy(
        "Pikzels is under maintenance. Try again when that is over."
    ),
    Code.NOT_FOUND: lazy(
        "Pikzels does not know this style under its key. If it was deleted there, its page here "
        "says so after a while."
    ),
}
OTHERWISE = lazy(
    "Pikzels gave an answer that does not help. Try again in a minute. If it stays the same, write "
    "to support@pikzels.com."
)


@dataclass
class NotDone(Exception):
    """Nothing was changed at Pikzels, and `came` says why."""

    came: Change | Look


@dataclass
class NotKnown(Exception):
    """It may have been done or not, and Pikzels could not be asked; it is found out by itself."""

    came: Change | Look


def call(key: PikzelsKey | None, verb: Callable[[Pikzels], Change]) -> Change:
    """Change something with a key. A key that is turned away is held, as by every call."""
    if key is None:
        return Change(reason="no_key")
    change = _call(key, verb)
    if turns_away(change.reason, change.reply):
        hold(key, change.reason)
    return change


def _call(key: PikzelsKey, verb: Callable[[Pikzels], Change]) -> Change:
    try:
        pikzels = connect(key, QUICK)
    except CannotDecrypt:
        return Change(reason="cannot_decrypt")
    except ValueError:
        return Change(reason=Code.INVALID_API_KEY_FORMAT)
    change = verb(pikzels)
    logs.note(pikzels_request_id=change.reply.request_id if change.reply else "")
    return change


def words_of(reason: str, reply: Reply | None, *, is_owner: bool) -> str:
    """Return why a free call came to nothing, with what to do about it."""
    if reason == "no_key" or turns_away(reason, reply):
        why = explain(reason, "held")
        return f"{why.title}. {why.next_owner if is_owner else why.next_member}"
    if reason == "":
        return _("Pikzels still has what it had before. Try again in a minute.")
    if reason in WORDS:
        return str(WORDS[reason])
    if reply and reply.code and reply.message:
        said = _("Pikzels says: “%(message)s”") % {"message": reply.message}
        return f"{said} {OTHERWISE_SAID}"
    return str(OTHERWISE)


OTHERWISE_SAID = lazy("Try again in a minute. If it stays the same, write to support@pikzels.com.")
