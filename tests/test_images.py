"""What is accepted as a picture, what is sent of it, and what is refused in which words."""

import hashlib
import io
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile, ImageOps

from styles.images import (
    MESSAGES,
    Accepted,
    ImageProblem,
    accept,
    clean_name,
    judging,
    make_preview,
)
from styles.images.pixels import JPEG_MAX_SIDE
from styles.pikzels import rules

from .pictures import (
    blobs,
    decoded,
    encoded,
    far_apart,
    huge_png,
    ink_profile,
    noise,
    photo,
    same_pixels,
    segment,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that nobody else writes to."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def judged(data: bytes, directory: Path, *, name: str = "party.png", **options: int) -> Accepted:
    return accept(io.BytesIO(data), name=name, directory=directory, **options)


def problem_of(data: bytes, directory: Path, **options: int) -> ImageProblem:
    """Return the problem with `data`, having seen that nothing was stored."""
    with pytest.raises(ImageProblem) as caught:
        judged(data, directory, **options)
    assert list(directory.iterdir()) == []
    return caught.value


class TestWhatIsSent:
    def test_a_clean_picture_is_stored_as_it_came(self, folder):
        data = photo()
        picture = judged(data, folder)
        assert picture.path.read_bytes() == data
        assert (picture.width, picture.height, picture.size) == (1280, 720, len(data))
        assert picture.media_type == "image/jpeg"
        assert picture.note == ""

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_jpeg_and_png_keep_their_pixels(self, folder, kind):
        data = photo(320, 180, format=kind)
        picture = judged(data, folder)
        assert picture.media_type == f"image/{kind.lower()}"
        assert same_pixels(picture.path.read_bytes(), data)

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_webp_and_avif_become_jpeg(self, folder, kind):
        data = photo(320, 180, format=kind)
        picture = judged(data, folder)
        assert (picture.media_type, picture.note) == ("image/jpeg", "reencoded")
        assert far_apart(decoded(picture.path.read_bytes()), decoded(data)) < 3

    def test_the_bytes_decide_what_a_file_is_and_not_its_name(self, folder):
        picture = judged(photo(320, 180, format="PNG"), folder, name="party.jpg")
        assert (picture.media_type, picture.path.suffix) == ("image/png", ".png")
        assert picture.original_name == "party.jpg"

    def test_every_picture_sent_is_of_a_type_that_the_api_takes(self, folder):
        for kind in judging.FORMATS:
            picture = judged(photo(64, 36, format=kind), folder)
            assert picture.media_type in rules.IMAGE_TYPES

    def test_ink_becomes_light(self, folder):
        picture = judged(encoded(blobs(320, 180, mode="CMYK"), "JPEG"), folder)
        sent = decoded(picture.path.read_bytes())
        assert (sent.mode, picture.note) == ("RGB", "reencoded")
        assert far_apart(sent, blobs(320, 180)) < 5

    def test_ink_becomes_light_as_its_profile_says(self, folder):
        cyan_magenta_yellow = Image.new("CMYK", (32, 32), (255, 255, 255, 0))
        plain = encoded(cyan_magenta_yellow, "JPEG")
        told = encoded(cyan_magenta_yellow, "JPEG", icc_profile=ink_profile())
        sent = [decoded(judged(data, folder).path.read_bytes()) for data in (plain, told)]
        assert [image.getpixel((9, 9)) for image in sent] == [(0, 0, 0), (255, 255, 255)]

    def test_a_profile_for_ink_that_makes_no_sense_is_passed_over(self, folder):
        data = encoded(blobs(320, 180, mode="CMYK"), "JPEG", icc_profile=b"not a profile" * 20)
        sent = decoded(judged(data, folder).path.read_bytes())
        assert "icc_profile" not in sent.info
        assert far_apart(sent, blobs(320, 180)) < 5

    def test_sixteen_bits_of_grey_become_eight_without_burning_out(self, folder):
        ramp = Image.new("I;16", (256, 32))
        ramp.putdata([x * 257 for _ in range(32) for x in range(256)])
        picture = judged(encoded(ramp, "PNG"), folder)
        sent = decoded(picture.path.read_bytes())
        assert (sent.mode, picture.note) == ("L", "reencoded")
        assert abs(sent.getpixel((128, 16)) - 128) <= 2

    def test_a_palette_with_transparency_is_sent_as_it_is(self, folder):
        data = encoded(blobs(320, 180).quantize(64), "PNG", transparency=bytes(range(64)))
        picture = judged(data, folder)
        assert picture.note == ""
        assert same_pixels(picture.path.read_bytes(), data)
        assert decoded(picture.path.read_bytes()).info["transparency"] == bytes(range(64))

    def test_a_webp_that_lets_something_through_becomes_png(self, folder):
        image = blobs(320, 180, mode="RGBA")
        image.putalpha(100)
        picture = judged(encoded(image, "WEBP", lossless=True), folder)
        assert picture.media_type == "image/png"
        assert decoded(picture.path.read_bytes()).getchannel("A").getextrema() == (100, 100)

    def test_a_webp_that_is_too_large_as_png_becomes_jpeg(self, folder):
        image = noise(160, 90).convert("RGBA")
        image.putalpha(100)
        data = encoded(image, "WEBP", quality=50)
        picture = judged(data, folder, max_bytes=2 * len(data))
        assert (picture.media_type, picture.note) == ("image/jpeg", "reencoded")

    def test_transparency_that_does_not_fit_is_laid_on_white(self, folder):
        image = noise(400, 300).convert("RGBA")
        image.putalpha(0)
        picture = judged(encoded(image, "PNG"), folder, max_bytes=50_000)
        assert (picture.media_type, picture.note) == ("image/jpeg", "shrunk")
        assert decoded(picture.path.read_bytes()).getpixel((10, 10)) == (255, 255, 255)

    def test_the_first_picture_of_a_phones_file_is_taken(self, folder):
        file = io.BytesIO()
        first, second = blobs(320, 180, seed=1), blobs(320, 180, seed=2)
        first.save(file, "MPO", save_all=True, append_images=[second], quality=92)
        picture = judged(file.getvalue(), folder)
        sent = decoded(picture.path.read_bytes())
        assert (sent.format, picture.media_type, picture.note) == ("JPEG", "image/jpeg", "metadata")
        assert far_apart(sent, first) < 3
        assert far_apart(sent, second) > 20


class TestTurning:
    @pytest.mark.parametrize("orientation", range(2, 9))
    def test_a_turned_picture_is_set_upright(self, folder, orientation):
        data = photo(320, 180, exif_orientation=orientation)
        picture = judged(data, folder)
        sent, upright = decoded(picture.path.read_bytes()), ImageOps.exif_transpose(decoded(data))
        assert (sent.size, picture.note) == (upright.size, "upright")
        assert (picture.width, picture.height) == upright.size
        assert far_apart(sent, upright) < 3
        assert sent.getexif() == {}

    def test_an_upright_picture_keeps_its_pixels_and_loses_the_word_about_it(self, folder):
        data = photo(320, 180, exif_orientation=1)
        picture = judged(data, folder)
        assert picture.note == "metadata"
        assert same_pixels(picture.path.read_bytes(), data)

    def test_a_turned_palette_keeps_what_it_lets_through(self, folder):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        image = blobs(320, 180).quantize(64)
        picture = judged(encoded(image, "PNG", transparency=bytes(64), exif=exif), folder)
        sent = decoded(picture.path.read_bytes())
        assert (picture.media_type, sent.size) == ("image/png", (180, 320))
        assert sent.getchannel("A").getextrema() == (0, 0)

    @pytest.mark.parametrize(("mode", "sent_as"), [("1", "L"), ("L", "L"), ("P", "RGB")])
    def test_a_turned_picture_of_few_colours_becomes_jpeg(self, folder, mode, sent_as):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        picture = judged(encoded(blobs(320, 180, mode=mode), "PNG", exif=exif), folder)
        sent = decoded(picture.path.read_bytes())
        assert (picture.media_type, sent.mode, sent.size) == ("image/jpeg", sent_as, (180, 320))


class TestTheLimit:
    def test_a_picture_over_the_limit_is_brought_under_it(self, folder):
        data = photo(2400, 1600, size_bytes=8_500_000)
        assert len(data) > rules.IMAGE_MAX_BYTES
        picture = judged(data, folder)
        assert picture.size <= rules.IMAGE_MAX_BYTES
        assert (picture.width, picture.height, picture.note) == (2400, 1600, "shrunk")

    def test_where_quality_is_not_enough_the_sides_shrink_alike(self, folder):
        picture = judged(photo(800, 400, size_bytes=500_000), folder, max_bytes=60_000)
        assert picture.size <= 60_000
        assert picture.width < 800
        assert picture.width == pytest.approx(2 * picture.height, abs=2)

    def test_what_only_metadata_makes_too_large_keeps_its_pixels(self, folder):
        data = photo(320, 180)
        heavy = data[:2] + segment(0xFE, bytes(60_000)) + data[2:]
        picture = judged(heavy, folder, max_bytes=len(data))
        assert (picture.path.read_bytes(), picture.note) == (data, "metadata")

    def test_a_picture_longer_than_any_jpeg_is_scaled_to_fit_one(self, folder):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 3
        picture = judged(encoded(blobs(70_000, 20), "PNG", exif=exif), folder)
        assert (picture.media_type, picture.width) == ("image/jpeg", JPEG_MAX_SIDE)

    def test_a_limit_that_nothing_fits_is_a_problem(self, folder):
        assert problem_of(photo(320, 180), folder, max_bytes=100).code == "cannot_shrink"


class TestWhatIsRefused:
    def test_an_empty_file(self, folder):
        assert problem_of(b"", folder).code == "empty"

    def test_a_file_over_25_megabytes(self, folder):
        problem = problem_of(bytes(25_000_001), folder)
        assert problem.code == "too_large"
        assert problem.message == "“party.png” is larger than 25 MB. Choose a smaller picture."

    def test_one_pixel(self, folder):
        assert problem_of(encoded(Image.new("RGB", (1, 1)), "PNG"), folder).code == "too_small"

    def test_a_text(self, folder):
        problem = problem_of(b"Dear diary, today I made a thumbnail.", folder)
        assert problem.code == "not_an_image"
        assert "JPEG, PNG, WebP or AVIF" in problem.message

    @pytest.mark.parametrize(
        ("start", "kind"),
        [
            (b"GIF89a", "GIF"),
            (b"\0\0\0\x18ftypheic", "HEIC"),
            (b"%PDF-1.7", "PDF"),
            (b"<svg", "SVG"),
        ],
    )
    def test_a_kind_that_is_not_taken_is_called_by_its_name(self, folder, start, kind):
        problem = problem_of(start + bytes(100), folder)
        assert problem.code == "format"
        assert f"“party.png” is in {kind} format." in problem.message

    def test_avif_is_not_promised_where_it_cannot_be_read(self, folder, monkeypatch):
        monkeypatch.setattr(judging, "FORMATS", ("JPEG", "PNG", "WEBP"))
        problem = problem_of(photo(64, 36, format="AVIF"), folder)
        assert "is in AVIF format. Choose a JPEG, PNG or WebP file." in problem.message

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
    def test_a_file_that_stops_early(self, folder, kind, part):
        data = photo(320, 180, format=kind)
        assert problem_of(data[: int(len(data) * part)], folder).code == "truncated"

    def test_an_avif_that_stops_early(self, folder):
        data = photo(320, 180, format="AVIF")
        assert problem_of(data[: len(data) // 2], folder).code == "unreadable"

    def test_a_jpeg_whose_picture_is_missing_between_its_head_and_its_end(self, folder):
        data = photo(320, 180)
        scan = data.index(b"\xff\xda")
        assert problem_of(data[:scan] + b"\xff\xd9", folder).code == "unreadable"

    def test_a_png_whose_picture_does_not_match_its_checksum(self, folder):
        data = bytearray(photo(320, 180, format="PNG"))
        data[data.index(b"IEND") - 5] ^= 1
        assert problem_of(bytes(data), folder).code == "unreadable"

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
    def test_a_picture_that_moves(self, folder, kind):
        frames = [blobs(64, 36, seed=seed) for seed in range(3)]
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert problem_of(data, folder).code == "animated"

    @pytest.mark.parametrize("side", [13_000, 20_000])
    def test_a_bomb_is_refused_by_its_header_and_never_decoded(self, folder, monkeypatch, side):
        data = huge_png(side)
        assert len(data) < 60_000
        monkeypatch.delattr(ImageFile.ImageFile, "load")
        problem = problem_of(data, folder)
        assert problem.code == "too_many_pixels"
        assert "more than 50 megapixels" in problem.message

    def test_a_webp_is_allowed_fewer_pixels_for_it_takes_more_memory(self, folder):
        data = encoded(Image.new("L", (4100, 4000)), "WEBP", method=0)
        assert "more than 16 megapixels" in problem_of(data, folder).message

    def test_every_message_names_the_file_and_blames_nobody(self):
        facts = {"limit": 40, "kind": "GIF"}
        for code in MESSAGES:
            message = ImageProblem(code, "party.png", **facts).message
            assert "“party.png”" in message
            assert not {"invalid", "please", "oops", "sorry"} & set(message.lower().split())

    @given(st.data())
    @settings(max_examples=150, deadline=None)
    def test_whatever_the_bytes_they_are_a_picture_or_a_problem(self, data):
        with tempfile.TemporaryDirectory() as directory:
            try:
                picture = judged(data.draw(damaged_files(("JPEG", "PNG"))), Path(directory))
            except ImageProblem:
                return
            assert decoded(picture.path.read_bytes()).size == (picture.width, picture.height)

    @given(st.data())
    @settings(max_examples=15, deadline=None)
    def test_nor_does_anything_else_come_of_webp_and_avif(self, data):
        with tempfile.TemporaryDirectory() as directory, suppress(ImageProblem):
            picture = judged(data.draw(damaged_files(("WEBP", "AVIF"))), Path(directory))
            assert decoded(picture.path.read_bytes()).size == (picture.width, picture.height)

    def test_pillows_warnings_stay_inside(self, folder):
        body = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\5\0\x01\0\0\0\xff\xff\0\0"
        data = photo(320, 180)
        odd = data[:2] + segment(0xE1, body) + data[2:]
        with pytest.warns(UserWarning, match="Truncated"):
            decoded(odd).getexif()
        assert judged(odd, folder).path.read_bytes() == data


@st.composite
def damaged_files(draw: st.DrawFn, kinds: tuple[str, ...]) -> bytes:
    """Files of these kinds in which up to four places were overwritten, cut out or stuffed."""
    kind, turn = draw(st.sampled_from(kinds)), draw(st.sampled_from([None, 6]))
    data = bytearray(photo(32, 18, format=kind, exif_orientation=turn))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data)


class TestStoring:
    def test_the_file_is_private_and_its_name_gives_nothing_away(self, folder):
        first = judged(photo(64, 36), folder, name="Alice.jpg")
        second = judged(photo(64, 36), folder, name="Alice.jpg")
        assert first.path != second.path
        assert first.path.parent == folder
        assert "Alice" not in first.path.name
        assert stat.S_IMODE(first.path.stat().st_mode) == 0o600

    def test_the_checksum_is_that_of_the_file_to_send(self, folder):
        picture = judged(photo(64, 36, format="WEBP"), folder)
        assert picture.sha256 == hashlib.sha256(picture.path.read_bytes()).hexdigest()

    def test_a_full_disk_is_not_the_pictures_fault_and_leaves_nothing(self, folder, monkeypatch):
        def full(descriptor: int, mode: str) -> IO[bytes]:
            os.close(descriptor)
            return Path("/dev/full").open(mode)

        monkeypatch.setattr(os, "fdopen", full)
        with pytest.raises(OSError, match="No space left"):
            judged(photo(64, 36), folder)
        assert list(folder.iterdir()) == []

    def test_a_file_that_is_gone_is_not_the_pictures_fault(self, folder):
        with pytest.raises(FileNotFoundError):
            accept(folder / "gone", name="party.png", directory=folder)

    def test_a_path_an_upload_in_memory_and_one_on_disk_are_all_taken(self, folder):
        data = photo(64, 36)
        on_disk = TemporaryUploadedFile("party.jpg", "text/html", len(data), None)
        on_disk.write(data)
        on_disk.flush()
        in_memory = SimpleUploadedFile("party.jpg", data)
        in_memory.seek(100)
        for source in (on_disk, in_memory, Path(on_disk.temporary_file_path())):
            picture = accept(source, name="party.jpg", directory=folder)
            assert picture.path.read_bytes() == data

    def test_one_picture_is_decoded_at_a_time(self, folder, monkeypatch):
        sendable = judging._sendable

        def watched(*arguments: object) -> object:
            assert judging.decoding.locked()
            return sendable(*arguments)

        monkeypatch.setattr(judging, "_sendable", watched)
        judged(photo(64, 36), folder)
        assert not judging.decoding.locked()


class TestPreview:
    def test_it_fits_its_box_and_keeps_its_shape(self, folder):
        (folder / "photo").write_bytes(photo(1920, 1440))
        make_preview(folder / "photo", folder / "small.jpg")
        small = decoded((folder / "small.jpg").read_bytes())
        assert (small.format, small.size) == ("JPEG", (480, 360))
        assert far_apart(small, blobs(480, 360)) < 5

    def test_it_is_upright(self, folder):
        (folder / "photo").write_bytes(photo(1920, 1080, exif_orientation=6))
        make_preview(folder / "photo", folder / "small.jpg", size=(100, 100))
        small = decoded((folder / "small.jpg").read_bytes())
        upright = blobs(1920, 1080).transpose(Image.Transpose.ROTATE_270).resize(small.size)
        assert small.size == (56, 100)
        assert far_apart(small, upright) < 10
        assert far_apart(small, upright.rotate(180)) > 20

    def test_what_shines_through_is_white(self, folder):
        (folder / "photo").write_bytes(encoded(Image.new("RGBA", (64, 36)), "PNG"))
        make_preview(folder / "photo", folder / "small.jpg")
        assert decoded((folder / "small.jpg").read_bytes()).getpixel((9, 9)) == (255, 255, 255)

    def test_it_replaces_the_one_before_and_leaves_nothing_beside_it(self, folder):
        (folder / "photo").write_bytes(photo(64, 36, format="WEBP"))
        (folder / "small.jpg").write_bytes(b"old")
        make_preview(folder / "photo", folder / "small.jpg")
        assert decoded((folder / "small.jpg").read_bytes()).size == (64, 36)
        assert {path.name for path in folder.iterdir()} == {"photo", "small.jpg"}

    def test_the_one_before_stays_where_there_can_be_no_new_one(self, folder):
        (folder / "photo").write_bytes(b"no picture")
        (folder / "small.jpg").write_bytes(b"old")
        with pytest.raises(ImageProblem):
            make_preview(folder / "photo", folder / "small.jpg")
        assert (folder / "small.jpg").read_bytes() == b"old"


class TestNames:
    @pytest.mark.parametrize(
        ("given_name", "shown"),
        [
            ("party.png", "party.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\Bob\\party.png", "party.png"),
            ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
            ("par\u202egnp.exe", "pargnp.exe"),
            ("par\0ty\r\n.png", "party .png"),
            ("  my   party.png ", "my party.png"),
            ("fe\u0301te.png", "f\u00e9te.png"),
            ("par\ud800ty.png", "party.png"),
            ("..", "picture"),
            ("folder/", "picture"),
            ("", "picture"),
        ],
        ids=ascii,
    )
    def test_a_name_is_shown_without_what_could_mislead(self, given_name, shown):
        assert clean_name(given_name) == shown

    def test_a_long_name_is_cut_before_its_ending(self):
        assert clean_name("a" * 300 + ".jpeg") == "a" * 95 + ".jpeg"

    def test_a_long_name_without_an_ending_is_cut_at_its_end(self):
        assert clean_name("a" * 300) == "a" * 100
        assert clean_name("a." + "b" * 300) == "a." + "b" * 98

    @given(st.text())
    def test_no_name_becomes_a_path_or_empty(self, name):
        shown = clean_name(name)
        assert 0 < len(shown) <= 100
        assert shown == Path(shown).name
        assert shown.isprintable()
