import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pikzels_ui.scaled import REDIS
from styles.worker import Worker


class Command(BaseCommand):
    help = (
        "Send what waits and follow what is training, until SIGTERM or Ctrl-C. With "
        "EXECUTOR=redis it only finds and hands out that work, and --tasks does it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tasks", action="store_true", help="do what another one hands out through the Redis"
        )

    def handle(self, *args: Any, tasks: bool, **options: Any) -> None:
        if tasks and settings.EXECUTOR != REDIS:
            raise CommandError(
                "--tasks is for EXECUTOR=redis. Without it, manage.py work does all."
            )
        worker = task_worker() if tasks else Worker()
        for number in (signal.SIGTERM, signal.SIGINT):
            # In a thread, for this one may just be inside the lock that it takes.
            signal.signal(number, lambda *_: threading.Thread(target=worker.stop).start())
        self.stdout.write("Working.")
        worker.run()


def task_worker() -> Any:
    # Its packages are there only where somebody wants them.
    from styles.task_worker import TaskWorker

    return TaskWorker()
