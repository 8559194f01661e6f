"""What it costs to judge a picture and to make it small, against decoding it in full.

Run with `python -m bench.full_check`; Linux only. Each way has a fresh process for its memory, and
takes turns for its CPU. Ours also reads the file, takes its metadata out and writes what is left.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from styles.images import accept, make_preview

from .figures import Figure, run
from .measuring import cpu_ms, forget_peak, in_turns, peak_kib, ratio, taken
from .pictures import camera_jpeg

SMALL = (640, 360)


def judge(path: Path) -> None:
    assert accept(path, name="party.jpg", directory=path.parent).note == "metadata"


def load(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def preview(path: Path) -> None:
    make_preview(path, path.with_name("small.jpg"), size=SMALL)


def thumbnail(path: Path) -> None:
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail(SMALL)
        small.save(path.with_name("naive.jpg"), quality=80)


WAYS: dict[str, Callable[[Path], None]] = {
    "judge": judge,
    "load": load,
    "preview": preview,
    "thumbnail": thumbnail,
}


def grown_kib(way: str, small: Path, large: Path) -> int:
    """Return by how many KiB this process has grown at its peak, once it is warm."""
    WAYS[way](small)
    before = forget_peak()
    WAYS[way](large)
    return peak_kib() - before


def cold(way: str, small: Path, large: Path) -> int:
    command = [sys.executable, "-m", "bench.full_check", "grown", way, str(small), str(large)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def clocked(way: str, path: Path) -> Callable[[], float]:
    return lambda: taken(lambda: WAYS[way](path), cpu_ms)


def compared(what: str, ours: str, naive: str, limits: tuple[float, float]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        large.write_bytes(camera_jpeg(0))
        with Image.open(large) as image:
            image.resize((64, 48)).save(small, "JPEG", comment=b"small")
        cpu = in_turns({way: clocked(way, large) for way in (ours, naive)})
        memory = {way: cold(way, small, large) for way in (ours, naive)}
    by_cpu, by_memory = ratio(cpu[ours], cpu[naive]), memory[ours] / memory[naive]
    cpus = [f"{sorted(cpu[way])[len(cpu[way]) // 2]:.0f} ms" for way in (ours, naive)]
    sizes = [f"{memory[way] / 1024:.1f} MiB" for way in (ours, naive)]
    return [
        Figure(8, f"CPU of {what}", cpus[0], f"{cpus[1]}: {NAIVE[naive]}", by_cpu, limits[0]),
        Figure(8, f"Memory of {what}", sizes[0], f"{sizes[1]}: the same", by_memory, limits[1]),
    ]


NAIVE = {"load": "Image.open(…).load()", "thumbnail": 'convert("RGB"), thumbnail(…), save(…)'}


def measure() -> list[Figure]:
    return [
        *compared("judging a JPEG of 12 megapixels", "judge", "load", (0.6, 0.1)),
        *compared("making it small for a card", "preview", "thumbnail", (0.45, 0.2)),
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["grown", way, small, large]:
            print(grown_kib(way, Path(small), Path(large)))
        case _:
            run(measure)
