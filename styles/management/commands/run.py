"""`manage.py run`: everything that Pikzels UI needs on one machine, by one command."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from pikzels_ui.logs import as_json_line
from pikzels_ui.scaled import REDIS
from pikzels_ui.supervisor import (
    AlreadyRunningError,
    Program,
    Supervisor,
    answers,
    only_one,
    port_problem,
)

ROOT = Path(__file__).resolve().parents[3]
MANAGE = [sys.executable, str(ROOT / "manage.py")]


class Command(BaseCommand):
    help = "Run the web server, the worker and, while there is no API key, the sandbox."

    def handle(self, *args: object, **options: object) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Lines appear at once, and a terminal that lacks a character shows another.
            sys.stdout.reconfigure(line_buffering=True, errors="replace")
        try:
            with only_one(settings.DATA_DIR / "run.lock"):
                self.run()
        except AlreadyRunningError as error:
            sys.exit(f"Pikzels UI is running already, as process {error.pid}. Stop that one first.")
        except KeyboardInterrupt:
            sys.exit("Stopped.")

    def run(self) -> None:
        """Check the ports, prepare, and supervise."""
        problems = [*filter(None, port_problems())]
        if problems:
            sys.exit("\n".join(problems))
        call_command("prepare", stdout=self.stdout)
        # From here on this process only watches: it needs no connection of its own.
        connections.close_all()
        if settings.LOG_FORMAT == "json":
            supervisor = Supervisor(programs(), self.say, quote=as_json)
        else:
            supervisor = Supervisor(programs(), self.stdout.write)
        code = supervisor.run()
        if code:
            sys.exit(code)

    def say(self, line: str) -> None:
        """Write a line as the log's lines are written."""
        self.stdout.write(as_json("run", line) if settings.LOG_FORMAT == "json" else line)


def as_json(name: str, line: str) -> str:
    return as_json_line(line, name)


def programs() -> list[Program]:
    """Return what runs under the supervisor, by the settings."""
    host, port = settings.BIND, settings.PORT
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    gunicorn = [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT)]
    configured = ["--config", str(ROOT / "gunicorn.conf.py"), "--bind", bind]
    web = Program(
        name="web",
        command=[*gunicorn, *configured, "pikzels_ui.wsgi:application"],
        ready=lambda: answers(host, port, "/healthz"),
        announcement=f"Pikzels UI is ready at {settings.PUBLIC_URL}  (Ctrl-C stops it)",
    )
    workers = [Program(name="worker", command=[*MANAGE, "work"])]
    if settings.EXECUTOR == REDIS:
        workers.append(Program(name="tasks", command=[*MANAGE, "work", "--tasks"]))
    if not settings.SANDBOX_ENABLED:
        return [web, *workers]
    # A call that the worker has made to the sandbox gets its answer, also when all are to stop.
    command = [*MANAGE, "sandbox", "--port", str(settings.SANDBOX_PORT)]
    outlives = tuple(worker.name for worker in workers)
    return [Program(name="sandbox", command=command, outlives=outlives), web, *workers]


def port_problems() -> Iterator[str]:
    """Yield why the web server and the sandbox could not listen, "" for each that could."""
    yield port_problem(settings.BIND, settings.PORT, host_name="BIND", port_name="PORT")
    if not settings.SANDBOX_ENABLED:
        return
    port, other = settings.SANDBOX_PORT, settings.SANDBOX_PORT + 10
    if port == settings.PORT:
        yield f"PORT and SANDBOX_PORT are both {port}. Choose another with SANDBOX_PORT={other}."
    yield port_problem("127.0.0.1", port, host_name="BIND", port_name="SANDBOX_PORT")
