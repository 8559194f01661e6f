"""Runs the tasks that the worker hands out: `manage.py work --tasks`, on any number of hosts.

RQ's own workers do one task at a time and know nothing of ours when they stop. Here RQ takes tasks
off its queues and keeps its books, and threads of one process do the work, with leases, journal and
an orderly end as they have in the worker.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import django_rq
from django.conf import settings
from django.db import connections
from django_tasks_rq import Job
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from pikzels_ui.scaled import QUEUES

from . import tasks
from .worker import RETRY_EVERY, TELLERS, Crew, Sender, read_journal

log = logging.getLogger(__name__)

# How long a task is waited for at a time, and with that, stopping.
TAKE_SECONDS = 1
# What RQ adds to that before it calls a worker lost.
RQ_ADDS_SECONDS = 15
NO_THREAD_FREE = 0.1


class NoDeathPenalty(BaseDeathPenalty):
    """Nothing ends a task from outside: it might just be recording what was paid for.

    Each call to Pikzels has a watchdog of its own.
    """

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class Taker(SimpleWorker):
    """Takes the tasks off one queue and gives them to the threads of a crew."""

    death_penalty_class = NoDeathPenalty

    def __init__(self, queue: Queue, crew: Crew) -> None:
        super().__init__(
            [queue],
            name=f"{socket.gethostname()}-{os.getpid()}-{queue.name}-{uuid.uuid4().hex[:6]}",
            connection=queue.connection,
            job_class=Job,
            serializer=JSONSerializer,
            worker_ttl=TAKE_SECONDS + RQ_ADDS_SECONDS,
            default_result_ttl=0,
        )
        self.crew = crew

    def take(self, stopping: threading.Event) -> None:
        """Take tasks until told to stop. Raises RedisError."""
        while not stopping.is_set():
            self._give_sign()
            if self.should_run_maintenance_tasks:
                # Of what workers left that were killed.
                self.run_maintenance_tasks()
            if self.crew.free():
                self._take_one(stopping)
            else:
                stopping.wait(NO_THREAD_FREE)
        self.register_death()

    def _give_sign(self) -> None:
        """Be in RQ's books, also in those of a Redis that was emptied meanwhile."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            # Its own threads write to that entry meanwhile: only a dead worker's may be replaced.
            self.connection.hset(self.key, "death", "")
            self.register_birth()
        self.heartbeat()

    def _take_one(self, stopping: threading.Event) -> None:
        try:
            found = Queue.dequeue_any(
                self.queues,
                TAKE_SECONDS,
                connection=self.connection,
                job_class=Job,
                serializer=JSONSerializer,
                death_penalty_class=NoDeathPenalty,
            )
        except DequeueTimeout:
            return
        if found is None:
            return
        task, queue = found
        if stopping.is_set():
            # It came while this one was told to stop; the row is found again, by others.
            task.delete()
            tasks.let_go(task.args[-1])
        else:
            self.crew.take_up("task", uuid.uuid4(), lambda _id: self.execute_job(task, queue))


class TaskWorker:
    """Does what waits in the Redis until `stop` is called, then ends in order, as `Worker` does."""

    def __init__(self, *, threads: int | None = None) -> None:
        threads = threads or settings.WORKER_THREADS
        self.stopping = threading.Event()
        self.sender = Sender(self.stopping)
        kinds = (Crew(threads, "sender"), Crew(threads, "follower"), Crew(TELLERS, "teller"))
        self._crews = dict(zip(QUEUES, kinds, strict=True))

    def stop(self) -> None:
        self.stopping.set()

    def run(self) -> None:
        tasks.JOBS["create"] = self.sender.create
        try:
            with self.sender.renewing(), ThreadPoolExecutor(len(QUEUES)) as takers:
                read_journal(self.stopping)
                taking = [takers.submit(self._take, *each) for each in self._crews.items()]
                for taken in taking:
                    taken.result()
                for crew in self._crews.values():
                    crew.finish()
        finally:
            connections.close_all()

    def _take(self, name: str, crew: Crew) -> None:
        """Take from one queue, through all that may become of the Redis."""
        try:
            while not self.stopping.is_set():
                try:
                    Taker(django_rq.get_queue(name, job_class=Job), crew).take(self.stopping)
                except RedisError as error:
                    log.warning("Redis does not answer (%s): trying again", type(error).__name__)
                    self.stopping.wait(RETRY_EVERY)
        finally:
            # Where one gives up, all do: a process that takes half of it would not be restarted.
            self.stopping.set()
