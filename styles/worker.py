"""The worker: looks for what is due, and gives it to threads; any number of them may run.

The row is the queue, so nothing here has to be remembered: a look that is lost, late or repeated
finds the row again.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Protocol

from django.conf import settings
from django.db import Error, close_old_connections, connections
from django.db.models import QuerySet
from django.utils import timezone

from pikzels_ui import logs
from pikzels_ui.scaled import QUEUES, REDIS

from . import creation, deleting, following, instructions, recovery, retention, telling
from .models import Attempt, Notice, SafeMode, Style, WorkerSign
from .pikzels.outcome import Outcome
from .states import State

log = logging.getLogger(__name__)

LOOK_EVERY = 0.25
RENEW_EVERY = creation.LEASE.total_seconds() / 4
RETRY_EVERY = 1.0
# After stopping, how long the database is waited for; the journal has the answer in any case.
LAST_TRIES = 10
THREADS = 16
# Enough that one mail server that stalls does not keep everybody from being told.
TELLERS = 2
SWEEP_FIRST, SWEEP_EVERY = 60.0, 24 * 3600.0
FOLLOWED = (State.TRAINING, State.READY)
Job = Callable[[uuid.UUID], None]


class Executor(Protocol):
    """What the work is handed to, of one kind."""

    def choose(self, due: QuerySet) -> list[uuid.UUID]:
        """Return what of it can be taken up now, by primary keys."""

    def take_up(self, kind: str, row_id: uuid.UUID, job: Job) -> None:
        """Have the job done, sooner or later; `kind` is what the log calls the row."""

    def finish(self) -> None:
        """Wait for what was taken up here."""


class Crew:
    """Threads for one kind of work, and the rows that they are busy with."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._busy: set[uuid.UUID] = set()
        self._lock = threading.Lock()

    def busy(self) -> list[uuid.UUID]:
        with self._lock:
            return list(self._busy)

    def free(self) -> int:
        return self._threads - len(self.busy())

    def choose(self, due: QuerySet) -> list[uuid.UUID]:
        """Return what of it there are threads for, by primary keys."""
        waiting = due.exclude(pk__in=self.busy()).values_list("pk", flat=True)
        return list(waiting[: self.free()])

    def take_up(self, kind: str, row_id: uuid.UUID, job: Job) -> None:
        """Have a thread do the job; `kind` is what the log calls the row."""
        with self._lock:
            self._busy.add(row_id)
        done = self._pool.submit(self._do, kind, row_id, job)
        done.add_done_callback(partial(tell, about={kind: row_id}))

    def _do(self, kind: str, row_id: uuid.UUID, job: Job) -> None:
        try:
            with logs.about(**{kind: row_id}):
                safely(partial(job, row_id))
        finally:
            with self._lock:
                self._busy.discard(row_id)
            connections.close_all()

    def finish(self) -> None:
        self._pool.shutdown()


class Sender:
    """Makes paid calls, and gives the signs of life that keep others from taking them over.

    Once `stopping` is set it gives up what is still being sent (nothing is made of it) and waits
    for the answers to what was sent whole.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self._leases: set[int] = set()
        self._lock = threading.Lock()
        self._finished = threading.Event()

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the leases of what is being sent, until the block ends."""
        thread = threading.Thread(target=self._renew_leases, name="leases")
        thread.start()
        try:
            yield
        finally:
            # Whatever ended it: a process that only renews leases would never be restarted.
            self._finished.set()
            thread.join()

    def create(self, style_id: uuid.UUID) -> None:
        attempt = creation.claim(style_id)
        if attempt is None:
            return
        logs.note(attempt=attempt.pk, team=attempt.style.team_id)
        with self._lock:
            self._leases.add(attempt.pk)
        try:
            self._record(attempt, creation.send(attempt, stop=self.stopping))
        finally:
            with self._lock:
                self._leases.discard(attempt.pk)

    def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        """Record what came, however long the database is away: it was paid for."""
        tries_left = LAST_TRIES
        while tries_left and not safely(partial(creation.record, attempt, outcome)):
            connections.close_all()
            if self.stopping.wait(RETRY_EVERY):
                tries_left -= 1
                time.sleep(RETRY_EVERY)

    def _renew_leases(self) -> None:
        while not self._finished.wait(RENEW_EVERY):
            with self._lock:
                mine = list(self._leases)
            if mine:
                safely(partial(creation.renew_leases, mine))
        connections.close_all()


class Worker:
    """Finds what is due, and has it sent, followed and told until `stop` is called.

    Stopping takes nothing new, and ends what is under way in order.
    """

    def __init__(self, *, threads: int = THREADS) -> None:
        self.stopping = threading.Event()
        self.sender = Sender(self.stopping)
        # Apart, so that answers that take long keep nobody from seeing how far a training is.
        self._senders, self._followers, self._tellers = crews(threads)
        self._sweepers = Crew(1, "sweeper")
        self._sweep_at = time.monotonic() + SWEEP_FIRST
        self._id, self._sign_at = uuid.uuid4(), 0.0

    def stop(self) -> None:
        self.stopping.set()

    def run(self) -> None:
        try:
            with self.sender.renewing():
                read_journal(self.stopping)
                while not self.stopping.wait(LOOK_EVERY):
                    safely(self.look)
                for crew in (self._senders, self._followers, self._tellers, self._sweepers):
                    crew.finish()
        finally:
            connections.close_all()

    def look(self) -> None:
        """Take up what is due, as far as there is somebody for it."""
        self._give_sign_when_due()
        recovery.reap()
        now = timezone.now()
        due = Style.objects.due(now)
        if not SafeMode.is_on():
            sending = due.filter(state=State.QUEUED).exclude(key__in=creation.saturated_keys())
            self._hand_out(self._senders, sending, self.sender.create)
            # A restored backup may hold a word that was taken back since.
            self._hand_out(self._followers, deleting.due(now), deleting.carry_out)
            self._sweep_when_due()
        self._hand_out(self._followers, due.filter(state__in=FOLLOWED), following.follow)
        self._hand_out(self._followers, instructions.due(now), instructions.find_out)
        self._hand_out(self._tellers, Notice.objects.due(now), telling.tell)

    def _hand_out(self, crew: Executor, due: QuerySet, job: Job) -> None:
        for pk in crew.choose(due):
            crew.take_up(str(due.model._meta.model_name), pk, job)

    def _give_sign_when_due(self) -> None:
        if time.monotonic() >= self._sign_at:
            WorkerSign.give(self._id, f"{socket.gethostname()} {os.getpid()}")
            self._sign_at = time.monotonic() + WorkerSign.EVERY.total_seconds()

    def _sweep_when_due(self) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_EVERY
            # Apart, for there may be much of it, and nobody waits for that.
            self._sweepers.take_up("sweep", uuid.uuid4(), lambda _id: self._sweep())

    def _sweep(self) -> None:
        retention.sweep(stop=self.stopping)


def crews(threads: int) -> Sequence[Executor]:
    """Return what sends, follows and tells, by the settings: threads here, or tasks elsewhere."""
    if settings.EXECUTOR == REDIS:
        # Its packages are there only where somebody wants them.
        from .tasks import Waiting

        return [Waiting(name) for name in QUEUES]
    return [Crew(threads, "sender"), Crew(threads, "follower"), Crew(TELLERS, "teller")]


def read_journal(stopping: threading.Event) -> None:
    """Before anything is sent: only then is it known whether a backup was restored."""
    while not stopping.is_set() and not safely(recovery.merge):
        stopping.wait(RETRY_EVERY)


def safely(job: Callable[[], object]) -> bool:
    """Outlive a database that is busy or away. Return whether it was there."""
    try:
        close_old_connections()
        job()
    except Error:
        log.exception("the database did not answer; trying again")
        return False
    return True


def tell(done: Future[None], about: Mapping[str, object] = MappingProxyType({})) -> None:
    """Log what went wrong in a thread, which nobody else would see, and with which row."""
    if error := done.exception():
        with logs.about(**about):
            log.error("a job ended early: %s", error, exc_info=error)
