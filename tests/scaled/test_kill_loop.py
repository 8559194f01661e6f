"""Workers are killed on both hosts while styles are on their way: nothing is paid twice or lost."""

from __future__ import annotations

import random
import time

from ..waiting import wait_until
from .load import load
from .world import SLOW, World

KILLS = 16


def test_workers_killed_at_any_moment(world: World) -> None:
    with load(world, "Kills") as somebody:
        for _ in range(KILLS):
            before = len(world.posts())
            wait_until(lambda before=before: len(world.posts()) > before)
            time.sleep(random.uniform(0, SLOW))
            host = random.choice(world.workers)
            # A machine without power, or one of its programs.
            victim = random.choice([host, *host.programs])
            victim.kill()
            victim.start()
    world.settle("Kills")
    figures = world.figures("Kills")
    assert not figures.failures(), figures
    assert figures.styles == len(somebody.sent)
    assert figures.in_doubt, "no worker had anything in hand when it was killed"
