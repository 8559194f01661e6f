"""Stored files: what nothing refers to is swept, what is lost is asked for again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from styles import creation, retention
from styles.models import ReferenceImage, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of, upload

MakeStyle = Callable[..., Style]
YESTERDAY = time.time() - 2 * 24 * 3600


def age(path: Path) -> None:
    os.utime(path, (YESTERDAY, YESTERDAY))


def stored(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


class TestSweep:
    def test_keeps_what_a_row_names(self, make_style: MakeStyle, settings: LazySettings) -> None:
        for image in make_style().images.all():
            image.ensure_preview()
        known = stored(settings.MEDIA_ROOT)
        for path in known:
            age(path)
        assert retention.sweep()["files without a row"] == 0
        assert stored(settings.MEDIA_ROOT) == known

    def test_deletes_a_picture_that_was_replaced(
        self, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        image = make_style().images.get(position=2)
        path = Path(image.file.path)
        age(path)
        image.delete()
        assert retention.sweep()["files without a row"] == 1
        assert not path.exists()

    def test_keeps_a_file_that_a_variant_shares(self, make_style: MakeStyle, bob: User) -> None:
        style = make_style()
        style.variant(bob)
        path = Path(style.images.get(position=1).file.path)
        age(path)
        style.images.all().delete()
        retention.sweep()
        assert path.exists()

    def test_leaves_new_files_alone(self, db: None, settings: LazySettings) -> None:
        path = settings.MEDIA_ROOT / "references" / "ab" / "abc.jpg"
        path.parent.mkdir(parents=True)
        path.touch()
        assert retention.sweep()["files without a row"] == 0

    def test_deletes_uploads_that_were_cut_off(self, db: None, settings: LazySettings) -> None:
        path = settings.FILE_UPLOAD_TEMP_DIR / "upload.bin"
        path.touch()
        age(path)
        assert retention.sweep()["files without a row"] == 1


class TestALostPicture:
    @pytest.fixture
    def sent(
        self, make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, bob: User
    ) -> Callable[[], Style]:
        style = make_style(creator=bob)
        style.submit(bob)

        def send() -> Style:
            attempt = creation.claim(style.pk)
            assert attempt
            creation.record(attempt, creation.send(attempt, stop=threading.Event()))
            style.refresh_from_db()
            return style

        return send

    @pytest.mark.parametrize("how", ["missing", "changed", "shorter"])
    def test_is_asked_for_again_and_the_rest_is_kept(
        self, sent: Callable[[], Style], sandbox: Sandbox, bob: User, how: str
    ) -> None:
        path = Path(ReferenceImage.objects.get(position=2).file.path)
        content = path.read_bytes()
        path.unlink()
        if how != "missing":
            path.write_bytes(content[:-2] + b"xx" if how == "changed" else content[:-9])
        style = sent()
        assert (style.state, style.reason) == (State.REFUSED, "picture_lost")
        assert style.filled() == {1, 3}
        assert sandbox.ledger.account()["charged"] == 0
        client = browser_of(bob)
        client.post(style.address("edit"), {"name": style.name, "image_2": upload(2)})
        assert sent().state == State.TRAINING
        assert sandbox.ledger.account()["charged"] == 1
