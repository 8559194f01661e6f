"""The one flow of the paid call: claim, send, record the outcome; reap what a crash left behind.

At most one paid request per style without a person's word: `claim` writes the Attempt before the
call, `commit` lets its last byte go, and only what certainly made nothing goes back to the queue.
No transaction is open while HTTP is in flight.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from pikzels_ui import logs
from teams.encryption import CannotDecrypt
from teams.models import PikzelsKey, Team, User

from . import journal
from .breaker import hand_over, hold
from .models import Attempt, Event, SafeMode, Style
from .pikzels import rules
from .pikzels.body import Picture
from .pikzels.client import Limits, Pikzels
from .pikzels.errors import Code, Silence, Verdict
from .pikzels.outcome import Outcome
from .schedule import first_look, next_try, spread
from .states import IN_FLIGHT, MADE, State

log = logging.getLogger(__name__)

# How long a worker's sign of life counts. Short, for after a crash it is how long people wait.
LEASE = timedelta(seconds=20)
PAUSE = timedelta(minutes=1)
# What the column holds: no setting, however long, may keep anything from being sent.
PRICE_MAX = 100


def connect(key: PikzelsKey, limits: Limits | None = None) -> Pikzels:
    """Return a client for `key`, by default with the patience that a paid call deserves.

    Raises CannotDecrypt where its encryption key is missing.
    """
    patience = settings.ANSWER_SECONDS
    limits = limits or Limits(answer=patience, total=patience + 120)
    return Pikzels(api_key=key.open(), base_url=key.base_url, limits=limits)


# Claim


def next_to_send(now: datetime, places: int, *, but: Iterable[uuid.UUID] = ()) -> list[uuid.UUID]:
    """Return up to `places` styles that their keys may send, what has waited longest first.

    Key by key: what waits for one that may send nothing now, however much, is not gone through.
    Of each no more than it has places for: a claim in vain keeps others waiting.
    """
    found: list[uuid.UUID] = []
    in_flight = Counter(Attempt.objects.open().values_list("key", flat=True))
    for key in keys_with_work(now, in_flight)[:places]:
        waiting = Style.objects.to_send(now).filter(key=key).exclude(pk__in=but)
        room = min(most_in_flight(key) - in_flight[key.pk], places - len(found))
        found += waiting.values_list("pk", flat=True)[:room]
    return found


def keys_with_work(now: datetime, in_flight: Mapping[int, int]) -> QuerySet[PikzelsKey]:
    """Return the keys that may send something that is due, what has waited longest first."""
    full = [key for key, number in in_flight.items() if number >= settings.IN_FLIGHT_PER_KEY]
    longest = Style.objects.to_send(now).filter(key=OuterRef("pk")).values("due_at")[:1]
    keys = PikzelsKey.objects.exclude(Q(pk__in=full) | Q(pk__in=in_flight, on_trial=True))
    return keys.annotate(since=Subquery(longest)).filter(since__isnull=False).order_by("since")


def most_in_flight(key: PikzelsKey) -> int:
    """Return how many a key may have under way, all workers counted."""
    return 1 if key.on_trial else settings.IN_FLIGHT_PER_KEY


def claim(style_id: uuid.UUID) -> Attempt | None:
    """Move a due style from `queued` to `sending` with its open Attempt, or return None.

    None means that another worker was faster, that somebody took it back, or that its key lets
    nothing go now; then the row says when to look again.
    """
    now = timezone.now()
    with transaction.atomic():
        if SafeMode.is_on():
            return None
        # Both locked: nobody counts the same free place, or takes the style back meanwhile.
        key = PikzelsKey.objects.select_for_update().filter(styles=style_id).first()
        due = Style.objects.select_for_update().filter(state=State.QUEUED, due_at__lte=now)
        style = due.filter(pk=style_id, key=key).first() if key else None
        if key is None or style is None or not _may_go(style, key, now):
            return None
        attempt = _open_attempt(style, key, now)
        style.move(State.SENDING, only_from=[State.QUEUED], attempt=attempt)
        return attempt


def _may_go(style: Style, key: PikzelsKey, now: datetime) -> bool:
    if not _is_wanted(style):
        _set_aside(style)
        return False
    waiting = Style.objects.filter(pk=style.pk, state=State.QUEUED)
    if key.removed_at and not key.is_sandbox:
        hand_over(waiting, key.team.current_key())
        return False
    if key.is_held:
        waiting.update(due_at=None)
        return False
    if key.paused_until and key.paused_until > now:
        waiting.update(due_at=spread(key.paused_until))
        return False
    limit = most_in_flight(key)
    return key.attempts.open().count() < limit


def _asked_by(style: Style) -> User | None:
    """Return whose word it is that the style is sent."""
    asked = style.events.filter(to_state=State.QUEUED, who__isnull=False).last()
    return asked.who if asked else style.creator


def _is_wanted(style: Style) -> bool:
    """Whether whoever wanted it sent still has a say: a member of its team, or staff."""
    who = _asked_by(style)
    if who is None or not who.is_active:
        return False
    return who.is_staff or style.team.memberships.filter(user=who).exists()


def _set_aside(style: Style) -> None:
    """Let somebody who is still on the team decide about it."""
    to = State.IN_DOUBT if style.has_doubt() else State.IN_REVIEW
    style.move(
        to,
        only_from=[State.QUEUED],
        reason="still_in_doubt" if to == State.IN_DOUBT else "",
        note=str(_("Who wanted it sent has left the team")),
    )


def set_aside_styles_of(team: Team, user: User) -> None:
    """Send nothing more of what a person wanted sent who has left the team."""
    for style in Style.objects.of(team).filter(state=State.QUEUED).select_related("team"):
        if _asked_by(style) == user:
            _set_aside(style)


def _open_attempt(style: Style, key: PikzelsKey, now: datetime) -> Attempt:
    last = style.last_attempt
    return Attempt.objects.create(
        style=style,
        number=last.number + 1 if last else 1,
        name=style.name,
        key=key,
        price="" if key.is_sandbox else settings.STYLE_PRICE[:PRICE_MAX],
        asked_by=_asked_by(style),
        opened_at=now,
        lease_until=now + LEASE,
    )


# Send


def send(attempt: Attempt, *, stop: threading.Event) -> Outcome:
    """Make the paid call, and journal what came back before anything else is done with it.

    Raises nothing that the network, a picture's file or a full disk does.
    """
    try:
        pikzels = connect(attempt.key)
        journal.opened(attempt)
    except CannotDecrypt:
        return _unsent(Verdict.KEY_HELD, "cannot_decrypt")
    except ValueError as error:
        return _unsent(Verdict.KEY_HELD, Code.INVALID_API_KEY_FORMAT, str(error))
    except OSError as error:
        return _unsent(Verdict.NOT_SENT, "disk_full", str(error))
    with ExitStack() as on_disk:
        try:
            pictures, links = _to_send(attempt.style, on_disk)
        except FileNotFoundError as error:
            return _unsent(Verdict.REFUSED, Silence.PICTURE_LOST, str(error))
        except OSError as error:
            return _unsent(Verdict.NOT_SENT, "storage_away", str(error))
        if sorted((len(pictures), len(links))) != [0, rules.IMAGE_COUNT]:
            return _unsent(Verdict.REFUSED, Silence.PICTURE_LOST)
        outcome = pikzels.create(
            name=attempt.style.name,
            pictures=pictures,
            image_urls=links,
            before_last_byte=lambda: commit(attempt),
            stop=stop,
        )
        logs.note(pikzels_request_id=outcome.reply.request_id if outcome.reply else "")
        _journal_answer(attempt, outcome)
    return outcome


def _to_send(style: Style, on_disk: ExitStack) -> tuple[list[Picture], list[str]]:
    """Return the pictures, which lie on this disk until the stack is closed, and the links.

    Raises OSError.
    """
    images = list(style.images.all())
    pictures = [on_disk.enter_context(each.to_send()) for each in images if not each.is_link]
    return pictures, [image.source_url for image in images if image.is_link]


def _unsent(verdict: Verdict, reason: str, error: str = "") -> Outcome:
    return Outcome(verdict=verdict, reason=reason, committed=False, error=error)


def _journal_answer(attempt: Attempt, outcome: Outcome) -> None:
    if outcome.reply is None:
        return
    try:
        journal.answered(attempt, outcome)
    except OSError:
        # The database may still take it; both at once failing is what nothing can help.
        log.exception("the answer to attempt %s could not be journaled", attempt.pk)


def commit(attempt: Attempt) -> bool:
    """Note durably that the last byte is about to leave; return whether it may.

    The lease token fences off a worker that was suspended and came back after it was given up.
    The row comes before the journal: one that the journal alone calls committed can only be from
    a backup that was made before the last byte and restored after it.
    """
    if not _commit_row(attempt):
        return False
    try:
        journal.committed(attempt)
    except OSError:
        log.exception("attempt %s could not be journaled, so it is not sent", attempt.pk)
        return False
    return True


def _commit_row(attempt: Attempt) -> bool:
    now = timezone.now()
    with transaction.atomic():
        lock(attempt)
        if _is_retired(attempt.key_id):
            return False
        mine = Attempt.objects.open().filter(
            pk=attempt.pk, lease_token=attempt.lease_token, committed_at=None, lease_until__gt=now
        )
        won = mine.update(committed_at=now) and attempt.style.move(
            State.COMMITTED, only_from=[State.SENDING], attempt=attempt
        )
        if not won:
            transaction.set_rollback(True)
        return bool(won)


def _is_retired(key_id: int) -> bool:
    """Whether nothing may be sent with the key any more, for it was taken away meanwhile."""
    taken_away = PikzelsKey.objects.filter(pk=key_id, removed_at__isnull=False)
    return taken_away.exclude(kind=PikzelsKey.Kind.SANDBOX).exists()


def lock(attempt: Attempt) -> Style:
    """Lock what an attempt is about, in the one order that everybody keeps: key, style, attempt."""
    PikzelsKey.objects.select_for_update().get(pk=attempt.key_id)
    return Style.objects.select_for_update().get(pk=attempt.style_id)


def renew_leases(attempts: Iterable[int]) -> None:
    """Give a sign of life for the attempts with these primary keys."""
    Attempt.objects.open().filter(pk__in=attempts).update(lease_until=timezone.now() + LEASE)


# Record


def record(attempt: Attempt, outcome: Outcome) -> None:
    """Close the Attempt and move its style on, together; the ID before anything else.

    An answer that comes after the attempt was given up as in doubt is still taken, once.
    """
    with transaction.atomic():
        style = lock(attempt)
        late = _close(attempt, outcome)
        if late is None:
            log.warning("attempt %s was closed before, answer ignored", attempt.pk)
            return
        if late:
            style.events.create(what=Event.What.LATE_ANSWER, attempt=attempt, reason=outcome.reason)
        _settle(style, attempt, outcome, late=late)
        _take_up_id(style)
    log.info(
        "style %s attempt %s: %s %s", style.pk, attempt.number, outcome.verdict, outcome.reason
    )


def _close(attempt: Attempt, outcome: Outcome) -> bool | None:
    """Write the outcome; return whether it came late, or None where one was written before."""
    values = _what_came(outcome)
    mine = Attempt.objects.filter(pk=attempt.pk)
    if mine.open().update(closed_at=timezone.now(), **values):
        return False
    given_up = mine.filter(outcome=Verdict.IN_DOUBT, answered_at=None)
    return True if outcome.reply and given_up.update(**values) else None


def _what_came(outcome: Outcome) -> dict[str, object]:
    values: dict[str, object] = {
        "outcome": outcome.verdict,
        "reason": outcome.reason,
        "bytes_total": outcome.bytes_total,
        "bytes_sent": outcome.bytes_sent,
        "message": outcome.error,
    }
    if reply := outcome.reply:
        values |= {
            "answered_at": timezone.now(),
            "http_status": reply.status,
            "code": reply.code,
            "message": reply.message or reply.excerpt or outcome.error,
            "details": [asdict(detail) for detail in reply.details],
            "request_id": reply.request_id,
            "pikzels_id": reply.style_id,
        }
    return values


def _settle(style: Style, attempt: Attempt, outcome: Outcome, *, late: bool) -> None:
    if late and outcome.verdict != Verdict.MADE and style.last_attempt != attempt:
        return  # it settles its own doubt, and not that of a later attempt
    only_from = [State.IN_DOUBT] if late else list(IN_FLIGHT)
    match outcome.verdict:
        case Verdict.MADE:
            _made(style, attempt, outcome, late=late)
        case Verdict.NOT_SENT | Verdict.LATER:
            _back_to_queue(style, attempt, outcome, only_from)
        case Verdict.KEY_HELD:
            hold(attempt.key, outcome.reason)
            retired = PikzelsKey.objects.get(pk=attempt.key_id).removed_at
            # A retired key never comes back; looked at once more, the style gets another.
            due_at = timezone.now() if retired else None
            style.move(
                State.QUEUED,
                only_from=only_from,
                due_at=due_at,
                reason=outcome.reason,
                attempt=attempt,
            )
        case Verdict.REFUSED:
            if outcome.reason == Silence.PICTURE_LOST:
                style.forget_lost_pictures()
            refuse(style, attempt, outcome.reason, only_from)
        case Verdict.IN_DOUBT:
            style.move(State.IN_DOUBT, only_from=only_from, reason=outcome.reason, attempt=attempt)


def _made(style: Style, attempt: Attempt, outcome: Outcome, *, late: bool) -> None:
    assert outcome.reply
    # Late: whatever became of the style meanwhile, unless it was sent again and is under way.
    elsewhere = {*MADE, State.COMMITTED}
    only_from = [state for state in State if state not in elsewhere] if late else list(IN_FLIGHT)
    try:
        with transaction.atomic():
            style.give_id(
                outcome.reply.style_id,
                only_from=only_from,
                due_at=first_look(attempt.key),
                key=attempt.key,
                attempt=attempt,
            )
    except IntegrityError:
        # An ID that another style has: the Attempt keeps it, and a person looks.
        reason = Silence.UNKNOWN_CODE
        style.move(State.IN_DOUBT, only_from=only_from, reason=reason, attempt=attempt)
        return
    attempt.key.prove()


def refuse(style: Style, attempt: Attempt, reason: str, only_from: list[State]) -> None:
    """A person has to act; and if an earlier try is in doubt, that is what has to be settled.

    Otherwise changing something and sending it again could pay twice without anybody's word.
    """
    if style.has_doubt():
        made_before = reason == Code.NAME_ALREADY_EXISTS
        doubt = "made_before" if made_before else "still_in_doubt"
        style.move(State.IN_DOUBT, only_from=only_from, reason=doubt, attempt=attempt)
    else:
        style.move(State.REFUSED, only_from=only_from, reason=reason, attempt=attempt)


def _take_up_id(style: Style) -> None:
    """Take the ID of an earlier try that was answered late, where the latest one made nothing."""
    style.refresh_from_db()
    if style.state in MADE or style.state in IN_FLIGHT:
        return
    made = style.attempts.filter(outcome=Verdict.MADE).exclude(pikzels_id="").first()
    if made is None or Style.objects.filter(key=made.key, pikzels_id=made.pikzels_id).exists():
        return
    style.give_id(
        made.pikzels_id,
        only_from=[style.state],
        due_at=timezone.now(),
        key=made.key,
        attempt=made,
    )


def _back_to_queue(
    style: Style, attempt: Attempt, outcome: Outcome, only_from: list[State]
) -> None:
    if outcome.reason == Silence.PICTURE_LOST:
        style.forget_lost_pictures()
        refuse(style, attempt, outcome.reason, only_from)
    elif outcome.reason == Silence.STOPPED:
        style.move(State.QUEUED, only_from=only_from, due_at=timezone.now(), attempt=attempt)
    elif (due_at := next_try(style, outcome)) is None:
        refuse(style, attempt, "exhausted", only_from)
    else:
        if outcome.verdict == Verdict.LATER:
            # What this style waits is its own affair; the key waits as long as it was asked to.
            asked = outcome.reply and outcome.reply.retry_after
            attempt.key.pause(due_at if asked else min(due_at, timezone.now() + PAUSE))
        style.move(
            State.QUEUED, only_from=only_from, due_at=due_at, reason=outcome.reason, attempt=attempt
        )
