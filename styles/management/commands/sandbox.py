from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from styles.pikzels.sandbox import serve


class Command(BaseCommand):
    help = "Run a local Pikzels for trying out, developing and testing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        serve(
            settings.DATA_DIR / "sandbox",
            port=port,
            train_seconds=settings.SANDBOX_TRAIN_SECONDS,
            ready=lambda url: self.stdout.write(f"The sandbox listens at {url}"),
        )
