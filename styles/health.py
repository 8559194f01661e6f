"""Is it us or Pikzels? What the last answers, the keys, the queue and the worker say about that."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Q, QuerySet, When
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.models import PikzelsKey

from .counting import Number, count
from .explanations import explain
from .models import Attempt, SafeMode, Style, WorkerSign
from .pikzels.errors import Silence, Verdict
from .states import State

ANSWERS = 50
KEYS = 6
CODES = 8
LOOKED_BACK = timedelta(days=30)
HOUR = timedelta(hours=1)
SLOW_QUEUE = timedelta(minutes=10)
# A refusal is an answer: Pikzels is there. These say that something is wrong.
TROUBLE = (Verdict.NOT_SENT, Verdict.LATER, Verdict.IN_DOUBT)
OUR_FAULTS = {"disk_full", "storage_away", "cannot_decrypt"}


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the database says; `seconds` are how long the last answers took, newest first."""

    now: datetime
    safe_mode: bool
    worker: WorkerSign | None
    keys: list[PikzelsKey]
    queue: Number
    oldest: datetime | None
    seconds: list[float]
    last_success: Attempt | None
    last_error: Attempt | None
    errors: Sequence[Mapping[str, Any]]

    @property
    def sandbox_only(self) -> bool:
        return all(key.is_sandbox for key in self.keys)

    @property
    def held(self) -> list[PikzelsKey]:
        return [key for key in self.keys if key.is_held]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """One plain sentence; `tone` as for states."""

    sentence: str
    tone: str
    shape: str
    whose: str


def health(now: datetime) -> dict[str, Any]:
    """Return the panel's context; a constant number of queries, none over all there is."""
    known = look(now)
    return {
        "conclusion": conclude(known),
        "keys": [_key_row(key, now) for key in known.keys[:KEYS]],
        "more_keys": len(known.keys) > KEYS,
        "facts": _facts(known),
        "errors": [_error_row(row) for row in known.errors],
    }


def look(now: datetime) -> Known:
    keys = list(_keys()[: KEYS + 1])
    tried = Attempt.objects.filter(opened_at__gte=now - LOOKED_BACK).order_by("-opened_at", "-id")
    if not all(key.is_sandbox for key in keys):
        # Where there is a real key, what the sandbox plays says nothing about Pikzels.
        tried = tried.exclude(key__kind=PikzelsKey.Kind.SANDBOX)
    failed = failures(tried)
    waiting = Style.objects.filter(state=State.QUEUED, due_at__isnull=False)
    return Known(
        now=now,
        safe_mode=SafeMode.is_on(),
        worker=WorkerSign.latest(),
        keys=keys,
        queue=count(waiting),
        oldest=waiting.order_by("submitted_at").values_list("submitted_at", flat=True).first(),
        seconds=_seconds(tried),
        last_success=tried.filter(outcome=Verdict.MADE).first(),
        last_error=failed.first(),
        errors=list(
            failed.filter(opened_at__gte=now - HOUR)
            .values("code", "reason")
            .annotate(number=Count("id"))
            .order_by("-number", "code", "reason")[:CODES]
        ),
    )


def failures(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Narrow to those that came to nothing or are in doubt, but for what we stopped ourselves."""
    return attempts.exclude(outcome__in=["", Verdict.MADE]).exclude(reason=Silence.STOPPED)


def _keys() -> QuerySet[PikzelsKey]:
    """Return the keys in use: real ones first, and of those what is held, on trial or paused."""
    real = ~Q(kind=PikzelsKey.Kind.SANDBOX)
    hindered = Q(on_trial=True) | Q(paused_until__isnull=False)
    rank = Case(
        When(real & Q(held_at__isnull=False), then=0),
        When(real & hindered, then=1),
        When(real, then=2),
        When(held_at__isnull=False, then=3),
        When(hindered, then=4),
        default=5,
    )
    return PikzelsKey.objects.in_use().select_related("team").order_by(rank, "-pk")


def _seconds(tried: QuerySet[Attempt]) -> list[float]:
    answered = tried.filter(answered_at__isnull=False)
    times = answered.values_list("opened_at", "committed_at", "answered_at")[:ANSWERS]
    return [(end - (sent or opened)).total_seconds() for opened, sent, end in times if end]


# The sentence


def conclude(known: Known) -> Conclusion:
    for check in (_safe_mode, _no_worker, _no_key, _held, _failing, _paused, _slow):
        if found := check(known):
            return found
    return _well(known)


def _ours(sentence: str) -> Conclusion:
    return Conclusion(sentence=sentence, tone="bad", shape="square", whose=_("It is us"))


def _theirs(sentence: str, tone: str = "waiting") -> Conclusion:
    return Conclusion(sentence=sentence, tone=tone, shape="diamond", whose=_("It is Pikzels"))


def _safe_mode(known: Known) -> Conclusion | None:
    if not known.safe_mode:
        return None
    return _ours(_("Nothing is sent: a backup was restored, and nobody has said go on yet."))


def _no_worker(known: Known) -> Conclusion | None:
    if known.worker is None:
        return _ours(_("No worker has been heard of yet, so nothing is sent."))
    if known.worker.is_alive:
        return None
    since = clock(known.worker.seen_at, known.now)
    return _ours(_("No worker has been heard of since %(time)s.") % {"time": since})


def _no_key(known: Known) -> Conclusion | None:
    return None if known.keys else _ours(_("No team has a key, so nothing is sent."))


def _held(known: Known) -> Conclusion | None:
    if not known.held:
        return None
    key = known.held[0]
    words = {"key": key.shown, "why": explain(key.held_code, "held").title}
    if key.held_code in OUR_FAULTS:
        return _ours(_("The key %(key)s cannot be used. %(why)s.") % words)
    text = _("Pikzels turns the key %(key)s away. %(why)s.") % words
    if others := len(known.held) - 1:
        more = ngettext("And %(n)d other key.", "And %(n)d other keys.", others)
        text = f"{text} {more % {'n': others}}"
    return _theirs(text, tone="bad")


def _failing(known: Known) -> Conclusion | None:
    """Judge the latest answer, as long as it is fresh and nothing has worked since."""
    error, success = known.last_error, known.last_success
    if error is None or error.outcome not in TROUBLE or error.opened_at < known.now - HOUR:
        return None
    if success and success.opened_at > error.opened_at:
        return None
    why = {"why": _title(error.code or error.reason, error.outcome)}
    if error.reason in OUR_FAULTS:
        return _ours(_("Nothing can be sent. %(why)s.") % why)
    if error.reason == Silence.COULD_NOT_CONNECT:
        return _ours(_("Pikzels cannot be reached from here. See whether this server is online."))
    return _theirs(_("The latest style was not made. %(why)s.") % why)


def _paused(known: Known) -> Conclusion | None:
    paused = [key for key in known.keys if key.paused_until and key.is_paused(known.now)]
    if not paused:
        return None
    until = clock(paused[0].paused_until, known.now)
    words = {"key": paused[0].shown, "time": until}
    return _theirs(_("Pikzels asks for a pause: %(key)s sends again at %(time)s.") % words)


def _slow(known: Known) -> Conclusion | None:
    if known.oldest is None or known.now - known.oldest < SLOW_QUEUE:
        return None
    words = {"time": clock(known.oldest, known.now)}
    text = _("Pikzels answers, and the queue is long: the oldest waits since %(time)s.") % words
    return Conclusion(sentence=text, tone="info", shape="half", whose=_("Nothing is wrong"))


def _well(known: Known) -> Conclusion:
    if known.last_success is None:
        text = _("Nothing was sent in the last 30 days, and nothing stands in the way.")
    elif known.sandbox_only:
        text = _("The sandbox answers, and nothing goes to Pikzels.")
    else:
        text = _("Pikzels answers, and styles are sent.")
    return Conclusion(sentence=text, tone="good", shape="dot", whose=_("All is well"))


# What stands below it


def clock(at: datetime | None, now: datetime) -> str:
    """Return a time of today as such, and an older one with its day."""
    if at is None:
        return ""
    there = localtime(at)
    return date_format(there, "H:i T" if there.date() == localtime(now).date() else "j M, H:i T")


def _title(reason: str, verdict: str = "") -> str:
    return explain(reason, "in_doubt" if verdict == Verdict.IN_DOUBT else "").title


def _key_row(key: PikzelsKey, now: datetime) -> dict[str, Any]:
    if key.is_held:
        state = (_("held"), "waiting", "square", explain(key.held_code, "held").title)
    elif key.is_paused(now):
        until = _("sends again at %(time)s") % {"time": clock(key.paused_until, now)}
        state = (_("paused"), "waiting", "ring", until)
    elif key.on_trial:
        state = (_("on trial"), "info", "half", _("one style goes first"))
    else:
        state = (_("free"), "good", "dot", "")
    label, tone, shape, why = state
    return {"key": key, "label": label, "tone": tone, "shape": shape, "why": why}


def _error_row(row: Mapping[str, Any]) -> dict[str, Any]:
    name = row["code"] or row["reason"]
    return {"name": name, "title": _title(name), "number": row["number"]}


def _facts(known: Known) -> list[dict[str, str]]:
    worker, error, success = known.worker, known.last_error, known.last_success
    rows = [
        (
            _("Worker last heard of"),
            clock(worker.seen_at, known.now) if worker else _("none yet"),
            "",
        ),
        (_("Queue"), str(known.queue), _oldest(known)),
        (_("Answer time"), *_answer_times(known.seconds)),
        (_("Last success"), clock(success.opened_at, known.now) if success else "–", ""),
        (
            _("Last error"),
            (error.code or error.reason) if error else "–",
            clock(error.opened_at, known.now) if error else "",
        ),
    ]
    return [{"label": label, "value": value, "detail": detail} for label, value, detail in rows]


def _oldest(known: Known) -> str:
    if known.oldest is None:
        return ""
    return _("the oldest since %(time)s") % {"time": clock(known.oldest, known.now)}


def _answer_times(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "–", ""
    words = {"slowest": _span(max(seconds)), "n": len(seconds)}
    text = ngettext(
        "the only one",
        "median of the last %(n)d, the slowest %(slowest)s",
        len(seconds),
    )
    return _span(statistics.median(seconds)), text % words


def _span(seconds: float) -> str:
    return _("%(n).1f s") % {"n": seconds} if seconds < 100 else _("%(n)d s") % {"n": seconds}
