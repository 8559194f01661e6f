"""What the sandbox remembers: every request, every style it made, every *once* that is spent.

One SQLite file in its directory, written before the answer goes out: it survives a kill.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..errors import Code
from .answers import ApiError
from .checks import Creation, Key
from .portrait import Palette
from .triggers import Trigger

FILE = "sandbox.sqlite3"
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, method TEXT, path TEXT, time REAL, request_id TEXT,
    key_last_four TEXT, name TEXT, expected INTEGER, received INTEGER DEFAULT 0,
    complete INTEGER DEFAULT 0, status INTEGER, code TEXT, trigger TEXT
);
CREATE TABLE IF NOT EXISTS styles (
    id TEXT PRIMARY KEY, name TEXT, key TEXT, key_last_four TEXT, made_at REAL, request_id TEXT,
    sha256s TEXT, palettes TEXT, special_instructions TEXT, seen_ready INTEGER DEFAULT 0,
    deleted INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS spent (key TEXT, name TEXT, PRIMARY KEY (key, name));
"""


@dataclass
class Asked:
    """What was asked and answered; the status stays None when nothing was answered."""

    key_last_four: str = ""
    name: str = ""
    received: int = 0
    complete: bool = False
    status: int | None = None
    code: str = ""
    trigger: str = ""


@dataclass(frozen=True)
class Style:
    """A style as the sandbox made it; `made_at` is in seconds since 1970."""

    id: str
    name: str
    made_at: float
    palettes: tuple[Palette, ...]
    special_instructions: str | None
    seen_ready: bool


class Ledger:
    """The sandbox's memory in `directory`, safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            directory / FILE, check_same_thread=False, isolation_level=None
        )
        self._database.row_factory = sqlite3.Row
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file; whatever is asked afterwards raises sqlite3.ProgrammingError."""
        with self._lock:
            self._database.close()

    def began(self, method: str, path: str, request_id: str, expected: int, now: float) -> int:
        """Note a request whose head has arrived, and return its number."""
        with self._write() as database:
            cursor = database.execute(
                "INSERT INTO requests (method, path, request_id, expected, time)"
                " VALUES (?, ?, ?, ?, ?)",
                (method, path, request_id, expected, now),
            )
        return cursor.lastrowid or 0

    def note(self, number: int, request: Asked) -> None:
        """Write down what is known of a request by now."""
        with self._write() as database:
            database.execute(
                "UPDATE requests SET key_last_four = :key_last_four, name = :name,"
                " received = :received, complete = :complete, status = :status, code = :code,"
                " trigger = :trigger WHERE number = :number",
                {**asdict(request), "number": number},
            )

    def fires(self, trigger: Trigger, name: str, key: Key) -> bool:
        """Tell whether a trigger acts, and spend it if it acts only once."""
        if trigger.always:
            return True
        with self._write() as database:
            values = (key.fingerprint, name)
            cursor = database.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", values)
        return cursor.rowcount == 1

    def make(
        self, creation: Creation, key: Key, *, request_id: str, now: float, unique: bool
    ) -> str:
        """Make a style and return its ID. Raise ApiError NAME_ALREADY_EXISTS when `unique`."""
        style_id = str(uuid4())
        references = creation.references
        with self._write() as database:
            if unique and self._taken(creation.name, key):
                raise ApiError(Code.NAME_ALREADY_EXISTS)
            database.execute(
                "INSERT INTO styles (id, name, key, key_last_four, made_at, request_id, sha256s,"
                " palettes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    style_id,
                    creation.name,
                    key.fingerprint,
                    key.last_four,
                    now,
                    request_id,
                    json.dumps([reference.sha256 for reference in references]),
                    json.dumps([reference.palette for reference in references]),
                ),
            )
        return style_id

    def style(self, style_id: str, key: Key | None = None) -> Style | None:
        """Return a style that was not deleted, of that key when there is one."""
        found = self._all(
            "SELECT * FROM styles WHERE id = ? AND NOT deleted AND ? IN (key, '')",
            (style_id.lower(), key.fingerprint if key else ""),
        )
        return _style(found[0]) if found else None

    def instruct(self, style_id: str, text: str | None) -> None:
        """Set a style's special instructions."""
        with self._write() as database:
            values = (text, style_id)
            database.execute("UPDATE styles SET special_instructions = ? WHERE id = ?", values)

    def saw_ready(self, style_id: str) -> None:
        """Note that somebody was told that the style is ready."""
        with self._write() as database:
            database.execute("UPDATE styles SET seen_ready = 1 WHERE id = ?", (style_id,))

    def delete(self, style_id: str) -> None:
        """Delete a style; it stays in the account, for it was paid."""
        with self._write() as database:
            database.execute("UPDATE styles SET deleted = 1 WHERE id = ?", (style_id,))

    def reset(self) -> None:
        """Forget everything."""
        with self._write() as database:
            database.execute("DELETE FROM requests")
            database.execute("DELETE FROM styles")
            database.execute("DELETE FROM spent")

    def account(self) -> dict[str, Any]:
        """Return `requests`, `styles` and `charged`, the number of styles ever made; oldest first.

        A request that was not answered has the status null.
        """
        requests = self._all("SELECT * FROM requests ORDER BY number")
        styles = self._all("SELECT * FROM styles ORDER BY made_at, rowid")
        return {
            "requests": [_request_entry(row) for row in requests],
            "styles": [_style_entry(row) for row in styles],
            "charged": len(styles),
        }

    def _taken(self, name: str, key: Key) -> bool:
        query = "SELECT 1 FROM styles WHERE name = ? AND key = ? AND NOT deleted"
        return self._database.execute(query, (name, key.fingerprint)).fetchone() is not None

    def _all(self, query: str, values: tuple[str, ...] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                yield self._database


def _style(row: sqlite3.Row) -> Style:
    return Style(
        id=row["id"],
        name=row["name"],
        made_at=row["made_at"],
        palettes=tuple(tuple(colours) for colours in json.loads(row["palettes"])),
        special_instructions=row["special_instructions"],
        seen_ready=bool(row["seen_ready"]),
    )


def _request_entry(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "time": _iso(row["time"]), "complete": bool(row["complete"])}


def _style_entry(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "key_last_four": row["key_last_four"],
        "made_at": _iso(row["made_at"]),
        "request_id": row["request_id"],
        "image_sha256s": json.loads(row["sha256s"]),
        "special_instructions": row["special_instructions"],
        "deleted": bool(row["deleted"]),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
