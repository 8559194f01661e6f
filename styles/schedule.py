"""When: the next try of a paid call that was certainly not taken, the next look at a training."""

from __future__ import annotations

import random
import statistics
from datetime import datetime, timedelta

from django.utils import timezone

from teams.models import PikzelsKey

from .models import Style
from .pikzels.outcome import Outcome, retry_after_seconds
from .states import State

TRIES = 8
TRIES_WITHIN = timedelta(hours=6)
# Soon after a hiccup, and still trying after an outage of an hour or two.
BACK_OFF_FIRST, BACK_OFF_FACTOR, BACK_OFF_MOST = 4.0, 3, 3600.0

UNKNOWN_TRAINING = timedelta(seconds=6)
MEDIAN_OF = 20
SOONEST, LATEST = 3.0, 60.0


def next_try(style: Style, outcome: Outcome | None = None) -> datetime | None:
    """Return when to try again, or None where it was tried often and long enough.

    What the server asks for is honoured; else full jitter. Tries count from a person's last word.
    """
    asked = style.events.filter(to_state=State.QUEUED, who__isnull=False).last()
    since = asked.at if asked else style.created_at
    tried = list(style.attempts.filter(opened_at__gte=since).order_by("number"))
    tries = len(tried)
    # The time that it waited for a held key does not count.
    began = tried[0].opened_at if tried else timezone.now()
    if tries >= TRIES or timezone.now() - began > TRIES_WITHIN:
        return None
    return timezone.now() + timedelta(seconds=_asked_for(outcome) or _jitter(tries))


def _asked_for(outcome: Outcome | None) -> float | None:
    text = outcome.reply.retry_after if outcome and outcome.reply else ""
    return retry_after_seconds(text, now=timezone.now()) if text else None


def _jitter(tries: int) -> float:
    return 1 + random.uniform(0, min(BACK_OFF_MOST, BACK_OFF_FIRST * BACK_OFF_FACTOR**tries))


def first_look(key: PikzelsKey) -> datetime:
    """Return when to look first: at half of this key's median training time."""
    times = (
        Style.objects.filter(key=key, attached=False, ready_at__isnull=False, made_at__isnull=False)
        .order_by("-ready_at")
        .values_list("made_at", "ready_at")[:MEDIAN_OF]
    )
    seconds = [(ready - made).total_seconds() for made, ready in times if ready and made]
    median = statistics.median(seconds or [UNKNOWN_TRAINING.total_seconds()])
    return timezone.now() + timedelta(seconds=median / 2)


def next_look(style: Style) -> datetime:
    """Return when to look again: after 15 % of its age, 3 to 60 seconds, with jitter."""
    now = timezone.now()
    age = (now - (style.made_at or now)).total_seconds()
    seconds = min(LATEST, max(SOONEST, 0.15 * age))
    return now + timedelta(seconds=seconds * random.uniform(0.9, 1.1))


def after_a_miss(asked: float | None) -> datetime:
    """Return when to look again after an answer that told nothing."""
    return timezone.now() + timedelta(seconds=max(asked or 0, random.uniform(LATEST / 4, LATEST)))


def spread(moment: datetime) -> datetime:
    """Spread what waits for the same moment over the seconds after it."""
    return moment + timedelta(seconds=random.uniform(0, 3))
