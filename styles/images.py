"""Judge a picture by its bytes, and bring it into the form that Pikzels takes.

Nothing here knows a model. The name and the type that a browser sends are never believed.
"""

import hashlib
import io
import os
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
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError, features

from .metadata import TruncatedError, bare_jpeg, bare_png, png_depth
from .pikzels import rules

UPLOAD_MAX_BYTES = 25_000_000
MIN_SIDE = 16
NAME_MAX = 100
ENDING_MAX = 10
# Decoding takes 4 to 12 bytes a pixel for JPEG and PNG, 10 for AVIF, 16 for WebP: 512 MiB hold it.
MAX_PIXELS = {
    "JPEG": 40_000_000,
    "MPO": 40_000_000,  # what phones write: a JPEG with further pictures behind it
    "PNG": 40_000_000,
    "WEBP": 16_000_000,
    "AVIF": 16_000_000,
}
# A progressive file's four channels are held twice while it is read.
MAX_PIXELS_CMYK = 24_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF") if features.check("avif") else ("JPEG", "PNG", "WEBP")
# Tried in turn until one fits; most pictures fit with the first.
SCALES_AND_QUALITIES = (
    *((1.0, quality) for quality in (92, 85, 75)),
    *((0.8**step, 80) for step in range(1, 13)),
)
JPEG_MAX_SIDE = 65_500
ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png"}
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
)
FAMILIAR = (
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (8, b"WEBP"),
    (4, b"ftypavif"),
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
_decoding = threading.Lock()


class ImageProblem(Exception):
    """A file that cannot be used. `code` is a key of MESSAGES, `message` names the file."""

    def __init__(self, code: str, name: str, **facts: object) -> None:
        self.code = code
        formats = gettext("JPEG, PNG, WebP or AVIF")
        if "AVIF" not in FORMATS:
            formats = gettext("JPEG, PNG or WebP")
        self.message = MESSAGES[code] % {"name": name, "formats": formats, **facts}
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
class _Sendable:
    content: bytes
    media_type: str
    width: int
    height: int
    note: str


def accept(
    source: IO[bytes] | Path, *, name: str, directory: Path, max_bytes: int = rules.IMAGE_MAX_BYTES
) -> Accepted:
    """Judge the picture in `source` and store what can be sent of it in `directory`.

    `directory` has to exist. The new file is upright, a JPEG or PNG of at most `max_bytes` without
    metadata, has a random name, can be read by its owner alone, and is on the disk when this
    returns: nothing has to be renamed.
    Raises ImageProblem for the picture, OSError for the file system.
    """
    shown = clean_name(name)
    with _decoding:
        data = _read(source, shown)
        with _judging(shown):
            made = _sendable(data, shown, max_bytes)
    path = directory / f"{secrets.token_hex(16)}{ENDINGS[made.media_type]}"
    _write(path, made.content)
    return Accepted(
        path=path,
        media_type=made.media_type,
        width=made.width,
        height=made.height,
        size=len(made.content),
        sha256=hashlib.sha256(made.content).hexdigest(),
        original_name=shown,
        note=made.note,
    )


def make_preview(path: Path, to: Path, *, size: tuple[int, int] = (640, 360)) -> None:
    """Write a small upright JPEG of the picture at `path` that fits `size`, replacing `to` at once.

    Raises ImageProblem for the picture, OSError for the file system.
    """
    with _decoding:
        data = path.read_bytes()
        with _judging(path.name):
            content = _small_jpeg(data, path.name, size)
    temporary = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
    _write(temporary, content)
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
    data = source.read(UPLOAD_MAX_BYTES + 1)
    if not data:
        raise ImageProblem("empty", name)
    if len(data) > UPLOAD_MAX_BYTES:
        raise ImageProblem("too_large", name)
    return data


@contextmanager
def _judging(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an ImageProblem, and silence what it warns about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield
        except Image.DecompressionBombError as error:
            limit = max(MAX_PIXELS.values()) // 1_000_000
            raise ImageProblem("too_many_pixels", name, limit=limit) from error
        except TruncatedError as error:
            raise ImageProblem("truncated", name) from error
        except UNREADABLE as error:
            raise ImageProblem("unreadable", name) from error


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header, no more. Raises ImageProblem for what is not worth decoding."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise _stranger(data, name) from error
    limit = MAX_PIXELS_CMYK if image.mode == "CMYK" else MAX_PIXELS[str(image.format)]
    if image.width * image.height > limit:
        raise ImageProblem("too_many_pixels", name, limit=limit // 1_000_000)
    if min(image.size) < MIN_SIDE:
        raise ImageProblem("too_small", name)
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise ImageProblem("animated", name)
    return image


def _stranger(data: bytes, name: str) -> ImageProblem:
    for offset, start, kind in STRANGERS:
        if data.startswith(start, offset):
            return ImageProblem("format", name, kind=kind)
    familiar = any(data.startswith(start, offset) for offset, start in FAMILIAR)
    return ImageProblem("unreadable" if familiar else "not_an_image", name)


def _sendable(data: bytes, name: str, max_bytes: int) -> _Sendable:
    if _stops_early(data):
        raise TruncatedError("fewer bytes than the RIFF header says")
    with _open(data, name) as image:
        turn = _turn(image)
        bare = _bare(image, data)
    # From here on only what would be sent is looked at: no two readers can disagree about it.
    with _open(bare, name) as image:
        note = _reason_to_encode(image, bare, turn, max_bytes)
        if note:
            return _encode(image, turn, name, note, max_bytes)
        width, height = image.size
        # An eighth of a JPEG's sides is decoded from all of its bytes, in half of the time.
        image.draft(None, (max(1, width // 8), max(1, height // 8)))
        image.load()
        return _Sendable(
            content=bare,
            media_type=Image.MIME[str(image.format)],
            width=width,
            height=height,
            note="metadata" if len(bare) < len(data) else "",
        )


def _stops_early(data: bytes) -> bool:
    return data.startswith(b"RIFF") and len(data) < int.from_bytes(data[4:8], "little") + 8


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return how to set the picture upright. Metadata that cannot be read turns nothing."""
    # Pillow's getexif() would decode the whole of a PNG in search of more.
    exif = Image.Exif()
    with suppress(*UNREADABLE):
        exif.load(image.info.get("exif", b""))
        return TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
    return None


def _bare(image: Image.Image, data: bytes) -> bytes:
    if image.format == "PNG":
        return bare_png(data)
    return bare_jpeg(data) if image.format in ("JPEG", "MPO") else data


def _reason_to_encode(
    image: Image.Image, bare: bytes, turn: Image.Transpose | None, max_bytes: int
) -> str:
    """Return the note for a picture that cannot be sent as it is, or "" for one that can."""
    if len(bare) > max_bytes:
        return "shrunk"
    if turn is not None:
        return "upright"
    sixteen_bits = image.format == "PNG" and png_depth(bare) == 16
    if image.format not in ("JPEG", "PNG") or image.mode == "CMYK" or sixteen_bits:
        return "reencoded"
    return ""


def _encode(
    image: Image.Image, turn: Image.Transpose | None, name: str, note: str, max_bytes: int
) -> _Sendable:
    if turn is not None:
        image = _instead_of(image, image.transpose(turn))
    pixels = _instead_of(image, _plain(image))
    # What was too large before will not fit without loss.
    if pixels.mode == "RGBA" and note != "shrunk":
        content = _encoded(pixels, "PNG", max_bytes)
        if content:
            return _of_encoded(content, "image/png", pixels, note)
    pixels = _instead_of(pixels, _opaque(pixels))
    for scale, quality in SCALES_AND_QUALITIES:
        scaled = _scaled(pixels, scale)
        content = _encoded(scaled, "JPEG", max_bytes, quality=quality, subsampling=0)
        if content:
            return _of_encoded(content, "image/jpeg", scaled, note)
    raise ImageProblem("cannot_shrink", name)


def _instead_of(old: Image.Image, new: Image.Image) -> Image.Image:
    """Return `new`, and free the memory of `old` at once: three pictures would be too many."""
    if new is not old:
        old.close()
    return new


def _of_encoded(content: bytes, media_type: str, pixels: Image.Image, note: str) -> _Sendable:
    return _Sendable(
        content=content,
        media_type=media_type,
        width=pixels.width,
        height=pixels.height,
        note=note,
    )


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in eight bits as L, RGB or, where it lets something through, RGBA."""
    if image.mode.startswith("I"):
        # Pillow's own conversion cuts off all above 255.
        return image.point(lambda level: level * (1 / 256)).convert("L")
    if image.mode == "CMYK":
        return _without_ink(image)
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        return rgba.convert("RGB") if rgba.getchannel("A").getextrema() == (255, 255) else rgba
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _without_ink(image: Image.Image) -> Image.Image:
    """Return a CMYK picture in sRGB, by its own profile where that can be used."""
    profile = io.BytesIO(image.info.get("icc_profile") or b"")
    converted = None
    with suppress(ImageCms.PyCMSError):
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    return converted or image.convert("RGB")


def _opaque(pixels: Image.Image) -> Image.Image:
    if pixels.mode != "RGBA":
        return pixels
    paper = Image.new("RGB", pixels.size, "white")
    paper.paste(pixels, mask=pixels)
    paper.info = pixels.info
    return paper


def _scaled(pixels: Image.Image, scale: float) -> Image.Image:
    scale = min(scale, JPEG_MAX_SIDE / max(pixels.size))
    if scale == 1:
        return pixels
    width, height = (max(1, round(side * scale)) for side in pixels.size)
    return pixels.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _small_jpeg(data: bytes, name: str, size: tuple[int, int]) -> bytes:
    with _open(data, name) as image:
        turn = _turn(image)
        image.draft(None, (2 * size[0], 2 * size[1]))
        pixels = _opaque(_plain(image))
        if turn is not None:
            pixels = pixels.transpose(turn)
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


def _write(path: Path, content: bytes) -> None:
    """Create a file for its owner alone, on the disk or, with an OSError, not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(path.parent)
    except OSError:
        path.unlink()
        raise


def _sync_directory(directory: Path) -> None:
    # Without it the file is on the disk and its name may not be.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
