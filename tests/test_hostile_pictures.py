"""Pictures made to hurt: nothing of what they carry is stored, and none takes long or much."""

from __future__ import annotations

import io
import struct
import sys
import uuid
import zipfile
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from PIL import Image

from styles.images import ImageProblem, accept, confined, metadata
from styles.models import Style
from teams.models import Team, User

from .conftest import browser_of
from .pictures import chunk, encoded, noise, photo, segment
from .vast_pictures import vast_jpeg

HTML = b"<script>alert(1)</script>"
PHP = b"<?php system($_GET['c']); ?>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that nobody else writes to."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("Main.class", HTML)
    return file.getvalue()


def stored(data: bytes, folder: Path) -> bytes:
    """Return what is stored of a picture that is accepted."""
    picture = accept(io.BytesIO(data), name="party.jpg", directory=folder)
    return picture.path.read_bytes()


def code_of(data: bytes, folder: Path) -> str:
    """Return the problem with a picture that is not."""
    with pytest.raises(ImageProblem, match=r"“party\.jpg”") as caught:
        accept(io.BytesIO(data), name="party.jpg", directory=folder)
    assert list(folder.iterdir()) == []
    return caught.value.code


class TestCarriers:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("load", [HTML, PHP, archive()], ids=["HTML", "PHP", "ZIP"])
    def test_what_follows_the_end_is_gone(self, folder: Path, kind: str, load: bytes) -> None:
        kept = stored(photo(64, 36, format=kind) + load, folder)
        assert load not in kept
        assert not zipfile.is_zipfile(io.BytesIO(kept))

    @pytest.mark.parametrize("code", [0xFE, 0xE1, 0xE0, 0xED, 0xEF])
    def test_what_stands_in_a_comment_of_a_jpeg_is_gone(self, folder: Path, code: int) -> None:
        data = photo(64, 36)
        kept = stored(data[:2] + segment(code, b"*/" + HTML) + data[2:], folder)
        assert kept == data

    def test_a_page_that_begins_as_a_jpeg_is_none_any_more(self, folder: Path) -> None:
        data = photo(64, 36)
        hidden = b"--><html>" + HTML + b"</html><!--"
        kept = stored(data[:20] + hidden + data[20:] + hidden, folder)
        assert b"<" not in kept[:200]
        assert HTML not in kept

    def test_the_last_part_of_a_png_carries_nothing(self, folder: Path) -> None:
        data = photo(64, 36, format="PNG")
        assert stored(data[:-12] + chunk(b"IEND", HTML), folder) == data

    def test_an_archive_that_begins_as_a_gif_is_refused(self, folder: Path) -> None:
        gif = encoded(Image.new("P", (64, 36)), "GIF")
        assert code_of(gif + archive(), folder) == "format"

    def test_a_gif_that_moves_is_refused(self, folder: Path) -> None:
        frames = [Image.new("L", (64, 36), level) for level in (0, 255)]
        gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert code_of(gif, folder) == "format"


class TestTimeAndMemory:
    """Each of these took seconds, or hundreds of megabytes, until it was told by its parts."""

    def test_a_jpeg_of_countless_segments(self, folder: Path) -> None:
        data = photo(64, 36)
        many = segment(0xFE, b"") * (metadata.MAX_PARTS + 1)
        assert code_of(data[:2] + many + data[2:], folder) == "unreadable"

    @pytest.mark.parametrize("kind", [b"tEXt", b"IDAT"])
    def test_a_png_of_countless_chunks(self, folder: Path, kind: bytes) -> None:
        data = photo(64, 36, format="PNG")
        many = chunk(kind, b"") * (metadata.MAX_PARTS + 1)
        assert code_of(data[:33] + many + data[33:], folder) == "unreadable"

    def test_a_jpeg_of_countless_scans(self, folder: Path) -> None:
        few = vast_jpeg(64, 32, progressive=True, scans=metadata.MAX_SCANS, turned=False)
        many = vast_jpeg(64, 32, progressive=True, scans=metadata.MAX_SCANS + 1, turned=False)
        assert code_of(many, folder) == "unreadable"
        assert stored(few, folder) == few

    def test_a_jpeg_of_two_sizes(self, folder: Path) -> None:
        data = photo(64, 36)
        frame = data.index(b"\xff\xc0")
        huge = segment(0xC0, struct.pack(">BHH", 8, 60_000, 60_000) + data[frame + 9 : frame + 19])
        assert code_of(data[:frame] + huge + data[frame:], folder) == "too_many_pixels"
        after = frame + 19
        assert code_of(data[:after] + huge + data[after:], folder) == "unreadable"

    @pytest.mark.parametrize(
        "frame",
        [
            b"\x08\0\x24\0\x40\x03\x01\0\0\x02\0\x01\x03\0\x01",
            b"\x08\0\x24\0\x40\x03\x01\x11\0\x02\x11\x01\x03\x01\x01",
            b"\x08\0\x24\0\x40\x03\x01\x51\0\x02\x11\x01\x03\x11\x01",
            b"\x08\0\x24\0\x40\x03\x01\x11\0\x02\x11\x01\x03\x11",
            b"\x08\0\x24\0\x40\0",
            b"\x08\0\x24\0\x40",
            b"\x08\0",
            b"",
        ],
        ids=[
            "sampled 0 times",
            "one of them",
            "5 times",
            "cut",
            "none",
            "no number",
            "no size",
            "nothing",
        ],
    )
    @pytest.mark.parametrize("code", [0xC0, 0xC2], ids=["baseline", "progressive"])
    def test_a_jpeg_of_components_that_cannot_be(
        self, folder: Path, frame: bytes, code: int
    ) -> None:
        data = photo(64, 36)
        at = data.index(b"\xff\xc0")
        assert code_of(data[:at] + segment(code, frame) + data[at + 19 :], folder) == "unreadable"

    def test_a_png_of_two_sizes(self, folder: Path) -> None:
        data = photo(64, 36, format="PNG")
        huge = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
        assert code_of(data[:33] + huge + data[33:], folder) == "unreadable"

    def test_exif_in_which_everything_is_everywhere(self, folder: Path) -> None:
        entries = b"".join(struct.pack("<HHLL", tag, 7, 60_000, 0) for tag in range(5000))
        exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 5000) + entries
        data = photo(64, 36)
        assert stored(data[:2] + segment(0xE1, b"Exif\0\0" + exif) + data[2:], folder) == data

    def test_a_webp_that_is_vast_by_its_header(self, folder: Path) -> None:
        canvas = struct.pack("<L", 12_999)[:3]
        parts = b"VP8X" + struct.pack("<LL", 10, 0) + canvas * 2
        parts += encoded(noise(16, 16), "WEBP", lossless=True)[12:]
        data = b"RIFF" + struct.pack("<L", len(parts) + 4) + b"WEBP" + parts
        assert code_of(data, folder) == "too_many_pixels"

    def test_an_avif_that_is_vaster_than_it_says(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = encoded(Image.new("RGB", (3000, 3000)), "AVIF", speed=10, subsampling="4:4:4")
        size = data.index(b"ispe") + 8
        lying = data[:size] + struct.pack(">II", 64, 64) + data[size + 8 :]
        monkeypatch.setattr(confined, "MEMORY_BYTES", 40_000_000)
        assert code_of(lying, folder) == "unreadable"


class TestConfinement:
    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_little_memory_is_enough_for_a_small_picture(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setattr(confined, "MEMORY_BYTES", 40_000_000)
        assert stored(photo(64, 36, format=kind), folder)

    def test_a_picture_that_takes_for_ever_is_given_up(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confined, "WALL_SECONDS", 0)
        assert code_of(photo(64, 36, format="WEBP"), folder) == "unreadable"

    def test_where_there_can_be_no_process_it_is_not_the_pictures_fault(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", str(folder / "python"))
        with pytest.raises(FileNotFoundError):
            stored(photo(64, 36, format="WEBP"), folder)


def post(user: User, team: Team, *parts: tuple[str, bytes]) -> HttpResponse:
    """Send the form of a new style with these parts, as they are: what to call them, and bytes."""
    plain = {"team": str(team.pk), "token": str(uuid.uuid4()), "name": "Mars diary"}
    named = [(f'name="{name}"', value.encode()) for name, value in plain.items()]
    body = b"".join(
        f"--x\r\nContent-Disposition: form-data; {told}\r\n\r\n".encode() + content + b"\r\n"
        for told, content in [*named, *parts]
    )
    kind = "multipart/form-data; boundary=x"
    return browser_of(user).generic("POST", "/styles/new/", body + b"--x--\r\n", kind)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("<img src=x onerror=alert(1)>.png", "&lt;img src=x onerror=alert(1)&gt;.png"),
            ("&lt;img src=x onerror=alert(1)&gt;.png", "&lt;img src=x onerror=alert(1)&gt;.png"),
            ("a" * 300 + ".png", "a" * 96 + ".png"),
            ("par\u202egnp.exe", "pargnp.exe"),
            ("par\0ty.png", "party.png"),
            ("../../../etc/party.png", "party.png"),
            ("C:\\Users\\Bob\\party.png", "party.png"),
        ],
        ids=ascii,
    )
    @pytest.mark.parametrize("content", [b"no picture", b"x" * 26_000_000], ids=["no", "26 MB"])
    def test_a_name_is_shown_as_what_it_is(
        self, alice: User, team: Team, name: str, shown: str, content: bytes
    ) -> None:
        answer = post(alice, team, (f'name="image_1"; filename="{name}"', content))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert f"“{shown}”" in page
        assert "<img src=x" not in page
        assert "\u202e" not in page

    def test_a_name_is_stored_without_what_could_mislead(self, alice: User, team: Team) -> None:
        told = 'name="image_1"; filename="../par\u202e\0ty.png"'
        post(alice, team, (told, photo(64, 36)))
        image = Style.objects.get().images.get()
        assert image.original_name == "party.png"
        assert "party" not in image.file.name

    @pytest.mark.parametrize("name", ["", "..", ".", "/", "folder/"])
    def test_a_file_without_a_name_is_no_file(self, alice: User, team: Team, name: str) -> None:
        answer = post(alice, team, (f'name="image_1"; filename="{name}"', photo(64, 36)))
        assert answer.status_code == 422
        assert "Choose image 1" in answer.content.decode()

    def test_a_line_break_in_a_name_ends_it(self, alice: User, team: Team) -> None:
        told = 'name="image_1"; filename="party\r\nX-Evil: 1\r\n.png"'
        assert post(alice, team, (told, photo(64, 36))).status_code == 422


class TestParts:
    def test_a_picture_as_text_is_no_file(self, alice: User, team: Team) -> None:
        answer = post(alice, team, ('name="image_1"', photo(64, 36)))
        assert "Choose image 1" in answer.content.decode()

    def test_of_two_files_for_one_slot_the_last_is_taken(
        self, alice: User, team: Team, settings: LazySettings
    ) -> None:
        both = [(f'name="image_2"; filename="{n}.jpg"', photo(64, 36, seed=n)) for n in (1, 2)]
        assert post(alice, team, *both).status_code == 422
        image = Style.objects.get().images.get()
        assert (image.position, image.original_name) == (2, "2.jpg")
        assert [*settings.FILE_UPLOAD_TEMP_DIR.iterdir()] == []

    def test_what_is_too_large_costs_nothing_but_itself(self, alice: User, team: Team) -> None:
        good = ('name="image_1"; filename="mars.jpg"', photo(64, 36))
        large = ('name="image_3"; filename="party.png"', bytes(26_000_000))
        empty = ('name="image_2"; filename="void.png"', b"")
        page = post(alice, team, good, empty, large).content.decode()
        assert "“party.png” is larger than 25 MB" in page
        assert "“void.png” is an empty file" in page
        assert Style.objects.get().filled() == {1}
