"""Finding styles again and keeping them in order, as people do it in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from styles import notes
from styles.models import Style
from styles.notes import mark_of
from styles.states import State
from teams.models import PikzelsKey, User

pytestmark = pytest.mark.django_db(transaction=True)
MakeStyle = Callable[..., Style]


@pytest.fixture
def plain(browser: Browser, client: Client, live_server: LiveServer) -> Iterator[Page]:
    """Alice's browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    yield context.new_page()
    context.close()


@pytest.fixture
def shelf(make_style: MakeStyle, key: PikzelsKey, bob: User) -> Style:
    make_style("Hers")
    return make_style("Mars diary", creator=bob, state=State.READY, pikzels_id="id-1", key=key)


def cards(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def test_narrowing_the_library_and_taking_it_off_again(
    client: Client, page: Page, live_server: LiveServer, shelf: Style, bob: User
) -> None:
    page.goto(live_server.url)
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Made by").select_option("Bob")
    page.get_by_label("Made", exact=True).select_option("Today")
    page.get_by_role("button", name="Show these").click()
    expect(page.locator(".card")).to_have_count(1)
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(page.get_by_label("Time zone")).to_have_value(zone)
    assert "state=" not in page.url and f"by={bob.pk}" in page.url
    page.get_by_role("link", name=re.compile("^Today")).click()
    expect(page).to_have_url(f"{live_server.url}/?by={bob.pk}")
    page.get_by_role("link", name="Clear filters").click()
    expect(page).to_have_url(f"{live_server.url}/")
    assert cards(page) == ["Mars diary", "Hers"]


@pytest.mark.parametrize("browser_context_args", [{"timezone_id": "Asia/Tokyo"}])
def test_days_are_those_of_the_reader(
    client: Client, page: Page, live_server: LiveServer, shelf: Style
) -> None:
    page.goto(live_server.url)
    page.get_by_text("Filter", exact=True).click()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.get_by_label("From", exact=True).fill("2026-01-01")
    page.get_by_role("button", name="Show these").click()
    expect(page).to_have_url(re.compile("from=2026-01-01&zone=Asia%2FTokyo"))


def test_narrowing_without_javascript(plain: Page, live_server: LiveServer, shelf: Style) -> None:
    plain.goto(live_server.url)
    plain.get_by_text("Filter", exact=True).click()
    plain.get_by_label("State").select_option("Draft")
    plain.get_by_role("button", name="Show these").click()
    assert (cards(plain), plain.url) == (["Hers"], f"{live_server.url}/?state=draft")


def test_a_note_without_javascript_while_somebody_else_writes_one(
    plain: Page, live_server: LiveServer, shelf: Style, bob: User
) -> None:
    plain.goto(live_server.url + shelf.get_absolute_url())
    plain.get_by_label("Add a note").fill("For everything")
    notes.write(shelf, "For trailers", bob, seen=mark_of(""))
    plain.get_by_role("button", name="Save the note").click()
    expect(plain.get_by_role("alert")).to_contain_text("Bob changed the note")
    expect(plain.locator(".note-text")).to_have_text("For trailers")
    expect(plain.get_by_label("Change the note")).to_have_value("For everything")
    plain.get_by_role("button", name="Save the note").click()
    expect(plain.locator(".note-text")).to_have_text("For everything")


def test_archiving_and_finding_it_again(
    client: Client, page: Page, live_server: LiveServer, shelf: Style
) -> None:
    page.goto(live_server.url + shelf.get_absolute_url())
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived by Alice")).to_be_visible()
    page.goto(f"{live_server.url}/?q=mars")
    page.get_by_role("link", name="1 in the archive").click()
    page.get_by_role("link", name="Mars diary").click()
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_text("It is back in the library.")).to_be_visible()
    page.goto(live_server.url)
    assert cards(page) == ["Mars diary", "Hers"]


def test_a_note_that_is_being_written_outlives_what_is_fetched_again(
    client: Client, page: Page, live_server: LiveServer, make_style: MakeStyle, bob: User
) -> None:
    training = make_style(state=State.TRAINING, pikzels_id="id-1", progress=10)
    page.goto(live_server.url + training.get_absolute_url())
    page.get_by_label("Add a note").fill("Half a thought")
    notes.write(training, "Meanwhile", bob, seen=mark_of(""))
    expect(page.locator(".note-text")).to_have_text("Meanwhile", timeout=15_000)
    expect(page.locator("textarea[name=note]")).to_have_value("Half a thought")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_role("alert")).to_contain_text("Bob changed the note")
