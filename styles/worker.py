"""The worker: looks for what is due, and gives it to threads; any number of them may run.

The row is the queue, so nothing here has to be remembered: a look that is lost, late or repeated
finds the row again.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone

from . import creation, files, following, recovery
from .models import SafeMode, Style
from .states import State

log = logging.getLogger(__name__)

LOOK_EVERY = 0.25
RENEW_EVERY = creation.LEASE.total_seconds() / 4
THREADS = 16
SWEEP_FIRST, SWEEP_EVERY = 60.0, 24 * 3600.0
FOLLOWED = (State.TRAINING, State.READY)


class Worker:
    """Sends and follows until `stop` is called, then ends in order.

    Stopping takes nothing new, gives up what is still being sent (nothing is made of it) and
    waits for the answers to what was sent whole.
    """

    def __init__(self, *, threads: int = THREADS) -> None:
        self.threads = threads
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._busy: set[uuid.UUID] = set()
        self._leases: set[int] = set()
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._sweep_at = time.monotonic() + SWEEP_FIRST

    def stop(self) -> None:
        self.stopping.set()

    def run(self) -> None:
        self._safely(recovery.merge)
        renewing = threading.Thread(target=self._renew_leases, name="leases")
        renewing.start()
        try:
            while not self.stopping.wait(LOOK_EVERY):
                self._safely(self.look)
                self._sweep_when_due()
            self._pool.shutdown()
        finally:
            # Whatever ended the loop: a process that only renews leases would never be restarted.
            self._finished.set()
            renewing.join()

    def look(self) -> None:
        """Take up what is due, as far as there are threads for it."""
        recovery.reap()
        free = self.threads - len(self._busy)
        if free <= 0:
            return
        due = Style.objects.due(timezone.now()).exclude(pk__in=self._busy)
        saturated = creation.saturated_keys()
        sending = due.filter(state=State.QUEUED).exclude(key__in=saturated)
        following_up = due.filter(state__in=FOLLOWED)
        if not SafeMode.is_on():
            for pk in sending.values_list("pk", flat=True)[:free]:
                self._take_up(pk, self._create)
        for pk in following_up.values_list("pk", flat=True)[:free]:
            self._take_up(pk, following.follow)

    def _sweep_when_due(self) -> None:
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._pool.submit(self._safely, files.sweep).add_done_callback(self._tell)

    def _take_up(self, style_id: uuid.UUID, job: Callable[[uuid.UUID], None]) -> None:
        with self._lock:
            self._busy.add(style_id)
        self._pool.submit(self._do, style_id, job).add_done_callback(self._tell)

    def _do(self, style_id: uuid.UUID, job: Callable[[uuid.UUID], None]) -> None:
        try:
            self._safely(partial(job, style_id))
        finally:
            with self._lock:
                self._busy.discard(style_id)
            connections.close_all()

    def _create(self, style_id: uuid.UUID) -> None:
        attempt = creation.claim(style_id)
        if attempt is None:
            return
        with self._lock:
            self._leases.add(attempt.pk)
        try:
            creation.record(attempt, creation.send(attempt, stop=self.stopping))
        finally:
            with self._lock:
                self._leases.discard(attempt.pk)

    def _tell(self, done: Future[None]) -> None:
        """Log what went wrong in a thread, which nobody else would see."""
        if error := done.exception():
            log.error("a job ended early: %s", error, exc_info=error)

    def _renew_leases(self) -> None:
        while not self._finished.wait(RENEW_EVERY):
            with self._lock:
                mine = list(self._leases)
            if mine:
                self._safely(partial(creation.renew_leases, mine))
        connections.close_all()

    def _safely(self, job: Callable[[], object]) -> None:
        """Outlive a database that is busy or away: what is due stays due."""
        try:
            close_old_connections()
            job()
        except DatabaseError:
            log.exception("the database did not answer; trying again")
