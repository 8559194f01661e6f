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
OPTIONS = {"HOST": "--host", "PORT": "--port", "USER": "--username"}


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
                "--no-privileges", f"--snapshot={snapshot}", f"--file={to}", *without, *_address(),
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
    connection.close()
    script = dump.with_suffix(".sql")
    script.unlink(missing_ok=True)
    script.touch(mode=0o600)
    try:
        _run([program("pg_restore", version), "--no-owner", f"--file={script}", str(dump)])
        with script.open("a") as file:
            file.write(f"\n{SAFE_MODE.format(at='now()').replace('INTO ', 'INTO public.')};\n")
        once = ["--single-transaction", "--set=ON_ERROR_STOP=1", "--quiet", "--no-psqlrc"]
        _run([program("psql", version), *once, f"--file={script}", *_address()])
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


def _address() -> list[str]:
    known: Mapping[str, Any] = connection.settings_dict
    options = [f"{option}={known[name]}" for name, option in OPTIONS.items() if known.get(name)]
    return [*options, "--no-password", f"--dbname={known['NAME']}"]


def _run(command: Sequence[str]) -> None:
    known: Mapping[str, Any] = connection.settings_dict
    # Not among the arguments, which every user of this machine can see.
    password = {"PGPASSWORD": str(known["PASSWORD"])} if known.get("PASSWORD") else {}
    done = subprocess.run(
        command, env={**os.environ, **password}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Problem(f"{Path(command[0]).name} failed: {said[-1] if said else 'it says nothing'}")
