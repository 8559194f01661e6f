"""The reference check: what can be measured of three pictures, and the advice that follows.

It works on stored files and on values, knows no model and no words, and never says no.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from PIL import Image, ImageFilter, ImageMath

from ..pikzels import rules
from . import palettes
from .bars import Box, inside_bars
from .fingerprints import alike, fingerprint
from .judging import MAX_ENCODED_PIXELS, UNREADABLE, Accepted, accept, decoding
from .pixels import opaque, plain

RECOMMENDED = (1280, 720)  # what YouTube recommends for a thumbnail
SHAPE = (16, 9)
SHAPE_TOLERANCE = 0.02

# Everything is measured with the longer side brought down to this, never up.
WORKING_SIDE = 640
LEAST_SIDE = 32

LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
TILES = (10, 6)
SHARP_TILES = 3
# A tile of less contrast is nearly flat: its noise would pass for sharpness.
LEAST_VARIANCE = 200.0
BLURRED_BELOW = 0.075

PALETTES_FAR = 0.5

# Tried in turn until the file fits; most fit with the first.
CUT_QUALITIES = (92, 85, 75)


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What was measured of one stored picture.

    `sharpness` is the variance of the Laplacian over the variance of the brightness, in the third
    sharpest of 10 × 6 tiles, with the longer side at 640 pixels: 0.3 and more for sharp pictures,
    less than 0.075 for nearly all that a Gaussian of 4 pixels at 1280 has blurred. By tiles, so
    that a sharp subject on a blurred ground is sharp.
    `content` is the box inside the black bars, in pixels of the file; the whole where are none.
    `fingerprint` is a perceptual hash of the content, 63 bits: as a BIGINT it is not negative.
    `palette` has up to five colours "#rrggbb" of the content with their shares, largest first.
    """

    width: int
    height: int
    sharpness: float
    content: Box
    fingerprint: int
    palette: palettes.Palette

    def as_record(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return what `as_record` gave, also after JSON has turned its tuples into lists."""
        left, top, right, bottom = record["content"]
        palette = tuple((colour, share) for colour, share in record["palette"])
        return cls(**{**record, "content": (left, top, right, bottom), "palette": palette})


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How far the picture at index `farthest` is from the others by its colours, from 0 to 1."""

    distance: float
    farthest: int


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing that could be better; the caller has the words.

    `kind` is "small", "blurred", "bars", "shape", "alike" or "palette"; `position` the picture
    that it is about; `others` those it is compared with; `width` and `height` are the file's;
    `box` is what "bars" and "shape" propose to cut it to, `distance` how far "palette" is apart.
    """

    kind: str
    position: int
    others: tuple[int, ...] = ()
    width: int = 0
    height: int = 0
    box: Box | None = None
    distance: float = 0.0


def measure(path: Path) -> Measures:
    """Measure a stored picture: JPEG or PNG and upright, as `images.accept` leaves it.

    Raises OSError or ValueError for a file that cannot be read.
    """
    size, small = _small(path)
    inside = inside_bars(small)
    content = small.crop(inside)
    gray = content.convert("L")
    return Measures(
        width=size[0],
        height=size[1],
        sharpness=round(_sharpness(gray), 4),
        content=_in_pixels_of(size, small.size, inside),
        fingerprint=fingerprint(gray),
        palette=palettes.palette(content),
    )


def palettes_apart(measures: Sequence[Measures]) -> Apart:
    """Return which of two or more pictures has the colours farthest from the others', and how far.

    The distance is the mean of its distances to the others.
    """
    means = [
        sum(palettes.distance(one.palette, other.palette) for other in measures)
        / (len(measures) - 1)
        for one in measures
    ]
    return Apart(distance=max(means), farthest=means.index(max(means)))


def advise(measures: Mapping[int, Measures]) -> list[Advice]:
    """Return what could be better with the pictures at these positions, and with them together."""
    found = [advice for position in measures for advice in _of_one(position, measures[position])]
    return [*found, *_near_duplicates(measures), *_odd_colours(measures)]


def middle_16_9(width: int, height: int) -> Box:
    """Return the largest box of 16:9 in the middle of a picture."""
    across, down = SHAPE
    wide = min(width, round(height * across / down))
    high = min(height, round(width * down / across))
    left, top = (width - wide) // 2, (height - high) // 2
    return (left, top, left + wide, top + high)


def cut(path: Path, box: Box, *, name: str, directory: Path) -> Accepted:
    """Store what is inside `box` of a stored picture as a new one in `directory`, in full size.

    A PNG loses nothing, a JPEG is encoded once more. Raises ValueError for a box that is not
    within the picture, OSError or ValueError for a file that cannot be read, ImageProblem for
    what would be too small a picture.
    """
    with decoding, _opened(path) as image:
        left, top, right, bottom = box
        if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
            raise ValueError(f"{box} is not within {image.width} × {image.height}")
        content = _encoded(_inside(image, box), str(image.format))
    return accept(io.BytesIO(content), name=name, directory=directory)


def _inside(image: Image.Image, box: Box) -> Image.Image:
    """Return what is in the box; of a vast picture at half its sides, for the sake of memory."""
    if image.width * image.height <= MAX_ENCODED_PIXELS:
        return image.crop(box)
    left, top, right, bottom = (side // 2 for side in box)
    return plain(image, 2).crop((left, top, right, bottom))


def _of_one(position: int, one: Measures) -> Iterator[Advice]:
    left, top, right, bottom = one.content
    inner = (right - left, bottom - top)
    facts: dict[str, Any] = {"position": position, "width": one.width, "height": one.height}
    if one.width < RECOMMENDED[0] or one.height < RECOMMENDED[1]:
        yield Advice(kind="small", **facts)
    if one.sharpness < BLURRED_BELOW:
        yield Advice(kind="blurred", **facts)
    if inner != (one.width, one.height):
        yield Advice(kind="bars", box=one.content, **facts)
    if abs(inner[0] * SHAPE[1] / (inner[1] * SHAPE[0]) - 1) > SHAPE_TOLERANCE:
        middle = middle_16_9(*inner)
        box = (left + middle[0], top + middle[1], left + middle[2], top + middle[3])
        yield Advice(kind="shape", box=box, **facts)


def _near_duplicates(measures: Mapping[int, Measures]) -> Iterator[Advice]:
    """Tell of all three in one advice where they are alike."""
    told: set[int] = set()
    for position, one in measures.items():
        later = (other for other in measures if other > position and other not in told)
        same = tuple(n for n in later if alike(one.fingerprint, measures[n].fingerprint))
        if same:
            told.update(same)
            yield Advice(kind="alike", position=position, others=same)


def _odd_colours(measures: Mapping[int, Measures]) -> Iterator[Advice]:
    if len(measures) < 2:
        return
    apart = palettes_apart(list(measures.values()))
    if apart.distance > PALETTES_FAR:
        positions = list(measures)
        farthest = positions.pop(apart.farthest)
        others = tuple(positions)
        yield Advice(kind="palette", position=farthest, others=others, distance=apart.distance)


def _sharpness(gray: Image.Image) -> float:
    edges = zip(_variances(gray.filter(LAPLACIAN)), _variances(gray), strict=True)
    ratios = [edge / max(LEAST_VARIANCE, contrast) for edge, contrast in edges]
    return sorted(ratios)[-SHARP_TILES]


def _variances(image: Image.Image) -> list[float]:
    """Return the variance of each tile, without the outermost pixels, which no filter reaches."""
    levels = image.crop((1, 1, image.width - 1, image.height - 1)).convert("F")
    squares = ImageMath.lambda_eval(lambda of: of["levels"] * of["levels"], levels=levels)
    pairs = zip(_means(levels), _means(squares), strict=True)
    return [square - mean**2 for mean, square in pairs]


def _means(levels: Image.Image) -> Iterable[float]:
    return memoryview(levels.resize(TILES, Image.Resampling.BOX).tobytes()).cast("f")


def _small(path: Path) -> tuple[tuple[int, int], Image.Image]:
    """Return the size of a picture, and the picture in RGB at the working size."""
    with decoding, _opened(path) as image:
        size = image.size
        scale = min(1.0, WORKING_SIDE / max(size))
        working = (max(LEAST_SIDE, round(size[0] * scale)), max(LEAST_SIDE, round(size[1] * scale)))
        # A JPEG is decoded at a half, a quarter or an eighth: all of its bytes, few of its pixels.
        pixels = opaque(plain(image, max(1, max(size) // WORKING_SIDE)))
        return size, pixels.resize(working, Image.Resampling.BOX).convert("RGB")


def _in_pixels_of(size: tuple[int, int], small: tuple[int, int], box: Box) -> Box:
    """Return a box of the small picture in pixels of the full one, rounded inwards."""
    width, height = size
    left, top = -(-box[0] * width // small[0]), -(-box[1] * height // small[1])
    right, bottom = box[2] * width // small[0], box[3] * height // small[1]
    # A picture of some pixels' height was brought up to be measured: nothing may be left of it.
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, width, height)


def _encoded(content: Image.Image, kind: str) -> bytes:
    profile = content.info.get("icc_profile")
    if kind == "PNG":
        file = io.BytesIO()
        content.save(file, kind, icc_profile=profile)
        return file.getvalue()
    for quality in CUT_QUALITIES:
        file = io.BytesIO()
        content.save(file, kind, quality=quality, subsampling=0, icc_profile=profile)
        if file.tell() <= rules.IMAGE_MAX_BYTES:
            break
    return file.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a stored picture, and raise OSError or ValueError for whatever Pillow does."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            yield image
    except (OSError, ValueError):
        raise
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} cannot be read as a picture") from error
