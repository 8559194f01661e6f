"""The breaker of a key: what it would send is held, handed over, or let go, one style first."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from teams.models import PikzelsKey, Team

from .models import Notice, Style
from .states import State

log = logging.getLogger(__name__)


@transaction.atomic
def hold(key: PikzelsKey, code: str) -> None:
    """Hold a key and park what waits for it."""
    if key.hold(code):
        # Once per holding and not once per style. Of a key that was taken away nothing is to be
        # mended: it only follows what it made.
        if not PikzelsKey.objects.filter(pk=key.pk, removed_at__isnull=False).exists():
            Notice.objects.for_holding(key)
        log.warning("key %s is held: %s", key.shown, code)
        waiting = Style.objects.filter(key=key, state=State.QUEUED)
        waiting.update(due_at=None, reason=code, updated_at=timezone.now())


def resume(key: PikzelsKey) -> bool:
    """Say that a held key is mended: one style goes first. Return whether it was held."""
    with transaction.atomic():
        released = key.release()
        if released:
            now = timezone.now()
            waiting = Style.objects.filter(key=key, state=State.QUEUED)
            # Of all of them: those that came while it was held were shown as held, too.
            waiting.update(updated_at=now)
            waiting.filter(due_at=None).update(due_at=now, reason="")
    return released


def adopt(key: PikzelsKey) -> None:
    """Send with a team's new key what waits for one, but for what was meant for the sandbox.

    One of them goes first, for nobody knows yet that the key works.
    """
    waiting = Style.objects.filter(team=key.team, state=State.QUEUED, sandbox=False)
    with transaction.atomic():
        if waiting.exists():
            PikzelsKey.objects.filter(pk=key.pk).update(on_trial=True)
        hand_over(waiting, key)


def take_up(team: Team) -> None:
    """Send with the key that a team has what waits for one to come, if there is such a key."""
    key = team.current_key()
    waiting = Style.objects.filter(team=team, state=State.QUEUED, key=None)
    if key and not key.is_sandbox and waiting.exists():
        adopt(key)


@transaction.atomic
def retire(key: PikzelsKey) -> bool:
    """Send nothing more with `key`; return whether it was in use.

    What waits for it waits for another one from now on. What it made is followed with it.
    """
    row = PikzelsKey.objects.in_use().filter(pk=key.pk)
    if not row.update(removed_at=timezone.now()):
        return False
    if not key.is_sandbox:
        hand_over(Style.objects.filter(key=key, state=State.QUEUED), None)
    return True


def hand_over(waiting: QuerySet[Style], key: PikzelsKey | None) -> int:
    """Let what waits wait for `key`, or for one to come; what is real never for the sandbox."""
    if key is None or key.is_sandbox:
        return waiting.update(key=None, due_at=None, reason="no_key")
    return waiting.update(key=key, due_at=timezone.now(), reason="")
