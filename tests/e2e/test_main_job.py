"""The main job, with the product as it is started: from nothing to a style's ID."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from ..conftest import PASSWORD
from ..pictures import photo
from ..visitor import Visitor
from .product import Product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("product"))
    set_up(product)
    yield product
    assert product.stop() == 0
    assert "Traceback" not in product.output


def set_up(product: Product) -> None:
    """Make the owner's account with the one-time link, as a client without JavaScript."""
    visitor = Visitor(product.url)
    fields = {"team_name": "Studio North", "name": "Alice", "email": "alice@example.com"}
    answer = visitor.fill_in(product.setup_link, {**fields, "password": PASSWORD})
    assert answer.status_code == 200 and answer.url == f"{product.url}/"
    assert visitor.get(product.setup_link).status_code == 404


def pictures(folder: Path) -> list[Path]:
    """Return three photographs of about 3 MB each."""
    paths = [folder / f"mars-{n}.jpg" for n in (1, 2, 3)]
    for seed, path in enumerate(paths):
        path.write_bytes(photo(1920, 1080, size_bytes=3_000_000, seed=seed))
    return paths


@pytest.mark.parametrize("name", ["Plain HTTP", "With a new encryption key"])
def test_without_javascript(product: Product, tmp_path: Path, name: str) -> None:
    visitor = Visitor(product.url)
    visitor.sign_in()
    if "encryption" in name:
        said = product.command("rotate_encryption_key")
        assert re.search(r"Secrets encrypted anew: [1-9]", said)
    files = {
        f"image_{n}": (path.name, path.read_bytes(), "image/jpeg")
        for n, path in enumerate(pictures(tmp_path), start=1)
    }
    began = time.monotonic()
    answer = visitor.fill_in(f"{product.url}/styles/new/", {"name": name}, files)
    assert answer.history[0].status_code == 302
    while 'data-style-state="ready"' not in answer.text:
        assert time.monotonic() - began < 30
        time.sleep(0.3)
        answer = visitor.get(answer.url, timeout=10)
    found = re.search(r'data-pikzels-id="([^"]+)"', answer.text)
    posts = [
        row
        for row in product.ledger()["requests"]
        if row["method"] == "POST" and row["name"] == name
    ]
    made = [row["id"] for row in product.ledger()["styles"] if row["name"] == name]
    assert found and [found[1]] == made
    assert len(posts) == 1


def test_in_a_browser(product: Product, page: Page, tmp_path: Path) -> None:
    page.goto(product.url)
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="New style").first.click()
    page.get_by_label("Style name").fill("In a browser")
    for n, path in enumerate(pictures(tmp_path), start=1):
        page.locator(f"#id_image_{n}").set_input_files(path)
    page.get_by_role("button", name="Create style").dblclick()
    main = page.locator("main")
    expect(main).to_have_attribute("data-style-state", "ready", timeout=30_000)
    made = [row["id"] for row in product.ledger()["styles"] if row["name"] == "In a browser"]
    assert made == [main.get_attribute("data-pikzels-id")]
    expect(page).to_have_title(re.compile("Ready"))
    expect(page.get_by_text(made[0]).first).to_be_visible()
    assert_the_snippet_works(page, made[0])


def assert_the_snippet_works(page: Page, style_id: str) -> None:
    """Run the first snippet as it stands on the page, with the key that the page names."""
    code = page.locator(".snippet code").first.inner_text()
    key = page.locator(".use > p code").inner_text()
    environment = {"PATH": os.environ["PATH"], "PIKZELS_API_KEY": key}
    done = subprocess.run(["sh", "-c", code], env=environment, capture_output=True, timeout=60)
    picture = requests.get(json.loads(done.stdout)["output"], timeout=60)
    assert style_id in picture.url and picture.headers["Content-Type"] == "image/png"


def test_the_page_keeps_up_and_the_way_out_works(
    product: Product, page: Page, tmp_path: Path
) -> None:
    visitor = Visitor(product.url)
    visitor.sign_in()
    page.context.add_cookies(
        [
            {"name": cookie.name, "value": cookie.value or "", "url": product.url}
            for cookie in visitor.cookies
        ]
    )
    page.goto(f"{product.url}/styles/new/")
    page.get_by_label("Style name").fill("once no credits")
    for n, path in enumerate(pictures(tmp_path), start=1):
        page.locator(f"#id_image_{n}").set_input_files(path)
    page.get_by_role("button", name="Create style").click()
    main = page.locator("main")
    expect(main).to_have_attribute("data-style-state", "held", timeout=20_000)
    expect(page.get_by_text("The balance is too low").first).to_be_visible()
    main.get_by_role("button", name="Resume").first.click()
    page.goto(f"{product.url}/?q=once+no+credits")
    page.get_by_role("link", name="once no credits").first.click()
    expect(main).to_have_attribute("data-style-state", "ready", timeout=30_000)


def test_with_a_key_of_ones_own(product: Product, page: Page, tmp_path: Path) -> None:
    visitor = Visitor(product.url)
    visitor.sign_in()
    for cookie in visitor.cookies:
        page.context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": product.url}]
        )
    page.goto(f"{product.url}/team/")
    page.get_by_role("link", name="Add a key").click()
    page.get_by_label("Name of the key").fill("Main account")
    page.get_by_label("API key").fill("pkz_unknown_1234")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("alert")).to_contain_text("Pikzels does not know this API key")
    page.get_by_label("API key").fill(" 'pkz_of_alice_4321' ")
    page.get_by_role("button", name="Test and save").dblclick()
    expect(page.get_by_text("The key is saved.")).to_be_visible()
    expect(page.get_by_text("pkz_…4321")).to_have_count(1)
    expect(page.get_by_text("Sandbox: nothing is sent")).to_have_count(0)
    page.goto(f"{product.url}/styles/new/")
    page.get_by_label("Style name").fill("With our own key")
    for n, path in enumerate(pictures(tmp_path), start=1):
        page.locator(f"#id_image_{n}").set_input_files(path)
    page.get_by_role("button", name="Create style").click()
    expect(page.locator("main")).to_have_attribute("data-style-state", "ready", timeout=30_000)
    sent = [row for row in product.ledger()["requests"] if row["name"] == "With our own key"]
    assert [row["key_last_four"] for row in sent if row["method"] == "POST"] == ["4321"]
    page.goto(f"{product.url}/team/")
    page.get_by_role("link", name="Main account", exact=True).click()
    page.get_by_role("button", name="Test this key").click()
    expect(page.get_by_text("Pikzels takes the key pkz_…4321.")).to_be_visible()
    page.get_by_role("link", name="Remove…").click()
    expect(page.get_by_text("New styles go to the sandbox")).to_be_visible()
    page.get_by_role("button", name="Remove the key").click()
    expect(page.get_by_text("The key is removed.")).to_be_visible()
    assert "pkz_of_alice" not in product.output
