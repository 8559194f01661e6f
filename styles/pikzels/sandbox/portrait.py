"""The sandbox's pictures: a poster of hills under the sun, in the colours of the references."""

import colorsys
import hashlib
import io
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, cycle, islice

from PIL import Image, ImageColor, ImageDraw, ImageFilter, UnidentifiedImageError

Palette = tuple[str, ...]  # colours such as "#a0b1c2", the most frequent one first
Colour = tuple[int, ...]

WIDTH, HEIGHT = 1280, 720
COLOURS = 4
HILLS = 4
# A larger picture is not opened for its colours alone.
MAX_PIXELS = 50_000_000
# Lightness of: sky above, horizon, sun, and the hills from the farthest to the nearest.
DAY = (0.74, 0.94, 0.98, 0.72, 0.56, 0.40, 0.26)
NIGHT = (0.12, 0.40, 0.90, 0.32, 0.23, 0.15, 0.08)


def palette_of_image(image: bytes) -> Palette:
    """Return the main colours of an encoded image; of one that cannot be read, made-up ones."""
    made_up = palette_of_text(hashlib.sha256(image).hexdigest())
    try:
        with Image.open(io.BytesIO(image)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return made_up
            picture.draft("RGB", (160, 90))
            small = picture.convert("RGB").resize((48, 27), Image.Resampling.BOX)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return made_up
    found = small.quantize(COLOURS).convert("RGB").getcolors() or []
    ordered = sorted(found, key=lambda entry: (-entry[0], entry[1]))
    return tuple(_hex(colour) for _, colour in ordered if isinstance(colour, tuple))


def palette_of_text(text: str) -> Palette:
    """Return colours that follow from `text`, for a picture that cannot be seen."""
    numbers = _numbers(text)
    hue = next(numbers)
    lights = islice(numbers, COLOURS)
    return tuple(_hex(_rgb(hue + 0.1 * at, 0.3 + 0.4 * light)) for at, light in enumerate(lights))


@lru_cache(maxsize=32)
def paint(palettes: tuple[Palette, ...], seed: str) -> bytes:
    """Return a PNG of 1280x720 in these palettes; the same arguments give the same picture."""
    colours = [_hls(colour) for palette in palettes for colour in palette]
    firsts = [_hls(palette[0]) for palette in palettes]
    lightness = sum(light for _, light, _ in firsts) / len(firsts)
    ladder = DAY if lightness > 0.35 else NIGHT
    brightest = max(colours, key=lambda hls: hls[2])
    hues = [firsts[0], firsts[-1], brightest, *islice(cycle(firsts), HILLS)]
    sky, horizon, sun, *hills = [
        _rgb(hue, light, saturation)
        for (hue, _, saturation), light in zip(hues, ladder, strict=True)
    ]
    numbers = _numbers(seed)
    picture = _sky(sky, horizon)
    _put_sun(picture, sun, numbers)
    _put_hills(picture, hills, numbers)
    output = io.BytesIO()
    picture.save(output, "PNG")
    return output.getvalue()


def _sky(above: Colour, below: Colour) -> Image.Image:
    picture = Image.new("RGB", (1, 2), above)
    picture.putpixel((0, 1), below)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def _put_sun(picture: Image.Image, colour: Colour, numbers: Iterator[float]) -> None:
    x = round(WIDTH * (0.25 + 0.5 * next(numbers)))
    y = round(HEIGHT * (0.26 + 0.14 * next(numbers)))
    radius = 80 + 50 * next(numbers)
    # So blurred, the halo is as smooth if it is drawn small.
    for growth, strength, blur, scale in ((1.5, 90, 45, 8), (1.0, 235, 1, 1)):
        reach = round((radius * growth + 3 * blur) / scale)
        mask = Image.new("L", (2 * reach, 2 * reach))
        ImageDraw.Draw(mask).circle((reach, reach), radius * growth / scale, strength)
        mask = mask.filter(ImageFilter.GaussianBlur(blur / scale))
        mask = mask.resize((mask.width * scale, mask.height * scale), Image.Resampling.BICUBIC)
        picture.paste(colour, (x - reach * scale, y - reach * scale), mask)


def _put_hills(picture: Image.Image, colours: list[Colour], numbers: Iterator[float]) -> None:
    for at, colour in enumerate(colours):
        ridge = _ridge(HEIGHT * (0.50 + 0.13 * at), numbers)
        above = math.floor(min(y for _, y in ridge))
        # Drawn at twice the size and brought down, for smooth edges.
        mask = Image.new("L", (2 * WIDTH, 2 * (HEIGHT - above)))
        edge = [(2 * x, 2 * (y - above)) for x, y in ridge]
        ImageDraw.Draw(mask).polygon([(0, mask.height), *edge, mask.size], 255)
        picture.paste(colour, (0, above), mask.reduce(2))


def _ridge(top: float, numbers: Iterator[float]) -> list[tuple[float, float]]:
    waves = [(height, length, next(numbers)) for height, length in ((42, 1.1), (20, 2.3), (7, 5))]
    return [
        (
            x,
            top
            + sum(
                height * math.sin(math.tau * (length * x / WIDTH + shift))
                for height, length, shift in waves
            ),
        )
        for x in range(0, WIDTH + 8, 8)
    ]


def _numbers(seed: str) -> Iterator[float]:
    """Yield numbers from 0 to 1 that follow from `seed` alone, on every machine."""
    for at in count():
        digest = hashlib.sha256(f"{seed} {at}".encode()).digest()
        yield int.from_bytes(digest[:4], "big") / 2**32


def _hls(colour: str) -> tuple[float, float, float]:
    red, green, blue = (channel / 255 for channel in ImageColor.getrgb(colour)[:3])
    return colorsys.rgb_to_hls(red, green, blue)


def _rgb(hue: float, lightness: float, saturation: float = 0.5) -> Colour:
    # A grey reference stays nearly grey, a loud one becomes a little calmer.
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, min(0.04 + saturation, 0.62))
    return round(red * 255), round(green * 255), round(blue * 255)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
