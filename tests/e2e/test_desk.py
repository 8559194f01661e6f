"""An operator's morning: from the front page of the admin to the desk, until nothing waits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles import breaker, creation
from styles.models import Style, WorkerSign
from styles.pikzels.errors import Code
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..conftest import browser_of, join_group, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(page: Page, live_server: LiveServer) -> User:
    """Olga runs the server, and is on no team."""
    olga = person("Olga", None)
    join_group(olga, "Operators")
    cookie = browser_of(olga).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    return olga


def tile(page: Page, label: str) -> object:
    return page.locator(".tile").filter(has_text=label)


def test_a_doubt_is_settled_and_a_key_resumed(
    page: Page,
    live_server: LiveServer,
    operator: User,
    make_style: Callable[..., Style],
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    team: Team,
    alice: User,
) -> None:
    WorkerSign.give(uuid.uuid4(), "here")
    # Pikzels made it, and the answer was lost on the way.
    style = make_style("Mars diary")
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt
    with ExitStack() as on_disk:
        answer = creation.connect(sandbox_key).create(
            name=style.name,
            pictures=[on_disk.enter_context(image.to_send()) for image in style.images.all()],
            before_last_byte=lambda: creation.commit(attempt),
        )
    assert answer.reply
    Style.objects.filter(pk=style.pk).update(state=State.IN_DOUBT, reason="no_answer")
    make_style("Venus", state=State.QUEUED, key=sandbox_key)
    breaker.hold(sandbox_key, Code.INSUFFICIENT_CREDITS)

    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 things need you")
    expect(page.get_by_text("away. The balance is too low.")).to_be_visible()
    page.get_by_role("link", name="1 in doubt").click()
    page.get_by_role("link", name="Paste its ID Mars diary").click()
    page.get_by_label("Style ID").fill("nonsense")
    page.get_by_role("button", name="Paste its ID").click()
    expect(page.get_by_text("There is a problem")).to_be_visible()
    page.get_by_label("Style ID").fill(answer.reply.style_id)
    page.get_by_role("button", name="Paste its ID").click()
    expect(page.get_by_text("That is it. The style has its ID.")).to_be_visible()

    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 thing needs you")
    page.get_by_role("link", name="1 key held").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("One style goes first.")).to_be_visible()
    expect(page.get_by_text("No key is held.")).to_be_visible()
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing needs you")

    style.refresh_from_db()
    assert (style.state, style.pikzels_id) == (State.TRAINING, answer.reply.style_id)
    assert style.events.get(to_state=State.TRAINING).who == operator


def test_a_list_is_narrowed_and_taken_along(
    page: Page,
    live_server: LiveServer,
    operator: User,
    make_style: Callable[..., Style],
) -> None:
    make_style("Mars diary", state=State.REFUSED)
    make_style("Venus", state=State.DROPPED)
    page.goto(f"{live_server.url}/admin/styles/style/")
    page.get_by_role("textbox", name="Search").fill("venus")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 result")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Take these along: CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert ("Venus" in text, "Mars" in text) == (True, False)
    page.goto(f"{live_server.url}/admin/admin/logentry/")
    expect(page.get_by_text("Taken along as CSV: ?q=venus")).to_be_visible()
