"""Judge a picture by its bytes, and bring it into the form that Pikzels takes.

Nothing here knows a model. The name and the type that a browser sends are never believed.
"""

import io
import secrets
import struct
import threading
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, features

from ..pikzels import rules
from . import confined
from .headers import HEAD_BYTES, told_size
from .metadata import (
    JPEG_START,
    PNG_SIGNATURE,
    AnimatedError,
    DamagedError,
    Part,
    TruncatedError,
    exif_of,
    held_bytes,
    parts_of_jpeg,
    parts_of_png,
    png_depth,
)
from .pixels import instead_of, opaque, plain, scaled
from .storing import gone_unless_good, store, sync, write

UPLOAD_MAX_BYTES = 25_000_000
MIN_SIDE = 16
NAME_MAX = 100
ENDING_MAX = 10
# The whole process stays below 400 MB with these, 80 of them Django's: measured in the tests.
MAX_PIXELS = {
    "JPEG": 120_000_000,
    "PNG": 50_000_000,
    "WEBP": confined.MAX_PIXELS,
    "AVIF": confined.MAX_PIXELS,
}
# What a decoder holds of a progressive JPEG: 40 megapixels in full colour, 80 as cameras write it.
MAX_HELD_BYTES = 240_000_000
# That and the pixels together, at 4 bytes each.
MAX_DECODED_BYTES = 280_000_000
# What is encoded again is there twice, and larger ones are halved before.
MAX_ENCODED_PIXELS = 26_000_000
# More than the largest phones take: such a JPEG is sent smaller.
MAX_SENT_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF") if features.check("avif") else ("JPEG", "PNG", "WEBP")
# Tried in turn until one fits; most pictures fit with the first.
SCALES_AND_QUALITIES = (
    *((1.0, quality) for quality in (92, 85, 75)),
    *((0.8**step, 80) for step in range(1, 13)),
)
ENDINGS = {"JPEG": ".jpg", "PNG": ".png"}
PROFILE_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Whatever Pillow was seen or is known to raise on bytes that are not what they seem.
UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip

STRANGERS = (
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypavi", "AVIF"),
)

MESSAGES = {
    "empty": _("“%(name)s” is an empty file. Choose another picture."),
    "too_large": _("“%(name)s” is larger than 25 MB. Choose a smaller picture."),
    "not_an_image": _("“%(name)s” is not a picture of a known kind. Choose a %(formats)s file."),
    "format": _("“%(name)s” is in %(kind)s format. Choose a %(formats)s file."),
    "unreadable": _(
        "“%(name)s” could not be read as a picture: the file may be damaged. "
        "Save or download it again, or choose another picture."
    ),
    "truncated": _(
        "“%(name)s” is incomplete: the end of the file is missing. Save or download it again."
    ),
    "animated": _("“%(name)s” is animated. Choose a still picture."),
    "too_many_pixels": _(
        "“%(name)s” has more than %(limit)d megapixels. Choose a smaller picture."
    ),
    "too_small": _("“%(name)s” is smaller than 16 × 16 pixels. Choose a larger picture."),
    "cannot_shrink": _("“%(name)s” could not be made small enough. Choose a smaller picture."),
}

# One picture at a time is in memory per process, the file's bytes included.
decoding = threading.Lock()


class ImageProblem(Exception):
    """A file that cannot be used. `code` is a key of MESSAGES, `message` names the file."""

    def __init__(self, code: str, name: str, **facts: object) -> None:
        self.code = code
        formats = gettext("JPEG, PNG, WebP or AVIF")
        if "AVIF" not in FORMATS:
            formats = gettext("JPEG, PNG or WebP")
        self.message = MESSAGES[code] % {"name": clean_name(name), "formats": formats, **facts}
        super().__init__(self.message)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A picture in the form in which it is sent. Size, checksum and sides are this file's.

    `note` says what was done to it: "" nothing, "metadata" pixels untouched, "reencoded",
    "upright" turned as its EXIF says, "shrunk" brought under the limit.
    """

    path: Path
    media_type: str
    width: int
    height: int
    size: int
    sha256: str
    original_name: str
    note: str


@dataclass(frozen=True, kw_only=True)
class _Bare:
    """Those parts of a JPEG or PNG file that are its picture, what they say of it, how its metadata
    said that it is to be turned, and a note on what has been done to it already.

    The parts look into the file as it came, which is in memory for as long as they are there.
    """

    kind: str
    parts: list[Part]
    size: int
    held_bytes: int
    sixteen_bits: bool
    turn: Image.Transpose | None
    note: str


@dataclass(frozen=True, kw_only=True)
class _Sendable:
    """What can be sent of a file: itself, or the `content` of another one of this kind."""

    content: bytes
    kind: str
    width: int
    height: int
    note: str


def accept(
    source: IO[bytes] | Path, *, name: str, directory: Path, max_bytes: int = rules.IMAGE_MAX_BYTES
) -> Accepted:
    """Judge the picture in `source` and store what can be sent of it in `directory`.

    `directory` has to exist. The new file is upright, a JPEG or PNG of at most `max_bytes` without
    metadata, has a random name and can be read by its owner alone. Whoever gives it its place sees
    to it that a power cut leaves it there.
    Raises ImageProblem for the picture, OSError for the file system.
    """
    shown = clean_name(name)
    with decoding:
        # In one expression, so that nothing holds on to the file as it came.
        bare = _bare(_read(source, shown), shown)
        stored = store(directory, ENDINGS[bare.kind], bare.parts)
        # What is decoded is what will be sent, from the disk: its bytes are needed no more.
        bare.parts.clear()
        with gone_unless_good(stored.path), stored.path.open("rb") as file, _judging(shown):
            made = _sendable(file, bare, shown, max_bytes)
        if made.content:
            stored.path.unlink()
            stored = store(directory, ENDINGS[made.kind], [made.content])
    return Accepted(
        path=stored.path,
        media_type=Image.MIME[made.kind],
        width=made.width,
        height=made.height,
        size=stored.size,
        sha256=stored.sha256,
        original_name=shown,
        note=made.note,
    )


def make_preview(path: Path, to: Path, *, size: tuple[int, int] = (640, 360)) -> None:
    """Write a small upright JPEG of the picture at `path` that fits `size`, replacing `to` at once.

    Raises ImageProblem for the picture, OSError for the file system.
    """
    with decoding:
        bare = _bare(path.read_bytes(), path.name)
        file = io.BytesIO(b"".join(bare.parts))
        bare.parts.clear()
        with _judging(path.name):
            content = _small_jpeg(file, bare, path.name, size)
    temporary = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
    write(temporary, [content])
    with gone_unless_good(temporary):
        sync(temporary)
        temporary.replace(to)


def clean_name(name: str) -> str:
    """Return the name of an uploaded file for showing: no folders, nothing unseen, 100 characters.

    It may still hold HTML: escape it where it is shown, and never make it a path.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = " ".join(name.split())
    # Category C: control characters, and those that turn the direction of the text around them.
    name = "".join(char for char in name if not unicodedata.category(char).startswith("C"))
    if not name.strip(" ."):
        return gettext("picture")
    stem, dot, ending = name.rpartition(".")
    if len(name) <= NAME_MAX or not stem or len(ending) > ENDING_MAX:
        return name[:NAME_MAX]
    return stem[: NAME_MAX - len(dot + ending)] + dot + ending


def _read(source: IO[bytes] | Path, name: str) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _read(file, name)
    source.seek(0)
    head = source.read(HEAD_BYTES)
    if not head:
        raise ImageProblem("empty", name)
    _refuse_vast(head, name)
    source.seek(0)
    data = source.read(UPLOAD_MAX_BYTES + 1)
    if len(data) > UPLOAD_MAX_BYTES:
        raise ImageProblem("too_large", name)
    return data


def _refuse_vast(head: bytes, name: str) -> None:
    """Raise ImageProblem for a file that tells of too many pixels, before it is read."""
    with suppress(DamagedError, LookupError, struct.error):
        kind, width, height = told_size(head)
        held = held_bytes(head) if kind == "JPEG" else 0
        _check_pixels(kind, width * height, held, name)


def _check_pixels(kind: str, pixels: int, held: int, name: str) -> None:
    limit = MAX_PIXELS[kind]
    if held:
        limit = min(limit, MAX_HELD_BYTES * pixels // held)
    if pixels > limit:
        raise ImageProblem("too_many_pixels", name, limit=limit // 1_000_000)


@contextmanager
def _judging(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an ImageProblem, and silence what it warns about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield
        except TruncatedError as error:
            raise ImageProblem("truncated", name) from error
        except AnimatedError as error:
            raise ImageProblem("animated", name) from error
        except UNREADABLE as error:
            raise ImageProblem("unreadable", name) from error


def _bare(data: bytes, name: str) -> _Bare:
    """Take a file apart, so that Pillow sees of it what is sent, and nothing else.

    No two readers can disagree about it, and what made a file hard to read is mostly gone.
    """
    note = "metadata"
    if kind := confined.kind_of(data):
        if kind not in FORMATS:
            raise _stranger(data, name)
        data, note = _as_png(data, name), "reencoded"
    with _judging(name):
        if data.startswith(PNG_SIGNATURE):
            kind, parts = "PNG", parts_of_png(data)
        elif data.startswith(JPEG_START):
            kind, parts = "JPEG", parts_of_jpeg(data)
        else:
            raise _stranger(data, name)
        size = sum(map(len, parts))
        return _Bare(
            kind=kind,
            parts=parts,
            size=size,
            held_bytes=held_bytes(data),
            sixteen_bits=kind == "PNG" and png_depth(data) == 16,
            turn=_turn(exif_of(data)),
            note="" if note == "metadata" and size == len(data) else note,
        )


def _as_png(data: bytes, name: str) -> bytes:
    if confined.stops_early(data):
        raise ImageProblem("truncated", name)
    try:
        return confined.as_png(data)
    except confined.RefusedError as refused:
        limit = confined.MAX_PIXELS // 1_000_000
        raise ImageProblem(refused.code, name, limit=limit) from refused


def _stranger(data: bytes, name: str) -> ImageProblem:
    for offset, start, kind in STRANGERS:
        if data.startswith(start, offset):
            return ImageProblem("format", name, kind=kind)
    return ImageProblem("not_an_image", name)


def _turn(exif: bytes) -> Image.Transpose | None:
    """Return how to set the picture upright. Metadata that cannot be read turns nothing."""
    found = Image.Exif()
    with suppress(*UNREADABLE):
        found.load(exif)
        return TURNS.get(found.get(ExifTags.Base.Orientation, 1))
    return None


def _open(file: IO[bytes], bare: _Bare, name: str) -> Image.Image:
    """Read the header, no more. Raises ImageProblem for what is not worth decoding."""
    try:
        image = Image.open(file, formats=(bare.kind,))
    except Image.DecompressionBombError as error:
        limit = MAX_PIXELS[bare.kind] // 1_000_000
        raise ImageProblem("too_many_pixels", name, limit=limit) from error
    _check_pixels(bare.kind, image.width * image.height, bare.held_bytes, name)
    if min(image.size) < MIN_SIDE:
        raise ImageProblem("too_small", name)
    return image


def _sendable(file: IO[bytes], bare: _Bare, name: str, max_bytes: int) -> _Sendable:
    with _open(file, bare, name) as image:
        note = _reason_to_encode(image, bare, max_bytes)
        if note:
            factor = _factor(image, bare.held_bytes)
            pixels = instead_of(image, plain(image, factor))
            if bare.turn is not None:
                pixels = instead_of(pixels, pixels.transpose(bare.turn))
            return _encode(pixels, name, "shrunk" if factor > 1 else note, max_bytes)
        width, height = image.size
        # An eighth of a JPEG's sides is decoded from all of its bytes, in half of the time.
        image.draft(None, (max(1, width // 8), max(1, height // 8)))
        image.load()
        return _Sendable(content=b"", kind=bare.kind, width=width, height=height, note=bare.note)


def _reason_to_encode(image: Image.Image, bare: _Bare, max_bytes: int) -> str:
    """Return the note for a picture that cannot be sent as it is, or "" for one that can."""
    if bare.size > max_bytes and bare.note != "reencoded":
        return "shrunk"
    if image.width * image.height > MAX_SENT_PIXELS:
        return "shrunk"
    if bare.turn is not None:
        return "upright"
    if bare.note == "reencoded" or image.mode == "CMYK" or bare.sixteen_bits:
        return "reencoded"
    return ""


def _factor(image: Image.Image, held: int) -> int:
    """Return by what the sides are divided so that there is memory to work with the pixels."""
    room = min(MAX_ENCODED_PIXELS, (MAX_DECODED_BYTES - held) // 4)
    factor = 1
    while image.width * image.height > room * factor**2:
        factor *= 2
    return factor


def _encode(pixels: Image.Image, name: str, note: str, max_bytes: int) -> _Sendable:
    if pixels.mode == "RGBA" and min(pixels.size) >= MIN_SIDE:
        content = _encoded(pixels, "PNG", max_bytes)
        if content:
            return _of_encoded(content, "PNG", pixels, note)
    pixels = instead_of(pixels, opaque(pixels))
    for scale, quality in SCALES_AND_QUALITIES:
        smaller = scaled(pixels, scale)
        if min(smaller.size) < MIN_SIDE:
            break
        content = _encoded(smaller, "JPEG", max_bytes, quality=quality, subsampling=0)
        if content:
            return _of_encoded(content, "JPEG", smaller, note)
    raise ImageProblem("cannot_shrink", name)


def _of_encoded(content: bytes, kind: str, pixels: Image.Image, note: str) -> _Sendable:
    width, height = pixels.size
    return _Sendable(content=content, kind=kind, width=width, height=height, note=note)


def _small_jpeg(file: IO[bytes], bare: _Bare, name: str, size: tuple[int, int]) -> bytes:
    with _open(file, bare, name) as image:
        # Twice as large as needed, for the last step to be a fine one.
        factor = max(1, image.width // (2 * size[0]), image.height // (2 * size[1]))
        pixels = opaque(plain(image, factor))
        if bare.turn is not None:
            pixels = pixels.transpose(bare.turn)
        pixels.thumbnail(size, reducing_gap=2.0)
        return _encoded(pixels, "JPEG", UPLOAD_MAX_BYTES, quality=80)


class _FullError(Exception):
    """More was written than fits."""


class _Cup(io.BytesIO):
    """A file in memory that stops the encoder as soon as it holds too much."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self.max_bytes:
            raise _FullError
        return super().write(data)


def _encoded(pixels: Image.Image, kind: str, max_bytes: int, **options: int) -> bytes:
    """Return the file, with the colour profile that the picture had, or b"" if it is too large."""
    profile = pixels.info.get("icc_profile") or b""
    if profile[16:20] != PROFILE_SPACES[pixels.mode]:
        profile = b""
    cup = _Cup(max_bytes)
    try:
        # Pillow would put the comment that it read into the new file.
        pixels.save(cup, kind, icc_profile=profile, comment=b"", **options)
    except _FullError:
        return b""
    return cup.getvalue()
