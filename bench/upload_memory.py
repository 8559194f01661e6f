"""Row 6: by how much the web server grows while eight or 32 people upload three pictures of 10 MB.

What receiving them takes is measured with `upload_app` (Django's parser and the product's upload
handler), against the same app keeping uploads in memory. The product's own form, used by people who
are signed in, is measured with as many: there pictures are decoded and, being above what is sent,
made smaller, which takes memory once per process and not once per person.

A server grows by what all its processes do together, each at its peak.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .figures import Figure, run
from .measuring import forget_peak, peak_kib
from .uploads import OURS, ROOT, Person, Web, cpu_told, environment_of, form_of, pictures, web

PICTURE_BYTES, SMALL_BYTES = 10_500_000, 1_000_000
PEOPLE = (8, 32)
LIMIT_MIB = 25
SETTINGS = {"ours": "pikzels_ui.settings", "memory": "bench.in_memory_settings"}
Send = Callable[[int], object]


@contextmanager
def receiving(settings: str) -> Iterator[tuple[Web, Send]]:
    """Start a server that only takes uploads; yield it, and what uploads pictures of a size."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = environment_of(Path(folder), DJANGO_SETTINGS_MODULE=settings)
        with web("bench.upload_app:application", OURS, environment) as server:
            yield server, lambda size: cpu_told(server.url, form_of({}, pictures(size)))


@contextmanager
def product() -> Iterator[tuple[Web, Send]]:
    """Start the product; yield it, and what sends its form as somebody who is signed in."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = environment_of(Path(folder))
        prepare = [sys.executable, "manage.py", "prepare"]
        subprocess.run(prepare, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        with web("pikzels_ui.wsgi:application", OURS, environment) as server:
            person = Person(server.url)
            yield server, lambda size: person.send(pictures(size))


def grown_mib(server: Web, send: Send, people: int) -> float:
    """Return by how much a server grows that is warm from as many people with small pictures."""
    pids = server.pids()
    with ThreadPoolExecutor(people) as pool:
        list(pool.map(send, [SMALL_BYTES] * people))
        before = sum(map(forget_peak, pids))
        list(pool.map(send, [PICTURE_BYTES] * people))
    return (sum(map(peak_kib, pids)) - before) / 1024


def received(people: int) -> Figure:
    grown = {}
    for way, settings in SETTINGS.items():
        with receiving(settings) as (server, send):
            grown[way] = grown_mib(server, send, people)
    return Figure(
        row=6,
        what=f"growth of the server, {people} people uploading 3 × 10 MB at once, MiB",
        ours=f"{grown['ours']:.1f} MiB",
        baseline=f"{grown['memory']:,.0f} MiB: uploads kept in memory",
        measured=grown["ours"],
        limit=LIMIT_MIB,
    )


def made_into_styles() -> Figure:
    grown = []
    for people in PEOPLE:
        with product() as (server, send):
            grown.append(grown_mib(server, send, people))
    few, many = grown
    return Figure(
        row=6,
        what=f"the same with the product's form, {PEOPLE[1]} people against {PEOPLE[0]}",
        ours=f"{many:.0f} MiB, pictures being decoded and made smaller",
        baseline=f"{few:.0f} MiB: {PEOPLE[0]} people",
        measured=many / few,
        limit=1.25,
    )


def measure() -> list[Figure]:
    return [*map(received, PEOPLE), made_into_styles()]


if __name__ == "__main__":
    run(measure)
