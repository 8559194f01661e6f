"""The worker's jobs as Django's tasks, which RQ runs on any number of hosts.

A task is a wake-up: what to do, and the id of a row. It may be lost, repeated or late, for the row
decides. Loss is the rule here: RQ forgets what a killed worker had in hand, and a Redis what it had
in memory.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import django_rq
from django_tasks import task
from redis import Redis
from redis.exceptions import RedisError

from pikzels_ui import logs
from pikzels_ui.scaled import QUEUES

from . import deleting, following, instructions, telling
from .worker import Job, safely

log = logging.getLogger(__name__)
# Their lines for each task name no row: ours do.
for _chatty in ("django_tasks", "rq.worker"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

# Enough for every free thread of some hosts; what else is due waits in its row.
MOST_WAITING = 64
# After so long a row that is still due is handed out again: its task may have been lost. Shorter
# than a lease, so that nobody waits for both.
HELD_SECONDS = 10
JOBS: dict[str, Callable[[uuid.UUID], None]] = {
    each.__name__: each
    for each in (following.follow, deleting.carry_out, instructions.find_out, telling.tell)
}


@task(queue_name=QUEUES[0])
def run(job: str, kind: str, row_id: str) -> None:
    """Do a job that `JOBS` knows by its name; `kind` is what the log calls the row."""
    try:
        with logs.about(**{kind: row_id}):
            safely(partial(JOBS[job], uuid.UUID(row_id)))
    except Exception:
        # RQ would keep the traceback, for a year and for everybody who reads the Redis.
        with logs.about(**{kind: row_id}):
            log.exception("a job ended early")
    finally:
        let_go(row_id)


@cache
def redis() -> Redis:
    """Return the connections to where the tasks wait."""
    return django_rq.get_connection(QUEUES[0])


def _mark(row_id: object) -> str:
    return f"pikzels-ui:handed-out:{row_id}"


def hold(row_id: uuid.UUID) -> bool:
    """Note, for all that hand out, that a row was handed out; return False if it was already.

    Where the tasks are, so that who loses these loses the notes, and the rows are found again.
    """
    return bool(redis().set(_mark(row_id), 1, nx=True, ex=HELD_SECONDS))


def held(row_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    known = list(row_ids)
    marks: Any = redis().mget(map(_mark, known)) if known else []
    return {row_id for row_id, mark in zip(known, marks, strict=True) if mark}


def let_go(row_id: object) -> None:
    try:
        redis().delete(_mark(row_id))
    except RedisError:
        log.warning("Redis is away: row %s may wait %d seconds", row_id, HELD_SECONDS)


class Waiting:
    """The tasks of one kind that wait in the Redis: an executor whose threads are elsewhere."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._handed_out: set[uuid.UUID] = set()
        self._is_away = False

    def free(self) -> int:
        try:
            waiting = django_rq.get_queue(self._queue, connection=redis()).count
            self._handed_out = held(self._handed_out)
        except RedisError as error:
            self._note_away(error)
            return 0
        self._is_away = False
        return max(0, MOST_WAITING - waiting)

    def busy(self) -> list[uuid.UUID]:
        return list(self._handed_out)

    def take_up(self, kind: str, row_id: uuid.UUID, job: Job) -> None:
        try:
            if hold(row_id):
                run.using(queue_name=self._queue).enqueue(job.__name__, kind, str(row_id))
            self._handed_out.add(row_id)
        except RedisError as error:
            self._note_away(error)
            let_go(row_id)

    def _note_away(self, error: RedisError) -> None:
        """Say so once, and not at each of four looks in a second."""
        if not self._is_away:
            log.warning("Redis does not answer (%s): all waits in its rows", type(error).__name__)
        self._is_away = True

    def finish(self) -> None:
        """What waits is other hosts' affair."""
