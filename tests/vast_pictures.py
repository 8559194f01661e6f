"""Pictures of any size in next to no bytes and no time, for what is counted in megapixels.

They are built by hand: each block of a JPEG takes one bit or two, and all rows of a PNG are one.
"""

from __future__ import annotations

import struct
import zlib

from .pictures import chunk, segment

# A table with one code, of one bit: "no difference", and with zero bits behind it nothing but that.
ONE_CODE = b"\x01" + bytes(15) + b"\0"
DRI, SOF0, SOF2, DHT, DQT, SOS, APP1 = 0xDD, 0xC0, 0xC2, 0xC4, 0xDB, 0xDA, 0xE1
TURNED = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def vast_jpeg(
    width: int,
    height: int,
    *,
    components: int = 3,
    subsampling: int = 1,
    progressive: bool = False,
    scans: int = 1,
    turned: bool = True,
    padding: int = 0,
) -> bytes:
    """Return a grey picture, with EXIF that says that it is to be turned.

    `subsampling` 2 stands for 4:2:0. A progressive file has its coarse scan `scans` times; any
    other has one for each component with `scans` 3. `padding` bytes more are in the last scan.
    """
    factors = [subsampling] + [1] * (components - 1)
    unit = 8 * subsampling
    blocks = -(-width // unit) * -(-height // unit) * sum(each**2 for each in factors)
    frame = struct.pack(">BHHB", 8, height, width, components)
    frame += b"".join(bytes((n, each * 17, 0)) for n, each in enumerate(factors))
    tables = segment(DHT, b"\0" + ONE_CODE) + segment(DHT, b"\x10" + ONE_CODE)
    head = segment(APP1, b"Exif\0\0" + TURNED) if turned else b""
    head += segment(DQT, b"\0" + b"\1" * 64) + tables
    head += segment(SOF2 if progressive else SOF0, frame)
    if scans == 3 and not progressive:
        body = b"".join(_scan([n], b"\0\x3f\0", blocks * 2) for n in range(components))
    else:
        spectrum, bits = (b"\0\0\0", blocks) if progressive else (b"\0\x3f\0", blocks * 2)
        body = _scan(list(range(components)), spectrum, bits) * scans
    return b"\xff\xd8" + head + body + bytes(padding) + b"\xff\xd9"


def _scan(components: list[int], spectrum: bytes, bits: int) -> bytes:
    told = bytes((len(components),)) + b"".join(bytes((each, 0)) for each in components)
    return segment(SOS, told + spectrum) + bytes(-(-bits // 8))


def vast_png(
    width: int,
    height: int,
    *,
    colour: int = 6,
    depth: int = 8,
    turned: bool = False,
    padding: int = 0,
) -> bytes:
    """Return a picture of nothing; `colour` as in the header: 0 grey, 2 RGB, 6 RGBA."""
    row = bytes(1 + -(-width * CHANNELS[colour] * depth // 8))
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))]
    parts += [(b"eXIf", TURNED)] if turned else []
    parts += [(b"IDAT", rows + bytes(padding)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)
