"""What the first bytes of a file tell of its size, so that a vast picture need not even be read.

They bind nobody: what keeps to the limits here is judged by its pixels all the same.
Sources: RFC 9649 (WebP), ISO/IEC 23008-12 (`ispe`), the PNG specification, ITU-T T.81 (JPEG).
"""

import re
import struct
import zlib

from .confined import kind_of
from .metadata import PNG_SIGNATURE, DamagedError, frame_size

# Of a JPEG, whose metadata stands before its size; a colour profile and a preview fit in it.
HEAD_BYTES = 2**18
# The size of a picture or of one of its tiles, after a version and flags that are always 0.
SIZE_IN_AVIF = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)


def told_size(head: bytes) -> tuple[str, int, int]:
    """Return the kind, the width and the height that a file tells of.

    Raises DamagedError, LookupError or struct.error where `head` says none.
    """
    if kind := kind_of(head):
        return kind, *(_size_in_webp(head) if kind == "WEBP" else _size_in_avif(head))
    if head.startswith(PNG_SIGNATURE):
        width, height, checksum = struct.unpack_from(">II5xI", head, 16)
        # One that is damaged there says anything.
        if zlib.crc32(head[12:29]) != checksum:
            raise DamagedError("a checksum differs")
        return "PNG", width, height
    return "JPEG", *frame_size(head)


def _size_in_webp(head: bytes) -> tuple[int, int]:
    if head[12:16] == b"VP8X":
        canvas = head[24:30]
        return (
            1 + int.from_bytes(canvas[:3], "little"),
            1 + int.from_bytes(canvas[3:], "little"),
        )
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _size_in_avif(head: bytes) -> tuple[int, int]:
    """Return the largest of the sizes that it tells of: tiles are smaller than their picture."""
    sizes = [struct.unpack(">II", found) for found in SIZE_IN_AVIF.findall(head)]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return width, height
