"""How much memory the largest pictures take, and how soon larger ones are refused.

Run with `python -m bench.vast`; Linux only. Each picture is judged, made small and measured by the
product, and what is stored of it is decoded in full, as whoever gets it does: all in one process,
with the one in which WebP and AVIF are decoded added to it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from django.conf import settings
from PIL import Image

from styles.images import Accepted, ImageProblem, accept, make_preview
from styles.images.check import measure as check
from tests.pictures import encoded
from tests.vast_pictures import vast_jpeg, vast_png

from .figures import Figure, run
from .measuring import forget_peak, peak_kib, taken

LIMIT_MIB, LIMIT_MS = 512, 10
# What the largest upload has beyond these pictures.
PADDING = 20_000_000
ROUNDS = 7


def noisy(width: int, height: int) -> Image.Image:
    """Return a picture in RGBA that is not easily told in few bytes."""
    noise = Image.effect_noise((width // 8, height // 8), 100).resize((width, height))
    return Image.merge("RGBA", (noise,) * 4)


LARGEST: dict[str, Callable[[], bytes]] = {
    "progressive JPEG": lambda: vast_jpeg(8000, 4992, progressive=True, turned=False),
    "turned progressive JPEG": lambda: vast_jpeg(8000, 4992, progressive=True, padding=PADDING),
    "progressive JPEG 4:2:0": lambda: vast_jpeg(
        10_000, 4992, progressive=True, subsampling=2, turned=False
    ),
    "JPEG": lambda: vast_jpeg(12_000, 8640, subsampling=2, padding=PADDING),
    "PNG": lambda: vast_png(8000, 6240, padding=PADDING),
    "WebP": lambda: encoded(noisy(4000, 4000), "WEBP", method=0),
    "AVIF": lambda: encoded(noisy(4000, 4000), "AVIF", speed=10, subsampling="4:4:4"),
}


def larger() -> dict[str, bytes]:
    """Return pictures above the limits, of which Pillow would take in what is not refused."""
    flat = Image.new("RGB", (13_000, 13_000))
    return {
        "JPEG": vast_jpeg(12_000, 11_000, padding=PADDING),
        "progressive JPEG": vast_jpeg(8000, 5200, progressive=True, padding=PADDING),
        "PNG": vast_png(13_000, 13_000, colour=2, padding=PADDING),
        "WebP": encoded(flat, "WEBP", method=0),
        "AVIF": encoded(flat.crop((0, 0, 6000, 6000)), "AVIF", speed=10),
    }


def go_all_the_way(file: Path) -> None:
    # An AVIF file may be one too many for the process that decodes it, which is what that is for.
    with suppress(ImageProblem):
        picture = accept(file, name="vast", directory=file.parent)
        make_preview(picture.path, file.with_name("small.jpg"))
        check(picture.path)
        decode(picture)


def decode(picture: Accepted) -> None:
    with Image.open(picture.path) as image:
        image.load()


def grown_kib(file: Path, small: Path) -> int:
    """Return by how many KiB this process and the one that it starts have grown together."""
    go_all_the_way(small)
    before = forget_peak()
    go_all_the_way(file)
    return peak_kib() - before + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def naive_kib(file: Path) -> int:
    """Return by how many KiB this process grows by decoding a picture without asking."""
    Image.MAX_IMAGE_PIXELS = None
    before = forget_peak()
    with Image.open(file) as image:
        image.load()
    return peak_kib() - before


def cold(way: str, *files: Path) -> int:
    command = [sys.executable, "-m", "bench.vast", way, *map(str, files)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def memory(folder: Path, beyond: bytes) -> Figure:
    small, vast = folder / "small", folder / "beyond"
    small.write_bytes(encoded(Image.new("RGB", (64, 36)), "JPEG"))
    vast.write_bytes(beyond)
    mib = {}
    for number, (kind, make) in enumerate(LARGEST.items()):
        file = folder / str(number)
        file.write_bytes(make())
        mib[kind] = cold("grown", file, small) / 1024
    naive = cold("naive", vast) / 1024
    ours = ", ".join(f"{kind} {each:.0f}" for kind, each in mib.items())
    what = "Memory of the largest pictures that are accepted, decoded in full, in MiB"
    baseline = f"{naive:,.0f} MiB: Image.open(…).load() of a WebP with 169 megapixels"
    return Figure(10, what, ours, baseline, max(mib.values()), LIMIT_MIB)


def refuse(file: Path) -> None:
    try:
        accept(file, name="beyond", directory=file.parent)
    except ImageProblem as problem:
        assert problem.code == "too_many_pixels", problem.code
    else:
        raise AssertionError(f"{file} was accepted")


def refusals(folder: Path, pictures: dict[str, bytes]) -> Figure:
    found = {}
    for kind, content in pictures.items():
        file = folder / kind
        file.write_bytes(content)
        refuse(file)
        found[kind] = median(taken(lambda file=file: refuse(file)) for _ in range(ROUNDS))
    ours = ", ".join(f"{kind} {ms:.1f} ms" for kind, ms in found.items())
    what = "Time until a picture above the limits is refused, the slowest kind, in ms"
    return Figure(10, what, ours, "no other way", max(found.values()), LIMIT_MS)


def measure() -> list[Figure]:
    pictures = larger()
    with tempfile.TemporaryDirectory() as folder:
        return [memory(Path(folder), pictures["WebP"]), refusals(Path(folder), pictures)]


if __name__ == "__main__":
    # Messages have their words from it.
    settings.configure(USE_I18N=False)
    match sys.argv[1:]:
        case ["grown", file, small]:
            print(grown_kib(Path(file), Path(small)))
        case ["naive", file]:
            print(naive_kib(Path(file)))
        case _:
            run(measure)
