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
from datetime import datetime
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

log = logging.getLogger(__name__)

LOOK_EVERY = 0.25
CONNECTION_SECONDS = 60
RENEW_EVERY = creation.LEASE.total_seconds() / 4
RETRY_EVERY = 1.0
# After stopping, how long the database is waited for; the journal has the answer in any case.
LAST_TRIES = 10
# Enough that one mail server that stalls does not keep everybody from being told.
TELLERS = 2
SWEEP_FIRST, SWEEP_EVERY = 60.0, 24 * 3600.0
Job = Callable[[uuid.UUID], None]


class Executor(Protocol):
    """What the work is handed to, of one kind."""

    def free(self) -> int:
        """Return how many more it can take up now."""

    def busy(self) -> list[uuid.UUID]:
        """Return the rows that it has taken up."""

    def take_up(self, kind: str, row_id: uuid.UUID, job: Job) -> None:
        """Have the job done, sooner or later; `kind` is what the log calls the row."""

    def finish(self) -> None:
        """Wait for what was taken up here."""


class Crew:
    """Threads for one kind of work, and the rows that they are busy with.

    `ahead` more rows lie ready, so that no thread waits for the next look.
    """

    def __init__(self, threads: int, name: str, *, ahead: int = 0) -> None:
        self._places = threads + ahead
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._busy: set[uuid.UUID] = set()
        self._lock = threading.Lock()

    def busy(self) -> list[uuid.UUID]:
        with self._lock:
            return list(self._busy)

    def free(self) -> int:
        return self._places - len(self.busy())

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
        """Wait for what was begun; what only lies ready is found again."""
        self._pool.shutdown(cancel_futures=True)


class Sender:
    """Makes paid calls, and gives the signs of life that keep others from taking them over.

    Once `stopping` is set it gives up what is still being sent (nothing is made of it) and waits
    for the answers to what was sent whole.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        # Set whenever a key may send another one, which need not wait for the next look.
        self.has_room = threading.Event()
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
            self.has_room.set()

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

    def __init__(self, *, threads: int | None = None) -> None:
        self.stopping = threading.Event()
        self.sender = Sender(self.stopping)
        # Apart, so that answers that take long keep nobody from seeing how far a training is.
        self._senders, self._followers, self._tellers = crews(threads or settings.WORKER_THREADS)
        self._sweepers = Crew(1, "sweeper")
        self._sweep_at = time.monotonic() + SWEEP_FIRST
        self._id, self._sign_at = uuid.uuid4(), 0.0

    def stop(self) -> None:
        self.stopping.set()
        self.sender.has_room.set()

    def run(self) -> None:
        keep_connection()
        try:
            with self.sender.renewing():
                read_journal(self.stopping)
                while not self.stopping.is_set():
                    safely(self.look)
                    self.sender.has_room.wait(LOOK_EVERY)
                    self.sender.has_room.clear()
                for crew in (self._senders, self._followers, self._tellers, self._sweepers):
                    crew.finish()
        finally:
            connections.close_all()

    def look(self) -> None:
        """Take up what is due, as far as there is somebody for it."""
        self._give_sign_when_due()
        recovery.reap()
        now = timezone.now()
        if not SafeMode.is_on():
            self._send_what_is_due(now)
            # A restored backup may hold a word that was taken back since.
            self._hand_out(self._followers, deleting.due(now), deleting.carry_out)
            self._sweep_when_due()
        self._hand_out(self._followers, Style.objects.to_follow(now), following.follow)
        self._hand_out(self._followers, instructions.due(now), instructions.find_out)
        self._hand_out(self._tellers, Notice.objects.due(now), telling.tell)

    def _send_what_is_due(self, now: datetime) -> None:
        crew = self._senders
        for pk in creation.next_to_send(now, crew.free(), but=crew.busy()):
            crew.take_up("style", pk, self.sender.create)

    def _hand_out(self, crew: Executor, due: QuerySet, job: Job) -> None:
        waiting = due.exclude(pk__in=crew.busy()).values_list("pk", flat=True)
        for pk in waiting[: crew.free()]:
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
    # What lies ready for a sender would only be turned away: its key may send no more.
    senders, followers = Crew(threads, "sender"), Crew(threads, "follower", ahead=threads)
    return [senders, followers, Crew(TELLERS, "teller")]


def keep_connection() -> None:
    """Have the looks share one: they are four in a second. Threads close theirs after each job."""
    connections["default"].settings_dict["CONN_MAX_AGE"] = CONNECTION_SECONDS


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
    if not done.cancelled() and (error := done.exception()):
        with logs.about(**about):
            log.error("a job ended early: %s", error, exc_info=error)
