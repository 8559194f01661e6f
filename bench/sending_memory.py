"""Row 1: by how much sending three pictures of 10 MB makes a process grow, one style and ten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .figures import Figure, run
from .measuring import forget_peak, peak_kib
from .parcels import Parcel, client_of, parcel, send_naive, send_ours
from .sink import Sink, sink

PICTURE_BYTES, SMALL_BYTES = 10_000_000, 1_000
LIMITS_MIB = {1: 2.0, 10: 16.0}
WAYS = {"ours": "the product's client", "naive": "requests.post(json=…)"}


def sender(way: str, to: Sink, parcel: Parcel) -> Callable[[], None]:
    if way == "naive":
        return lambda: send_naive(to, parcel.files)
    client, pictures = client_of(to), parcel.pictures()
    return lambda: send_ours(client, pictures)


def send_at_once(pool: ThreadPoolExecutor, count: int, send: Callable[[], None]) -> None:
    for done in [pool.submit(send) for _ in range(count)]:
        done.result()


def grow(way: str, count: int, to: Sink, files: tuple[Path, ...]) -> None:
    """Print by how many KiB this process grows, which is warm from sending small ones."""
    large = Parcel(files, PICTURE_BYTES, Path())
    with ThreadPoolExecutor(count) as pool, parcel(SMALL_BYTES) as small:
        send_at_once(pool, count, sender(way, to, small))
        send = sender(way, to, large)
        before = forget_peak()
        send_at_once(pool, count, send)
        print(peak_kib() - before)


def grown_mib(way: str, count: int, to: Sink, parcel: Parcel) -> float:
    """Measure in a fresh process, which finds nothing that another way has left."""
    command = [sys.executable, "-m", "bench.sending_memory", "grow", way, str(count), to.url]
    told = subprocess.run(
        [*command, *map(str, parcel.files)], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(told.stdout) / 1024


def measure() -> list[Figure]:
    with sink() as to, parcel(PICTURE_BYTES) as large:
        found = {
            count: {way: grown_mib(way, count, to, large) for way in WAYS} for count in LIMITS_MIB
        }
    return [
        Figure(
            row=1,
            what=f"memory of sending 3 × 10 MB, {count} at once, MiB",
            ours=f"{grown['ours']:.1f} MiB",
            baseline=f"{grown['naive']:,.0f} MiB: {WAYS['naive']}",
            measured=grown["ours"],
            limit=LIMITS_MIB[count],
        )
        for count, grown in found.items()
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["grow", way, count, url, *files]:
            grow(way, int(count), Sink(url), tuple(map(Path, files)))
        case _:
            run(measure)
