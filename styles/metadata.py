"""Take everything out of a JPEG or PNG file that is not the picture, without decoding it.

What goes: EXIF with its places and thumbnails, XMP, comments, text, further pictures, and whatever
was hidden after the end. What stays decides about pixels and colours, byte for byte.
Sources: ITU-T T.81 (JPEG), CIPA DC-007 (several pictures in one file), ICC.1 annex B, and the PNG
specification, third edition.
"""

import re
import struct
import zlib
from collections.abc import Iterator

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
APP0, APP2, APP14 = 0xE0, 0xE2, 0xEE
# Baseline, extended and progressive Huffman: browsers show no other coding.
FRAMES = {0xC0, 0xC1, 0xC2}
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
HUFFMAN, QUANTISATION, RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
KEPT_SEGMENTS = FRAMES | {HUFFMAN, QUANTISATION, RESTART_INTERVAL, SOS}
JFIF_BYTES = 12  # up to the size of the thumbnail
ADOBE_BYTES = 12

# Within a scan FF 00 is data and FF D0 to FF D7 restart it; elsewhere FF FF is padding.
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND",
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT",
}  # fmt: skip


class DamagedError(ValueError):
    """The file is not built as its format demands."""


class TruncatedError(DamagedError):
    """The file stops before its end marker."""


def bare_jpeg(data: bytes) -> bytes:
    """Return the first picture of a JPEG file alone. Raises DamagedError."""
    pieces: list[bytes | memoryview] = [bytes((0xFF, SOI))]
    for code, body, scan in _segments(data):
        kept = _kept_of_segment(code, body)
        if kept is not None:
            pieces += (struct.pack(">BBH", 0xFF, code, len(kept) + 2), kept)
        if code == SOS:
            pieces.append(scan)
    pieces.append(bytes((0xFF, EOI)))
    return b"".join(pieces)


def bare_png(data: bytes) -> bytes:
    """Return a PNG file with the chunks that make its first picture. Raises DamagedError.

    Checksums of what stays are compared: Pillow ignores those of the pixels, other readers do not.
    """
    if data[12:16] != b"IHDR":
        raise DamagedError("no IHDR chunk in front")
    view = memoryview(data)
    pieces: list[bytes | memoryview] = [PNG_SIGNATURE]
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if len(data) < at + 12:
            raise TruncatedError("no IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in KEPT_CHUNKS:
            pieces.append(_sound_chunk(view[at:end], 12 + length))
        at = end
    return b"".join(pieces)


def png_depth(data: bytes) -> int:
    """Return the bits per sample of a PNG file: 1, 2, 4, 8 or 16."""
    return data[24]


def _segments(data: bytes) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Yield each segment up to the end marker: its code, its body, and what follows it.

    What follows is the compressed picture after SOS, and of no use after any other.
    """
    view = memoryview(data)
    found = MARKER.search(data, 2)
    while found and data[found.start() + 1] != EOI:
        code, start = data[found.start() + 1], found.end()
        if code < min(KEPT_SEGMENTS) or code == SOI or code in OTHER_FRAMES:
            raise DamagedError(f"marker {code:02x}")
        end = start + int.from_bytes(view[start : start + 2], "big")
        if end < start + 2:
            raise DamagedError(f"segment {code:02x} without a length")
        found = MARKER.search(data, end)
        yield code, view[start + 2 : end], view[end : found.start() if found else len(data)]
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


def _sound_chunk(chunk: memoryview, size: int) -> memoryview:
    if len(chunk) < size:
        raise TruncatedError("a chunk stops early")
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        raise DamagedError("a checksum differs")
    return chunk
