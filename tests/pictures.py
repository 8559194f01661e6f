"""Pictures for the tests: made in memory, the same for the same arguments, and kept."""

import io
import random
import struct
import zlib
from functools import lru_cache

from PIL import ExifTags, Image, ImageChops, ImageStat

PROBE_SIDE = 128


@lru_cache(maxsize=64)
@lru_cache(maxsize=16)
def photo(
    width: int = 1280,
    height: int = 720,
    *,
    format: str = "JPEG",
    size_bytes: int | None = None,
    exif_orientation: int | None = None,
    seed: int = 0,
) -> bytes:
    """Return the bytes of a picture of soft colours, another one for each `seed`.

    With `size_bytes` a part of it is noise, so that the file has about that size: within a tenth
    where the sides leave room for it (about 3 bytes a pixel at most).
    """
    image = blobs(width, height, seed=seed)
    if size_bytes:
        rows = _noisy_rows(width, height, format, size_bytes)
        image.paste(noise(width, rows, seed=seed), (0, 0))
    if not exif_orientation:
        return encoded(image, format)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = exif_orientation
    return encoded(image, format, exif=exif)


def blobs(width: int, height: int, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return a picture of a few soft spots of colour."""
    return noise(16, 9, seed=seed).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def noise(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """Return a picture that no encoder makes smaller."""
    pixels = random.Random(seed).randbytes(width * height * 3)
    return Image.frombytes("RGB", (width, height), pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the file of a picture, with little loss and in little time."""
    file = io.BytesIO()
    lasting = {"JPEG": {"quality": 92, "subsampling": 0}, "PNG": {"compress_level": 1}}
    image.save(file, kind, **{**lasting.get(kind, {}), **options})
    return file.getvalue()


def decoded(data: bytes) -> Image.Image:
    """Return the picture in a file, with its pixels read."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def same_pixels(one: bytes, other: bytes) -> bool:
    left, right = decoded(one), decoded(other)
    return left.mode == right.mode and left.tobytes() == right.tobytes()


def far_apart(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures of one size, in levels of 255."""
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return max(ImageStat.Stat(difference).mean)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def segment(code: int, body: bytes) -> bytes:
    """Return one JPEG segment."""
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def ink_profile() -> bytes:
    """Return a colour profile for CMYK by which black is the only ink that can be seen."""
    one, grey, line = 0x10000, b"\x80\x80", bytes(range(256))
    corners = (b"\xff" + grey + b"\0" + grey) * 8  # Lab of white and black, K turning fastest
    table = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, one, 0, 0, 0, one, 0, 0, 0, one)
    table += 4 * line + corners + 3 * line
    header = struct.pack(">I4sI", 144 + len(table), b"none", 0x02400000) + b"prtrCMYKLab "
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3I", 0xF6D6, one, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def huge_png(side: int) -> bytes:
    """Return a PNG of side × side black pixels in a thousandth of their size."""
    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 1)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def _noisy_rows(width: int, height: int, kind: str, size_bytes: int) -> int:
    calm = len(photo(width, height, format=kind))
    bytes_per_pixel = _bytes_per_noisy_pixel(kind)
    return max(1, min(height, round((size_bytes - calm) / bytes_per_pixel / width)))


@lru_cache
def _bytes_per_noisy_pixel(kind: str) -> float:
    return len(encoded(noise(PROBE_SIDE, PROBE_SIDE), kind)) / PROBE_SIDE**2
