"""`manage.py run`: everything that Pikzels UI needs on one machine, by one command."""

import hashlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from pikzels_ui.supervisor import (
    AlreadyRunningError,
    Program,
    Supervisor,
    answers,
    only_one,
    port_problem,
)
from teams.setup import prepare

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
        """Check the ports, bring database and static files up to date, and supervise."""
        problems = [*filter(None, port_problems())]
        if problems:
            sys.exit("\n".join(problems))
        self.migrate()
        collect_static()
        prepare(self.stdout.write)
        # From here on this process only watches: it needs no connection of its own.
        connections.close_all()
        code = Supervisor(programs(), self.stdout.write).run()
        if code:
            sys.exit(code)

    def migrate(self) -> None:
        """Bring the database up to date; say so if there is something to do."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self.stdout.write(f"Bringing the database up to date ({len(plan)} migrations).")
        call_command("migrate", interactive=False, verbosity=0)


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
    worker = Program(name="worker", command=[*MANAGE, "work"])
    if not settings.SANDBOX_ENABLED:
        return [web, worker]
    # A call that the worker has made to the sandbox gets its answer, also when all are to stop.
    command = [*MANAGE, "sandbox", "--port", str(settings.SANDBOX_PORT)]
    return [Program(name="sandbox", command=command, outlives=("worker",)), web, worker]


def port_problems() -> Iterator[str]:
    """Yield why the web server and the sandbox could not listen, "" for each that could."""
    yield port_problem(settings.BIND, settings.PORT, host_name="BIND", port_name="PORT")
    if not settings.SANDBOX_ENABLED:
        return
    port, other = settings.SANDBOX_PORT, settings.SANDBOX_PORT + 10
    if port == settings.PORT:
        yield f"PORT and SANDBOX_PORT are both {port}. Choose another with SANDBOX_PORT={other}."
    yield port_problem("127.0.0.1", port, host_name="BIND", port_name="SANDBOX_PORT")


def collect_static() -> None:
    """Collect the static files, unless those of the last time are still the same."""
    stamp = settings.DATA_DIR / "static.stamp"
    current = static_fingerprint()
    collected = Path(settings.STATIC_ROOT).is_dir() and stamp.is_file()
    if not collected or stamp.read_text() != current:
        # Cleared, for a file that replaces a newer one would not be copied.
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(current)


def static_fingerprint() -> str:
    """Return a hash over what collecting depends on: where to, how, and each file's name and age.

    A package that is upgraded brings files of another age or size, so versions need no mention.
    """
    storage = settings.STORAGES["staticfiles"]["BACKEND"]
    about = [f"{settings.STATIC_ROOT} {storage}"]
    for finder in get_finders():
        for name, source in finder.list([]):
            facts = Path(source.path(name)).stat()
            about.append(f"{name} {facts.st_mtime_ns} {facts.st_size}")
    return hashlib.sha256("\n".join(sorted(about)).encode()).hexdigest()
