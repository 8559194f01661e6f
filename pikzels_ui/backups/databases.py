"""The database's part: a copy that is of one moment, while others write, and putting it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import durable
from .places import Problem

Ask = Callable[[str], Sequence[Sequence[Any]]]
# Who takes a backup must not be signed in with it; and a counter of tries is worth nothing later.
LEFT_OUT = ("django_session", "usersessions_usersession", "cache", "teams_callcount")
COUNTED = {"people": "teams_user", "teams": "teams_team", "styles": "styles_style",
           "attempts": "styles_attempt", "pictures": "styles_referenceimage"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a copy of the database says: the files that it names, "" for an unknown checksum."""

    pictures: dict[str, str]
    migrations: list[str]
    counts: dict[str, int]


def facts(ask: Ask) -> Facts:
    pictures = {
        name: ""
        for column, table in (("preview", "styles_referenceimage"), ("portrait", "styles_style"))
        for (name,) in ask(f"SELECT {column} FROM {table} WHERE {column} <> ''")  # noqa: S608
    }
    stored = "file <> '' AND original_gone_at IS NULL"
    references = ask(f"SELECT file, sha256 FROM styles_referenceimage WHERE {stored}")  # noqa: S608
    return Facts(
        pictures=pictures | {str(file): str(sha256) for file, sha256 in references},
        migrations=[".".join(each) for each in ask("SELECT app, name FROM django_migrations")],
        counts={
            what: ask(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
            for what, table in COUNTED.items()
        },
    )


# SQLite


def copy_sqlite(file: Path, to: Path) -> Facts:
    """Copy the database as it is at one moment; writers are kept waiting by nothing.

    Raises sqlite3.Error, OSError, Problem.
    """
    if not file.is_file():
        raise Problem(f"There is no database at {file}. Is DATA_DIR the right one?")
    to.unlink(missing_ok=True)
    to.touch(mode=0o600)
    live = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=20)
    with closing(live), closing(sqlite3.connect(to, isolation_level=None)) as copied:
        live.backup(copied)
        found = _tidy(copied)
    durable.sync_file(to)
    return found


def _tidy(copied: sqlite3.Connection) -> Facts:
    """Make it one file without what is left out, and see that it is sound."""
    copied.execute("PRAGMA journal_mode=DELETE")
    copied.execute("PRAGMA secure_delete=ON")
    for (name,) in copied.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
        if name in LEFT_OUT:
            copied.execute(f'DELETE FROM "{name}"')  # noqa: S608
    check_sound(copied)
    return facts(lambda query: copied.execute(query).fetchall())


def check_sound(database: sqlite3.Connection) -> None:
    answers = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
    if answers != ["ok"]:
        raise Problem(f"The database is damaged: {'; '.join(answers)}.")


def ready_sqlite(file: Path) -> None:
    """See that a copied database is sound, and let it come up in safe mode. Raises Problem."""
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            check_sound(database)
            database.execute(SAFE_MODE.format(at="?"), [f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"])
    except sqlite3.DatabaseError as error:
        raise Problem("The database of this backup is damaged. Use another backup.") from error
    durable.sync_file(file)


# By columns that each version has: it has to be there before anything is brought up to date.
SAFE_MODE = "INSERT INTO styles_safemode (since, lacking) VALUES ({at}, '[]')"


def check_unused(file: Path) -> None:
    """Raise Problem where another process has the database open."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=1)) as database:
            # Which SQLite does only for who is alone; it also brings all into the one file.
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise Problem(
            "Something has the database open. Stop the web server and every worker first."
        ) from error
    except sqlite3.DatabaseError:
        return  # a damaged one is why somebody restores
