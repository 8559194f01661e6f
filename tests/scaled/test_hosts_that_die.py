"""A worker host is gone: what it had in hand is taken over, or asked about."""

from __future__ import annotations

from ..waiting import wait_until
from .world import World


def test_a_host_that_dies_and_comes_back_much_later(world: World) -> None:
    alice = world.visitor(web=1)
    dying, staying = world.workers
    staying.stop()
    world.send(alice, "very slow answer Gone 1", "very slow answer Gone 2", "slow answer Gone 3")
    wait_until(lambda: world.states("Gone") == {"committed": 3})
    journaled = dying.journal().count("answered")
    world.postgres.stop()
    try:
        wait_until(lambda: dying.journal().count("answered") > journaled)
        dying.kill()
    finally:
        world.postgres.start()
    world.send(alice, "Gone 4", "Gone 5")
    staying.start()
    # What was certainly not sent goes on, for the rest nobody can know.
    assert world.settle("Gone") == {"in_doubt": 3, "ready": 2}
    assert not world.figures("Gone").failures()

    # The ID is asked of Pikzels' support, and given to whichever web host answers.
    [lost] = world.styles("Gone 1")
    [made] = [row["id"] for row in world.ledger()["styles"] if row["name"] == lost.name]
    page = f"{alice.url}/styles/{lost.id}/"
    answer = alice.post(f"{page}paste-id/", {**alice.hidden(page), "pikzels_id": made}, timeout=30)
    assert answer.ok
    assert world.settle("Gone 1") == {"ready": 1}

    # Of one the answer had come: it was on that host's disk, and nowhere else.
    dying.start()
    wait_until(lambda: world.states("Gone 3") == {"ready": 1})
    assert world.states("Gone") == {"in_doubt": 1, "ready": 4}
    assert not world.figures("Gone").failures()
