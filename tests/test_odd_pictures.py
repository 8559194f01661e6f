"""The pictures that Pillow is tested with: each ends as one to send, or as a problem in words.

A selection is always tried, and with TORTURE=1 all of them.
"""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from styles.images import MESSAGES, MIN_SIDE, Accepted, ImageProblem, accept, make_preview
from styles.images.metadata import bare_jpeg, bare_png
from styles.models import Style
from styles.pikzels import rules
from teams.models import Team, User

from . import odd_pictures
from .conftest import browser_of, upload
from .pictures import decoded, far_apart

# By what becomes of them: a note of Accepted, or a code of ImageProblem.
SELECTION = {
    "": """
        hopper_16bit_qtables.jpg icc_profile_big.jpg l_trns.png rgb_trns.png p_trns_single.png
        pil123rgba.png p_16.png icc_profile.png courB08.pbm
    """,
    "metadata": """
        flower.jpg hopper_gray.jpg rgb.jpg app13-multiple.jpg broken_exif_dpi.jpg iptc.jpg
        hopper_bad_exif.jpg invalid-exif.jpg exif_gps_typeerror.jpg truncated_app14.jpg
        truncated_exif_dpi.jpg jpeg_ff00_header.jpg junk_jpeg_header.jpg xmp_test.jpg
        photoshop-200dpi-broken.jpg frozenpond.mpo sugarshack_bad_mpo_header.jpg
        sugarshack_no_data.mpo hopper_bw_500.png hopper_idat_after_image_end.png exif_text.png
        itxt_chunks.png test-card.png apng/single_frame.png apng/chunk_actl_after_idat.png
    """,
    "upright": """
        hopper_orientation_2.jpg hopper_orientation_5.jpg hopper_orientation_6.jpg
        hopper_orientation_7.jpg hopper_orientation_6.webp avif/rot3mir1.avif
    """,
    "reencoded": """
        pil_sample_cmyk.jpg i_trns.png flower.webp transparent.webp avif/hopper-missing-pixi.avif
        avif/icc_profile.avif avif/transparency.avif
    """,
    "truncated": "truncated_jpeg.jpg ultrahdr.jpg truncated_image.png truncated_end_chunk.png",
    "unreadable": """
        broken.png broken_data_stream.png unknown_compression_method.png
        apng/syntax_num_frames_zero.png
    """,
    "too_small": "exif_gps.jpg icc-after-SOF.jpg png_decompression_dos.png tRNS_null_1x1.png",
    "animated": "apng/delay.png apng/mode_16bit.png iss634.webp avif/star.avifs",
    "format": """
        avif/hopper.heif hopper.gif decompression_bomb.gif hopper.psd hopper.tif
        duplicate_xref_entry.pdf
    """,
    "not_an_image": """
        pngtest_bad.png.bin hopper.bmp decompression_bomb.ico eps/1.eps hopper.ppm balloon.jpf
        test-ole-file.doc crash-754d9c7ec485ffb76a90eeaab191ef69a2a3a3cd.sgi dummy.container
    """,
}
OUTCOMES = {name: outcome for outcome, names in SELECTION.items() for name in names.split()}
# What Pillow says of a file that says nothing of itself.
TECHNICAL = {
    "adobe", "adobe_transform", "chromaticity", "dpi", "gamma", "icc_profile", "interlace", "jfif",
    "jfif_density", "jfif_unit", "jfif_version", "progression", "progressive", "srgb",
    "transparency",
}  # fmt: skip


def pictures(names: set[str] | None = None) -> Iterator[tuple[str, bytes]]:
    try:
        yield from odd_pictures.read(names)
    except odd_pictures.OutOfReachError as error:
        pytest.skip(f"Pillow's own pictures could not be fetched: {error}")


@pytest.fixture(scope="module")
def selected() -> dict[str, bytes]:
    return dict(pictures(set(OUTCOMES)))


def outcome(name: str, data: bytes, folder: Path) -> str:
    """Judge a picture, and look closely at what comes of it; return the note or the code."""
    try:
        picture = accept(io.BytesIO(data), name=name, directory=folder)
    except ImageProblem as problem:
        assert f"“{name.rpartition('/')[2]}”" in problem.message
        assert problem.code in MESSAGES
        return problem.code
    assert_can_be_sent(picture)
    make_preview(picture.path, folder / "small.jpg")
    return picture.note


def assert_can_be_sent(picture: Accepted) -> None:
    """See that it is a JPEG or PNG of one picture, and that there is nothing else in it."""
    content = picture.path.read_bytes()
    image = decoded(content)
    assert image.get_format_mimetype() == picture.media_type in rules.IMAGE_TYPES
    assert image.size == (picture.width, picture.height)
    assert min(image.size) >= MIN_SIDE
    assert len(content) == picture.size <= rules.IMAGE_MAX_BYTES
    assert hashlib.sha256(content).hexdigest() == picture.sha256
    assert set(image.info) <= TECHNICAL
    assert image.getexif() == {}
    bare = bare_jpeg if image.format == "JPEG" else bare_png
    assert bare(content) == content


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_odd_picture_is_judged(name: str, selected: dict[str, bytes], tmp_path: Path) -> None:
    assert outcome(name, selected[name], tmp_path) == OUTCOMES[name]


@pytest.mark.parametrize("name", SELECTION["upright"].split())
def test_an_odd_picture_is_turned_upright(
    name: str, selected: dict[str, bytes], tmp_path: Path
) -> None:
    data = selected[name]
    picture = accept(io.BytesIO(data), name=name, directory=tmp_path)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert far_apart(decoded(picture.path.read_bytes()), upright) < 4


def test_no_odd_picture_is_a_fault_of_the_form(
    alice: User, team: Team, selected: dict[str, bytes]
) -> None:
    browser, names = browser_of(alice), iter(OUTCOMES)
    while three := {f"image_{n}": name for n, name in zip((1, 2, 3), names, strict=False)}:
        files = {slot: upload(name=name, content=selected[name]) for slot, name in three.items()}
        data = {"team": team.pk, "token": str(uuid.uuid4()), "name": "Odd", **files}
        answer = browser.post("/styles/new/", data)
        assert answer.status_code in {302, 422}
        refused = {name for name in three.values() if OUTCOMES[name] in MESSAGES}
        page = answer.content.decode()
        assert all(escape(f"“{name.rpartition('/')[2]}”") in page for name in refused)
        style = Style.objects.get(form_token=data["token"])
        assert style.images.count() == len(three) - len(refused)


@pytest.mark.skipif(not os.environ.get("TORTURE"), reason="all thousand of them: with TORTURE=1")
def test_every_odd_picture_is_judged(tmp_path: Path) -> None:
    outcomes = {name: outcome(name, data, tmp_path) for name, data in pictures()}
    assert len(outcomes) > 1000
    assert set(outcomes.values()) == set(SELECTION)
