"""Uploads: streamed to the disk of the pictures, and no further than a picture may be large."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import TemporaryUploadedFile

from styles import forms, uploads
from styles.images import UPLOAD_MAX_BYTES
from styles.models import Style
from styles.uploads import CappedUploadHandler
from teams.models import User

from .conftest import browser_of, form_data, upload
from .pictures import photo

CHUNK = 2**20


def receive(chunks: int) -> TemporaryUploadedFile:
    """Return what becomes of a file of so many MiB."""
    handler = CappedUploadHandler()
    handler.new_file("image_1", "mars.jpg", "image/jpeg", None)
    for number in range(chunks):
        handler.receive_data_chunk(b"x" * CHUNK, number * CHUNK)
    file = handler.file_complete(chunks * CHUNK)
    assert isinstance(file, TemporaryUploadedFile)
    return file


def on_disk(file: TemporaryUploadedFile) -> int:
    return Path(file.temporary_file_path()).stat().st_size


def test_a_file_arrives_whole_where_the_pictures_are(settings: LazySettings) -> None:
    with receive(3) as file:
        assert on_disk(file) == file.size == 3 * CHUNK
        assert Path(file.temporary_file_path()).parent == settings.FILE_UPLOAD_TEMP_DIR


def test_what_is_too_large_reaches_no_further_and_says_how_large_it_was() -> None:
    with receive(60) as file:
        assert on_disk(file) <= UPLOAD_MAX_BYTES + CHUNK
        assert file.size == 60 * CHUNK


def test_the_limit_is_what_the_form_promises() -> None:
    assert 25 * 10**6 <= UPLOAD_MAX_BYTES <= 25 * 2**20


def test_the_other_files_of_a_form_arrive(
    alice: User, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    limit = 2 * len(photo(320, 180, seed=1))
    monkeypatch.setattr(uploads, "UPLOAD_MAX_BYTES", limit)
    monkeypatch.setattr(forms, "UPLOAD_MAX_BYTES", limit)
    data = form_data(alice.teams.get())
    large = upload(2, name="party.jpg", content=photo(320, 180, seed=2) + b"x" * limit)
    page = browser_of(alice).post("/styles/new/", data | {"image_2": large})
    assert page.status_code == 422
    assert "“party.jpg” is larger than 25 MB" in page.content.decode()
    style = Style.objects.get()
    assert (style.name, style.filled()) == ("Mars diary", {1, 3})
    assert [*settings.FILE_UPLOAD_TEMP_DIR.iterdir()] == []
