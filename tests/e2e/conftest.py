"""A real browser: Debian's Chromium, where the machine has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from styles.models import Style
from teams.models import PikzelsKey, Team, User

from ..conftest import browser_of
from .looking import inspect
from .scenes import furnish

# The first is the same engine without all that a window needs, and takes half of the time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
NO_CHROMIUM = "no Chromium: apt-get install chromium-headless-shell"
QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Letters as wide as they are in a window.
    "--font-render-hinting=none",
)
# Other tests run beside it.
expect.set_options(timeout=15_000)
# Playwright's own event loop makes Django think that it is called from asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if "look" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.looks)
            if CHROMIUM is None and "REQUIRE_BROWSER" not in os.environ:
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": list(QUIET)}


@pytest.fixture(autouse=True)
def console(page: Page) -> Iterator[list[str]]:
    """Whatever a page says on the console is a fault: a script's error, or the CSP's complaint."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A status that the test provokes on purpose is no fault of the page.
        if "Failed to load resource" not in message.text:
            said.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield said
    assert said == []


@pytest.fixture
def client(live_server: LiveServer, page: Page, alice: User, key: PikzelsKey) -> Client:
    """Alice, signed in in this browser."""
    client = browser_of(alice)
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return client


@pytest.fixture
def shelf(team: Team, key: PikzelsKey, alice: User, bob: User, tmp_path: Path) -> dict[str, Style]:
    return furnish(team, key, alice, tmp_path)


@pytest.fixture
def sign_in(live_server: LiveServer, page: Page) -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = browser_of(user)
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        return client

    return signed_in


@pytest.fixture
def look(live_server: LiveServer, page: Page, console: list[str]) -> Callable[[str, str], None]:
    def looked(name: str, address: str) -> None:
        if address:
            answer = page.goto(live_server.url + address)
            assert answer and answer.status < 500
        assert console == []
        inspect(page, name)
        # Some of axe's own checks try what the CSP forbids.
        console.clear()

    return looked
