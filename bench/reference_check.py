"""How much CPU the reference check of three pictures of 12 megapixels takes.

Run with `python -m bench.reference_check`; Unix only. Each kind of file is measured in a fresh
process, in which nothing was measured before. Only camera JPEGs have a limit.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from styles.images.check import measure
from tests.labelled import HALF, sheet_of_grain, thumbnail

SIZE = (4000, 3000)
PICTURES = 3
LIMIT_MS = 1000
GOAL_MS = 400
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 92}),
    "progressive JPEG": ("JPEG", {"quality": 92, "progressive": True}),
    "PNG": ("PNG", {"compress_level": 6}),
}


def paint(number: int) -> Image.Image:
    """Return a picture with the grain of a camera, so that it is megabytes of file, too."""
    image = thumbnail(number, 0, HALF).resize(SIZE, Image.Resampling.BICUBIC)
    grain = sheet_of_grain().resize(SIZE).convert("RGB")
    return ImageChops.add(image, grain, offset=-128)


def cpu_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (used.ru_utime + used.ru_stime)


def measure_all(paths: list[str]) -> None:
    """Print how many milliseconds of CPU measuring the files has taken."""
    before = cpu_ms()
    for path in paths:
        found = measure(Path(path))
        assert (found.width, found.height) == SIZE, found
    print(cpu_ms() - before)


def cold(paths: list[Path]) -> float:
    command = [sys.executable, "-m", "bench.reference_check", "measure", *map(str, paths)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Print the CPU beside the limit, and fail where JPEGs are above it."""
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        images = [paint(number) for number in range(PICTURES)]
        for name, (kind, options) in KINDS.items():
            paths = [Path(folder, f"{name} {number}") for number in range(PICTURES)]
            for path, image in zip(paths, images, strict=True):
                image.save(path, kind, **options)
            megabytes = sum(path.stat().st_size for path in paths) / 1e6
            taken[name] = cold(paths)
            limit = f"limit {LIMIT_MS:,}, goal {GOAL_MS:,}" if name == "JPEG" else "no limit"
            print(f"  {name:<18}{megabytes:>6.1f} MB{taken[name]:>8,.0f} ms of CPU  ({limit})")
    return int(taken["JPEG"] > LIMIT_MS)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", *paths]:
            measure_all(paths)
        case _:
            sys.exit(main())
