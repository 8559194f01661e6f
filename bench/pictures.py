"""Pictures as cameras make them, for whatever here is about pictures."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import ExifTags, Image, ImageChops

from tests.labelled import HALF, sheet_of_grain, thumbnail

TWELVE_MEGAPIXELS = (4000, 3000)
THUMBNAIL_BYTES = 20_000


@lru_cache
def paint(number: int) -> Image.Image:
    """Return a picture with the grain of a camera, so that it is megabytes of file, too."""
    image = thumbnail(number, 0, HALF).resize(TWELVE_MEGAPIXELS, Image.Resampling.BICUBIC)
    grain = sheet_of_grain().resize(TWELVE_MEGAPIXELS).convert("RGB")
    return ImageChops.add(image, grain, offset=-128)


def camera_jpeg(number: int, quality: int = 92) -> bytes:
    """Return 12 megapixels in 4 MB, or in 5 MB with 95, and what a camera says of them."""
    return _encoded(number, "JPEG", quality=quality, exif=_exif(), comment=b"at home")


def camera_png(number: int) -> bytes:
    return _encoded(number, "PNG", compress_level=1, exif=_exif())


def _encoded(number: int, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    paint(number).save(file, kind, **options)
    return file.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = bytes(THUMBNAIL_BYTES)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 51.0, 30.0)
    return exif
