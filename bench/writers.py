"""Row 15: two processes that write to SQLite at once, beside one that writes alone.

Run with `python -m bench.writers`; about a minute. Each writes what a form writes, a style with its
event in one transaction after a look at the rows, with the product's settings, of which
synchronous=FULL counts most. Beside it, two that write with Django's settings as they come.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from statistics import median
from typing import NamedTuple

from .figures import Figure, run
from .installation import Installation, install, running, serve
from .measuring import in_turns, ratio

SECONDS, ROUNDS, LIMIT = 3.0, 7, 0.8


# In a process that writes


class Writer:
    def __init__(self, settings: str) -> None:
        if settings == "default":
            _forget_settings()
        install()
        from . import filling

        self._whose = filling.people()
        self._locked = 0

    def write(self, seconds: str) -> float:
        """Write for some seconds; return how many a second, and count what did not go."""
        from django.db import OperationalError

        began, done = time.monotonic(), 0
        while time.monotonic() < began + float(seconds):
            try:
                self._add()
                done += 1
            except OperationalError:
                self._locked += 1
        return done / (time.monotonic() - began)

    def locked(self) -> float:
        return self._locked

    def _add(self) -> None:
        from django.db import transaction

        from styles.models import Event, Style

        whose = self._whose
        with transaction.atomic():
            Style.objects.filter(team=whose.team, name="Mars").first()
            style = Style.objects.create(
                team=whose.team, creator=whose.owner, key=whose.key, name="Mars"
            )
            style.events.create(what=Event.What.NOTED, who=whose.owner)


def _forget_settings() -> None:
    """Leave SQLite as Django sets it up, but for what has to outlive a power cut."""
    from django.conf import settings

    settings.DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous=FULL;"}


def answer(settings: str) -> None:
    writer = Writer(settings)
    serve({"write": writer.write, "locked": writer.locked})


# Beside them


class Pair(NamedTuple):
    one: Installation
    other: Installation

    def alone(self) -> float:
        return self.one.ask(f"write {SECONDS}")

    def together(self) -> float:
        for each in self:
            each.tell(f"write {SECONDS}")
        return sum(each.answer() for each in self)

    def locked(self) -> float:
        return sum(each.ask("locked") for each in self)


class Written(NamedTuple):
    """How many a second, by rounds, and how often the database was locked in all."""

    alone: list[float]
    together: list[float]
    locked: int


def written(settings: str, rounds: int) -> Written:
    with tempfile.TemporaryDirectory(prefix="pikzels-ui-bench-") as folder:
        start = partial(running, "writers", settings, folder=folder)
        with start() as one:
            one.ask("locked")  # it is there, and the database with it
            with start() as other:
                pair = Pair(one, other)
                found = in_turns({"alone": pair.alone, "together": pair.together}, rounds=rounds)
                return Written(found["alone"], found["together"], int(pair.locked()))


def measure() -> list[Figure]:
    ours, plain = written("ours", ROUNDS), written("default", 1)
    naive = f"Django's settings: {ratio(plain.together, plain.alone):.2f}, {plain.locked} locked"
    return [
        Figure(
            row=15,
            what="two SQLite writers over one, inserts",
            ours=f"{median(ours.together):.0f} a second",
            baseline=f"one: {median(ours.alone):.0f} a second; {naive}",
            measured=ratio(ours.together, ours.alone),
            limit=LIMIT,
            at_least=True,
        ),
        Figure(
            row=15,
            what="two SQLite writers, errors of a locked database",
            ours=f"{ours.locked} errors",
            baseline=f"Django's settings: {plain.locked} errors",
            measured=ours.locked,
            limit=0,
        ),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", settings]:
            answer(settings)
        case _:
            run(measure)
