"""Backups: whole or none, of one moment, and without what would let somebody in."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pikzels_ui.backups import durable, making, manifest
from pikzels_ui.backups.databases import Facts
from pikzels_ui.backups.making import Source, into_file, into_folder
from pikzels_ui.backups.places import Problem
from pikzels_ui.supervisor import only_one

from .conftest import Installation


@pytest.fixture(autouse=True)
def two_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()

    class Clock(making.datetime):
        @classmethod
        def now(cls, tz: object = None) -> making.datetime:  # type: ignore[override]
            begun = cls(2026, 11, 26, 12, tzinfo=making.UTC)
            return begun + timedelta(seconds=next(seconds) // 2)

    monkeypatch.setattr(making, "datetime", Clock)


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"backup.lock"}


def test_it_holds_the_database_the_pictures_and_the_journal(
    here: Installation, shelf: Path
) -> None:
    path, made = into_folder(here.source(), shelf)
    assert left_in(shelf) == {path.name}
    names = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    assert names - {"manifest.json"} == made.files.keys()
    assert names == {
        "manifest.json", "db.sqlite3", "media/references/ma/Mars diary.jpg",
        "journal/here-2026-11.jsonl",
    }  # fmt: skip
    assert made.counts["styles"] == made.counts["pictures"] == 1
    assert all(durable.checksum(path / name) == known for name, known in made.files.items())


def test_nobody_else_can_read_it(here: Installation, shelf: Path) -> None:
    path, _made = into_folder(here.source(), shelf)
    assert all(file.stat().st_mode & 0o077 == 0 for file in [path, *path.rglob("*")])


def test_nobody_is_signed_in_by_it(here: Installation, shelf: Path) -> None:
    path, _made = into_folder(here.source(), shelf)
    assert b"canary-of-session" not in (path / "db.sqlite3").read_bytes()
    with closing(here.database) as live:
        assert live.execute("SELECT count(*) FROM django_session").fetchone() == (1,)


def test_it_waits_for_no_writer_and_no_writer_for_it(here: Installation, shelf: Path) -> None:
    with closing(here.database) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO styles_style VALUES ('Not committed', '')")
        path, made = into_folder(here.source(), shelf)
        writer.execute("COMMIT")
    assert made.counts["styles"] == 1
    assert here.styles() == ["Mars diary", "Not committed"]
    assert not list(path.glob("db.sqlite3-*"))


def test_a_picture_that_an_earlier_one_has_takes_no_room_twice(
    here: Installation, shelf: Path
) -> None:
    first, _made = into_folder(here.source(), shelf)
    here.add("Venus", b"yellow")
    second, _made = into_folder(here.source(), shelf)
    mars, venus = "media/references/ma/Mars diary.jpg", "media/references/ve/Venus.jpg"
    assert (second / mars).samefile(first / mars)
    assert not (first / venus).exists()
    # And never with the one in use, which a failing disk may change.
    assert not (second / venus).samefile(here.media / "references/ve/Venus.jpg")


def test_what_an_earlier_one_has_lost_is_copied_anew(here: Installation, shelf: Path) -> None:
    first, _made = into_folder(here.source(), shelf)
    (first / "media/references/ma/Mars diary.jpg").write_bytes(b"rot")
    second, _made = into_folder(here.source(), shelf)
    assert (second / "media/references/ma/Mars diary.jpg").read_bytes() == b"red"


def test_the_newest_are_kept(here: Installation, shelf: Path) -> None:
    made = [into_folder(here.source(), shelf)[0].name for _ in range(3)]
    assert made == sorted(made)
    last, _made = into_folder(here.source(), shelf, keep=2)
    assert left_in(shelf) == {made[-1], last.name}


def test_one_that_was_removed_leaves_no_name_to_a_newer_one(tmp_path: Path) -> None:
    for name in ("now-002", "now-004", "now-odd"):
        (tmp_path / name).mkdir()
    assert durable.free_name(tmp_path, "now") == "now-005"
    assert durable.free_name(tmp_path, "then") == "then"


def test_a_picture_that_is_lost_is_named_and_the_rest_is_kept(
    here: Installation, shelf: Path
) -> None:
    here.add("Venus", b"yellow").unlink()
    _path, made = into_folder(here.source(), shelf)
    assert made.missing == ["references/ve/Venus.jpg"]
    assert "media/references/ma/Mars diary.jpg" in made.files


def test_a_picture_that_is_replaced_meanwhile_is_no_loss(here: Installation, shelf: Path) -> None:
    source = here.source()
    old = here.add("Venus", b"yellow")

    def copy_then_replace(to: Path) -> Facts:
        facts = source.copy_database(to)
        if old.exists():
            old.unlink()
            with closing(here.database) as database:
                database.execute("DELETE FROM styles_referenceimage WHERE file LIKE '%Venus%'")
        return facts

    replaced = Source(
        place=source.place, database="sqlite", copy_database=copy_then_replace, keys=[]
    )
    path, made = into_folder(replaced, shelf)
    assert made.missing == []
    assert "media/references/ve/Venus.jpg" not in made.files
    assert not (path / "media/references/ve/Venus.jpg").exists()


def test_a_damaged_database_is_no_backup(here: Installation, shelf: Path) -> None:
    assert here.place.sqlite
    with closing(here.database) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    content = bytearray(here.place.sqlite.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    here.place.sqlite.write_bytes(content)
    with pytest.raises((Problem, sqlite3.DatabaseError)):
        into_folder(here.source(), shelf)
    assert left_in(shelf) == set()


def test_where_there_is_no_database_it_says_so(elsewhere: Installation, shelf: Path) -> None:
    with pytest.raises(Problem, match="There is no database at"):
        into_folder(elsewhere.source(), shelf)


def test_two_at_once_do_not_mix(here: Installation, shelf: Path) -> None:
    shelf.mkdir()
    with only_one(shelf / "backup.lock"), pytest.raises(Problem, match="already"):
        into_folder(here.source(), shelf)


def test_one_file_holds_the_same(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "shelf" / "mars.tar"
    made = into_file(here.source(), file)
    assert file.stat().st_mode & 0o077 == 0
    with tarfile.open(file) as tar:
        names = {each.name for each in tar.getmembers() if each.isfile()}
    assert names == {f"backup/{name}" for name in [*made.files, "manifest.json"]}
    assert {path.name for path in file.parent.iterdir()} == {file.name, ".mars.tar.lock"}


def test_a_file_is_replaced_by_a_whole_one_only(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mars.tar"
    into_file(here.source(), file)
    before = file.read_bytes()

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "add", full)
    with pytest.raises(OSError, match="No space"):
        into_file(here.source(), file)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob(".unfinished-*"))


# Every step may fail


@pytest.fixture
def two(here: Installation, shelf: Path) -> Path:
    """A first backup, and more since."""
    first, _made = into_folder(here.source(), shelf)
    here.add("Venus", b"yellow")
    return first


class Full:
    """Let the n-th call of anything that writes fail; count the calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.calls, self.nth = 0, nth
        for name in ("fsync", "rename", "link", "open", "mkdir"):
            monkeypatch.setattr(os, name, self.wrapped(getattr(os, name)))

    def wrapped(self, function):  # type: ignore[no-untyped-def]
        def call(*args, **options):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls == self.nth:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*args, **options)

        return call


def test_whichever_step_the_disk_is_full_at_the_earlier_ones_are_whole(
    here: Installation, shelf: Path, two: Path
) -> None:
    steps = 0
    for nth in range(1, 500):
        with pytest.MonkeyPatch.context() as patch:
            full = Full(patch, nth)
            try:
                into_folder(here.source(), shelf, keep=5)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        assert whole(two)
        for path in manifest.whole_backups(shelf):
            assert whole(path)
            if path != two:
                shutil.rmtree(path)
        if full.calls < nth:
            break
        steps += 1
    assert steps > 15
    assert left_in(shelf) == {two.name}


def whole(backup: Path) -> bool:
    known = json.loads((backup / "manifest.json").read_text())
    return all(durable.checksum(backup / name) == sum_ for name, sum_ in known["files"].items())
