"""`manage.py prepare`: what has to be done before anything starts, here or on another release."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from pikzels_ui.logs import as_json_line
from styles.doctor.database import unreachable
from styles.static import collect_static
from teams.setup import prepare

# Any number that nothing else here locks.
LOCK = 0x70696B7A


class Command(BaseCommand):
    help = "Bring database and static files up to date, and say how to make the first account."

    def handle(self, *args: object, **options: object) -> None:
        try:
            with one_at_a_time():
                self.migrate()
        except OperationalError as error:
            sys.exit(f"{unreachable(error)}\n`manage.py doctor` says more.")
        collect_static()
        prepare(self.say)

    def say(self, line: str) -> None:
        """Write a line as the log's lines are written."""
        self.stdout.write(as_json_line(line, "run") if settings.LOG_FORMAT == "json" else line)

    def migrate(self) -> None:
        """Bring the database up to date; say so if there is something to do."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self.say(f"Bringing the database up to date ({len(plan)} migrations).")
        call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let hosts that start at the same moment bring one PostgreSQL up to date after each other."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
