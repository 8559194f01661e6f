"""Workers and an owner at the same time: no deadlock, and nothing that waits is forgotten."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from styles import breaker, creation, recovery
from styles.models import Attempt, Style
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.states import State
from teams.models import PikzelsKey, User

MakeStyle = Callable[..., Style]
ROUNDS = 30


def came(verdict: Verdict, reason: str, reply: Reply | None = None) -> Outcome:
    return Outcome(verdict=verdict, reason=reason, committed=True, reply=reply)


OUTCOMES = (
    came(Verdict.KEY_HELD, Code.INSUFFICIENT_CREDITS, Reply(status=402)),
    came(Verdict.LATER, Code.TOO_MANY_REQUESTS, Reply(status=429, retry_after="1")),
    came(Verdict.NOT_SENT, "stopped"),
)


def work(style: Style, chance: random.Random) -> None:
    """Send it as a worker does, as often as the key lets it go."""
    Style.objects.filter(pk=style.pk, state=State.QUEUED, due_at__isnull=False).update(
        due_at=timezone.now()
    )
    PikzelsKey.objects.update(paused_until=None)
    attempt = creation.claim(style.pk)
    if attempt:
        creation.commit(attempt)
        creation.record(attempt, chance.choice(OUTCOMES))


def reap() -> None:
    Attempt.objects.open().update(lease_until=timezone.now() - timedelta(seconds=1))
    recovery.reap()


def send_again(styles: list[Style], who: User) -> None:
    for style in styles:
        style.send_again(who)


@pytest.mark.django_db(transaction=True)
def test_no_deadlock_and_nothing_forgotten(
    make_style: MakeStyle, key: PikzelsKey, alice: User
) -> None:
    styles = [make_style(f"Style {n}") for n in range(6)]
    for style in styles:
        style.submit(alice)
    chance = random.Random()

    def many(job: Callable[[], object]) -> None:
        try:
            for _ in range(ROUNDS):
                job()
        finally:
            connections.close_all()

    jobs = [
        *(lambda style=style: work(style, chance) for style in styles),
        lambda: breaker.resume(key),
        reap,
        lambda: send_again(styles, alice),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(many, job) for job in jobs]
    errors = [e for f in futures if (e := f.exception())]
    print(len(errors), [str(e)[:600] for e in errors])
    assert not errors
    key.refresh_from_db()
    stuck = Style.objects.filter(state=State.QUEUED, due_at=None)
    assert key.is_held or not stuck.exists(), [s.reason for s in stuck]
