import errno
import sqlite3
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pikzels_ui.backups import making, secrets
from pikzels_ui.backups.here import keys_here, source_here
from pikzels_ui.backups.places import Problem

WARNING = (
    "The keys are in {path}. Keep that file in another place than the backups: whoever has both "
    "can use your Pikzels keys, and whoever has lost it has to enter them again."
)
IN_BUCKET = (
    "The pictures are in the bucket {name}, and not in this backup. Have the bucket keep versions "
    "of what is deleted, or copy it by means of its own."
)
WITHOUT = (
    "The keys that open what is encrypted are not in it. If you have no copy of them yet, make "
    "one with --keys FILE, and keep it in another place."
)


class Command(BaseCommand):
    help = (
        "Back up the database, the pictures and the journals while everything runs: into a folder "
        "that keeps several, or into one file that ends in .tar."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", type=Path, metavar="FOLDER|FILE.tar")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="also write the keys that the backup lacks"
        )
        parser.add_argument(
            "--keep", type=int, default=0, metavar="N", help="keep the newest N backups in FOLDER"
        )

    def handle(self, *args: Any, to: Path, keys: Path | None, keep: int, **options: Any) -> None:
        to = to.absolute()
        self._check(to, keys, keep)
        try:
            self._back_up(to, keep)
            if keys:
                secrets.write(keys.absolute(), keys_here())
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        except (OSError, sqlite3.Error) as error:
            raise CommandError(in_words(error, to)) from error
        if settings.S3_BUCKET:
            self.stderr.write(IN_BUCKET.format(name=settings.S3_BUCKET))
        self.stderr.write(WARNING.format(path=keys) if keys else WITHOUT)

    def _check(self, to: Path, keys: Path | None, keep: int) -> None:
        if keep < 0 or (keep and is_file(to)):
            raise CommandError("--keep is how many backups a FOLDER keeps: 1 or more.")
        if keys and to in keys.absolute().parents:
            raise CommandError("The keys must not be in the folder of the backups.")
        if Path(settings.MEDIA_ROOT) in [to, *to.parents]:
            raise CommandError("A backup among the pictures would be none. Choose another place.")

    def _back_up(self, to: Path, keep: int) -> None:
        if is_file(to):
            made = making.into_file(source_here(), to)
        else:
            to, made = making.into_folder(source_here(), to, keep=keep)
        self.stdout.write(
            f"Backed up to {to}: {made.counts['styles']} styles, {made.counts['people']} people, "
            f"{len(made.files)} files, {made.bytes / 1e6:.1f} MB."
        )
        if made.missing:
            self.stderr.write(
                f"{len(made.missing)} pictures are named in the database and were not there: "
                f"{', '.join(made.missing[:5])}"
            )


def is_file(to: Path) -> bool:
    return to.suffix == ".tar"


def in_words(error: Exception, to: Path) -> str:
    """Say what went wrong, and what is left."""
    if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or "full" in str(error):
        return f"There is no room left for a backup at {to}. Those that are there are untouched."
    return f"No backup was made: {error}. Those that are there are untouched."
