from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils.dateparse import parse_datetime

from pikzels_ui.backups import databases, postgresql, restoring, secrets
from pikzels_ui.backups.here import engine_here, place_here
from pikzels_ui.backups.places import Place, Problem
from pikzels_ui.backups.restoring import Backup
from pikzels_ui.supervisor import AlreadyRunningError, only_one
from styles.models import SafeMode

NO_KEYS = (
    "The encryption keys here are not those of the backup: the Pikzels keys have to be entered "
    "again and second factors set up again, unless you restore once more with --keys FILE."
)
SAFE = (
    "Restored from {name}, made {at}. Nothing is sent until a superuser says go on, on any page: "
    "look there first at what may have been sent since. Start the server as before."
)


class Command(BaseCommand):
    help = "Restore a backup, here or on another machine, while nothing runs."
    # One that was cut short is what this is run for.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, metavar="BACKUP")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="the keys apart from it")
        parser.add_argument(
            "--replace", action="store_true", help="move aside what is there, deleting nothing"
        )

    def handle(
        self, *args: Any, backup: Path, keys: Path | None, replace: bool, **options: Any
    ) -> None:
        place = place_here()
        try:
            with only_one(place.lock), restoring.opened(backup.absolute()) as opened:
                wanted = secrets.read(keys) if keys else None
                self._check(opened, place, wanted, replace)
                self._restore(opened, place, wanted)
        except AlreadyRunningError as error:
            raise CommandError(
                f"Pikzels UI is running, as process {error.pid}. Stop it first."
            ) from error
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        except OSError as error:
            raise CommandError(f"It could not be restored: {error}.") from error

    def _check(
        self, backup: Backup, place: Place, keys: dict[str, str] | None, replace: bool
    ) -> None:
        if backup.manifest.database != engine_here():
            raise Problem(
                f"This backup is of {backup.manifest.database}, and DATABASE_URL names "
                f"{engine_here()}. Set DATABASE_URL to an empty {backup.manifest.database}."
            )
        restoring.check_version(backup, known_migrations())
        if keys and secrets.traces(keys["ENCRYPTION_KEYS"].split(",")) != backup.manifest.keys:
            raise Problem("These keys are not those of this backup. Find the file made with it.")
        if not replace:
            restoring.check_empty(place)
        if place.sqlite and place.sqlite.exists():
            connections.close_all()
            databases.check_unused(place.sqlite)
        if place.sqlite is None and not postgresql.is_empty():
            raise Problem(
                "The database is not empty. Make a new one, set DATABASE_URL to that, and run "
                "this again: the old one stays as it is."
            )
        restoring.check_room(backup, place)

    def _restore(self, backup: Backup, place: Place, keys: dict[str, str] | None) -> None:
        staged = restoring.stage(backup, place)
        if place.sqlite is None:
            postgresql.put_back(staged / backup.manifest.database_file)
        aside = restoring.swap(place, staged, keys)
        if aside:
            self.stdout.write(f"What was here is in {aside}: delete it when you need it no more.")
        connection.close()
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        made_at = backup.manifest.made_at
        SafeMode.objects.on().filter(backup_of=None).update(backup_of=parse_datetime(made_at))
        mine = secrets.traces(settings.ENCRYPTION_KEYS)
        if keys is None and not {*backup.manifest.keys} <= {*mine}:
            self.stderr.write(NO_KEYS)
        if missing := backup.manifest.missing:
            self.stderr.write(f"{len(missing)} pictures were missing when it was made.")
        self.stdout.write(SAFE.format(name=backup.name, at=made_at))


def known_migrations() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
