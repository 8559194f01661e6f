"""A private PostgreSQL for one command: `python -m tests.postgres -- COMMAND…`.

The command finds its address in TEST_DATABASE_URL. The server keeps its data in a temporary folder,
listens on a socket there and nowhere else, and ends with the command, however that ends. Where none
is installed, one line says so and the command is not run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from .memory import keep_files_in_memory
from .waiting import wait_until

# Where Debian puts each version's programs; the server's are not on the PATH.
VERSIONS = Path("/usr/lib/postgresql")
# Nothing has to outlive a power cut; and what the tests do on purpose is no news.
OPTIONS = (
    "--listen_addresses=",
    "--fsync=off",
    "--full_page_writes=off",
    "--synchronous_commit=off",
    "--log_min_messages=panic",
)


def programs() -> Path | None:
    """Return the folder of the newest server's programs, or None where there is none."""
    found = [path.parent for path in VERSIONS.glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def server(bin_folder: Path) -> Iterator[str]:
    """Run a new server; yield the address of an empty database on it."""
    with tempfile.TemporaryDirectory(prefix="pikzels-ui-postgres-") as folder:
        initialise(bin_folder, folder)
        process = started(bin_folder, folder, OPTIONS)
        try:
            yield address(folder)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def address(folder: str) -> str:
    return f"postgres://tests@/postgres?host={folder}"


def started(bin_folder: Path, folder: str, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the server whose data is in the folder; return once it answers."""
    start = [*_become(), str(bin_folder / "postgres"), "-D", f"{folder}/data", "-k", folder]
    # A session of its own: Ctrl-C is for the command, which still needs it.
    process = subprocess.Popen([*start, *options], cwd=folder, start_new_session=True)
    state = Path(folder, "data", "postmaster.pid")
    wait_until(lambda: state.exists() and "ready" in state.read_text())
    return process


def initialise(bin_folder: Path, folder: str) -> None:
    """Make the folder the server's, with an empty database in it."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    options = ["--username=tests", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
    command = [*_become(), str(bin_folder / "initdb"), *options, "--no-sync", "-D"]
    command.append(f"{folder}/data")
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _become() -> list[str]:
    """Return what makes a command one that the kernel stops if we are killed."""
    become = ["setpriv", "--pdeathsig=INT"]
    if os.geteuid() == 0:  # as whom PostgreSQL refuses to run
        become += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return become


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """Make an empty database on the server of TEST_DATABASE_URL; yield its address; drop it.

    Without that variable nothing is made, and the address is "".
    """
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url:
        yield ""
        return
    with psycopg.connect(url, autocommit=True) as connection:
        database = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def leave(signal_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal_number)


def main(command: Sequence[str]) -> int:
    bin_folder = programs()
    if bin_folder is None:
        sys.stdout.write(f"No PostgreSQL server in {VERSIONS}, so nothing was tested with one.\n")
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)  # which cleans up
    keep_files_in_memory()
    with server(bin_folder) as url:
        environment = {**os.environ, "TEST_DATABASE_URL": url}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :]))
