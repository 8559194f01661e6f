"""Bring the pixels of a picture into a form that can be encoded, without taking much memory.

Pillow takes four bytes for a pixel of any colour, and most of its operations make a second picture.
Nothing here knows files or forms.
"""

import ctypes
import io
from contextlib import suppress
from itertools import product

from PIL import Image, ImageCms

TILE = 1024
JPEG_MAX_SIDE = 65_500

# From malloc.h of glibc. Without a fixed threshold it keeps up to 180 MB of pictures that are gone.
M_MMAP_THRESHOLD = -3
MMAP_THRESHOLD = 2**20

with suppress(AttributeError, OSError):
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)


def plain(image: Image.Image, factor: int = 1) -> Image.Image:
    """Return the picture in eight bits as L, RGB or, where it lets something through, RGBA.

    Its sides are divided by about `factor`: a JPEG's, as far as that goes, in decoding it, and all
    others tile by tile. Whatever raises here does so because of the picture.
    """
    width = image.width
    image.draft(None, (max(1, width // factor), max(1, image.height // factor)))
    rest = factor * image.width // width
    return in_eight_bits(image) if rest <= 1 else _reduced(image, rest)


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture as L, RGB or RGBA: itself where it is that already."""
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


def opaque(pixels: Image.Image) -> Image.Image:
    """Return the picture laid on white."""
    if pixels.mode != "RGBA":
        return pixels
    paper = Image.new("RGB", pixels.size, "white")
    paper.paste(pixels, mask=pixels)
    paper.info = pixels.info
    return paper


def scaled(pixels: Image.Image, scale: float) -> Image.Image:
    """Return the picture with its sides multiplied by `scale`, or less where no JPEG holds it."""
    scale = min(scale, JPEG_MAX_SIDE / max(pixels.size))
    if scale == 1:
        return pixels
    width, height = (max(1, round(side * scale)) for side in pixels.size)
    return pixels.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def instead_of(old: Image.Image, new: Image.Image) -> Image.Image:
    """Return `new`, and free the memory of `old` at once: three pictures would be too many."""
    if new is not old:
        old.close()
    return new


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    grey = image.mode in ("1", "L") or image.mode.startswith("I")
    mode = "RGBA" if image.has_transparency_data else "L" if grey else "RGB"
    small = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    step = factor * max(1, TILE // factor)
    for left, top in product(range(0, image.width, step), range(0, image.height, step)):
        box = (left, top, min(left + step, image.width), min(top + step, image.height))
        tile = in_eight_bits(image.crop(box)).convert(mode).reduce(factor)
        small.paste(tile, (left // factor, top // factor))
    small.info = {"icc_profile": image.info.get("icc_profile")}
    return in_eight_bits(small)


def _without_ink(image: Image.Image) -> Image.Image:
    """Return a CMYK picture in sRGB, by its own profile where that can be used."""
    profile = io.BytesIO(image.info.get("icc_profile") or b"")
    converted = None
    with suppress(ImageCms.PyCMSError):
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    return converted or image.convert("RGB")
