"""A perceptual hash: what is left of a picture when it is scaled, encoded or lightened."""

from functools import lru_cache
from math import cos, pi

from PIL import Image

SIDE = 32
FREQUENCIES = 8
# Of 63 bits. Nearly all copies are within 4, nearly all pictures of one series beyond 10.
ALIKE_WITHIN = 6


def fingerprint(gray: Image.Image) -> int:
    """Return the signs of the 63 lowest frequencies of a picture of mode L.

    The discrete cosine transform of 32 × 32 pixels without its mean (pHash): 63 bits, so that it
    is never negative and fits a signed BIGINT.
    """
    small = gray.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    rows = [_lowest(small[start : start + SIDE]) for start in range(0, SIDE * SIDE, SIDE)]
    columns = [_lowest(column) for column in zip(*rows, strict=True)]
    signs = "".join("1" if level > 0 else "0" for column in columns for level in column)
    return int(signs[1:], 2)


def alike(one: int, other: int) -> bool:
    """Whether two fingerprints are of one picture, but for its size, encoding and brightness."""
    return (one ^ other).bit_count() <= ALIKE_WITHIN


def _lowest(levels: bytes | tuple[float, ...]) -> list[float]:
    """Return the lowest frequencies of a line of 32."""
    return [
        sum(wave * level for wave, level in zip(line, levels, strict=True)) for line in _waves()
    ]


@lru_cache
def _waves() -> list[list[float]]:
    return [
        [cos(pi * frequency * (2 * at + 1) / (2 * SIDE)) for at in range(SIDE)]
        for frequency in range(FREQUENCIES)
    ]
