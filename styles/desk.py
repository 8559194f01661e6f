"""The operators' desk: whatever is in doubt, held or stuck, of every team, and how much that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from teams.models import PikzelsKey

from .counting import CountOf, Number, count
from .models import Attempt, Notice, SafeMode, Style, StyleQuerySet, WorkerSign
from .states import IN_FLIGHT, State
from .wording import _

SHOWN = 50
# What should have moved within this time and did not is stuck.
QUIET = timedelta(minutes=10)
LONG_TRAINING = timedelta(hours=2)
# One that fails once or twice is no news.
MAIL_TRIES = 3


def in_doubt() -> StyleQuerySet:
    return _oldest_first(Style.objects.filter(state=State.IN_DOUBT))


def held_keys() -> QuerySet[PikzelsKey]:
    """Return the keys that are held, the longest held first, each with `waiting`."""
    waiting = Style.objects.filter(key=OuterRef("pk"), state=State.QUEUED)
    held = PikzelsKey.objects.in_use().held().select_related("team")
    return held.annotate(waiting=CountOf(waiting)).order_by("held_at", "pk")


def without_key() -> StyleQuerySet:
    return _oldest_first(Style.objects.filter(state=State.QUEUED, key=None))


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """One way of being stuck: in words, the styles that are, and since when by which field."""

    title: str
    advice: str
    styles: StyleQuerySet
    since: str


def stuck(now: datetime) -> list[Stuck]:
    """Return each way in which a style can be stuck; each asks the database by itself."""
    return [_left_alone(now), _not_taken_up(now), _not_looked_at(now), _long(now), _plain(now)]


def _oldest_first(styles: StyleQuerySet) -> StyleQuerySet:
    return styles.order_by("submitted_at", "id")


def _left_alone(now: datetime) -> Stuck:
    live = Attempt.objects.open().filter(style=OuterRef("pk"), lease_until__gte=now - QUIET)
    return Stuck(
        title=_("Nobody is sending it any more"),
        advice=_("The worker that had it is gone. A running worker takes it up by itself."),
        styles=_oldest_first(Style.objects.filter(~Exists(live), state__in=IN_FLIGHT)),
        since="updated_at",
    )


def _not_taken_up(now: datetime) -> Stuck:
    """While a key sends anything at all, what waits for it only waits for its turn."""
    busy = Attempt.objects.filter(opened_at__gte=now - QUIET).values("key")
    free = Q(key__paused_until=None) | Q(key__paused_until__lt=now - QUIET)
    waiting = Style.objects.filter(
        free, state=State.QUEUED, key__held_at=None, due_at__lt=now - QUIET
    )
    return Stuck(
        title=_("It waits, and its key sends nothing"),
        advice=_("Nothing holds it back. See whether a worker is running, and what it logs."),
        styles=_oldest_first(waiting.exclude(key__in=busy)),
        since="due_at",
    )


def _not_looked_at(now: datetime) -> Stuck:
    training = Style.objects.filter(state=State.TRAINING)
    return Stuck(
        title=_("Nobody looks how far its training is"),
        advice=_("It has its ID. See whether a worker is running, and what it logs."),
        styles=_oldest_first(training.filter(Q(due_at=None) | Q(due_at__lt=now - QUIET))),
        since="made_at",
    )


def _long(now: datetime) -> Stuck:
    followed = Style.objects.filter(state=State.TRAINING, due_at__gte=now - QUIET)
    return Stuck(
        title=_("It has been training for hours"),
        advice=_("It has its ID and is followed. Ask Pikzels’ support what holds it up."),
        styles=_oldest_first(followed.filter(made_at__lt=now - LONG_TRAINING)),
        since="made_at",
    )


def _plain(now: datetime) -> Stuck:
    ready = Style.objects.filter(state=State.READY, due_at__isnull=False)
    return Stuck(
        title=_("Its portrait could not be copied yet"),
        advice=_("The style itself is ready. See whether the disk has room."),
        styles=ready.filter(portrait="", ready_at__lt=now - QUIET).order_by("due_at"),
        since="ready_at",
    )


# What concerns every style at once


@dataclass(frozen=True, kw_only=True)
class Trouble:
    title: str
    advice: str
    since: datetime | None


def troubles() -> list[Trouble]:
    return [each for each in (_safe_mode(), _no_worker(), _no_mail_server()) if each]


def _safe_mode() -> Trouble | None:
    mode = SafeMode.objects.on().order_by("since").first()
    if mode is None:
        return None
    return Trouble(
        title=_("Nothing is sent: a backup was restored"),
        advice=_("A superuser reads in the library what the backup lacks, and lets it go on."),
        since=mode.since,
    )


def _no_worker() -> Trouble | None:
    sign = WorkerSign.latest()
    if sign and sign.is_alive:
        return None
    return Trouble(
        title=_("No worker is running"),
        advice=_("Nothing is sent or followed. Start it with “manage.py run” or “manage.py work”."),
        since=sign.seen_at if sign else None,
    )


def _no_mail_server() -> Trouble | None:
    late = Notice.objects.waiting().filter(tries__gte=MAIL_TRIES).order_by("at").first()
    if late is None:
        return None
    return Trouble(
        title=_("Nobody is told: no mail server takes the mails"),
        advice=_("They are tried again for a day. Look at EMAIL_URL, and at the log for why."),
        since=late.at,
    )


# How much


@dataclass(frozen=True, kw_only=True)
class Counts:
    in_doubt: Number
    held_keys: Number
    waiting_for_keys: Number
    stuck: Number


def counts() -> Counts:
    held = held_keys().values_list("waiting", flat=True)  # type: ignore[misc]
    waiting = sum(held[:SHOWN]) + count(without_key())
    return Counts(
        in_doubt=count(in_doubt()),
        held_keys=count(PikzelsKey.objects.in_use().held()),
        waiting_for_keys=Number(waiting),
        stuck=Number(sum(count(each.styles) for each in stuck(timezone.now())) + len(troubles())),
    )
