"""Somebody brings styles in, instructs one, thinks better of that, and deletes it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles.models import Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey

from ..pikzels.sandboxes import create, look

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "pkz_sandbox_1234"


def test_from_a_pasted_list_to_the_end_of_a_style(
    client: Client,
    live_server: LiveServer,
    page: Page,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
) -> None:
    ids = [create(sandbox, name, key=KEY).json["id"] for name in ("Lava walk", "Ice cave")]
    page.goto(live_server.url)
    page.get_by_role("link", name="Bring in a style by its ID").click()
    page.get_by_label("Style IDs").fill(f"name;id\nLava;{ids[0]}\nIce;{ids[1]}")
    page.get_by_label("API key").select_option(label=str(sandbox_key))
    page.get_by_role("button", name="Bring in").dblclick()
    expect(page.get_by_role("heading", name="2 styles were brought in")).to_be_visible()
    assert Style.objects.count() == 2
    page.get_by_role("link", name="Lava walk").click()
    expect(page.locator("main")).to_have_attribute("data-pikzels-id", ids[0])
    instruct(page, "Warm light")
    instruct(page, "Cold light")
    assert look(sandbox, ids[0], key=KEY).json["special_instructions"] == "Cold light"
    page.get_by_role("link", name="Change the instructions").click()
    page.get_by_role("button", name="Restore Warm light").click()
    expect(page.locator(".instructions .told")).to_have_text("Warm light")
    page.get_by_role("link", name="Delete at Pikzels").click()
    page.get_by_role("button", name="Delete at Pikzels").click()
    expect(page.get_by_text("Deleted at Pikzels. Its ID no longer works.")).to_be_visible()
    expect(page.locator("main")).to_have_attribute("data-style-state", State.GONE)
    assert look(sandbox, ids[0], key=KEY).status == 404
    assert look(sandbox, ids[1], key=KEY).status == 200


def instruct(page: Page, text: str) -> None:
    page.get_by_role("link", name="Change the instructions").click()
    field = page.get_by_label("Special instructions")
    field.fill("x" * 301)
    expect(page.locator(".count")).to_have_text("1 character too many")
    field.fill(text)
    expect(page.locator(".count")).to_have_text(re.compile("290 characters left"))
    page.get_by_role("button", name="Save at Pikzels").click()
    expect(page.get_by_text("Pikzels has these instructions now.")).to_be_visible()
