"""A warmed process that forks workers to be killed: `python -m tests.faults.nursery`.

Reads one line per worker, `POINT SECONDS`: the worker kills itself with SIGKILL when it comes to
the named point, and is killed after so many seconds if it never does. Answers with a line once it
is dead. Single-threaded, and without a connection to the database, so that forking it is safe.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
from django.urls import reverse

# Where a worker can be killed, and the function at whose start or end that is.
POINTS = {
    "before the claim": ("creation.claim", "start"),
    "after the claim": ("creation.claim", "end"),
    "before opening is journaled": ("journal.opened", "start"),
    "after opening is journaled": ("journal.opened", "end"),
    "in the body": ("body.b64encode", "start"),
    "before the commit": ("creation.commit", "start"),
    "before the commit is journaled": ("journal.committed", "start"),
    "after the commit is journaled": ("journal.committed", "end"),
    "after the commit, before the last byte": ("creation.commit", "end"),
    "before the answer is read": ("wire.Arriving.take", "start"),
    "after the answer is read": ("wire.Arriving.take", "end"),
    "before the answer is journaled": ("journal.answered", "start"),
    "after the answer is journaled": ("journal.answered", "end"),
    "before the answer is recorded": ("creation._close", "start"),
    "while the answer is recorded": ("creation._settle", "start"),
    "before the ID is committed": ("models.Style.give_id", "end"),
    "after the answer is recorded": ("creation.record", "end"),
    "while following": ("following.follow", "start"),
    "after a reap": ("recovery.reap", "end"),
    "after a notice is claimed": ("telling.claim", "end"),
    "before a notice is told": ("telling.note_told", "start"),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lethal(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if when == "start":
            die()
        result = function(*args, **kwargs)
        die()
        return result

    return call


def arm(point: str) -> None:
    """Make this process die at the point; no point: it lives until it is killed."""
    from styles import creation, following, journal, models, recovery, telling
    from styles.pikzels import body, wire

    modules = {
        "recovery": recovery, "creation": creation, "following": following, "journal": journal,
        "models": models, "body": body, "wire": wire,
        "telling": telling,
    }  # fmt: skip
    if point not in POINTS:
        return
    path, when = POINTS[point]
    owner: Any = modules[path.split(".")[0]]
    *between, name = path.split(".")[1:]
    for part in between:
        owner = getattr(owner, part)
    setattr(owner, name, lethal(getattr(owner, name), when))


def work() -> None:
    """Run a worker whose leases end soon, so that nobody waits long after a kill."""
    from styles import creation, schedule, telling, worker
    from styles.models import notice

    # Here more workers die than in the day after which a notice is given up.
    notice.GATHER, telling.LEASE, telling.TRIES = timedelta(0), timedelta(seconds=1), 10**4
    creation.LEASE = timedelta(seconds=0.4)
    worker.RENEW_EVERY, worker.LOOK_EVERY = 0.1, 0.01
    schedule.UNKNOWN_TRAINING = timedelta(0)
    worker.Worker(threads=4).run()


def bear(point: str, seconds: float) -> None:
    """Fork a worker, and return when it is dead."""
    child = os.fork()
    if child == 0:
        arm(point)
        work()
        os._exit(0)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> None:
    django.setup()
    # Or each worker with a letter to write would import all pages for their addresses.
    reverse("library")
    for line in sys.stdin:
        point, _tab, seconds = line.rstrip("\n").partition("\t")
        bear(point, float(seconds))
        sys.stdout.write("dead\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
