"""What is limited is limited for all hosts together."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice

import requests

from ..visitor import Visitor
from ..waiting import wait_until
from .world import LIMITS, World

AT_ONCE = 3


def statuses(world: World, number: int, ask: Callable[[str], requests.Response]) -> list[int]:
    """Ask so many times, each web host in turn; return what they answered."""
    return [ask(web.url).status_code for web in islice(cycle(world.webs), number)]


def test_what_is_under_way_with_one_key(world: World) -> None:
    before = [worker.journal().count("opened") for worker in world.workers]
    earlier = len(world.posts())
    most = 0

    def all_are_ready() -> bool:
        nonlocal most
        most = max(most, sum(row["status"] is None for row in world.posts()[earlier:]))
        return world.states("Few") == {"ready": 9}

    with world.workers_with(IN_FLIGHT_PER_KEY=str(AT_ONCE)):
        world.send(world.visitor(), *(f"slow answer Few {n}" for n in range(9)))
        wait_until(all_are_ready, seconds=60)
    assert most == AT_ONCE
    after = [worker.journal().count("opened") for worker in world.workers]
    assert all(now > then for now, then in zip(after, before, strict=True))


def test_a_key_that_is_turned_away_holds_both_workers(world: World) -> None:
    alice, charlie = world.visitor(), world.visitor("charlie@example.com")
    world.send(alice, "once no credits Held")
    wait_until(lambda: world.postgres.rows("SELECT 1 FROM teams_pikzelskey WHERE held_code != ''"))
    world.send(alice, "Held 1", "Held 2", "Held 3")
    # With another key: by then each worker has looked at what waits.
    world.send(charlie, "Elsewhere 1", "Elsewhere 2")
    assert world.settle("Elsewhere") == {"ready": 2}
    assert world.states("Held") == {"queued": 4}
    assert [row["status"] for row in world.posts("Held")] == [402]

    [key] = world.postgres.rows("SELECT uuid FROM teams_pikzelskey WHERE held_code != ''")
    second = world.webs[1].url
    page = alice.hidden(f"{second}/team/")
    assert alice.post(f"{second}/team/keys/{key.uuid}/resume/", page, timeout=30).ok
    assert world.settle("Held") == {"ready": 4}
    assert not world.figures("Held").failures()


def test_exports_of_a_person(world: World) -> None:
    bob = world.visitor("bob@example.com")
    most = int(LIMITS["EXPORTS_PER_HOUR"])
    seen = statuses(world, most + 2, lambda url: bob.get(f"{url}/export.csv", timeout=30))
    assert seen == [200] * most + [429] * 2


def test_calls_with_an_api_token(world: World) -> None:
    bot = {"Authorization": f"Bearer {world.api_token}"}
    most = int(LIMITS["API_CALLS_PER_MINUTE"])

    def ask(url: str) -> requests.Response:
        return requests.get(f"{url}/api/v1/styles", headers=bot, timeout=30)

    assert statuses(world, most + 2, ask) == [200] * most + [429] * 2


def test_tries_to_sign_in(world: World) -> None:
    stranger = Visitor(world.webs[0].url)
    guess = {"login": "dora@example.com", "password": "a wrong guess at it"}

    def ask(url: str) -> requests.Response:
        return stranger.fill_in(f"{url}/accounts/login/", guess)

    assert statuses(world, 7, ask) == [422] * 5 + [429] * 2
