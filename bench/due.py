"""Row 13: what the worker's look costs while 100,000 styles wait, beside a thousand.

Run with `python -m bench.due`; about a minute. Once on SQLite and, where a server can be started,
once on PostgreSQL. The look is the product's own, with crews that take everything up and do
nothing; each time it has to find what another key may send and what is to be followed, both of
which have waited less long than all the others. What is measured is the CPU of the worker and of
the database together.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from statistics import median
from types import MethodType
from typing import TYPE_CHECKING

from .figures import Figure, run
from .installation import (
    NO_POSTGRESQL,
    POSTGRESQL,
    SQLITE,
    Installation,
    cpu_with_database,
    install,
    of_sizes,
    postgresql,
    serve,
)
from .measuring import in_turns, ratio, taken

if TYPE_CHECKING:
    from uuid import UUID

    from styles.worker import Crew

SIZES = {"small": 1_000, "large": 100_000}
ROUNDS = 41
LIMIT = 2
OTHERS = 20
SITUATIONS = {
    "busy": "for a key that has in flight what it may",
    "free": "for a key that may send",
    "later": "until later",
}


# In an installation


class Waiting:
    """An installation in which `size` styles of one key wait, and others with another one."""

    def __init__(self, size: int) -> None:
        install()
        from styles.worker import Worker

        from . import filling

        whose = filling.people()
        self._key = whose.key
        filling.fill_waiting(size, whose)
        filling.add_others(OTHERS, whose)
        self._worker = Worker()
        self._taken: dict[str, list[UUID]] = {}
        for crew in (self._worker._senders, self._worker._followers):
            crew.take_up = MethodType(self._take_up, crew)
        # It would write these at times, whatever waits.
        self._worker._sign_at = self._worker._sweep_at = float("inf")

    def _take_up(self, _crew: Crew, kind: str, row_id: UUID, job: object) -> None:
        self._taken.setdefault(getattr(job, "__name__", ""), []).append(row_id)

    def turn(self, situation: str) -> float:
        """Bring about one of SITUATIONS."""
        from django.conf import settings
        from django.utils import timezone

        from styles.models import Attempt, Style

        Attempt.objects.all().delete()
        waiting, now = Style.objects.filter(key=self._key, state="queued"), timezone.now()
        if situation == "busy":
            for style in waiting.order_by("-due_at")[: settings.IN_FLIGHT_PER_KEY]:
                lease = now + timedelta(days=1)
                Attempt.objects.create(style=style, number=1, key=self._key, lease_until=lease)
        if situation == "later":
            waiting.update(due_at=now + timedelta(days=1))
        self._settle()
        return self._look_once()

    def look(self) -> float:
        return taken(self._worker.look, cpu_with_database)

    def scan(self) -> float:
        """As a query costs for which nobody thought of an index."""
        from django.db import connection
        from django.utils import timezone

        table = "styles_style"
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                table += " NOT INDEXED"
            else:
                cursor.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
            sql = f"SELECT id FROM {table} WHERE state = 'queued' AND due_at <= %s"
            sql += " ORDER BY due_at LIMIT 16"

            def read() -> None:
                cursor.execute(sql, [timezone.now()])
                cursor.fetchall()

            spent = taken(read, cpu_with_database)
            if connection.vendor != "sqlite":
                cursor.execute("RESET ALL")
        return spent

    def _look_once(self) -> float:
        """Look, and hold that what may go is found."""
        self._taken.clear()
        self._worker.look()
        found = {name: len(rows) for name, rows in self._taken.items()}
        assert found.get("create", 0) >= 4 and found["follow"] == OTHERS, found
        return found["create"]

    def _settle(self) -> None:
        from django.db import connection

        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")


def answer(size: int) -> None:
    waiting = Waiting(size)
    serve({"turn": waiting.turn, "look": waiting.look, "scan": waiting.scan})


# Beside them


def in_situations(engine: str, sizes: dict[str, Installation]) -> list[Figure]:
    scans = in_turns({name: each.asking("scan") for name, each in sizes.items()}, rounds=5)
    scan = f"a scan: {ratio(scans['large'], scans['small']):.0f} times"
    return [
        _figure(f"look of the worker, waiting {words}, {engine}", _looks(sizes, situation), scan)
        for situation, words in SITUATIONS.items()
    ]


def _looks(sizes: dict[str, Installation], situation: str) -> dict[str, list[float]]:
    for each in sizes.values():
        each.ask(f"turn {situation}")
    return in_turns({name: each.asking("look") for name, each in sizes.items()}, rounds=ROUNDS)


def _figure(what: str, found: dict[str, list[float]], scan: str) -> Figure:
    large, small = found["large"], found["small"]
    return Figure(
        row=13,
        what=f"{what}, 100,000 over 1,000",
        ours=f"{median(large):.1f} ms",
        baseline=f"with 1,000: {median(small):.1f} ms; {scan}",
        measured=ratio(large, small),
        limit=LIMIT,
    )


def measure() -> list[Figure]:
    with of_sizes("due", SIZES) as sizes:
        figures = in_situations(SQLITE, sizes)
    with postgresql() as database:
        if database is None:
            what = f"look of the worker, {POSTGRESQL}"
            nothing = Figure(13, what, "", "", None, LIMIT, why=NO_POSTGRESQL)
            return [*figures, nothing]
        with of_sizes("due", SIZES, database) as sizes:
            return [*figures, *in_situations(POSTGRESQL, sizes)]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", size]:
            answer(int(size))
        case _:
            run(measure)
