"""After a crash: what workers that are gone had in hand, and what only the journal knows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from teams.models import PikzelsKey, Team, User

from . import creation, journal
from .journal import Journaled
from .models import Attempt, HistoryArchive, SafeMode, Style
from .pikzels.errors import Verdict
from .schedule import next_try
from .states import MADE, State

log = logging.getLogger(__name__)


def reap() -> int:
    """Take from workers that are gone what they had in hand; return how many attempts that were.

    Before the last byte nothing can have been made: back to the queue. After it: in doubt.
    """
    now = timezone.now()
    abandoned = list(Attempt.objects.abandoned(now).select_related("style"))
    answers = {entry.token: entry.outcome for entry in journal.read()} if abandoned else {}
    for attempt in abandoned:
        if outcome := answers.get(str(attempt.lease_token)):
            # Its worker had the answer on the disk, and no time for the database.
            creation.record(attempt, outcome)
    return sum(_give_up(attempt, now) for attempt in abandoned)


def _give_up(attempt: Attempt, now: datetime) -> bool:
    committed = attempt.committed_at is not None
    verdict = Verdict.IN_DOUBT if committed else Verdict.NOT_SENT
    with transaction.atomic():
        creation.lock(attempt)
        # The worker may have given a sign of life, or committed, since the row was read.
        unchanged = Attempt.objects.abandoned(now).filter(
            pk=attempt.pk, committed_at__isnull=not committed
        )
        if not unchanged.update(closed_at=now, outcome=verdict, reason="lost"):
            return False
        if committed:
            return attempt.style.move(
                State.IN_DOUBT, only_from=[State.COMMITTED], reason="lost", attempt=attempt
            )
        _again(attempt, now)
        return True


def _again(attempt: Attempt, now: datetime) -> None:
    """Queue what was not sent, at once; but what ends its worker each time ends as well."""
    style = attempt.style
    if next_try(style) is None:
        creation.refuse(style, attempt, "exhausted", [State.SENDING])
    else:
        style.move(State.QUEUED, only_from=[State.SENDING], due_at=now, attempt=attempt)


# The journal's side


def merge() -> None:
    """Bring the database up to what the journal knows; where it lacks attempts, stop sending.

    It lacks them only if it was restored from a backup. What was made since has its ID again, what
    may have been made is in doubt, and before more is sent a person has to say go on.
    """
    entries = {entry.token: entry for entry in journal.read()}
    with transaction.atomic():
        rows = [_commit_again(attempt, entry) for attempt, entry in _sent_after_backup(entries)]
        for attempt in Attempt.objects.unanswered():
            entry = entries.get(str(attempt.lease_token))
            if entry and entry.outcome:
                creation.record(attempt, entry.outcome)
        lacking = sorted(_lacking(entries), key=lambda entry: entry.opened_at)
        rows += [bring_back(entry) for entry in lacking]
        if rows:
            log.error("the database lacks what %d attempts did: safe mode", len(rows))
            SafeMode.note(rows)


def _sent_after_backup(entries: dict[str, Journaled]) -> list[tuple[Attempt, Journaled]]:
    """Return the attempts of which the journal alone knows that their last byte left."""
    unsent = Attempt.objects.open().filter(committed_at=None)
    known = [(attempt, entries.get(str(attempt.lease_token))) for attempt in unsent]
    return [(attempt, entry) for attempt, entry in known if entry and entry.committed]


def _commit_again(attempt: Attempt, entry: Journaled) -> dict[str, str]:
    """Note what the backup does not know; return the row for the person who restored it."""
    attempt.committed_at = entry.opened_at
    Attempt.objects.filter(pk=attempt.pk).update(committed_at=attempt.committed_at)
    attempt.style.move(State.COMMITTED, only_from=[State.SENDING], attempt=attempt)
    reply = entry.outcome.reply if entry.outcome else None
    return {
        "token": entry.token,
        "name": entry.name,
        "style": entry.style,
        "state": State.COMMITTED,
        "pikzels_id": reply.style_id if reply else "",
    }


def _lacking(entries: dict[str, Journaled]) -> list[Journaled]:
    acknowledged = {row["token"] for mode in SafeMode.objects.all() for row in mode.lacking}
    lacking = [entries[token] for token in entries.keys() - _known(list(entries)) - acknowledged]
    # What is archived is missing on purpose; and no backup of this database is from before that.
    archived = HistoryArchive.horizon()
    return [entry for entry in lacking if archived is None or entry.opened_at >= archived]


def _known(tokens: list[str]) -> set[str]:
    """Return those of the tokens that the database has, asked for a few hundred at a time."""
    found: set[str] = set()
    for start in range(0, len(tokens), 500):
        some = Attempt.objects.filter(lease_token__in=tokens[start : start + 500])
        found |= {str(token) for token in some.values_list("lease_token", flat=True)}
    return found


def bring_back(entry: Journaled) -> dict[str, str]:
    """Make good what the database lacks of an attempt; return what became of its style."""
    row = {"token": entry.token, "name": entry.name, "style": entry.style, "state": ""}
    may_exist = entry.committed or bool(entry.outcome and entry.outcome.verdict == Verdict.MADE)
    style = Style.objects.filter(pk=entry.style).first()
    if not may_exist or (style and style.state in MADE):
        return row | {"state": style.state if style else ""}
    style = style or _style_again(entry)
    reply = entry.outcome.reply if entry.outcome else None
    known_id = reply.style_id if reply else ""
    if style is None:
        # Not even the team is there any more: the row keeps the ID for a person.
        return row | {"pikzels_id": known_id}
    if key := PikzelsKey.objects.filter(pk=entry.key).first():
        _close_older(style)
        _attempt_again(entry, style, key)
        style.refresh_from_db()
        known_id = known_id or style.pikzels_id
    else:
        _doubt_without_key(style, known_id)
    return row | {"state": style.state, "pikzels_id": known_id}


def _doubt_without_key(style: Style, known_id: str) -> None:
    """A key that came after the backup is gone with it, and without it nothing can be asked."""
    _close_older(style)
    style.move(
        State.IN_DOUBT,
        only_from=[state for state in State if state not in MADE],
        reason="lost",
        note=known_id,
    )


def _style_again(entry: Journaled) -> Style | None:
    """Make the style's row anew, without its pictures, which the backup does not have."""
    team = Team.objects.filter(pk=entry.team).first()
    if team is None:
        return None
    creator = User.objects.filter(pk=entry.creator or 0).first()
    return Style.objects.create(pk=entry.style, team=team, creator=creator, name=entry.name)


def _close_older(style: Style) -> None:
    """Close an attempt that was open when the backup was made: a later one was opened since."""
    now = timezone.now()
    for attempt in style.attempts.open().select_related("style"):
        Attempt.objects.filter(pk=attempt.pk).update(lease_until=now - timedelta(seconds=1))
        _give_up(attempt, now)


def _attempt_again(entry: Journaled, style: Style, key: PikzelsKey) -> None:
    last = style.last_attempt
    attempt = Attempt.objects.create(
        style=style,
        key=key,
        number=max(entry.number, last.number + 1 if last else 1),
        name=entry.name,
        lease_token=entry.token,
        lease_until=entry.opened_at,
        opened_at=entry.opened_at,
        committed_at=entry.opened_at,
    )
    style.move(
        State.COMMITTED,
        only_from=[state for state in State if state not in MADE],
        attempt=attempt,
        key=key,
        sandbox=key.is_sandbox,
    )
    if entry.outcome:
        creation.record(attempt, entry.outcome)
    else:
        _give_up(attempt, timezone.now())
