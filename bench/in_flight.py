"""Row 4: how many styles a minute the worker sends, ten at a time, to an API that takes 2 s.

The worker is `manage.py work` as it runs in production, with its database, its journal and its
fsyncs. A second time two of them share one key, and the API counts how many calls it had at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.faults.kill_loop import migrate, shop
from tests.waiting import wait_until

from .figures import Figure, run
from .measuring import taken
from .sink import Sink, sink

IN_FLIGHT, LATENCY = 10, 2.0
IDEAL_PER_MINUTE = 60 * IN_FLIGHT / LATENCY
# Claim, commit and record in the database; opened, committed and answered in the journal.
WRITES = 6
STYLES, STYLES_FOR_TWO = 150, 40
MANAGE = [sys.executable, "manage.py"]
ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def own_world() -> Iterator[Path]:
    """Make a folder and a database for this process and those it starts."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ.update(DATA_DIR=folder, DJANGO_SETTINGS_MODULE="pikzels_ui.settings")
        os.environ.update(LOG_LEVEL="ERROR", SANDBOX="false", EMAIL_URL="dummymail://")
        os.environ.update(IN_FLIGHT_PER_KEY=str(IN_FLIGHT))
        os.environ.pop("DATABASE_URL", None)
        migrate()
        yield Path(folder)


@contextmanager
def working() -> Iterator[None]:
    with subprocess.Popen([*MANAGE, "work"], cwd=ROOT, stdout=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.terminate()


def sent(to: Sink, make_style: Callable[[], None], styles: int, workers: int) -> dict[str, float]:
    """Have so many styles sent; return what the API has seen of it."""
    from styles.models import Style

    for _ in range(styles):
        make_style()
    with ExitStack() as running:
        for _ in range(workers):
            running.enter_context(working())
        wait_until(lambda: not Style.objects.filter(made_at=None).exists(), seconds=120)
    return to.seen()


def fsync_ms() -> float:
    """Return how long this machine takes to have some bytes on its disk."""
    with tempfile.TemporaryFile() as file:

        def written() -> None:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

        return median(taken(written) for _ in range(50))


def rate(seen: dict[str, float]) -> Figure:
    per_minute = 60 * seen["calls"] / (seen["answered"] - seen["began"])
    return Figure(
        row=4,
        what=f"styles a minute, {IN_FLIGHT} in flight, an API of {LATENCY:g} s, of the ideal",
        ours=f"{per_minute:.0f} a minute, {seen['calls']} styles",
        baseline=f"{IDEAL_PER_MINUTE:.0f} a minute: {IN_FLIGHT} / latency",
        measured=per_minute / IDEAL_PER_MINUTE,
        limit=0.93,
        at_least=True,
        why=f"{WRITES} writes of a style wait for the disk, here {fsync_ms():.1f} ms each and more "
        "when several want to write: three are the database's, which takes one at a time.",
    )


def most_at_once(seen: dict[str, float]) -> Figure:
    return Figure(
        row=4,
        what="most paid calls at once, two workers with one key, calls",
        ours=f"{seen['most_at_once']} at once of {seen['calls']}, as the API saw it",
        baseline=f"IN_FLIGHT_PER_KEY={IN_FLIGHT}",
        measured=seen["most_at_once"],
        limit=IN_FLIGHT,
    )


def measure() -> list[Figure]:
    with own_world() as folder, sink(latency=LATENCY) as to:
        make_style = shop(to.url, folder)
        return [
            rate(sent(to, make_style, STYLES, workers=1)),
            most_at_once(sent(to, make_style, STYLES_FOR_TWO, workers=2)),
        ]


if __name__ == "__main__":
    run(measure)
