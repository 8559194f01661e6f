"""Row 16: following 10,000 trainings with ten in flight, and when each is looked at.

Run with `python -m bench.following`; about a minute and a half. The first part lets the product's
worker, with ten threads, ask a server that answers after a second, on SQLite, and counts the
answers. The second plays 10,000 trainings through the product's own schedule without waiting for
any of them, beside looking every five seconds.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import threading
import time
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING
from unittest import mock

from .figures import Figure, run
from .installation import install, installed, serve

if TYPE_CHECKING:
    from teams.models import PikzelsKey

TRAININGS, IN_FLIGHT = 10_000, 10
LATENCY, COUNTED, FIRST = 1.0, 400, 40
# Half are trained within a minute, nine in ten within two and a half; a mean of 72 seconds.
MEDIAN_SECONDS, SPREAD = 60.0, 0.6
BATCH = 100
NAIVE_EVERY = 5.0
ANSWER = b'{"id": "x", "name": "Mars", "mode": "style", "status": "processing", "progress": 40}'


# The server


async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(LATENCY)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\nConnection: close\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + ANSWER)
    print(time.monotonic(), flush=True)
    writer.close()


async def be_pikzels() -> None:
    """Print a port, and then the time of each answer."""
    server = await asyncio.start_server(answer_slowly, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# In an installation


class Trainings:
    def __init__(self) -> None:
        install()
        from . import filling

        self._whose = filling.people()
        random.seed(16)

    def follow(self) -> float:
        """Return the seconds that COUNTED answers took, after the first few."""
        command = [sys.executable, "-m", "bench.following", "pikzels"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout
                self._let_train(int(server.stdout.readline()))
                return self._work(server)
            finally:
                server.terminate()

    def _let_train(self, port: int) -> None:
        from . import filling

        type(self._whose.key).objects.update(base_url=f"http://127.0.0.1:{port}")
        filling.fill_training(TRAININGS, self._whose)

    def _work(self, server: subprocess.Popen[str]) -> float:
        from styles.worker import Worker

        worker = Worker(threads=IN_FLIGHT)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            assert server.stdout
            times = [float(server.stdout.readline()) for _ in range(FIRST + COUNTED)]
        finally:
            worker.stop()
            thread.join()
        return times[-1] - times[FIRST - 1]

    def play(self) -> float:
        """Play every training; return the looks that each took."""
        looks, self._lags = [], []
        for _ in range(TRAININGS // BATCH):
            self._remember([duration() for _ in range(BATCH)])
            first = first_look_after(self._whose.key)
            for _ in range(BATCH):
                number, lag = looked_at(first, duration())
                looks.append(number)
                self._lags.append(lag)
        return statistics.mean(looks)

    def lag(self) -> float:
        return statistics.median(self._lags)

    def _remember(self, durations: list[float]) -> None:
        """Let the key have made styles that took so long, by which the first look is chosen."""
        from django.utils import timezone

        from styles.models import Style

        Style.objects.all().delete()
        now, whose = timezone.now(), self._whose
        Style.objects.bulk_create(
            Style(
                team=whose.team, key=whose.key, name="Mars", state="ready", pikzels_id=f"id-{n}",
                made_at=now - timedelta(seconds=seconds), ready_at=now,
            )
            for n, seconds in enumerate(durations)
        )  # fmt: skip


def duration() -> float:
    return random.lognormvariate(0, SPREAD) * MEDIAN_SECONDS


def first_look_after(key: PikzelsKey) -> timedelta:
    """Return how long after its beginning a training is looked at first."""
    from styles import schedule

    return schedule.first_look(key) - schedule.timezone.now()


def looked_at(first: timedelta, seconds: float) -> tuple[int, float]:
    """Return how often a training is looked at, and how long after its end the last look is."""
    from django.utils import timezone

    from styles import schedule, worker
    from styles.models import Style

    began = timezone.now()
    style = Style(made_at=began)
    look, end, looks = began + first, began + timedelta(seconds=seconds), 0
    while True:
        # As the worker comes by.
        look += timedelta(seconds=random.uniform(0, worker.LOOK_EVERY))
        looks += 1
        if look >= end:
            return looks, (look - end).total_seconds()
        with mock.patch.object(schedule.timezone, "now", return_value=look):
            look = schedule.next_look(style)


# Beside it


def every_five_seconds() -> tuple[float, float]:
    durations = [duration() for _ in range(TRAININGS)]
    looks = [ceil(each / NAIVE_EVERY) for each in durations]
    lags = [n * NAIVE_EVERY - each for n, each in zip(looks, durations, strict=True)]
    return statistics.mean(looks), statistics.median(lags)


def measure() -> list[Figure]:
    with installed("following") as trainings:
        looks, lag = trainings.ask("play"), trainings.ask("lag")
        taken = trainings.ask("follow")
    naive_looks, naive_lag = every_five_seconds()
    naive = f"every 5 s: {naive_looks:.1f} GETs, {naive_lag:.1f} s"
    ideal = COUNTED * LATENCY / IN_FLIGHT
    return [
        Figure(
            row=16,
            what="following 10,000 trainings, ten in flight, time over the ideal",
            ours=f"{taken:.1f} s for {COUNTED} answers",
            baseline=f"{ideal:.0f} s: ten at once, each {LATENCY} s",
            measured=taken / ideal,
            limit=1.05,
        ),
        Figure(16, "GETs per style", f"{looks:.1f} GETs", naive, looks, 8),
        Figure(16, "median lag behind the end of a training, s", f"{lag:.1f} s", naive, lag, 6),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            trainings = Trainings()
            serve({"play": trainings.play, "lag": trainings.lag, "follow": trainings.follow})
        case ["pikzels"]:
            asyncio.run(be_pikzels())
        case _:
            run(measure)
