"""A whole product with many people: how long they wait for pages while others upload or stall.

Run with `python -m bench.load`; Linux only, on loopback addresses alone. Each person looks at the
library, the form, and a style whose state its page asks for again and again, something every two
seconds, as that page does; every eighth also makes a style from three pictures of 5 MB, which the
worker then sends to the sandbox. All of that, and those who ask, share the machine.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.product import Product
from tests.stalled import Stalled

from .browsing import Answer, p50_and_p95, page, parts_of, pictures_of_5_mb, upload, web_workers
from .figures import Figure, run
from .measuring import forget_peak, peak_kib
from .people import UNLIMITED, Person, make

CROWDS = (8, 32, 128)
TEAMS = 8
STYLES = 48
UPLOADS_BY = 8  # every so many people
SECONDS, FEW_SECONDS = 12.0, 5.0
PAUSE = 2.0
KINDS = {"library": "The library", "form": "The form", "live": "A style's state"}
STALLED = 40
# Long for a page, and short beside the minute for which a stalled upload is waited for.
STALLED_PATIENCE = 5.0
PAGE_MS, GROWTH_MIB, STALLED_MIB = 1000, 128, 32


class Crowd:
    """So many people at once, each in a thread, for so many seconds; `answers` is what they got.

    Without pictures nobody makes a style.
    """

    def __init__(
        self, url: str, people: list[Person], seconds: float, pictures: bytes = b""
    ) -> None:
        self.answers: list[Answer] = []
        self._url, self._people, self._pictures = url, people, pictures
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()

    def work(self) -> list[Answer]:
        with ThreadPoolExecutor(len(self._people)) as threads:
            list(threads.map(self._sit, range(len(self._people))))
        return self.answers

    def _sit(self, number: int) -> None:
        person, chance, turn = self._people[number], random.Random(number), number
        state = ("live", f"{person.style}live/")
        places = [("library", "/"), ("form", "/styles/new/"), state, state, state]
        time.sleep(chance.uniform(0, PAUSE))
        if self._pictures and number % UPLOADS_BY == 0:
            time.sleep(chance.uniform(0, SECONDS / 2))
            name = f"Load {len(self._people)} {number}"
            self._note(upload(self._url, person, name, self._pictures))
        while time.monotonic() < self._until:
            # Nobody's first page is everybody's first.
            kind, path = places[turn % len(places)]
            self._note(page(self._url, person, kind, path))
            turn += 1
            time.sleep(chance.uniform(PAUSE / 2, PAUSE * 3 / 2))

    def _note(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)


@contextmanager
def product(**environment: str) -> Iterator[Product]:
    with tempfile.TemporaryDirectory() as folder:
        started = Product(Path(folder), **environment)
        try:
            yield started
        finally:
            started.stop()


def grown_mib(pids: list[int], before: list[int]) -> float:
    """Return by how much the web server has grown at its peak, all of its processes together."""
    return sum(peak_kib(pid) - kib for pid, kib in zip(pids, before, strict=True)) / 1024


def measure() -> list[Figure]:
    pictures = parts_of(pictures_of_5_mb())
    with product(**UNLIMITED) as ours:
        people = make(ours.environment, teams=TEAMS, people=max(CROWDS), styles=STYLES)
        Crowd(ours.url, people[: CROWDS[0]], FEW_SECONDS).work()  # to warm up
        pids = [*web_workers(ours.process.pid)]
        before = [forget_peak(pid) for pid in pids]
        answers = {n: Crowd(ours.url, people[:n], SECONDS, pictures).work() for n in CROWDS}
        growth = grown_mib(pids, before)
        stalled = [*_stalled(ours.url, people, pids)]
    return [*_pages(answers), _memory(growth, sum(before) / 1024), *stalled, _stalled_before()]


def _pages(answers: dict[int, list[Answer]]) -> Iterator[Figure]:
    everything = [one for some in answers.values() for one in some]
    failed = sum(one.failed for one in everything)
    uploads = [one for one in everything if one.kind == "upload"]
    yield Figure(
        19, "Errors while 8, 32 and 128 people work, some uploading 3×5 MB", f"{failed} of "
        f"{len(everything)} requests, {len(uploads)} of them uploads", "none wanted", failed, 0,
    )  # fmt: skip
    for kind, name in KINDS.items():
        times = {n: p50_and_p95(some, kind) for n, some in answers.items()}
        few = "; ".join(
            f"{n} people {times[n][0]:.0f} and {times[n][1]:.0f} ms" for n in CROWDS[:2]
        )
        half, nearly = times[CROWDS[-1]]
        ours = f"p50 {half:.0f} ms, p95 {nearly:.0f} ms"
        what = f"{name}, 128 people: p95 in ms"
        yield Figure(20, what, ours, few, nearly, PAGE_MS, why=CROWDED)
    half, nearly = p50_and_p95(everything, "upload")
    yield Figure(
        20, "An upload of 3×5 MB until it is accepted: p95 in ms", f"p50 {half:.0f} ms, p95 "
        f"{nearly:.0f} ms", "the pages beside it, above", nearly, 10 * PAGE_MS,
    )  # fmt: skip


CROWDED = (
    "The people, the server and the sandbox share the processors, and uploads are judged on these "
    "meanwhile: so many people come at once that the slowest twentieth differs by a factor of "
    "three between runs."
)


def _memory(growth: float, before: float) -> Figure:
    warm = f"{before:.0f} MiB when it was warm, both processes"
    what = "Growth of the web server under all that: MiB"
    return Figure(21, what, f"{growth:.0f} MiB", warm, growth, GROWTH_MIB)


# Those who begin to send a form and stop


def _stalled(url: str, people: list[Person], pids: list[int]) -> Iterator[Figure]:
    few = people[: CROWDS[0]]
    alone = p50_and_p95(Crowd(url, few, FEW_SECONDS).work(), "library")
    before = [forget_peak(pid) for pid in pids]
    with Stalled(url, number=STALLED, page="/styles/new/", cookies=people[-1].cookies) as stalled:
        beside = Crowd(url, few, FEW_SECONDS).work()
        assert stalled.all_are_waited_for()
    half, nearly = p50_and_p95(beside, "library")
    yield Figure(
        22, f"The library beside {STALLED} stalled uploads: p95 in ms", f"p50 {half:.0f} ms, p95 "
        f"{nearly:.0f} ms", f"without them {alone[0]:.0f} and {alone[1]:.0f} ms", nearly, PAGE_MS,
    )  # fmt: skip
    growth = grown_mib(pids, before)
    what = f"Growth of the web server by {STALLED} stalled uploads: MiB"
    warm = f"{sum(before) / 1024:.0f} MiB without them, both processes"
    yield Figure(22, what, f"{growth:.1f} MiB", warm, growth, STALLED_MIB)


def _stalled_before() -> Figure:
    """As most set it up: as many threads as one wants to work at once."""
    with product(GUNICORN_CMD_ARGS="--threads=16") as usual:
        usual_answered = _answered_beside_stalled(usual.url)
    with product() as ours:
        answered = _answered_beside_stalled(ours.url)
    return Figure(
        22, f"Pages of {CROWDS[0]} that are answered beside {STALLED} stalled uploads",
        f"{answered}", f"{usual_answered} with 2 × 16 threads", answered, CROWDS[0], at_least=True,
    )  # fmt: skip


def _answered_beside_stalled(url: str) -> int:
    nobody = Person("", 0, "")
    asked = [(url, nobody, "page", "/accounts/login/")] * CROWDS[0]
    with Stalled(url, number=STALLED), ThreadPoolExecutor(len(asked)) as threads:
        jobs = [threads.submit(page, *each, patience=STALLED_PATIENCE) for each in asked]
        return sum(not job.result().failed for job in jobs)


if __name__ == "__main__":
    run(measure)
