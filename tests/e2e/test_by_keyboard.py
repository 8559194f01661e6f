"""A person who uses the keyboard only: every step can be reached, and the focus is always seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles.models import Style
from styles.states import State
from teams.models import PikzelsKey

from ..pictures import photo

pytestmark = pytest.mark.django_db(transaction=True)


def tab_to(page: Page, name: str, *, most: int = 40) -> None:
    """Press Tab until what is focused is called `name`; the focus is visible all the way."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.count() == 1, f"{name} is not reached by Tab"
        ring = focused.evaluate(
            "e => { const s = getComputedStyle(e), p = getComputedStyle(e.parentElement);"
            " return s.outlineStyle !== 'none' || s.boxShadow !== 'none'"
            " || p.outlineStyle !== 'none' || p.boxShadow !== 'none' }"
        )
        assert ring, focused.evaluate("e => e.outerHTML")
        if name in (focused.evaluate("e => e.labels?.[0]?.innerText || e.innerText") or ""):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_from_the_library_to_a_sent_style(
    client: Client, live_server: LiveServer, page: Page, tmp_path: Path
) -> None:
    page.goto(live_server.url)
    tab_to(page, "Skip")
    page.keyboard.press("Enter")
    tab_to(page, "Make the first style")
    page.keyboard.press("Enter")
    page.wait_for_url("**/styles/new/")
    tab_to(page, "Style name")
    page.keyboard.type("By keyboard")
    for n in (1, 2, 3):
        path = tmp_path / f"mars-{n}.jpg"
        path.write_bytes(photo(640, 360, seed=n))
        tab_to(page, f"Image {n}")
        page.locator(":focus").set_input_files(path)
        expect(page.get_by_text(path.name)).to_be_visible()
    tab_to(page, "Create style")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-style-state", State.QUEUED)
    style = Style.objects.get()
    assert (style.name, style.images.count()) == ("By keyboard", 3)


def test_errors_take_the_focus_and_lead_to_their_fields(
    client: Client, live_server: LiveServer, page: Page
) -> None:
    page.goto(f"{live_server.url}/styles/new/")
    page.get_by_role("button", name="Create style").press("Enter")
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator(":focus")).to_contain_text("There is a problem")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_attribute("name", "name")
    described = page.locator(":focus").get_attribute("aria-describedby") or ""
    words = [page.locator(f"#{each}").inner_text() for each in described.split()]
    assert any("Enter a style name" in text for text in words)


def test_the_counter_is_announced_and_cuts_nothing_off(
    client: Client, live_server: LiveServer, page: Page
) -> None:
    page.goto(f"{live_server.url}/styles/new/")
    field = page.get_by_label("Style name")
    field.fill("a" * 23)
    expect(page.get_by_text("2 characters left").first).to_be_visible()
    field.fill("a" * 27)
    assert field.input_value() == "a" * 27
    expect(page.get_by_text(re.compile("2 characters too many")).first).to_be_visible()


def test_the_id_is_copied_and_that_is_said(
    client: Client,
    live_server: LiveServer,
    page: Page,
    make_style: Callable[..., Style],
    key: PikzelsKey,
) -> None:
    style = make_style(state=State.READY, key=key, pikzels_id="18b2ad5e-1")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(live_server.url + style.get_absolute_url())
    page.get_by_role("button", name="Copy").first.press("Enter")
    expect(page.get_by_text("Copied").first).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "18b2ad5e-1"


def test_the_page_follows_by_itself_and_says_so(
    client: Client,
    live_server: LiveServer,
    page: Page,
    make_style: Callable[..., Style],
    key: PikzelsKey,
) -> None:
    style = make_style(state=State.TRAINING, key=key, pikzels_id="18b2ad5e-1", progress=40)
    page.goto(live_server.url + style.get_absolute_url())
    page.get_by_text("Details for support").press("Enter")
    style.move(State.READY, only_from=[State.TRAINING], progress=100)
    expect(page).to_have_title(re.compile("^Ready"), timeout=15_000)
    expect(page.locator("main")).to_have_attribute("data-style-state", State.READY)
    expect(page.locator("[role=status]").filter(has_text="Ready").first).to_be_attached()
    # What was opened stays open, and where one was one still is.
    expect(page.locator("details[open]").filter(has_text="Details for support")).to_be_visible()
    expect(page.locator(":focus")).to_contain_text("Details for support")
