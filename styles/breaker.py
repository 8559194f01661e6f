"""The breaker of a key: what it would send is held, handed over, or let go, one style first."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from teams.models import PikzelsKey

from .models import Style
from .states import State

log = logging.getLogger(__name__)


def hold(key: PikzelsKey, code: str) -> None:
    """Hold a key and park what waits for it."""
    if key.hold(code):
        log.warning("key %s is held: %s", key.shown, code)
        waiting = Style.objects.filter(key=key, state=State.QUEUED)
        waiting.update(due_at=None, reason=code)


def resume(key: PikzelsKey) -> bool:
    """Say that a held key is mended: one style goes first. Return whether it was held."""
    with transaction.atomic():
        released = key.release()
        if released:
            waiting = Style.objects.filter(key=key, state=State.QUEUED, due_at=None)
            waiting.update(due_at=timezone.now(), reason="")
    return released


def adopt(key: PikzelsKey) -> None:
    """Send with a team's new key what waits for one, but for what was meant for the sandbox.

    One of them goes first, for nobody knows yet that the key works.
    """
    waiting = Style.objects.filter(team=key.team, state=State.QUEUED, sandbox=False)
    if hand_over(waiting, key):
        PikzelsKey.objects.filter(pk=key.pk).update(on_trial=True)


@transaction.atomic
def retire(key: PikzelsKey) -> None:
    """Send nothing more with `key`. What waits for it waits for another one from now on."""
    PikzelsKey.objects.filter(pk=key.pk).update(removed_at=timezone.now())
    if not key.is_sandbox:
        hand_over(Style.objects.filter(key=key, state=State.QUEUED), None)


def hand_over(waiting: QuerySet[Style], key: PikzelsKey | None) -> int:
    """Let what waits wait for `key`, or for one to come; what is real never for the sandbox."""
    if key is None or key.is_sandbox:
        return waiting.update(key=None, due_at=None, reason="no_key")
    return waiting.update(key=key, due_at=timezone.now(), reason="")
