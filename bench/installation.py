"""An installation of the product in a process of its own, filled as asked, that answers questions.

Each has its own database and its own folder. A program of bench starts several of different sizes
and asks them in turns; each answer is a number.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests import postgres

from .measuring import cpu_ms

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
NO_POSTGRESQL = f"No PostgreSQL server in {postgres.VERSIONS}."


class Installation:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, question: str) -> float:
        """Return the answer; the first time this waits until the installation is filled."""
        self.tell(question)
        return self.answer(question)

    def tell(self, question: str) -> None:
        """Ask without waiting for the answer."""
        assert self._process.stdin
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()

    def answer(self, question: str = "") -> float:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        assert answer, f"{self._process.args} ended before it answered {question!r}"
        return float(answer)

    def asking(self, question: str) -> Callable[[], float]:
        return lambda: self.ask(question)


@contextmanager
def installed(program: str, *arguments: object, database_url: str = "") -> Iterator[Installation]:
    """Run `python -m bench.PROGRAM serve ARGUMENTS` as an installation of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="pikzels-ui-bench-") as folder,
        running(program, *arguments, folder=folder, database_url=database_url) as process,
    ):
        yield process


@contextmanager
def running(
    program: str, *arguments: object, folder: str, database_url: str = ""
) -> Iterator[Installation]:
    """Run one process of an installation, whose folder may be shared with others."""
    environment = {**os.environ, "DATA_DIR": folder, "LOG_LEVEL": "ERROR"}
    environment |= {"DJANGO_SETTINGS_MODULE": "pikzels_ui.settings"}
    environment.pop("DATABASE_URL", None)
    if database_url:
        environment["DATABASE_URL"] = database_url
    command = [sys.executable, "-m", f"bench.{program}", "serve", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            yield Installation(process)
        finally:
            process.terminate()


@contextmanager
def postgresql() -> Iterator[Callable[[str], str] | None]:
    """Run a server; yield what makes a database of a name on it and returns its address.

    Yields None where no server is installed.
    """
    programs = postgres.programs()
    if programs is None:
        yield None
        return
    with postgres.server(programs) as url:

        def database(name: str) -> str:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())
            return urlsplit(url)._replace(path=f"/{name}").geturl()

        yield database


@contextmanager
def of_sizes(
    program: str, sizes: Mapping[str, int], database: Callable[[str], str] | None = None
) -> Iterator[dict[str, Installation]]:
    """Run one installation per size, on SQLite, or in databases that `database` makes."""
    with ExitStack() as stack:
        found = {}
        for name, size in sizes.items():
            url = database(name) if database else ""
            run = installed(program, size, database_url=url)
            found[name] = stack.enter_context(run)
        yield found


def serve(questions: Mapping[str, Callable[..., float]]) -> None:
    """Answer each line `question argument…` of standard input with a number, until there is none.

    Whoever calls this has filled the installation; standard output is for answers alone.
    """
    for line in sys.stdin:
        name, *arguments = line.split()
        print(questions[name](*arguments), flush=True)


def cpu_with_database() -> float:
    """Return the CPU so far, in milliseconds, of this process and of what answers its queries."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return cpu_ms()
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    # In nanoseconds, where getrusage of another process would have hundredths of a second.
    used = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]
    return cpu_ms() + int(used) / 1e6


def install() -> None:
    """Set Django up and the database and static files, as `manage.py run` does."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    Path(settings.MEDIA_ROOT).mkdir(exist_ok=True)
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
