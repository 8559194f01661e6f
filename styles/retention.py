"""What is kept no longer than needed: one list of it, gone through once a day, in small batches.

For how many days is `KEEP_DAYS` in the settings, 0 for always. Nothing by which it is known what
was paid, what may have been, or which ID belongs to whom is in the list.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models import CallCount, Invitation, SignIn

from . import drafts, files, journal, originals
from .models import Attempt, Event, Notice, Style
from .pikzels.errors import Verdict
from .states import SETTLED

log = logging.getLogger(__name__)

BATCH = 200
Find = Callable[[datetime], Iterable[Any]]


@dataclass(frozen=True)
class Kept:
    """`find` tells what is older than a moment, by primary keys or paths; `forget` returns how many
    of a batch of these went, each looked at once more: it may have changed since it was found.

    `setting` is its entry in KEEP_DAYS; without one, what is found is of no use any more.
    """

    what: Any
    find: Find
    forget: Callable[[Sequence[Any]], int]
    setting: str = ""

    def found(self, now: datetime) -> list[Any]:
        days = settings.KEEP_DAYS[self.setting] if self.setting else 0
        return [*self.find(now - timedelta(days=days))] if days or not self.setting else []


def sweep(*, stop: threading.Event | None = None, dry_run: bool = False) -> dict[str, int]:
    """Forget what is old enough; return how many of each. With `dry_run`, how many would go.

    Each batch is a transaction of its own, and between two of them others have their turn.
    """
    now, counts = timezone.now(), {}
    for each in KEPT:
        found = each.found(now)
        counts[str(each.what)] = len(found) if dry_run else _forget(each, found, stop)
    gone = {what: number for what, number in counts.items() if number}
    if gone and not dry_run:
        log.info("swept %s", ", ".join(f"{number} {what}" for what, number in gone.items()))
    return counts


def _forget(each: Kept, found: list[Any], stop: threading.Event | None) -> int:
    gone = 0
    for start in range(0, len(found), BATCH):
        if stop and stop.is_set():
            break
        gone += each.forget(found[start : start + BATCH])
    return gone


# What is found, and how it goes


def rows(model: type[Model], condition: Callable[[datetime], Q]) -> dict[str, Any]:
    """Return the ways to find and to delete rows that fulfil a condition."""

    def find(before: datetime) -> Iterable[Any]:
        matching = model._default_manager.filter(condition(before))
        return matching.values_list("pk", flat=True).iterator()

    def forget(keys: Sequence[Any]) -> int:
        return model._default_manager.filter(pk__in=keys).delete()[0]

    return {"find": find, "forget": forget}


def finished() -> QuerySet[Style]:
    """Return the styles of which nothing is on its way and nothing is unsettled."""
    tries = Attempt.objects.filter(style=OuterRef("pk"))
    in_doubt = Exists(tries.filter(outcome=Verdict.IN_DOUBT))
    made = Exists(tries.filter(outcome=Verdict.MADE))
    settled = Style.objects.filter(state__in=SETTLED).exclude(Exists(tries.open()))
    return settled.filter(~in_doubt | made | ~Q(pikzels_id=""))


def _attempts(before: datetime) -> QuerySet[Attempt]:
    old = Attempt.objects.filter(closed_at__lt=before, style__in=finished())
    return old.exclude(message="", details=[])


def _forget_details(keys: Sequence[Any]) -> int:
    """The words of an answer go. What it cost, its outcome, code, request ID and style ID stay."""
    theirs = Attempt.objects.filter(pk__in=keys, style__in=finished())
    return theirs.update(message="", details=[])


def _events(before: datetime) -> QuerySet[Event]:
    return Event.objects.filter(at__lt=before, style__in=finished()).exclude(note="")


def _forget_notes(keys: Sequence[Any]) -> int:
    return Event.objects.filter(pk__in=keys, style__in=finished()).update(note="")


def _keys_of(query: Callable[[datetime], QuerySet[Any]], before: datetime) -> Iterable[Any]:
    return query(before).values_list("pk", flat=True).iterator()


def _sessions_without_end(keys: Sequence[Any]) -> int:
    """Rows of sessions that are over, which django-allauth deletes only where somebody looks."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    return UserSession.objects.filter(~Exists(alive), pk__in=keys).delete()[0]


def _over(before: datetime) -> Iterable[Any]:
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    old = UserSession.objects.filter(~Exists(alive), last_seen_at__lt=before - timedelta(hours=1))
    return old.values_list("pk", flat=True).iterator()


def _mails(before: datetime) -> Iterable[Path]:
    return _older(Path(settings.MAIL_DIR).rglob("*.eml"), before)


def _older(paths: Iterable[Path], before: datetime) -> list[Path]:
    return [path for path in paths if path.stat().st_mtime < before.timestamp()]


def _unlink(paths: Sequence[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _told(before: datetime) -> Q:
    return Q(closed_at__lt=before)


def _closed(before: datetime) -> Q:
    """Of invitations: accepted, taken back, or over, so long ago."""
    return Q(accepted_at__lt=before) | Q(revoked_at__lt=before) | Q(expires_at__lt=before)


KEPT = [
    Kept(_("drafts"), drafts.untouched, drafts.forget, "drafts"),
    Kept(_("originals of pictures"), originals.old, originals.forget, "originals"),
    Kept(_("words of answers"), partial(_keys_of, _attempts), _forget_details, "details"),
    Kept(_("notes in histories"), partial(_keys_of, _events), _forget_notes, "details"),
    Kept(_("notices"), **rows(Notice, _told), setting="notices"),
    Kept(_("invitations"), **rows(Invitation, _closed), setting="invitations"),
    Kept(_("sign-ins"), **rows(SignIn, lambda before: Q(at__lt=before)), setting="sign_ins"),
    Kept(_("mails"), _mails, _unlink, "mails"),
    Kept(_("journals"), lambda before: _older(journal.files(), before), _unlink, "journals"),
    Kept(_("sessions"), **rows(Session, lambda now: Q(expire_date__lt=now))),
    Kept(_("ended sessions"), _over, _sessions_without_end),
    Kept(_("counts of tries"), **rows(CallCount, lambda now: Q(since__lt=now - CallCount.HOUR))),
    Kept(_("files without a row"), lambda _now: files.orphans(), files.forget),
]
