"""Pictures of many megapixels: what becomes of them, and how much memory that takes."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from styles.images import Accepted, ImageProblem, accept

from .pictures import decoded, encoded, far_apart
from .vast_pictures import TURNED, vast_jpeg, vast_png

LIMIT_BYTES = 400_000_000
# What the largest upload has beyond the picture.
PADDING = 20_000_000
EXIF = b"Exif\0\0" + TURNED

needs_torture = pytest.mark.skipif(
    not os.environ.get("TORTURE"), reason="three minutes of large pictures: with TORTURE=1"
)


def judged(data: bytes, folder: Path, **options: int) -> Accepted:
    return accept(io.BytesIO(data), name="party.png", directory=folder, **options)


def test_a_jpeg_of_a_phone_keeps_its_48_megapixels(tmp_path: Path) -> None:
    picture = judged(vast_jpeg(8000, 6000, turned=False), tmp_path)
    assert (picture.width, picture.height, picture.note) == (8000, 6000, "")


def test_a_jpeg_of_more_is_sent_with_half_the_sides(tmp_path: Path) -> None:
    picture = judged(vast_jpeg(12_000, 8000, turned=False), tmp_path)
    assert (picture.width, picture.height, picture.note) == (6000, 4000, "shrunk")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_that_has_to_be_turned_is_halved_before(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (6400, 4800), "teal")
    image.paste("gold", (1000, 500, 2000, 4000))
    picture = judged(encoded(image, kind, exif=EXIF), tmp_path)
    sent = decoded(picture.path.read_bytes())
    assert (sent.size, picture.note) == ((2400, 3200), "shrunk")
    assert far_apart(sent, image.reduce(2).transpose(Image.Transpose.ROTATE_270)) < 3


@pytest.mark.parametrize("colour", [0, 6])
def test_sixteen_bits_are_halved_tile_by_tile(tmp_path: Path, colour: int) -> None:
    picture = judged(vast_png(7000, 4000, colour=colour, depth=16), tmp_path)
    assert (picture.width, picture.height, picture.note) == (3500, 2000, "shrunk")
    sent = decoded(picture.path.read_bytes())
    assert sent.getbbox() is None
    assert sent.mode == {0: "L", 6: "RGBA"}[colour]


def test_a_long_picture_that_would_be_a_line_in_a_jpeg_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem) as caught:
        judged(vast_png(200_000, 16, colour=2, turned=True), tmp_path)
    assert caught.value.code == "cannot_shrink"


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (vast_jpeg(12_000, 11_000), 120),
        (vast_jpeg(20_000, 20_000), 120),
        (vast_jpeg(8000, 5200, progressive=True), 40),
        (vast_jpeg(8000, 5200, scans=3), 40),
        (vast_jpeg(11_200, 7200, progressive=True, subsampling=2), 80),
        (vast_jpeg(8000, 4000, progressive=True, components=4), 30),
        (vast_png(8000, 6300, colour=0), 50),
    ],
    ids=["baseline", "Pillow's bomb", "progressive", "three scans", "4:2:0", "CMYK", "PNG"],
)
def test_what_would_take_too_much_memory_is_told_how_much_is_allowed(
    tmp_path: Path, data: bytes, limit: int
) -> None:
    with pytest.raises(ImageProblem, match=f"more than {limit} megapixels"):
        judged(data, tmp_path)


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\xff\xff\0\0WEBP" + kind + struct.pack("<I", len(body)) + body


# 8000 × 4000 in each way of telling it, and nothing behind.
HEADERS = {
    "baseline": vast_jpeg(12_000, 11_000)[:2000],
    "progressive": vast_jpeg(8000, 5200, progressive=True)[:2000],
    "PNG": vast_png(8000, 6300)[:40],
    "WebP": webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 8000, 4000)),
    "WebP, lossless": webp(b"VP8L", b"\x2f" + struct.pack("<I", 7999 | 3999 << 14)),
    "WebP, extended": webp(b"VP8X", bytes(4) + b"\x3f\x1f\0" + b"\x9f\x0f\0"),
    "AVIF": b"\0\0\0\x14ftypavif\0\0\0\0mif1"
    + b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", 64, 64)
    + b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", 8000, 4000),
}  # fmt: skip


class Watched(io.BytesIO):
    """A file that says how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


@pytest.mark.parametrize("kind", HEADERS)
def test_what_tells_of_too_much_is_refused_before_it_is_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(subprocess, "run")  # WebP and AVIF are decoded by another process
    file = Watched(HEADERS[kind].ljust(20_000_000, b"\0"))
    with pytest.raises(ImageProblem) as caught:
        accept(file, name="party", directory=tmp_path)
    assert caught.value.code == "too_many_pixels"
    assert file.taken < 1_000_000
    assert list(tmp_path.glob("*.*")) == []


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_what_keeps_to_the_limit_is_not_taken_for_more(tmp_path: Path, kind: str) -> None:
    data = encoded(Image.new("RGB", (1280, 720), "teal"), kind)
    assert (judged(data, tmp_path).width, judged(data, tmp_path).height) == (1280, 720)


PEAKS = """
import re, resource, sys, threading
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
from styles.images import ImageProblem, accept, make_preview

def memory(kind):
    status = Path("/proc/self/status").read_text()
    return int(re.search(kind + r":\\s*(\\d+)", status)[1]) * 1024

@contextmanager
def measured():
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    yield
    confined = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(memory("VmHWM"), confined, memory("VmRSS") - before)

def main(files, limits):
    for file, limit in product(map(Path, files), limits):
        picture = None
        with measured(), suppress(ImageProblem):
            picture = accept(file, name=file.name, directory=file.parent, max_bytes=limit)
        with measured():
            make_preview(picture.path if picture else file, file.with_name("preview"))

# As in a web server. The allocator keeps another heap for each thread.
limits = [int(each) for each in sys.argv[1].split(",")]
thread = threading.Thread(target=main, args=(sys.argv[2:], limits))
thread.start()
thread.join()
"""


class Memory(NamedTuple):
    """The most that a web process took, and one that is confined; what the first has kept."""

    peak: int
    confined: int
    kept: int


def measured(folder: Path, limits: str, *pictures: bytes) -> list[Memory]:
    """Return how many bytes each step took, all of them one after the other in a new process.

    Each picture is judged, and a preview made of what came of it, once for each of the `limits` on
    what may be sent.
    """
    files = [folder / f"vast-{n}" for n in range(len(pictures))]
    for file, content in zip(files, pictures, strict=True):
        file.write_bytes(content)
    command = [sys.executable, "-c", PEAKS, limits, *map(str, files)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    return [Memory(*map(int, line.split())) for line in ran.stdout.splitlines()]


# The largest of each kind; what would be sent untouched is also made to go the long way.
WORST: dict[str, Callable[[], bytes]] = {
    "progressive": lambda: vast_jpeg(8000, 4992, progressive=True, padding=PADDING),
    "baseline": lambda: vast_jpeg(12_000, 8640, subsampling=2, padding=PADDING),
    "PNG": lambda: vast_png(8000, 6240, padding=PADDING),
}
FURTHER: dict[str, Callable[[], bytes]] = {
    "baseline, not halved": lambda: vast_jpeg(6496, 4000, padding=PADDING),
    "baseline, untouched": lambda: vast_jpeg(8160, 6120, turned=False, padding=PADDING),
    "progressive, not halved": lambda: vast_jpeg(6496, 4000, progressive=True, padding=PADDING),
    "progressive 4:2:0": lambda: vast_jpeg(
        10_000, 7984, progressive=True, subsampling=2, padding=PADDING
    ),
    "three scans": lambda: vast_jpeg(8000, 4992, scans=3, padding=PADDING),
    "CMYK": lambda: vast_jpeg(6496, 4000, components=4, padding=PADDING),
    "CMYK, progressive": lambda: vast_jpeg(
        6000, 4992, components=4, progressive=True, padding=PADDING
    ),
    "PNG, not halved": lambda: vast_png(6500, 4000, turned=True, padding=PADDING),
    "PNG, 16 bits": lambda: vast_png(8000, 6240, depth=16, turned=True, padding=PADDING),
    "PNG, grey, 16 bits": lambda: vast_png(8000, 6240, colour=0, depth=16, padding=PADDING),
    "PNG, RGB": lambda: vast_png(8000, 6240, colour=2, padding=PADDING),
    "PNG, long": lambda: vast_png(1_000_000, 48, turned=True, padding=PADDING),
    "WebP": lambda: encoded(noisy(), "WEBP", method=0),
    "WebP, lossless": lambda: encoded(noisy(), "WEBP", lossless=True, method=0, quality=0),
    "AVIF": lambda: encoded(noisy(), "AVIF", speed=10, subsampling="4:4:4"),
}


def noisy() -> Image.Image:
    """Return 16 megapixels in RGBA that are not easily told in few bytes."""
    noise = Image.effect_noise((500, 500), 100).resize((4000, 4000))
    return Image.merge("RGBA", (noise, noise, noise, noise))


def test_the_process_stays_below_400_megabytes_with_the_largest_pictures(tmp_path: Path) -> None:
    steps = measured(tmp_path, "1000000", *(make() for make in WORST.values()))
    assert 100_000_000 < max(step.peak for step in steps) < LIMIT_BYTES


def test_what_a_picture_took_is_given_back(tmp_path: Path) -> None:
    steps = measured(tmp_path, "20000", vast_png(5000, 3000, colour=4))
    assert max(step.kept for step in steps) < 20_000_000


@needs_torture
@pytest.mark.parametrize("kind", WORST | FURTHER)
def test_it_does_so_on_every_way_that_a_picture_can_take(tmp_path: Path, kind: str) -> None:
    steps = measured(tmp_path, "24900000,7000000,200000,20000", (WORST | FURTHER)[kind]())
    assert 100_000_000 < max(step.peak for step in steps) < LIMIT_BYTES
    assert max(step.confined for step in steps) < LIMIT_BYTES
    assert max(step.kept for step in steps) < 40_000_000
