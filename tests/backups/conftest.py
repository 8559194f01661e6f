"""Small installations, without Django: a database of our tables, pictures and a journal."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pikzels_ui.backups import databases
from pikzels_ui.backups.making import Source
from pikzels_ui.backups.places import Place

TABLES = """
CREATE TABLE django_migrations (app TEXT, name TEXT);
INSERT INTO django_migrations VALUES ('styles', '0001_initial');
CREATE TABLE styles_referenceimage (file TEXT, preview TEXT, sha256 TEXT, original_gone_at TEXT);
CREATE TABLE styles_style (name TEXT, portrait TEXT);
CREATE TABLE styles_attempt (name TEXT);
CREATE TABLE teams_user (email TEXT);
CREATE TABLE teams_team (name TEXT);
CREATE TABLE django_session (session_key TEXT);
INSERT INTO django_session VALUES ('canary-of-session');
CREATE TABLE styles_safemode (since TEXT, lacking TEXT);
"""


class Installation:
    """One that can be added to, and told apart from another."""

    def __init__(self, folder: Path, *, exist_ok: bool = False) -> None:
        self.place = Place(data=folder, media=folder / "media", sqlite=folder / "db.sqlite3")
        self.media = self.place.media
        folder.mkdir(exist_ok=exist_ok)

    @property
    def database(self) -> sqlite3.Connection:
        assert self.place.sqlite
        return sqlite3.connect(self.place.sqlite, isolation_level=None)

    def begin(self) -> Installation:
        with closing(self.database) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(TABLES)
        self.add("Mars diary", b"red")
        self.write_journal("opened\n")
        return self

    def add(self, name: str, picture: bytes) -> Path:
        """Add a style with one picture; return its file."""
        stored = f"references/{name[:2].lower()}/{name}.jpg"
        path = self.media / stored
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        with closing(self.database) as database:
            database.execute("INSERT INTO styles_style VALUES (?, '')", [name])
            row = [stored, hashlib.sha256(picture).hexdigest()]
            database.execute("INSERT INTO styles_referenceimage VALUES (?, '', ?, NULL)", row)
        return path

    def write_journal(self, text: str) -> None:
        journal = self.place.data / "journal" / "here-2026-11.jsonl"
        journal.parent.mkdir(exist_ok=True)
        journal.write_text(text)

    def source(self) -> Source:
        assert self.place.sqlite
        copy = partial(databases.copy_sqlite, self.place.sqlite)
        return Source(place=self.place, database="sqlite", copy_database=copy, keys=["trace"])

    def styles(self) -> list[str]:
        with closing(self.database) as database:
            return [row[0] for row in database.execute("SELECT name FROM styles_style")]

    def safe_modes(self) -> int:
        with closing(self.database) as database:
            return int(database.execute("SELECT count(*) FROM styles_safemode").fetchone()[0])

    def pictures(self) -> dict[str, bytes]:
        files = (self.media / "references").rglob("*.jpg")
        return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "here").begin()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Installation:
    """Another machine, with nothing on it."""
    return Installation(tmp_path / "elsewhere")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "shelf"


Restore = Callable[..., Path | None]
