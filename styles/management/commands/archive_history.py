import os
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pikzels_ui.supervisor import AlreadyRunningError, only_one
from styles import old_history

# The page "Usage" shows twelve months, by their attempts.
LEAST_DAYS = 400


class Command(BaseCommand):
    help = (
        "Write attempts and events of styles that are long over to a file, as lines of JSON, and "
        "then delete them from the database."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, default=730, metavar="DAYS")
        folder = Path(settings.DATA_DIR) / "archive"
        parser.add_argument("--to", type=Path, default=folder, metavar="FOLDER")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, older_than: int, to: Path, dry_run: bool, **options: Any) -> None:
        if older_than < LEAST_DAYS:
            raise CommandError(
                f"--older-than is {LEAST_DAYS} days or more: the page Usage shows twelve months."
            )
        before = timezone.now() - timedelta(days=older_than)
        if dry_run:
            self.stdout.write(f"{old_history.due(before).count()} styles have such a history.")
            return
        try:
            with only_one(Path(settings.DATA_DIR) / "archive.lock"):
                done = old_history.archive(before, to.absolute())
        except AlreadyRunningError as error:
            raise CommandError(f"Process {error.pid} is archiving already.") from None
        except old_history.FileGone as error:
            raise CommandError(
                f"{error} was written, and what it has is not deleted yet. Put it back, and run "
                "this again."
            ) from None
        except (OSError, EOFError) as error:
            raise CommandError(f"{self._why(error)} Nothing is lost: run it again.") from error
        for each in done:
            self.stdout.write(f"{each.rows} rows of {each.styles} styles are in {each.path} now.")
        if not done:
            self.stdout.write("Nothing is as old as that.")

    def _why(self, error: OSError | EOFError) -> str:
        number = getattr(error, "errno", None)
        return f"{os.strerror(number)}." if number else f"The file is damaged: {error}."
