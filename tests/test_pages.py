"""Every page there is: its words, its frame, and whether its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import Resolver404, resolve
from django.views.defaults import server_error

from styles import views
from styles.models import Style
from styles.states import MADE, State
from teams.models import PikzelsKey, User
from teams.setup import setup_link

from .conftest import browser_of, form_data, person
from .pages import Page
from .routes import all_routes
from .wording import banned_words, visible_text
from .world import World, make_world

MakeStyle = Callable[..., Style]
# Django's own page for a user promises this and does not keep it.
DJANGOS = "is described by no 'id_password_helptext'"
TEMPLATES = Path(__file__).parents[1] / "templates"


@pytest.fixture
def world(make_style: MakeStyle, alice: User, key: PikzelsKey) -> World:
    return make_world(make_style, alice, key)


def html_of(response: HttpResponse) -> str:
    body = b"".join(response)
    return body.decode() if response.headers["Content-Type"].startswith("text/html") else ""


def wrong_pages(client: Client, world: World) -> dict[str, list[str]]:
    """Return what is wrong with each page that this person gets, by its address.

    The admin's pages for what other packages brought along are theirs.
    """
    stock = ("auth.", "account.", "mfa.", "usersessions.")
    paths = [world.address(route) for route in all_routes() if not route.model.startswith(stock)]
    pages = {path: html for path in paths if (html := html_of(client.get(path)))}
    assert len(pages) >= 10
    return {path: wrong for path, html in pages.items() if (wrong := problems_of(html))}


def problems_of(html: str) -> list[str]:
    """Return what is wrong with a page, in words."""
    page = Page(html)
    found = [f"says {word!r}" for word in banned_words(visible_text(html))]
    found += [f"has {sign!r}" for sign in ("{{", "{%", "{#", "%(", "%}") if sign in html]
    found += [f"has the ID {one!r} twice" for one, times in page.ids.items() if times > 1]
    found += [f"is described by no {one!r}" for one in page.described_by if one not in page.ids]
    found += [f"has {one} inline" for one in page.inline]
    found += ["posts without a token" for form in page.forms if form == {"method": "post"}]
    found += [f"points to {one!r}" for one in page.addresses if not leads_somewhere(one, page)]
    found += _of_the_frame(page) if page.doctype else []
    return [problem for problem in found if problem != DJANGOS]


def _of_the_frame(page: Page) -> list[str]:
    found = [] if page.lang == "en-gb" else [f"is in the language {page.lang!r}"]
    found += [] if len(page.title.strip(" –\n")) > len("Pikzels UI") else ["has no title"]
    return found + ([] if page.headings["h1"] == 1 else [f"has {page.headings['h1']} h1"])


def leads_somewhere(address: str, page: Page) -> bool:
    """Tell whether an address on our own server is one; what is elsewhere is not asked."""
    parts = urlsplit(address)
    if parts.netloc or parts.scheme in {"data", "mailto", "blob"}:
        return True
    if not parts.path:
        # As browsers have it, "#" and "#top" are always there.
        return parts.fragment in {"", "top", *page.ids}
    if parts.path.startswith("/static/"):
        return finders.find(parts.path.removeprefix("/static/")) is not None
    try:
        return not parts.path.startswith("/") or bool(resolve(parts.path))
    except Resolver404:
        return False


def test_a_visitors_pages_are_in_order(world: World, client: Client) -> None:
    assert wrong_pages(client, world) == {}


def test_a_members_pages_are_in_order(world: World, bob: User) -> None:
    browser = browser_of(bob)
    assert wrong_pages(browser, world) == {}


def test_an_owners_pages_are_in_order_and_so_is_the_admin(world: World, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = browser_of(alice)
    assert wrong_pages(browser, world) == {}


@pytest.mark.parametrize("state", State)
def test_a_styles_pages_are_in_order_in_every_state(
    make_style: MakeStyle, alice: User, bob: User, key: PikzelsKey, state: State
) -> None:
    ids = {"pikzels_id": "id-1"} if state in MADE else {}
    style = make_style(state=state, key=key, **ids)
    for browser in (browser_of(alice), browser_of(bob)):
        for path in ("/", style.get_absolute_url(), style.address("live"), style.address("edit")):
            assert problems_of(html_of(browser.get(path, follow=True))) == [], path


def test_forms_with_errors_are_in_order(alice: User, charlie: User, make_style: MakeStyle) -> None:
    browser = browser_of(alice)
    team = alice.teams.get()
    for path, data in {
        make_style().address("note"): {"note": "A" * 2001},
        "/styles/new/": form_data(team, name="Ünmöglich", images=1),
        "/team/keys/add/": {"team": team.pk, "name": "", "secret": "x"},
        "/account/": {"name": "A" * 101},
        "/account/tokens/": {"name": "", "days": "90"},
        "/account/notices/": {"wanted": "everything"},
        "/accounts/email/": {"email": "alice", "action_add": ""},
        "/accounts/password/change/": {"oldpassword": "x", "password1": "y", "password2": "z"},
    }.items():
        html = html_of(browser.post(path, data))
        assert problems_of(html) == [], path
        page = Page(html)
        assert page.title.startswith("Error: "), path
        assert "There is a problem" in html, path


def test_the_form_of_the_first_account_is_in_order(client: Client, db: None) -> None:
    link = urlsplit(setup_link()).path
    for response in (client.get(link), client.post(link, {})):
        assert problems_of(html_of(response)) == []


def test_the_page_for_people_without_a_team_is_in_order(db: None) -> None:
    response = browser_of(person("Dora", None)).get("/")
    assert response.status_code == 403
    assert problems_of(html_of(response)) == []


def test_an_empty_library_is_in_order(alice: User, bob: User) -> None:
    for each in (alice, bob):
        assert problems_of(html_of(browser_of(each).get("/"))) == []
        assert problems_of(html_of(browser_of(each).get("/?q=nothing&show=ready"))) == []


def test_pages_about_what_went_wrong_are_in_order(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(alice)
    browser.raise_request_exception = False
    missing = browser.get("/nowhere/")
    assert (missing.status_code, problems_of(html_of(missing))) == (404, [])
    strict = Client(enforce_csrf_checks=True)
    too_old = strict.post("/accounts/login/", {})
    assert (too_old.status_code, problems_of(html_of(too_old))) == (403, [])
    monkeypatch.setattr(views, "shelf", lambda *args: 1 / 0)
    broken = html_of(browser.get("/"))
    assert "The fault is ours" in broken
    assert [p for p in problems_of(broken) if "language" not in p] == []


def test_the_page_for_our_own_faults_needs_nothing_that_may_be_broken() -> None:
    """No database, no session, no user."""
    response = server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "Something broke here" in response.content.decode()


def test_no_template_has_anything_inline() -> None:
    sources = {path: path.read_text() for path in TEMPLATES.rglob("*.html")}
    assert len(sources) > 50
    inline = re.compile(
        r"""<style|<script(?![^>]*\b(?:src=|type="application/json"))|\s(?:style|on[a-z]+)\s*=\s*["']|javascript:""",
        re.I,
    )
    assert [path.name for path, text in sources.items() if inline.search(text)] == []


def test_the_scripts_stay_small() -> None:
    folder = TEMPLATES.parent / "static" / "js"
    assert sum(path.stat().st_size for path in folder.glob("*.js")) < 25 * 1024
