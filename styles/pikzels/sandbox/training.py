"""How far a style's training is. It follows from the clock alone, so a restart changes nothing."""

from typing import NamedTuple

from .ledger import Style
from .triggers import Training, course_of

SLOW = 5  # times as long as usual
FAILS_AT = 0.6
VANISHES_AT = 0.5


class Progress(NamedTuple):
    """`status` is processing, completed or failed; `percent` 0 to 100."""

    status: str
    percent: int


def progress(style: Style, *, now: float, seconds: float) -> Progress | None:
    """Return how far the training is, or None when the style has vanished.

    `now` is in seconds since 1970, `seconds` is what a training takes as a rule.
    """
    course = course_of(style.name).training
    elapsed = now - style.made_at
    if course is Training.FOREVER:
        return Progress("processing", _creeping(elapsed, seconds))
    length = seconds * SLOW if course is Training.SLOW else seconds
    share = elapsed / length if length > 0 else 1.0
    if course is Training.VANISHES_MIDWAY and share >= VANISHES_AT:
        return None
    if course is Training.VANISHES_READY and style.seen_ready:
        return None
    if course is Training.FAILS and share >= FAILS_AT:
        return Progress("failed", round(FAILS_AT * 100))
    return Progress("completed", 100) if share >= 1 else Progress("processing", int(share * 100))


def _creeping(elapsed: float, seconds: float) -> int:
    """Rise for ever without arriving."""
    return int(99 * elapsed / (elapsed + max(seconds, 1)))
