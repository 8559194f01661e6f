"""One installation for all of these tests: it takes longer to start than most of them."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .world import World

LAST_WORDS = 2000


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="pikzels-ui-scaled-") as name, ExitStack() as stack:
        folder = Path(name)
        # PostgreSQL, which refuses to be root, has to get to its own inside.
        folder.chmod(0o711)
        world = World(folder, stack)
        world.begin()
        yield world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Show with a failure what the hosts said last."""
    report = yield
    world: World | None = getattr(item, "funcargs", {}).get("world")
    if report.failed and world:
        for host in world.hosts():
            report.sections.append((host.name, host.log.read_text()[-LAST_WORDS:]))
    return report


@pytest.fixture(autouse=True)
def all_hosts_run(world: World) -> Iterator[None]:
    """Each test finds all hosts running, whatever the one before did to them."""
    yield
    for host in world.hosts():
        host.start()
    world.wait_for_webs()


@pytest.fixture(autouse=True)
def nothing_lost(world: World) -> Iterator[None]:
    """After each test no journal has anything that the database lacks."""
    yield
    assert world.postgres.rows("SELECT * FROM styles_safemode") == []
