from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from styles import retention


class Command(BaseCommand):
    help = "Delete what has been kept for its time, as the worker does once a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        counts = retention.sweep(dry_run=dry_run)
        for what, number in counts.items():
            if number:
                self.stdout.write(f"{number} {what}")
        if not any(counts.values()):
            self.stdout.write("Nothing.")
