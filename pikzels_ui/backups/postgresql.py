"""The same for PostgreSQL, by the programs that come with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from . import durable
from .databases import LEFT_OUT, SAFE_MODE, Facts, facts
from .places import Problem

# Where Debian keeps the programs of each version.
VERSIONS = Path("/usr/lib/postgresql")
# Those that the programs of each version know, which may be older than our library.
PARAMETERS = ("host", "hostaddr", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert",
              "sslkey")  # fmt: skip


def copy(to: Path) -> Facts:
    """Dump the database as it is at one moment. Raises Problem, OSError."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The dump and our questions see the same moment.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version_num')::int")
        snapshot, version = cursor.fetchone()
        found = facts(lambda query: _ask(cursor, query))
        without = [f"--exclude-table-data={name}" for name in LEFT_OUT]
        to.unlink(missing_ok=True)
        to.touch(mode=0o600)
        _run(
            [
                program("pg_dump", version // 10_000), "--format=custom", "--no-owner",
                "--no-privileges", f"--snapshot={snapshot}", f"--file={to}", *without, _address(),
            ]
        )  # fmt: skip
    durable.sync_file(to)
    return found


def is_empty() -> bool:
    return not connection.introspection.table_names()


def put_back(dump: Path) -> None:
    """Fill the empty database in one transaction, which leaves it in safe mode.

    Raises Problem, and then it is as empty as before.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        version = cursor.fetchone()[0] // 10_000
    script = dump.with_suffix(".sql")
    script.unlink(missing_ok=True)
    script.touch(mode=0o600)
    try:
        _run([program("pg_restore", version), "--no-owner", f"--file={script}", str(dump)])
        with script.open("a") as file:
            file.write(f"\n{SAFE_MODE.format(at='now()').replace('INTO ', 'INTO public.')};\n")
        once = ["--single-transaction", "--set=ON_ERROR_STOP=1", "--quiet", "--no-psqlrc"]
        _run([program("psql", version), *once, f"--file={script}", _address()])
    finally:
        script.unlink(missing_ok=True)


def program(name: str, version: int) -> str:
    """Return a program of the server's version or newer, the nearest first. Raises Problem."""
    folders = sorted(VERSIONS.glob("*/bin"), key=lambda folder: _number(folder.parent.name))
    for folder in folders:
        if _number(folder.parent.name) >= version and (folder / name).exists():
            return str(folder / name)
    if found := shutil.which(name):
        return found
    raise Problem(
        f"{name} is not here. Install postgresql-client-{version}: "
        "it has to be of the server's version or newer."
    )


def _number(version: str) -> int:
    return int(version) if re.fullmatch(r"\d+", version) else 0


def _ask(cursor: Any, query: str) -> Sequence[Sequence[Any]]:
    cursor.execute(query)
    rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


def _address() -> str:
    """Return how the database is reached, as its programs take it, without the password."""
    connection.ensure_connection()
    known: Mapping[str, str] = connection.connection.info.get_parameters()
    return "--dbname=" + " ".join(
        f"{name}={_quoted(known[name])}" for name in PARAMETERS if name in known
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _run(command: Sequence[str]) -> None:
    # Not among the arguments, which every user of this machine can see.
    password = connection.settings_dict.get("PASSWORD")
    known = {"PGPASSWORD": str(password)} if password else {}
    done = subprocess.run(
        command, env={**os.environ, **known}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Problem(f"{Path(command[0]).name} failed: {said[0] if said else 'it says nothing'}")
