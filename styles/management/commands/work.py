import signal
from typing import Any

from django.core.management.base import BaseCommand

from styles.worker import Worker


class Command(BaseCommand):
    help = "Send what waits and follow what is training, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        worker = Worker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        self.stdout.write("Working.")
        worker.run()
