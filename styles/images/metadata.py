"""Take everything out of a JPEG or PNG file that is not the picture, without decoding it.

What goes: EXIF with its places and thumbnails, XMP, comments, text, further pictures, and whatever
was hidden after the end. What stays decides about pixels and colours, byte for byte. Files that are
built to keep a reader busy are told by the number of their parts.
Sources: ITU-T T.81 (JPEG), CIPA DC-007 (several pictures in one file), ICC.1 annex B, and the PNG
specification, third edition.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import takewhile

JPEG_START = b"\xff\xd8\xff"
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
SCAN = 0  # no marker: the compressed picture
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
PROGRESSIVE = 0xC2
# Baseline, extended and progressive Huffman: browsers show no other coding.
FRAMES = {0xC0, 0xC1, PROGRESSIVE}
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
HUFFMAN, QUANTISATION, RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
KEPT_SEGMENTS = FRAMES | {HUFFMAN, QUANTISATION, RESTART_INTERVAL, SOS}
JFIF_BYTES = 12  # up to the size of the thumbnail
ADOBE_BYTES = 12
BLOCK = 8
FRAME_BYTES = 6  # up to the components, of three bytes each
MAX_FACTOR = 4

# Each part costs every reader time and memory, however short it is. Cameras write some hundreds.
MAX_PARTS = 50_000
# Each scan is a walk through the whole picture, and can be written in 60 bytes. Usual are ten.
MAX_SCANS = 100
# The orientation stands at the front.
EXIF_BYTES = 65_536

# Within a scan FF 00 is data and FF D0 to FF D7 restart it; elsewhere FF FF is padding.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
KEPT_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT",
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT",
}  # fmt: skip


Part = bytes | memoryview


class DamagedError(ValueError):
    """The file is not built as its format demands."""


class TruncatedError(DamagedError):
    """The file stops before its end marker."""


class AnimatedError(ValueError):
    """The file has more than one picture, to be shown in turn."""


def bare_jpeg(data: bytes) -> bytes:
    """Return the first picture of a JPEG file alone. Raises DamagedError."""
    return b"".join(parts_of_jpeg(data))


def bare_png(data: bytes) -> bytes:
    """Return a PNG file with the chunks that make its picture. Raises DamagedError, AnimatedError.

    Checksums of what stays are compared: Pillow ignores those of the pixels, other readers do not.
    """
    return b"".join(parts_of_png(data))


def parts_of_jpeg(data: bytes) -> list[Part]:
    """Return what `bare_jpeg` does, without a copy of it."""
    pieces: list[Part] = [bytes((0xFF, SOI))]
    frames = scans = 0
    for code, body in _segments(data):
        frames += code in FRAMES
        scans += code == SOS
        # Of two frames each reader believes another one.
        if frames > 1 or scans > MAX_SCANS:
            raise DamagedError("more frames or scans than a picture needs")
        kept = _kept_of_segment(code, body)
        if kept is not None:
            pieces += (struct.pack(">BBH", 0xFF, code, len(kept) + 2), kept)
        if code == SCAN:
            pieces.append(body)
    pieces.append(bytes((0xFF, EOI)))
    return pieces


def parts_of_png(data: bytes) -> list[Part]:
    """Return what `bare_png` does, without a copy of it."""
    pieces: list[Part] = [PNG_SIGNATURE]
    for number, (kind, chunk, size) in enumerate(_chunks(data)):
        # The size stands there: a second one would be another picture to some readers.
        if (kind == b"IHDR") != (number == 0):
            raise DamagedError("not one IHDR chunk in front")
        if kind == b"acTL" and int.from_bytes(chunk[8:12], "big") > 1:
            raise AnimatedError
        if kind in KEPT_CHUNKS:
            pieces.append(_sound_chunk(chunk, size))
    # As it should be: one with something in it would be kept for what it carries.
    return [*pieces, PNG_END]


def exif_of(data: bytes) -> bytes:
    """Return what a JPEG or PNG file says of itself as EXIF, or b"". Raises DamagedError."""
    if data.startswith(PNG_SIGNATURE):
        found = (chunk[8:-4] for kind, chunk, _ in _chunks(data) if kind == b"eXIf")
    else:
        head = takewhile(lambda part: part[0] != SOS, _segments(data))
        found = (body for code, body in head if code == APP1 and body[:6] == b"Exif\0\0")
    return bytes(next(found, b"")[:EXIF_BYTES])


def png_depth(data: bytes) -> int:
    """Return the bits per sample of a PNG file: 1, 2, 4, 8 or 16."""
    return data[24]


def frame_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that a JPEG file tells first. Raises DamagedError."""
    frames = (body for code, body in _segments(data) if code in FRAMES)
    height, width = struct.unpack_from(">HH", next(frames, b""), 1)
    return width, height


def held_bytes(data: bytes) -> int:
    """Return how many bytes of coefficients a decoder has to hold at once of a JPEG file.

    None where one scan has all, as in a baseline file: it is decoded on the way. A PNG has none.
    Raises DamagedError.
    """
    frame, progressive = b"", False
    for code, body in () if data.startswith(PNG_SIGNATURE) else _segments(data):
        if code in FRAMES:
            frame, progressive = bytes(body), code == PROGRESSIVE
        if code == SOS:
            factors = _sampling_factors(frame)
            one_scan_has_all = bytes(body[:1]) >= bytes([len(factors)])
            return 0 if one_scan_has_all and not progressive else 2 * _coefficients(frame, factors)
    return 0


def _sampling_factors(frame: bytes) -> list[tuple[int, int]]:
    """Return how often each component was sampled across and down, each 1 to 4: T.81, B.2.2."""
    factors = [(both >> 4, both & 15) for both in frame[7::3]]
    if len(frame) < FRAME_BYTES or len(frame) != FRAME_BYTES + 3 * frame[5] or not factors:
        raise DamagedError("a frame of another length than it tells")
    if not all(1 <= factor <= MAX_FACTOR for both in factors for factor in both):
        raise DamagedError("a component that was sampled as none can be")
    return factors


def _coefficients(frame: bytes, factors: list[tuple[int, int]]) -> int:
    """Count them by T.81, A.2: each component fills the last unit of the coarsest one."""
    height, width = struct.unpack_from(">HH", frame, 1)
    across = -(-width // (BLOCK * max(each for each, _ in factors)))
    down = -(-height // (BLOCK * max(each for _, each in factors)))
    return across * down * BLOCK * BLOCK * sum(wide * high for wide, high in factors)


def _segments(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield the code and body of each segment up to the end marker, and SCAN with what follows SOS.

    What follows any other is of no use.
    """
    view = memoryview(data)
    found, number = MARKER.search(data, 2), 0
    while found and data[found.start() + 1] != EOI:
        code, start = data[found.start() + 1], found.end()
        if code < min(KEPT_SEGMENTS) or code == SOI or code in OTHER_FRAMES:
            raise DamagedError(f"marker {code:02x}")
        end = start + int.from_bytes(view[start : start + 2], "big")
        number += 1
        if end < start + 2 or number > MAX_PARTS:
            raise DamagedError(f"segment {code:02x} without a length, or one too many")
        yield code, view[start + 2 : end]
        found = MARKER.search(data, end)
        if code == SOS:
            yield SCAN, view[end : found.start() if found else len(data)]
    if not found:
        raise TruncatedError("no end marker")


def _kept_of_segment(code: int, body: memoryview) -> memoryview | bytes | None:
    if code in KEPT_SEGMENTS:
        return body
    if code == APP0 and body[:5] == b"JFIF\0":
        return bytes(body[:JFIF_BYTES]) + b"\0\0"
    if code == APP2 and body[:12] == b"ICC_PROFILE\0":
        return body
    if code == APP14 and body[:5] == b"Adobe":
        return body[:ADOBE_BYTES]
    return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield each chunk up to IEND: its kind, itself as far as it goes, its size as it should be."""
    view, at, kind = memoryview(data), len(PNG_SIGNATURE), b""
    for _ in range(MAX_PARTS):
        if len(data) < at + 12:
            raise TruncatedError("no IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        size = 12 + length
        yield kind, view[at : at + size], size
        if kind == b"IEND":
            return
        at += size
    raise DamagedError("more chunks than a picture needs")


def _sound_chunk(chunk: memoryview, size: int) -> memoryview:
    if len(chunk) < size:
        raise TruncatedError("a chunk stops early")
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        raise DamagedError("a checksum differs")
    return chunk
