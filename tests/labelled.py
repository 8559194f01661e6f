"""Pictures of which it is known what they are: for measuring the reference check.

Everything follows from a seed. A series has one look and several episodes, as a channel's videos
have: the same layout, colours and kind of ground, in half of the series the very same ground, with
other words and another subject. Two episodes are two pictures; a copy of one is the same picture.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageEnhance, ImageFilter, ImageFont

Size = tuple[int, int]
Box = tuple[int, int, int, int]

FULL: Size = (1280, 720)
HALF: Size = (640, 360)
GROUNDS = ("gradient", "photo", "bokeh", "rays", "halves", "dusk", "night", "black")
# Nobody sees where a black bar ends on these.
DARK = ("night", "black")
WORDS = (
    *("MARS", "WON", "LOST", "SECRET", "BASE", "FREE", "$1", "VS", "MONEY", "24H", "ALONE", "DIVE"),
    *("CABIN", "WHY", "STOP", "FAST", "OLD", "GOLD", "HIDDEN", "TAPES", "EAT", "NIGHT", "TINY"),
    *("LOUD", "NEVER", "AGAIN", "100", "DAYS", "BOSS", "FINAL", "TRUE", "STORY", "CRASH", "TEST"),
)
COLOURS = (
    *("#0b3d91", "#ff6b35", "#064e3b", "#34d399", "#3c096c", "#c77dff", "#7c2d12", "#fb923c"),
    *("#1e293b", "#38bdf8", "#240046", "#ff9e00", "#344e41", "#dad7cd", "#6a040f", "#ffba08"),
    *("#5f0f40", "#e5383b", "#f8f9fa", "#adb5bd"),
)
SKINS_AND_THINGS = ("#e0ac69", "#8d5524", "#f1c27d", "#c0c0c0", "#2b2d42", *COLOURS)
INKS = ("#ffe14d", "#ffffff", "#ff3b30", "#3bff8a")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the episodes of a series share."""

    ground: str
    colours: list[str]
    ink: str
    text_at: tuple[float, float]
    subject_at: tuple[float, float]
    same_ground: bool


def look_of(series: int) -> Look:
    chance = random.Random(f"series {series}")
    words_left = chance.random() < 0.5
    return Look(
        ground=GROUNDS[series % len(GROUNDS)],
        colours=chance.sample(COLOURS, 3),
        ink=chance.choice(INKS),
        text_at=(0.04 if words_left else 0.45, chance.choice((0.06, 0.38))),
        subject_at=(0.72 if words_left else 0.25, chance.uniform(0.5, 0.65)),
        same_ground=chance.random() < 0.5,
    )


def thumbnail(series: int, episode: int, size: Size = FULL) -> Image.Image:
    """Paint the thumbnail of one episode."""
    look = look_of(series)
    chance = random.Random(f"episode {series} {episode}")
    own = "all" if look.same_ground else episode
    image = ground(look, random.Random(f"ground {series} {own}"), size)
    put_subject(image, look, chance)
    put_words(image, look, chance)
    return image


def portrait(series: int, episode: int) -> Image.Image:
    """Paint a sharp subject on a ground that is out of focus, without words, in half size."""
    look = look_of(series)
    chance = random.Random(f"portrait {series} {episode}")
    image = blurred(ground(look, chance, HALF), chance.uniform(8, 16))
    put_subject(image, look, chance)
    return image


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """Blur a picture as a Gaussian of `radius` pixels would if it were 1280 wide."""
    return image.filter(ImageFilter.GaussianBlur(radius * image.width / FULL[0]))


def as_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


# The parts of a thumbnail


def ground(look: Look, chance: random.Random, size: Size) -> Image.Image:
    """Paint flat design, the texture of a photograph, or darkness."""
    dark, bright, third = look.colours
    match look.ground:
        case "gradient":
            return gradient(size, dark, bright)
        case "photo":
            return texture(size, chance, dark, bright)
        case "bokeh":
            return with_discs(gradient(size, dark, third), chance, bright)
        case "rays":
            return rays(size, chance, dark, bright)
        case "halves":
            image = Image.new("RGB", size, dark)
            image.paste(texture(size, chance, bright, third), (size[0] // 2, 0))
            return image
        case "dusk":
            return texture(size, chance, "#241c2c", "#5c4a58")
        case "night":
            sky = gradient(size, "#020308", "#161c38")
            return with_discs(sky, chance, bright, count=40, largest=9)
    return Image.new("RGB", size)


def gradient(size: Size, top: str, bottom: str) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def texture(size: Size, chance: random.Random, dark: str, bright: str) -> Image.Image:
    """Paint something with the spectrum of a photograph: rough shapes, details and grain."""
    rough = cloud(chance, 6, size)
    for cells, part in ((24, 0.4), (90, 0.3), (360, 0.25)):
        rough = Image.blend(rough, cloud(chance, cells, size), part)
    steep = rough.point([max(0, min(255, round(level * 2.6 - 205))) for level in range(256)])
    mask = ImageChops.overlay(steep, grain(chance, size))
    return Image.composite(Image.new("RGB", size, bright), Image.new("RGB", size, dark), mask)


def cloud(chance: random.Random, cells: int, size: Size) -> Image.Image:
    rows = max(2, cells * size[1] // size[0])
    noise = Image.frombytes("L", (cells, rows), chance.randbytes(cells * rows))
    return noise.resize(size, Image.Resampling.BICUBIC)


def grain(chance: random.Random, size: Size) -> Image.Image:
    sheet = sheet_of_grain()
    x, y = chance.randrange(sheet.width - size[0]), chance.randrange(sheet.height - size[1])
    return sheet.crop((x, y, x + size[0], y + size[1]))


@lru_cache
def sheet_of_grain() -> Image.Image:
    side = 2048
    noise = Image.frombytes("L", (side, side), random.Random(0).randbytes(side * side))
    return noise.point([108 + level * 40 // 255 for level in range(256)])


def with_discs(
    image: Image.Image, chance: random.Random, colour: str, *, count: int = 14, largest: int = 150
) -> Image.Image:
    """Lay half-transparent discs over a picture: lights out of focus, or stars."""
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(count):
        middle = chance.randrange(image.width), chance.randrange(image.height)
        radius = chance.uniform(0.2, 1) * largest * image.width / FULL[0]
        fill = (*ImageColor.getrgb(colour)[:3], chance.randrange(60, 200))
        draw.circle(middle, radius, fill=fill)
    return image


def rays(size: Size, chance: random.Random, dark: str, bright: str) -> Image.Image:
    image = Image.new("RGB", size, dark)
    draw = ImageDraw.Draw(image)
    x, y, far = size[0] / 2, size[1] * 0.55, size[0]
    turn = chance.randrange(30)
    for start in range(turn, turn + 360, 30):
        draw.pieslice((x - far, y - far, x + far, y + far), start, start + 15, fill=bright)
    return image


def put_subject(image: Image.Image, look: Look, chance: random.Random) -> None:
    """Put a person or a thing where the series has it, within a tenth of the sides."""
    x = image.width * (look.subject_at[0] + chance.uniform(-0.05, 0.05))
    y = image.height * (look.subject_at[1] + chance.uniform(-0.05, 0.05))
    far = image.height * chance.uniform(0.24, 0.34)
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    if chance.random() < 0.5:
        draw.ellipse((x - far / 2, y - far, x + far / 2, y + far * 0.2), fill=255)
        draw.ellipse((x - far, y + far * 0.15, x + far, y + far * 3), fill=255)
    else:
        turns = [2 * pi * (corner + chance.random() * 0.6) / 7 for corner in range(7)]
        reach = [far * chance.uniform(0.7, 1.5) for _ in turns]
        draw.polygon(
            [(x + r * cos(t), y + r * sin(t)) for r, t in zip(reach, turns, strict=True)], 255
        )
    box = mask.getbbox()
    assert box
    dark, bright = chance.sample(SKINS_AND_THINGS, 2)
    skin = texture((box[2] - box[0], box[3] - box[1]), chance, dark, bright)
    image.paste(skin, box, mask.crop(box))


def put_words(image: Image.Image, look: Look, chance: random.Random) -> None:
    """Write one to three short lines, with the outline that thumbnails have."""
    lines = [chance.choice(WORDS) for _ in range(chance.randint(1, 3))]
    at = (image.width * look.text_at[0], image.height * look.text_at[1])
    write(image, at, "\n".join(lines), ink=look.ink)


def write(
    image: Image.Image,
    at: tuple[float, float],
    text: str,
    *,
    ink: str,
    height: float = 0.18,
    anchor: str = "la",
) -> None:
    ImageDraw.Draw(image).multiline_text(
        at,
        text,
        font=ImageFont.load_default(size=round(image.height * height)),
        fill=ink,
        anchor=anchor,
        stroke_width=round(image.height * height / 13),
        stroke_fill="#111111",
    )


# The same picture once more


def copy_of(image: Image.Image, chance: random.Random) -> bytes:
    """Return a file: resized, encoded anew, perhaps lighter and cropped by 2 %."""
    if chance.random() < 0.5:
        image = ImageEnhance.Brightness(image).enhance(chance.uniform(0.85, 1.15))
    if chance.random() < 0.5:
        image = cropped(image, chance)
    scale, aspect = 2 ** chance.uniform(-2, 1), chance.uniform(0.97, 1.03)
    size = round(image.width * scale * aspect), round(image.height * scale)
    image = image.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    kind = chance.choice((*["JPEG"] * 6, "WEBP", "PNG"))
    image.save(file, kind, quality=chance.randint(40, 95), method=0, compress_level=1)
    if kind != "WEBP":
        return file.getvalue()
    # It is stored as a JPEG.
    with Image.open(file) as encoded:
        return as_jpeg(encoded.convert("RGB"), 92)


def cropped(image: Image.Image, chance: random.Random) -> Image.Image:
    """Take up to 2 % off each side of a picture, here or there."""
    across, down = image.width * 0.02 * chance.random(), image.height * 0.02 * chance.random()
    left, top = across * chance.random(), down * chance.random()
    right, bottom = image.width - across + left, image.height - down + top
    return image.crop((round(left), round(top), round(right), round(bottom)))


# Bars, and what may be taken for them


def with_bars(image: Image.Image, chance: random.Random, kind: str = "") -> tuple[Image.Image, Box]:
    """Return the picture shrunk into near-black, slightly noisy bars, and the box that it has."""
    width, height = image.size
    kind = kind or chance.choice(("letterbox", "pillarbox", "both"))
    across = 0 if kind == "letterbox" else round(width * chance.uniform(0.025, 0.34))
    down = 0 if kind == "pillarbox" else round(height * chance.uniform(0.025, 0.3))
    box = (across, down, width - across, height - down)
    level = chance.choice((0, 0, 0, 8, 16, 24))
    noise = grain(chance, image.size).point([max(0, level + (n - 128) // 5) for n in range(256)])
    framed = Image.merge("RGB", (noise, noise, noise))
    framed.paste(image.resize((box[2] - box[0], box[3] - box[1])), box)
    return framed, box


def tricks(chance: random.Random) -> dict[str, Image.Image]:
    """Paint pictures that have no bars although some of their edge is black."""
    width, height = HALF
    words = "\n".join(chance.sample(WORDS, 2))
    night = with_discs(Image.new("RGB", HALF), chance, "#ffffff", count=40, largest=6)

    title = Image.new("RGB", HALF)
    write(title, (width / 2, height / 2), words, ink="#ffffff", anchor="mm")

    planet = Image.new("RGB", HALF)
    ImageDraw.Draw(planet).circle((width / 2, height / 2), height * 0.4, fill="#c1440e")

    street = Image.new("RGB", HALF)
    street.paste(gradient((width, height // 3), "#fb923c", "#7c2d12"), (0, height - height // 3))

    skyline = night.copy()
    for x in range(0, width, 40):
        top = round(height * chance.uniform(0.4, 0.75))
        skyline.paste(chance.choice(COLOURS), (x, top, x + 40, height))

    vignette = Image.radial_gradient("L").resize(HALF).point(lambda level: max(0, 200 - level * 2))

    return {
        "a title on black": title,
        "a planet": planet,
        "a street at night": street,
        "a skyline": skyline,
        "a gradient from black": gradient(HALF, "#000000", chance.choice(COLOURS)),
        "a vignette": vignette.convert("RGB"),
        "a long lamp": lamp(),
        "text on a bar": subtitled(chance),
        "all black": Image.new("RGB", HALF),
    }


def lamp() -> Image.Image:
    """Paint a glow across the picture that fades to black above and below."""
    width, height = HALF
    glow = gradient((width, height // 2 - 20), "#000000", "#80786c")
    image = Image.new("RGB", HALF)
    image.paste(glow, (0, 20))
    image.paste(glow.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, height // 2))
    return image


def subtitled(chance: random.Random) -> Image.Image:
    """Paint a film with a word on its lower bar."""
    width, height = HALF
    film = thumbnail(len(GROUNDS) * chance.randrange(90), 0, HALF)
    image, box = with_bars(film, chance, "letterbox")
    below = (width / 2, (box[3] + height) / 2)
    write(image, below, chance.choice(WORDS), ink="#ffffff", height=0.08, anchor="mm")
    return image
