"""Workers, a reaper and an owner at once: no deadlock, and nothing that waits is forgotten."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
ROUNDS = 25


def came(verdict: Verdict, reason: str, reply: Reply | None = None) -> Outcome:
    return Outcome(verdict=verdict, reason=reason, committed=True, reply=reply)


OUTCOMES = (
    came(Verdict.KEY_HELD, Code.INSUFFICIENT_CREDITS, Reply(status=402)),
    came(Verdict.LATER, Code.TOO_MANY_REQUESTS, Reply(status=429, retry_after="1")),
    came(Verdict.NOT_SENT, "stopped"),
)


def send(style: Style) -> None:
    """Send it as a worker does, if it waits; it is never too soon."""
    waiting = Style.objects.filter(pk=style.pk, state=State.QUEUED, due_at__isnull=False)
    waiting.update(due_at=timezone.now())
    PikzelsKey.objects.update(paused_until=None)
    if attempt := creation.claim(style.pk):
        creation.commit(attempt)
        creation.record(attempt, random.choice(OUTCOMES))


def reap() -> None:
    """Take the worker that has the oldest open attempt for dead."""
    oldest = Attempt.objects.open().order_by("pk").values("pk")[:1]
    past = timezone.now() - timedelta(seconds=1)
    Attempt.objects.filter(pk__in=list(oldest.values_list("pk", flat=True))).update(
        lease_until=past
    )
    recovery.reap()


def mend(key: PikzelsKey, owner: User) -> None:
    """Do as an owner whom nothing can discourage."""
    breaker.resume(key)
    for style in Style.objects.filter(state__in=[State.IN_DOUBT, State.REFUSED]):
        style.enqueue(only_from=[State.IN_DOUBT, State.REFUSED], who=owner)


class Crowd:
    """Threads that do their jobs over and over until all of `work` has been done."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def run(self, work: list[Callable[[], None]], meanwhile: list[Callable[[], None]]) -> None:
        """Raises what the first job raised that raised anything."""
        with ThreadPoolExecutor(len(work) + len(meanwhile)) as pool:
            others = [pool.submit(self._until_over, job) for job in meanwhile]
            done: list[Future[None]] = [pool.submit(self._rounds, job) for job in work]
            try:
                for future in done:
                    future.result()
            finally:
                self.over.set()
        for future in others:
            future.result()

    def _rounds(self, job: Callable[[], None]) -> None:
        try:
            for _ in range(ROUNDS):
                job()
        finally:
            connections.close_all()

    def _until_over(self, job: Callable[[], None]) -> None:
        try:
            while not self.over.wait(0.005):
                job()
        finally:
            connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_no_deadlock_and_nothing_forgotten(
    make_style: MakeStyle, key: PikzelsKey, alice: User
) -> None:
    styles = [make_style(f"Style {n}") for n in range(6)]
    for style in styles:
        style.submit(alice)
    Crowd().run(
        work=[lambda style=style: send(style) for style in styles],
        meanwhile=[reap, lambda: mend(key, alice)],
    )
    key.refresh_from_db()
    assert key.is_held or not Style.objects.filter(state=State.QUEUED, due_at=None).exists()
    assert not Attempt.objects.open().exists()
