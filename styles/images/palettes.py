"""A picture's main colours, and how far those of two pictures are from each other."""

from functools import lru_cache
from math import exp, sqrt

from PIL import Image, ImageColor

Palette = tuple[tuple[str, float], ...]  # "#rrggbb" and its share of 1, the largest first

COLOURS = 5
SIDE = 48
# The difference, in OKLab, from which two colours have little in common.
REACH = 0.2


def palette(image: Image.Image) -> Palette:
    """Return up to five colours that stand for a picture of mode RGB."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    indexed = small.quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    levels = indexed.getpalette() or []
    counts = [(count, index) for index, count in enumerate(indexed.histogram()) if count]
    return tuple(
        (
            "#{:02x}{:02x}{:02x}".format(*levels[3 * index : 3 * index + 3]),
            round(count / SIDE**2, 4),
        )
        for count, index in sorted(counts, reverse=True)
    )


def distance(one: Palette, other: Palette) -> float:
    """Return how far apart two palettes are: 0 for equal ones, 1 for nothing in common.

    The signature quadratic form distance (Beecks, Uysal and Seidl, 2010) with a Gaussian kernel.
    """
    own = _likeness(one, one) + _likeness(other, other)
    return sqrt(max(0.0, own - 2 * _likeness(one, other)) / own)


def _likeness(one: Palette, other: Palette) -> float:
    return sum(
        share * other_share * _kernel(colour, other_colour)
        for colour, share in one
        for other_colour, other_share in other
    )


def _kernel(one: str, other: str) -> float:
    pairs = zip(_oklab(one), _oklab(other), strict=True)
    return exp(-sum((a - b) ** 2 for a, b in pairs) / (2 * REACH**2))


@lru_cache(maxsize=256)
def _oklab(colour: str) -> tuple[float, float, float]:
    """Return a colour where distances are as people see them (Ottosson, 2020)."""
    red, green, blue = (_linear(level / 255) for level in ImageColor.getrgb(colour)[:3])
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _linear(level: float) -> float:
    """Undo the curve of sRGB."""
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
