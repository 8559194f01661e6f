"""PostgreSQL as Debian brings it, and something like S3, and whatever else is started and stopped.

Each keeps what it has in a folder of its own, listens on this machine only, and ends with us.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import requests
from psycopg.rows import namedtuple_row

from .. import postgres
from ..waiting import wait_until

# A commit is a commit, for what a crash of the server takes back might be paid for twice. That it
# outlives a power cut as well takes time, and is PostgreSQL's affair.
OPTIONS = (
    "--listen_addresses=",
    "--fsync=off",
    "--synchronous_commit=on",
    "--max_connections=300",
    "--log_min_messages=panic",
)
BUCKET = "pictures"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Program:
    """A program that can be started again after it was stopped or killed."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        # If we are killed, the kernel kills it.
        self.command = ["setpriv", "--pdeathsig=KILL", *command]
        self.log = log
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in the main thread: the kernel takes the end of another for our end."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tell_to_stop(self) -> None:
        if self.process:
            self.process.terminate()

    def stop(self) -> None:
        self.tell_to_stop()
        if self.process:
            self.process.wait(timeout=60)
            self.process = None

    def kill(self) -> None:
        """Kill it, and all that it has started."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Postgres:
    """A server of its own for the hosts, and for looking into what they did."""

    def __init__(self, folder: Path) -> None:
        found = postgres.programs()
        assert found, f"There is no PostgreSQL server in {postgres.VERSIONS}."
        self._programs = found
        self._folder = str(folder)
        folder.mkdir()
        postgres.initialise(found, self._folder)
        self.url = postgres.address(self._folder)
        self.start()

    def start(self) -> None:
        self.process = postgres.started(self._programs, self._folder, OPTIONS)

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT breaks off what is under way and ends in order; SIGQUIT is as good as a crash."""
        self.process.send_signal(number)
        self.process.wait(timeout=60)

    def rows(self, query: str, *values: object) -> list:
        with psycopg.connect(self.url, row_factory=namedtuple_row, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()


class S3(Program):
    """A server of moto's, with one bucket."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        port = free_port()
        moto = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        super().__init__(moto, folder / "log")
        self.url = f"http://127.0.0.1:{port}"
        self.start()
        wait_until(lambda: listens(port))
        assert requests.put(f"{self.url}/{BUCKET}", timeout=30).ok


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(url: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return requests.get(url, timeout=5).ok
        except requests.RequestException:
            return False

    return ask
