"""Is the database there, up to date, and does it keep what it was given?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from pikzels_ui.redaction import redact

from .findings import Findings, number_of, ok, wrong
from .folders import locks_problem

# PRAGMA synchronous: 2 is FULL, 3 is EXTRA.
DURABLE = {2, 3}
# Others may have squashed their migrations since.
OURS = {"styles", "teams"}


def unreachable(error: Exception) -> str:
    """Return in words why the database cannot be used; drivers do not repeat the password."""
    return f"The database cannot be used: {redact(str(error)).strip().splitlines()[0]}."


def reachable() -> Findings:
    try:
        connection.ensure_connection()
        version = ".".join(map(str, connection.get_database_version()))
    except (DatabaseError, ImproperlyConfigured) as error:
        yield wrong(unreachable(error), _how_to_reach())
        return
    yield ok(f"{connection.display_name} {version} answers.")
    wanted = connection.features.minimum_database_version
    if wanted and connection.get_database_version() < wanted:
        least = ".".join(map(str, wanted))
        yield wrong(f"{connection.display_name} {version} is too old.", f"It has to be {least}.")


def _how_to_reach() -> str:
    if connection.vendor == "sqlite":
        name = Path(settings.DATABASES["default"]["NAME"])
        return f"Let the server's user write to the folder {name.parent}, and look at its disk."
    return "Look whether it runs, and at host, name, user and password in DATABASE_URL."


def migrated() -> Findings:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield wrong(
            f"The database lacks {number_of(len(plan), 'migration')}.",
            "Run manage.py migrate, or manage.py run, which does it.",
        )
    applied = MigrationRecorder(connection).applied_migrations()
    unknown = [
        key for key in applied if key[0] in OURS and key not in executor.loader.disk_migrations
    ]
    if unknown:
        app, name = max(unknown)
        yield wrong(
            f"The database is newer than this program: it has {app} {name}.",
            "Run the version that you ran last; databases do not go back.",
        )
    if not plan and not unknown:
        yield ok("It is up to date.")
    if not _counts_tries():
        yield wrong("It lacks the table that counts tries.", "Run manage.py createcachetable.")


def _counts_tries() -> bool:
    cache = settings.CACHES.get("database", settings.CACHES["default"])
    return cache["LOCATION"] in connection.introspection.table_names()


def durable() -> Findings:
    """Whether an ID that was committed outlives a power cut."""
    if connection.vendor == "sqlite":
        yield from _sqlite()
    else:
        yield from _postgresql()


def _sqlite() -> Findings:
    journal, synchronous = _value("PRAGMA journal_mode"), _value("PRAGMA synchronous")
    if journal != "wal":
        yield wrong(
            f"SQLite keeps its journal as {journal}, not as wal: people wait for each other.",
            "Move DATA_DIR to a disk of this machine; network drives cannot do it.",
        )
    if synchronous not in DURABLE:
        yield wrong(
            "SQLite does not wait for the disk: a power cut may lose an ID that was paid for.",
            "Have PRAGMA synchronous=FULL, as the settings come.",
        )
    folder = Path(settings.DATABASES["default"]["NAME"]).parent
    if problem := locks_problem(folder):
        yield wrong(problem, "Move DATA_DIR to a disk of this machine, or use PostgreSQL.")
    elif journal == "wal" and synchronous in DURABLE:
        yield ok("SQLite waits for the disk, and the disk keeps its locks.")


def _postgresql() -> Findings:
    off = [name for name in ("fsync", "synchronous_commit") if _value(f"SHOW {name}") == "off"]
    for name in off:
        yield wrong(
            f"PostgreSQL has {name} off: a power cut may lose an ID that was paid for.",
            f"Set {name} = on in postgresql.conf.",
        )
    if not off:
        yield ok("PostgreSQL waits for the disk.")


def _value(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]
