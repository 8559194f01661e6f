"""What of a picture's file is sent, and what of it nobody gets to see."""

import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageCms

from styles.images import Accepted, accept
from styles.images.metadata import DamagedError, TruncatedError, bare_jpeg, bare_png

from .pictures import blobs, chunk, decoded, encoded, noise, photo, same_pixels, segment

SCRIPT = b"<script>alert(1)</script>"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def judged(data: bytes, directory: Path) -> Accepted:
    return accept(io.BytesIO(data), name="party.png", directory=directory)


def exif_with_place() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Alice's camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 51.0, 30.0)
    return exif


def test_the_place_where_a_photo_was_taken_is_not_sent(tmp_path):
    data = encoded(blobs(320, 180), "JPEG", exif=exif_with_place(), comment=b"at home")
    assert b"Alice" in data
    picture = judged(data, tmp_path)
    sent = picture.path.read_bytes()
    assert b"Alice" not in sent
    assert b"at home" not in sent
    assert decoded(sent).getexif() == {}
    assert same_pixels(sent, data)
    assert picture.note == "metadata"


def test_nor_is_it_with_a_picture_that_was_encoded_again(tmp_path):
    for kind in ("WEBP", "AVIF"):
        data = encoded(blobs(320, 180), kind, exif=exif_with_place())
        sent = judged(data, tmp_path).path.read_bytes()
        assert b"Alice" in data
        assert b"Alice" not in sent


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_script_behind_the_end_is_cut_off(tmp_path, kind):
    data = photo(320, 180, format=kind)
    picture = judged(data + SCRIPT, tmp_path)
    assert (picture.path.read_bytes(), picture.note) == (data, "metadata")


def test_a_script_between_the_parts_of_a_png_is_taken_out(tmp_path):
    data = photo(320, 180, format="PNG")
    kinds = [(b"tEXt", b"Comment\0" + SCRIPT), (b"eXIf", SCRIPT), (b"prVt", SCRIPT)]
    extra = b"".join(chunk(kind, body) for kind, body in kinds)
    assert judged(data[:33] + extra + data[33:], tmp_path).path.read_bytes() == data


def test_what_decides_about_a_pngs_colours_stays():
    data = photo(320, 180, format="PNG")
    colours = [(b"gAMA", bytes(4)), (b"cHRM", bytes(32)), (b"cICP", bytes(4)), (b"sRGB", b"\0")]
    for kind, body in colours:
        told = data[:33] + chunk(kind, body) + data[33:]
        assert bare_png(told) == told


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_colour_profile_stays(tmp_path, kind):
    data = encoded(blobs(320, 180), kind, icc_profile=SRGB)
    sent = judged(data, tmp_path).path.read_bytes()
    assert decoded(sent).info["icc_profile"] == SRGB


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_the_colour_profile_goes_along_into_the_new_file(tmp_path, kind):
    data = encoded(blobs(320, 180), kind, icc_profile=SRGB)
    sent = judged(data, tmp_path).path.read_bytes()
    assert decoded(sent).info["icc_profile"] == SRGB


@pytest.mark.parametrize(
    "options",
    [{"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}, {"keep_rgb": True}],
    ids=str,
)
def test_every_common_coding_of_a_jpeg_keeps_its_pixels(options):
    data = encoded(noise(160, 90), "JPEG", exif=exif_with_place(), **options)
    assert len(bare_jpeg(data)) < len(data)
    assert same_pixels(bare_jpeg(data), data)


def test_an_interlaced_png_in_one_bit_keeps_its_pixels():
    data = encoded(blobs(160, 90, mode="1"), "PNG")
    assert same_pixels(bare_png(data + SCRIPT), data)


def test_a_png_that_does_not_begin_with_its_header_is_damaged():
    data = photo(320, 180, format="PNG")
    with pytest.raises(DamagedError, match="IHDR"):
        bare_png(data[:8] + chunk(b"gAMA", bytes(4)) + data[8:])


def test_a_png_without_its_last_part_is_truncated():
    with pytest.raises(TruncatedError):
        bare_png(photo(320, 180, format="PNG")[:-12])


def test_the_small_picture_in_a_jfif_header_goes():
    data = photo(320, 180)
    plain = segment(0xE0, data[6:20])
    with_small = segment(0xE0, data[6:18] + b"\1\1" + b"abc")
    assert data[2:20] == plain
    assert bare_jpeg(data[:2] + with_small + data[20:]) == data


def test_padding_and_rubbish_between_the_parts_of_a_jpeg_do_no_harm():
    data = photo(320, 180)
    assert bare_jpeg(data[:2] + b"\xff\xff\xff" + data[2:]) == data
    assert bare_jpeg(data[:20] + b"rubbish" + data[20:]) == data


@pytest.mark.parametrize(
    "part",
    [b"\xff\x02", segment(0xC9, bytes(15)), b"\xff\xe5\0\1"],
    ids=lambda part: part.hex(),
)
def test_a_jpeg_with_parts_that_no_browser_knows_is_damaged(part):
    data = photo(320, 180)
    with pytest.raises(DamagedError):
        bare_jpeg(data[:20] + part + data[20:])
