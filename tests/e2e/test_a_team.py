"""A new team from nothing: it signs itself in, brings its key, makes, finds and uses its styles."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from ..conftest import PASSWORD
from ..pictures import photo
from ..waiting import wait_until
from .product import Product

KEY = "pkz_of_the_studio_7777"
PATIENT = 30_000


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path)
    yield product
    assert product.stop() == 0
    assert "Traceback" not in product.output
    assert KEY not in product.output


def set_up(page: Page, product: Product) -> None:
    page.goto(product.setup_link)
    page.get_by_label("Name of your team").fill("Studio North")
    page.get_by_label("Your name").fill("Alice")
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form button.primary").click()
    expect(page.get_by_text("Your account is ready")).to_be_visible()


def add_a_key(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/team/")
    page.get_by_role("link", name="Add a key").click()
    page.get_by_label("Name of the key").fill("Main account")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_text("The key is saved.")).to_be_visible()


def invite(page: Page, product: Product, name: str, role: str) -> str:
    page.goto(f"{product.url}/team/invite/")
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.com")
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Invite", exact=True).click()
    return page.locator(".take code").inner_text()


def join(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form.sheet button.primary, form button.primary").first.click()
    expect(page.get_by_text("Welcome to Studio North")).to_be_visible()


def create(page: Page, product: Product, name: str, pictures: list[Path]) -> None:
    page.goto(f"{product.url}/styles/new/")
    fill_in(page, name, pictures)
    expect(page.locator("main")).to_have_attribute("data-style-state", "ready", timeout=PATIENT)


def fill_in(page: Page, name: str, pictures: list[Path]) -> None:
    page.get_by_label("Style name").fill(name)
    for n, path in enumerate(pictures, start=1):
        page.locator(f"#id_image_{n}").set_input_files(path)
    page.get_by_role("button", name="Create style").click()


def hold_the_key(product: Product) -> None:
    """As Pikzels does when the balance is empty."""
    held = "PikzelsKey.objects.get(kind='own').hold('INSUFFICIENT_CREDITS')"
    product.command("shell", "-v", "0", "-c", f"from teams.models import PikzelsKey; {held}")


def take_along(page: Page, product: Product, name: str) -> str:
    """Find a style in the library, and return its ID as Copy gives it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{product.url}/")
    page.get_by_role("link", name="Mine", exact=True).click()
    card = page.locator("article.card", has_text=name)
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_text("Copied").first).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def made_with(page: Page, product: Product, name: str) -> str:
    """Run the page's first snippet as it stands; return the address of the thumbnail."""
    page.goto(f"{product.url}/")
    page.get_by_role("link", name=name, exact=True).click()
    code = page.locator(".snippet code").first.inner_text()
    environment = {"PATH": os.environ["PATH"], "PIKZELS_API_KEY": KEY}
    done = subprocess.run(["sh", "-c", code], env=environment, capture_output=True, timeout=60)
    return json.loads(done.stdout)["output"]


def sent(product: Product) -> list[str]:
    rows = product.ledger()["requests"]
    return [row["name"] for row in rows if row["path"] == "/v2/pikzonality/style"]


def test_serves_itself_from_the_first_link_to_the_last_farewell(
    product: Product, browser: Browser, page: Page, tmp_path: Path
) -> None:
    pictures = [tmp_path / f"{name}.jpg" for name in ("one", "two", "three")]
    for n, path in enumerate(pictures):
        path.write_bytes(photo(1280, 720, seed=n))
    set_up(page, product)
    add_a_key(page, product)
    bob, dee = browser.new_page(), browser.new_page()
    join(bob, invite(page, product, "Bob", "member"), "Bob")
    join(dee, invite(page, product, "Dee", "reviewer"), "Dee")

    create(bob, product, "Mars diary", pictures)
    create(dee, product, "Venus diary", pictures)
    copied = take_along(bob, product, "Mars diary")
    assert copied in {row["id"] for row in product.ledger()["styles"]}
    expect(bob.locator("article.card")).to_have_count(1)
    thumbnail = made_with(bob, product, "Mars diary")
    assert copied in thumbnail
    assert requests.get(thumbnail, timeout=30).headers["Content-Type"] == "image/png"

    # What Bob wants sent now waits for the key, until he is removed.
    hold_the_key(product)
    bob.goto(f"{product.url}/styles/new/")
    fill_in(bob, "Bobs last", pictures)
    expect(bob.locator("main")).to_have_attribute("data-style-state", "held")

    page.goto(f"{product.url}/team/")
    page.get_by_role("link", name="Remove Bob").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("Bob is off the team.")).to_be_visible()
    bob.get_by_role("link", name="Library", exact=True).click()
    expect(bob.get_by_text("You are not on a team")).to_be_visible()
    page.goto(f"{product.url}/team/")
    page.get_by_role("button", name="Resume").last.click()
    expect(page.get_by_text("One style goes first.")).to_be_visible()
    create(page, product, "Alices own", pictures)
    wait_until(lambda: "Alices own" in sent(product))
    assert sorted(sent(product)) == ["Alices own", "Mars diary", "Venus diary"]
    page.goto(f"{product.url}/?q=Bobs+last")
    expect(page.locator("article.card")).to_contain_text("In review")
