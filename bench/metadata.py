"""What it costs to take metadata out of a picture of 12 megapixels, against encoding it anew.

Run with `python -m bench.metadata`. Both files are held to their pixels: ours has the very same.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from statistics import median

from PIL import Image, ImageChops

from styles.images.metadata import bare_jpeg, bare_png

from .figures import Figure, run
from .measuring import cpu_ms, in_turns, ratio, taken
from .pictures import camera_jpeg, camera_png

LIMIT = 0.05
NAIVE = {"JPEG": {"quality": 92}, "PNG": {}}


def anew(data: bytes, kind: str) -> bytes:
    """Return the file as Pillow saves it, which leaves metadata out by itself."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        # Pillow would put the comment that it read into the new file.
        image.save(file, kind, **NAIVE[kind], **({"comment": b""} if kind == "JPEG" else {}))
    return file.getvalue()


def assert_bare(data: bytes, bare: bytes, kind: str) -> None:
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(bare)) as after:
        assert before.getexif()
        assert not after.getexif()
        assert ImageChops.difference(before, after).getbbox() is None, f"{kind}: other pixels"


def compared(kind: str, data: bytes, drop: Callable[[bytes], bytes]) -> Figure:
    assert_bare(data, drop(data), kind)
    found = in_turns(
        {
            "ours": lambda: taken(lambda: drop(data), cpu_ms),
            "naive": lambda: taken(lambda: anew(data, kind), cpu_ms),
        }
    )
    what = f"CPU of taking metadata out of a {kind} of 12 megapixels, pixels untouched"
    ours, naive = (f"{median(found[way]):.1f} ms" for way in ("ours", "naive"))
    baseline = f"{naive}: Image.open(…).save(…)"
    return Figure(9, what, ours, baseline, ratio(found["ours"], found["naive"]), LIMIT)


def measure() -> list[Figure]:
    return [
        compared("JPEG", camera_jpeg(0), bare_jpeg),
        compared("PNG", camera_png(0), bare_png),
    ]


if __name__ == "__main__":
    run(measure)
