"""Redis and PostgreSQL go away while styles are on their way: all processes outlive that."""

from __future__ import annotations

import signal

import pytest

from .load import Load, load
from .world import World


def assert_all_is_well(
    world: World, about: str, somebody: Load, running: dict[str, list[int]]
) -> None:
    assert world.settle(about) == {"ready": len(somebody.sent)}
    assert not world.figures(about).failures()
    assert world.pids() == running


def test_redis_is_emptied(world: World) -> None:
    running = world.pids()
    with load(world, "Emptied") as somebody:
        somebody.until_sent(5)
        for _ in range(3):
            world.redis.client.flushall()
            somebody.until_sent(3)
    assert_all_is_well(world, "Emptied", somebody, running)


def test_redis_is_away_for_a_while(world: World) -> None:
    running = world.pids()
    with load(world, "Redis") as somebody:
        somebody.until_sent(5)
        world.redis.stop()
        try:
            somebody.until_sent(3)
        finally:
            world.redis.start()
        somebody.until_sent(5)
    assert_all_is_well(world, "Redis", somebody, running)


@pytest.mark.parametrize(
    ("about", "number"), [("Restarted", signal.SIGINT), ("Crashed", signal.SIGQUIT)]
)
def test_postgresql_is_restarted(world: World, about: str, number: int) -> None:
    running = world.pids()
    with load(world, about) as somebody:
        somebody.until_sent(5)
        world.postgres.stop(number)
        try:
            somebody.until_tried(3)
        finally:
            world.postgres.start()
        somebody.until_sent(5)
    assert_all_is_well(world, about, somebody, running)
