"""Kill workers again and again, and count at the server what was paid for.

`python -m tests.faults.kill_loop --kills 1000` prints the figures and fails on any that must be 0;
with `--commands` it kills `manage.py work` and `manage.py run` in place of forked workers.
TEST_DATABASE_URL chooses a server on which it makes a database of its own; else it is SQLite.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import django

from ..postgres import own_database
from .killers import Commands, Killer, Nursery

# So many styles wait for each worker that is going to be killed.
WAITING = 6


@dataclass
class Figures:
    """What a loop came to. The first five have to be 0."""

    charged_twice: int = 0
    forgotten: int = 0
    stuck: int = 0
    wrong_id: int = 0
    untold: int = 0
    kills: int = 0
    styles: int = 0
    charged: int = 0
    asked: int = 0
    in_doubt: int = 0
    in_doubt_and_charged: int = 0
    points: Counter[str] = field(default_factory=Counter)

    def failures(self) -> dict[str, int]:
        names = ("charged_twice", "forgotten", "stuck", "wrong_id", "untold")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.styles} styles, {self.charged} charged: "
            f"{self.charged_twice} charged twice, {self.forgotten} forgotten, {self.stuck} stuck, "
            f"{self.untold} untold; "
            f"{self.asked} asked a person after eight tries; "
            f"{self.in_doubt} in doubt, {self.in_doubt_and_charged} of them really charged"
        )


@contextmanager
def own_world() -> Iterator[Path]:
    """Make a folder and a database for this process and those it starts; yield the folder."""
    with tempfile.TemporaryDirectory(prefix="kill-loop-") as folder:
        os.environ.update(DATA_DIR=folder, DJANGO_SETTINGS_MODULE="pikzels_ui.settings")
        os.environ.update(LOG_LEVEL="CRITICAL", SANDBOX="false", IN_FLIGHT_PER_KEY="4")
        # A mail server that takes everything, and says nothing on the terminal.
        os.environ.update(EMAIL_URL="dummymail://")
        # Never that of whoever starts it.
        os.environ.pop("DATABASE_URL", None)
        with own_database(Path(folder).name) as url:
            os.environ.update({"DATABASE_URL": url} if url else {})
            migrate()
            yield Path(folder)


def migrate() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def run(kills: int, seed: int, folder: Path, killer: Killer) -> Figures:
    """Kill so many workers while styles are on their way; then let one finish, and count."""
    from styles.models import Style
    from styles.pikzels.sandbox import Sandbox

    chance = random.Random(seed)
    figures = Figures(kills=kills, points=killer.points)
    with Sandbox(
        folder / "sandbox",
        port=0,
        train_seconds=0,
        slow_seconds=killer.slow_seconds,
        unique_names=False,
    ) as sandbox:
        thread = threading.Thread(target=sandbox.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        make_style = shop(sandbox.url, folder)
        with killer:
            for _ in range(kills):
                while waiting() < WAITING:
                    make_style()
                killer.kill_one(chance)
        finish()
        made = sandbox.ledger.account()["styles"]
        count(figures, Style.objects.all(), made, told=_told())
        sandbox.stopping.set()
        sandbox.shutdown()
        thread.join()
    return figures


def shop(url: str, folder: Path):
    """Set up Alice and her team; return a function that submits one more style."""
    from styles.images import accept
    from styles.models import Style
    from teams.models import Membership, PikzelsKey, Team, User

    from ..pictures import photo

    alice = User.objects.create_user("alice@example.com")
    team = Team.objects.create(name="Studio North")
    Membership.objects.create(team=team, user=alice, role="owner")
    PikzelsKey.seal("pkz_canary_1234", base_url=url, team=team, name="K").save()
    incoming = folder / "media" / "incoming"
    source = folder / "picture.jpg"
    source.write_bytes(photo(320, 180))
    numbers = iter(range(10**6))
    first: list[Style] = []

    def make_style() -> None:
        number = next(numbers)
        name = f"slow answer {number}" if number % 3 == 0 else f"Style {number}"
        if first:
            style = first[0].variant(alice, name)
        else:
            style = Style.objects.create(team=team, creator=alice, name=name)
            for position in (1, 2, 3):
                picture = accept(source, name="mars.jpg", directory=incoming)
                style.keep_picture(position, picture, alice)
            first.append(style)
        assert style.submit(alice)

    return make_style


def waiting() -> int:
    from styles.models import Style
    from styles.states import State

    return Style.objects.filter(state=State.QUEUED).count()


def finish() -> None:
    """Let a worker that nobody kills do what is left."""
    from django.utils import timezone

    from styles import schedule, telling
    from styles.models import Attempt, Notice, Style
    from styles.states import State
    from styles.worker import Worker

    from ..waiting import wait_until

    schedule.UNKNOWN_TRAINING = timedelta(0)
    telling.TRIES = 10**4  # as those that were killed have it
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    moving = [State.QUEUED, State.SENDING, State.COMMITTED, State.TRAINING]
    try:
        # What would be looked at later is looked at now.
        later = Style.objects.filter(state__in=moving, due_at__isnull=False)
        later.update(due_at=timezone.now())
        wait_until(lambda: not Style.objects.filter(state__in=moving).exists(), seconds=90)
        Notice.objects.waiting().update(due_at=timezone.now())
        wait_until(lambda: not Notice.objects.waiting().exists(), seconds=30)
    except AssertionError:
        pass  # counted as stuck
    finally:
        worker.stop()
        thread.join()
    assert not Attempt.objects.open().exists()


def _told() -> set[UUID]:
    from styles.models import Notice

    return {*Notice.objects.filter(outcome="told").values_list("event__style", flat=True)}


def count(
    figures: Figures, styles: Iterable[Any], made: list[dict[str, Any]], told: Collection[UUID]
) -> None:
    """Hold what the server made against our rows; `told` are those that somebody was told of."""
    ids_of: dict[str, list[str]] = {}
    for row in made:
        ids_of.setdefault(row["name"], []).append(row["id"])
    for style in styles:
        ids = ids_of.get(style.name, [])
        figures.styles += 1
        figures.charged += len(ids)
        figures.charged_twice += len(ids) > 1
        in_doubt = style.state == "in_doubt"
        figures.in_doubt += in_doubt
        figures.in_doubt_and_charged += in_doubt and bool(ids)
        figures.forgotten += bool(ids) and not in_doubt and style.pikzels_id not in ids
        figures.wrong_id += bool(style.pikzels_id) and style.pikzels_id not in ids
        # Whose workers died eight times before the last byte: a person is asked, nothing was sent.
        asked = style.state == "refused" and style.reason == "exhausted"
        figures.asked += asked
        figures.stuck += style.state not in {"ready", "in_doubt"} and not asked
        figures.untold += style.id not in told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--commands", action="store_true", help="kill manage.py work and run")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with own_world() as folder:
        killer = Commands() if options.commands else Nursery()
        figures = run(options.kills, options.seed, folder, killer)
    sys.stdout.write(f"seed {options.seed}: {figures}\n")
    for point, number in figures.points.most_common():
        sys.stdout.write(f"  {number:4} {point}\n")
    return 1 if figures.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
