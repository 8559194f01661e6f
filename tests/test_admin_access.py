"""Who gets what in the admin: a route that this table lacks fails the first test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from styles import breaker
from styles.models import Style, WorkerSign
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of, join_group, person
from .routes import Route, all_routes
from .test_access import SIGN_IN, visit
from .wording import visible_text
from .world import World, make_world

WHO = ("staff", "reviewer", "operator", "superuser")
NOBODYS = (403, 403, 403, 403)
SUPERUSERS = (403, 403, 403, 200)
OPERATORS = (403, 403, 200, 200)
BOTH = (403, 200, 200, 200)
EVERYBODYS = (200, 200, 200, 200)
GONE = (404, 404, 404, 404)
# What each gets of a model's pages, by the name of the page; `changelist` where it is not named.
LISTS = {
    "styles_style": BOTH,
    "styles_attempt": BOTH,
    "styles_event": BOTH,
    "styles_notice": OPERATORS,
    "teams_team": OPERATORS,
    "teams_user": OPERATORS,
    "teams_pikzelskey": OPERATORS,
    "teams_invitation": OPERATORS,
    "teams_apitoken": OPERATORS,
    "teams_signin": OPERATORS,
    "teams_teamevent": OPERATORS,
    "admin_logentry": OPERATORS,
    "auth_group": SUPERUSERS,
    "account_emailaddress": SUPERUSERS,
    "mfa_authenticator": SUPERUSERS,
    "usersessions_usersession": SUPERUSERS,
}
PAGES = {
    "changelist": LISTS,
    "change": LISTS,
    "history": LISTS,
    "add": {
        **dict.fromkeys(LISTS, NOBODYS),
        **dict.fromkeys(
            ["teams_team", "teams_user", "auth_group", "account_emailaddress"], SUPERUSERS
        ),
    },
    "delete": {
        **dict.fromkeys(LISTS, NOBODYS),
        **dict.fromkeys(
            ["auth_group", "account_emailaddress", "mfa_authenticator", "usersessions_usersession"],
            SUPERUSERS,
        ),
        "teams_user": SUPERUSERS,  # who are erased by it
    },
}
# By GET; those that only take something by POST say so to whoever may.
OTHERS = {
    "index": EVERYBODYS,
    "logout": (405, 405, 405, 405),
    "login": (302, 302, 302, 302),
    "password_change": EVERYBODYS,
    "password_change_done": EVERYBODYS,
    "autocomplete": NOBODYS,
    "jsi18n": EVERYBODYS,
    "view_on_site": GONE,
    "app_list": (404, 200, 200, 200),
    "auth_user_password_change": SUPERUSERS,
    "styles_style_settle": OPERATORS,
    "styles_style_export": (403, 405, 405, 405),
    "styles_attempt_export": (403, 405, 405, 405),
    "styles_event_export": (403, 405, 405, 405),
    "styles_desk": OPERATORS,
    "styles_desk_resume": (403, 403, 405, 405),
    "styles_review": (403, 200, 403, 200),
    "styles_review_next": (403, 405, 403, 405),
    "styles_review_many": (403, 405, 403, 405),
    "styles_review_style": (403, 302, 403, 302),
    "styles_review_take": (403, 405, 403, 405),
}
MakeStyle = Callable[..., Style]


@pytest.fixture
def world(make_style: MakeStyle, alice: User, key: PikzelsKey) -> World:
    return make_world(make_style, alice, key)


def table() -> dict[str, tuple[int, ...]]:
    models = {
        f"{model}_{page}": gets for page, lists in PAGES.items() for model, gets in lists.items()
    }
    return models | OTHERS


def routes() -> Iterator[Route]:
    """Return the admin's routes that have a name: the others lead to one of these or nowhere."""
    for route in all_routes():
        if route.pattern.startswith("/admin/") and route.name:
            yield route


def name_of(route: Route) -> str:
    return route.name.removeprefix("admin:")


def somebody(who: str) -> User:
    user = person(who.title(), None)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=who == "superuser")
    if who in {"reviewer", "operator"}:
        join_group(user, f"{who.title()}s")
    return user


def test_every_route_is_in_the_table() -> None:
    assert {name_of(route) for route in routes()} == set(table())


@pytest.mark.parametrize("who", WHO)
def test_everybody_gets_what_the_table_says(world: World, who: str) -> None:
    browser = browser_of(somebody(who))
    found = {
        name_of(route): visit(browser, "get", world.address(route)).status_code
        for route in routes()
    }
    expected = {name: gets[WHO.index(who)] for name, gets in table().items()}
    assert {name: got for name, got in found.items() if got != expected[name]} == {}


@pytest.mark.parametrize("who", ["nobody", "member"])
def test_who_is_not_staff_is_sent_to_sign_in_or_turned_away(
    world: World, bob: User, who: str
) -> None:
    browser = browser_of(bob) if who == "member" else Client()
    for route in routes():
        response = visit(browser, "get", world.address(route))
        away = response.headers.get("Location", "").startswith(SIGN_IN)
        # Signing out of the admin is signing out, which is no secret.
        assert away or response.status_code == 403 or name_of(route) == "logout", route


@pytest.mark.parametrize(
    ("who", "status"), [("staff", 403), ("reviewer", 200), ("operator", 200), ("superuser", 200)]
)
def test_who_may_see_a_list_may_take_it_along(world: World, who: str, status: int) -> None:
    browser = browser_of(somebody(who))
    for model in ("style", "attempt", "event"):
        assert browser.post(f"/admin/styles/{model}/export/").status_code == status


@pytest.mark.parametrize(("who", "released"), [("reviewer", False), ("operator", True)])
def test_a_key_is_resumed_by_operators_alone(world: World, who: str, released: bool) -> None:
    browser = browser_of(somebody(who))
    response = browser.post(f"/admin/styles/style/desk/keys/{world.key.uuid}/resume/")
    assert response.status_code == (302 if released else 403)
    assert PikzelsKey.objects.get().is_held is not released


class TestFrontPage:
    """Each sees what their rights allow, and nothing that leads to a closed door."""

    @pytest.fixture
    def busy(self, world: World, make_style: MakeStyle) -> World:
        make_style("Venus", state=State.IN_REVIEW)
        make_style("Queued", state=State.QUEUED, key=world.key)
        WorkerSign.give(world.style.pk, "here")
        return world

    def page(self, who: str) -> str:
        return browser_of(somebody(who)).get("/admin/").content.decode()

    def test_a_reviewer_sees_what_is_to_review_and_what_happened(self, busy: World) -> None:
        text = visible_text(self.page("reviewer"))
        assert "1 thing needs you" in text
        assert "1 to review" in text
        assert "Styles begun in the last 30 days" in text
        for other in ("in doubt", "key held", "stuck", "Is it us or Pikzels", busy.key.shown):
            assert other not in text

    def test_an_operator_sees_what_is_in_doubt_held_and_stuck_and_the_state_of_health(
        self, busy: World
    ) -> None:
        text = visible_text(self.page("operator"))
        assert "2 things need you" in text
        assert "1 in doubt" in text
        assert "1 key held 1 style waits" in text
        assert "0 stuck" in text
        assert f"Pikzels turns the key {busy.key.shown} away. The balance is too low." in text
        assert "to review" not in text

    def test_a_superuser_sees_everything(self, busy: World) -> None:
        text = visible_text(self.page("superuser"))
        assert "3 things need you" in text
        assert "1 to review" in text

    def test_staff_without_rights_are_told_whom_to_ask(self, busy: World) -> None:
        text = visible_text(self.page("staff"))
        assert "There is nothing here for you yet" in text
        assert "Reviewers" in text
        for other in ("Mars", "thing needs you", "Pikzels turns", "Styles begun"):
            assert other not in text

    @pytest.mark.parametrize("who", WHO)
    def test_every_link_on_it_can_be_followed(self, busy: World, who: str) -> None:
        browser = browser_of(somebody(who))
        html = browser.get("/admin/").content.decode()
        links = {part.partition('"')[0] for part in html.split('href="')[1:]}
        for link in sorted(each for each in links if each.startswith("/admin/")):
            assert browser.get(link.partition("#")[0]).status_code in {200, 302}, link

    def test_when_nothing_needs_anybody_it_says_so(
        self, world: World, make_style: MakeStyle
    ) -> None:
        Style.objects.all().update(state=State.DRAFT)
        breaker.resume(world.key)
        WorkerSign.give(world.style.pk, "here")
        assert "Nothing needs you" in visible_text(self.page("superuser"))
