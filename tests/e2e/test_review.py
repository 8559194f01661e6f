"""A reviewer at work: a whole queue by keyboard alone, and what the authors read of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles.models import Event, Style
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..conftest import browser_of, person

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 20


@pytest.fixture
def waiting(
    make_style: Callable[..., Style], team: Team, key: PikzelsKey, bob: User
) -> list[Style]:
    """Twenty styles of Bob's, of which the first has waited longest."""
    team.review_required = True
    team.save(update_fields=["review_required"])
    styles = [make_style(f"Style {n}", creator=bob) for n in range(1, MANY + 1)]
    assert all(style.submit(bob) for style in styles)
    return styles


def signed_in(page: Page, live_server: LiveServer, user: User) -> Client:
    client = browser_of(user)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    return client


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.innerText || document.activeElement.name")


@pytest.mark.parametrize("frame", ["the team's pages", "the admin"])
def test_a_queue_is_cleared_by_keyboard_alone(
    page: Page, live_server: LiveServer, waiting: list[Style], team: Team, frame: str
) -> None:
    dee = person("Dee", team, "reviewer")
    address = "/review/"
    if frame == "the admin":
        User.objects.filter(pk=dee.pk).update(is_staff=True, is_superuser=True)
        address = "/admin/styles/style/review/"
    signed_in(page, live_server, dee)
    page.goto(live_server.url + address)
    start = page.get_by_role("button", name="Start with the oldest")
    start.focus()
    press(page, "Enter")
    for n in range(1, MANY + 1):
        # The focus says what it is about, and only the next stop sends and pays.
        expect(page.locator("section.decide")).to_be_focused()
        expect(page.locator("#decide")).to_have_text(f"Send “Style {n}”?")
        press(page, "Tab")
        assert focused(page) == "Approve"
        if n % 5:
            press(page, "Enter")
        else:
            press(page, "Tab")
            page.keyboard.type(f"Too dark, number {n}")
            press(page, "Tab", "Enter")
        expect(page.locator("body")).to_contain_text(
            f"“Style {n}” is " + ("approved" if n % 5 else "back with its author")
        )
    expect(page.get_by_text("Nothing waits for a review")).to_be_visible()
    states = [Style.objects.get(pk=style.pk).state for style in waiting]
    assert states == [State.QUEUED if n % 5 else State.DRAFT for n in range(1, MANY + 1)]
    assert Event.objects.filter(from_state=State.IN_REVIEW, who=dee).count() == MANY


def test_a_held_key_approves_one_and_no_more(
    page: Page, live_server: LiveServer, waiting: list[Style], team: Team
) -> None:
    signed_in(page, live_server, person("Dee", team, "reviewer"))
    page.goto(f"{live_server.url}/review/{waiting[0].pk}/")
    page.get_by_role("button", name="Approve").focus()
    for _repeat in range(12):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator("#decide")).to_have_text("Send “Style 2”?")
    assert Style.objects.filter(state=State.QUEUED).count() == 1


def test_the_author_reads_the_note_and_acts_on_it(
    page: Page, live_server: LiveServer, waiting: list[Style], alice: User, bob: User
) -> None:
    style = waiting[0]
    reviewer = signed_in(page, live_server, alice)
    seen = style.submitted_at.isoformat()  # type: ignore[union-attr]
    note = {"do": "changes", "note": "The title is hard to read", "seen": seen}
    reviewer.post(f"/review/{style.pk}/", note)
    signed_in(page, live_server, bob)
    page.goto(f"{live_server.url}/?show=needs")
    page.get_by_role("link", name="See what to do").click()
    expect(page.get_by_text("Alice wrote: “The title is hard to read”")).to_be_visible()
    page.get_by_role("link", name="Change and send again").click()
    expect(page.get_by_text("Alice wrote: “The title is hard to read”")).to_be_visible()
    page.get_by_label("Style name").fill("Style one")
    page.get_by_role("button", name="Send to review").last.click()
    expect(page.locator("[data-style-state]").first).to_have_attribute(
        "data-style-state", State.IN_REVIEW
    )
