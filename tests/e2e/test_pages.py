"""Every page in every state: looked at by a machine here, and by a person in `var/pictures`.

No serious finding of axe, light and dark, no word on the console, and nothing that has to be
scrolled sideways, down to 320 pixels. `make looks` keeps pictures at 390 and 1280 pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from PIL import Image
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles import breaker
from styles.images import accept
from styles.models import Style
from styles.pikzels.errors import Code
from styles.states import State
from teams import limits
from teams.models import PikzelsKey, Team, User
from teams.setup import setup_link

from ..pictures import encoded, photo
from .scenes import thumbnail

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_style_in_every_state(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    page: Page,
) -> None:
    sign_in(alice)
    for state, style in shelf.items():
        look(f"style-{state}", style.get_absolute_url())
        assert page.locator("main").get_attribute("data-style-state") == state
        known = page.locator("main").get_attribute("data-pikzels-id")
        assert (known or "") == style.pikzels_id


def test_a_held_style_as_owner_and_member(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    key: PikzelsKey,
    alice: User,
    bob: User,
) -> None:
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    for name, user in (("member", bob), ("owner", alice)):
        sign_in(user)
        look(f"style-held-{name}", shelf[State.QUEUED].get_absolute_url())
        look(f"library-held-{name}", "/")
        look(f"team-held-{name}", "/team/")


def test_the_form(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    page: Page,
) -> None:
    sign_in(alice)
    look("form-new", "/styles/new/")
    page.get_by_label("Style name").fill("Café")
    page.get_by_role("button", name="Create style").click()
    look("form-errors", "")
    look("form-draft", shelf[State.DRAFT].address("edit"))
    look("form-refused", shelf[State.REFUSED].address("edit"))


def test_the_form_while_pictures_arrive(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    tmp_path: Path,
    key: PikzelsKey,
) -> None:
    sign_in(alice)
    look("form-empty", "/styles/new/")
    picture = thumbnail(tmp_path / "mars.jpg", "ON MARS", "#0b3d91 #ff6b35")
    page.locator("#id_image_1").set_input_files(picture)
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.route("**/edit/", lambda route: None)
    page.locator("#id_image_2").set_input_files(picture)
    expect(page.locator("progress").nth(1)).to_be_visible()
    look("form-arriving", "")
    page.unroute("**/edit/")
    page.route("**/edit/", lambda route: route.abort())
    page.locator("#id_image_3").set_input_files(picture)
    expect(page.locator("image-slot .error")).to_be_visible()
    look("form-lost", "")


def test_the_form_with_advice_and_questions(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    team: Team,
    make_style: Callable[..., Style],
    key: PikzelsKey,
) -> None:
    team.asks_for_rights = True
    team.save(update_fields=["asks_for_rights"])
    sent = make_style("Mars diary")
    sent.submit(alice)
    advised = make_style("Mars diary", pictures=2)
    keep_picture(advised, 1, Image.new("RGB", (1280, 1280), "#0b3d91"))
    barred = Image.new("RGB", (640, 480), "black")
    barred.paste(Image.open(BytesIO(photo(640, 360, seed=2))), (0, 60))
    keep_picture(advised, 2, barred)
    sign_in(alice)
    look("form-advice", advised.address("edit"))
    page.get_by_text("See the crop").first.click()
    page.get_by_label("Or a link").fill("http://example.com/mars.jpg")
    page.get_by_role("button", name="Add picture").click()
    expect(page.locator("[data-part=link] .error")).to_be_visible()
    look("form-link-wrong", "")
    copy = sent.variant(alice, sent.name)
    look("form-variant", copy.address("edit"))
    page.get_by_label("I may use these pictures").check()
    page.get_by_role("button", name="Create style").click()
    expect(page.get_by_text("You have sent this already")).to_be_visible()
    look("form-twin", "")


def test_the_form_when_the_hour_is_full(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    team: Team,
    make_style: Callable[..., Style],
    key: PikzelsKey,
    settings: LazySettings,
    tmp_path: Path,
) -> None:
    settings.STYLES_PER_HOUR = settings.UPLOADS_PER_HOUR = 1
    limits.count_sent(alice, team)
    limits.count_pictures(alice, [1])
    sign_in(alice)
    look("form-before-too-many", make_style().address("edit"))
    page.get_by_role("button", name="Create style").click()
    expect(page.get_by_text("Many styles were sent within an hour")).to_be_visible()
    look("form-too-many-styles", "")
    look("form-empty-before-too-many", "/styles/new/")
    page.get_by_label("Style name").fill("Mars diary 2")
    picture = thumbnail(tmp_path / "mars.jpg", "ON MARS", "#0b3d91 #ff6b35")
    page.locator("#id_image_1").set_input_files(picture)
    expect(page.get_by_text("Many pictures came within an hour").first).to_be_visible()
    look("form-too-many-pictures", "")


def keep_picture(style: Style, position: int, picture: Image.Image) -> None:
    file = BytesIO(encoded(picture, "JPEG"))
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    assert style.creator
    style.keep_picture(position, accept(file, name="wide.jpg", directory=folder), style.creator)


def test_pages_that_ask_first(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    shelf: dict[str, Style],
    alice: User,
    team: Team,
) -> None:
    team.may_review_own = True
    team.save(update_fields=["may_review_own"])
    sign_in(alice)
    for name in ("paste_id", "send_again", "give_up", "support"):
        look(f"ask-{name}", shelf[State.IN_DOUBT].address(name))
    look("ask-cancel", shelf[State.QUEUED].address("cancel"))
    look("style-in_review-reviewer", shelf[State.IN_REVIEW].get_absolute_url())


def test_pages_for_strangers(
    look: Callable[[str, str], None], live_server: LiveServer, page: Page, db: None
) -> None:
    path = re.sub(r"^https?://[^/]+", "", setup_link())
    look("setup", path)
    page.get_by_role("button").last.click()
    look("setup-empty", "")


def test_somebody_without_a_team(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], bob: User, team: Team
) -> None:
    team.memberships.all().delete()
    sign_in(bob)
    look("no-team", "/")
