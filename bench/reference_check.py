"""How much CPU the reference check of three pictures of 12 megapixels takes.

Run with `python -m bench.reference_check`; Unix only. Each kind of file is measured in a fresh
process, in which nothing was measured before.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from styles.images.check import measure as check

from .figures import Figure, run
from .measuring import cpu_ms
from .pictures import TWELVE_MEGAPIXELS, paint

PICTURES = 3
LIMIT_MS = 400
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 92}),
    "progressive JPEG": ("JPEG", {"quality": 92, "progressive": True}),
    "PNG": ("PNG", {"compress_level": 6}),
}


def cpu_of(paths: list[str]) -> float:
    """Return how many milliseconds of CPU measuring the files has taken."""
    before = cpu_ms()
    for path in paths:
        found = check(Path(path))
        assert (found.width, found.height) == TWELVE_MEGAPIXELS, found
    return cpu_ms() - before


def cold(folder: Path, name: str) -> float:
    kind, options = KINDS[name]
    paths = [folder / f"{name} {number}" for number in range(PICTURES)]
    for number, path in enumerate(paths):
        paint(number).save(path, kind, **options)
    command = [sys.executable, "-m", "bench.reference_check", "cpu", *map(str, paths)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        taken = {name: cold(Path(folder), name) for name in KINDS}
    others = ", ".join(f"{name} {ms:.0f} ms" for name, ms in taken.items() if name != "JPEG")
    what = f"CPU of checking {PICTURES} JPEGs of 12 megapixels for a person, in ms"
    ours = f"{taken['JPEG']:.0f} ms"
    return [Figure(8, what, ours, f"no other way; {others}", taken["JPEG"], LIMIT_MS)]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cpu", *paths]:
            print(cpu_of(paths))
        case _:
            run(measure)
