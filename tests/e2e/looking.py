"""Looking at a page: what a machine finds, and, where `make looks` asks, pictures for people."""

from __future__ import annotations

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from ..waiting import wait_until
from ..wording import banned_words, visible_text

PICTURES = Path(__file__).resolve().parents[2] / "var" / "pictures"
# They take as long as all else here, and prove nothing while nobody looks at them.
KEEPING_PICTURES = "KEEP_PICTURES" in os.environ
SIZES = {"phone": 390, "desktop": 1280}
# Its face and its pictures are there, also those that wait to be scrolled to, which come at once.
PAINTED = """() => {
    const pictures = [...document.images];
    pictures.forEach((each) => { each.loading = "eager"; });
    return document.fonts.status === "loaded" && pictures.every((each) => each.complete);
}"""

# The admin's links change their colour slowly, whatever one asks for.
SETTLE = "() => document.getAnimations().forEach((each) => each.finish())"
# Else axe says at length what is in order.
BRIEF = {"resultTypes": ["violations"]}


def inspect(page: Page, name: str) -> None:
    """Judge the page as it stands, and keep pictures of it if they are wanted."""
    # Not `wait_for_function`, which looks again by what the CSP forbids.
    wait_until(lambda: page.evaluate(PAINTED))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(SETTLE)
        for size, width in SIZES.items() if KEEPING_PICTURES else ():
            page.set_viewport_size({"width": width, "height": 900})
            picture(page, f"{name}-{size}-{scheme}")
        # In the dark only the colours are others.
        rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
        assert_no_findings(page, f"{name}, {scheme}", rules)
    page.set_viewport_size({"width": 320, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"{name} is {wide} pixels wide on a small phone"
    assert banned_words(visible_text(page.content())) == [], name
    page.set_viewport_size({"width": 1280, "height": 900})


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def assert_no_findings(page: Page, name: str, options: dict[str, object]) -> None:
    found = [
        f"{finding['id']}: {[node['html'][:120] for node in finding['nodes']]}"
        for finding in Axe().run(page, options={**BRIEF, **options}).response["violations"]
        if finding["impact"] in {"serious", "critical"}
    ]
    assert not found, f"{name}: {found}"


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)
