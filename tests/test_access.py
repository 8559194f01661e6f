"""Who gets what at every address there is: a route that this table lacks fails the first test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.core import serializers
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from styles.models import (
    Attempt,
    Deletion,
    Event,
    Instructions,
    Notice,
    ReferenceImage,
    Style,
    Unwanted,
    WorkerSign,
)
from styles.readiness import readiness
from teams.models import ApiToken, Invitation, Membership, PikzelsKey, Team, User

from .conftest import browser_of, person
from .routes import Route, all_routes, of_the_api, ours
from .world import World, make_world


class Gets(NamedTuple):
    """The status by who asks: a member, a stranger with another team, somebody without a team."""

    member: int
    stranger: int
    teamless: int
    method: str = "get"


ONES_OWN = Gets(200, 200, 403)  # the same page for everybody, about their own team
TEAMS = Gets(200, 404, 403)
POSTED = Gets(302, 404, 403, "post")
# The style of the table's world is in doubt and was made by Alice, who owns the team.
OURS = {
    "library": ONES_OWN,
    "export_csv": ONES_OWN,
    "export_json": ONES_OWN,
    "team": ONES_OWN,
    "style_new": ONES_OWN,
    "usage": ONES_OWN,
    "usage_csv": ONES_OWN,
    "attach": ONES_OWN,
    "account": Gets(200, 200, 200),
    "account_tokens": Gets(200, 200, 200),
    "account_notices": Gets(200, 200, 200),
    "account_data": Gets(200, 200, 200),
    "account_export": Gets(302, 302, 302),  # asked for the password first
    "account_erase": Gets(302, 302, 302),
    "account_token_revoke": Gets(404, 404, 404, "post"),
    "account_session_end": Gets(404, 404, 404, "post"),
    "mails": Gets(404, 404, 403),
    "key": Gets(404, 404, 403),
    "key_add": Gets(404, 200, 403),  # the stranger owns a team of his own
    "key_replace": Gets(404, 404, 403),
    "key_remove": Gets(404, 404, 403),
    "key_test": Gets(404, 404, 403, "post"),
    "key_resume": Gets(404, 404, 403, "post"),
    "go_on": Gets(404, 404, 403, "post"),
    "team_settings": Gets(404, 200, 403),
    "invite": Gets(404, 200, 403),  # the stranger owns a team of his own
    "revoke": Gets(404, 404, 403, "post"),
    "change_role": Gets(404, 404, 403, "post"),
    "remove_member": Gets(404, 404, 403),
    "switch": Gets(404, 404, 403, "post"),
    "invitation": Gets(200, 200, 200),  # for whoever has the link, and it names the team only
    "style": TEAMS,
    "style_live": TEAMS,
    "style_edit": Gets(302, 404, 403),
    "style_image": Gets(200, 404, 404),
    "style_image_preview": Gets(200, 404, 404),
    "style_portrait": TEAMS,
    "style_reopen": POSTED,
    "style_cancel": TEAMS,
    "style_retry": POSTED,
    "style_shrink": Gets(404, 404, 403, "post"),
    "style_variant": POSTED,
    "review": Gets(404, 200, 403),  # Bob is no reviewer; the stranger owns a team of his own
    "review_next": Gets(404, 404, 403, "post"),
    "review_many": Gets(404, 404, 403, "post"),
    "review_style": Gets(404, 404, 403),
    "review_take": Gets(404, 404, 403, "post"),
    "style_paste_id": TEAMS,
    "style_send_again": Gets(404, 404, 403),
    "style_give_up": TEAMS,
    "style_support": TEAMS,
    "style_archive": POSTED,
    "style_bring_back": POSTED,
    "style_note": Gets(422, 404, 403, "post"),
    "style_instructions": Gets(302, 404, 403),
    "style_delete": Gets(404, 404, 403),  # for owners and for who made it
    "style_keep": Gets(404, 404, 403, "post"),
    "healthz": Gets(200, 200, 200),
    "readyz": Gets(200, 200, 200),
    "setup": Gets(404, 404, 404),
}
# With a token of one's own; a session opens nothing of it.
API = {
    "api:openapi-json": Gets(200, 200, 200),
    "api:styles": Gets(200, 200, 200),
    "api:style": Gets(200, 404, 404),
    "api:api-root": Gets(404, 404, 404),  # where the addresses begin, and nothing is
}
# What somebody gets who is not signed in, where that is not the way to sign in.
PUBLIC = {
    "healthz": 200,
    "readyz": 200,
    "api:openapi-json": 200,
    "api:styles": 401,
    "api:style": 401,
    "api:api-root": 404,
    "setup": 404,  # there is an account, so the link has had its day
    "invitation": 200,
    "account_login": 200,
    "account_logout": 302,
    "account_signup": 200,
    "account_inactive": 200,
    "account_confirm_email": 200,
    "account_email_verification_sent": 200,
    "account_reset_password": 200,
    "account_reset_password_done": 200,
    "account_reset_password_from_key": 200,
    "account_reset_password_from_key_done": 200,
}
# Pages about the person who asks. They name nothing of anybody else, by a link to a mail at most.
ACCOUNTS = {name for name in PUBLIC if name.startswith("account_")} | {
    "account_change_password",
    "account_confirm_login_code",
    "account_email",
    "account_reauthenticate",
    "account_set_password",
    "mfa_activate_totp",
    "mfa_authenticate",
    "mfa_deactivate_totp",
    "mfa_download_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_login_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "mfa_reauthenticate",
    "mfa_view_recovery_codes",
    "usersessions_list",
}
SIGN_IN = ("/accounts/login/", "/admin/login/")
Sees = Callable[[Client, str, str], HttpResponse]


@pytest.fixture
def world(
    make_style: Callable[..., Style], alice: User, key: PikzelsKey, settings: LazySettings
) -> World:
    # Ready: with a folder and a worker.
    settings.DATA_DIR.mkdir()
    WorkerSign.give(uuid.uuid4(), "here")
    readiness.forget()
    return make_world(make_style, alice, key)


def visit(client: Client, method: str, path: str) -> HttpResponse:
    """Return the answer, read to its end, and take back what it did to the database."""
    with transaction.atomic():
        response: Any = getattr(client, method)(path)
        b"".join(response)
        transaction.set_rollback(True)
    return response


def statuses(client: Client, world: World, *, of: Mapping[str, Gets]) -> dict[str, int]:
    return {
        route.name: visit(client, of[route.name].method, world.address(route)).status_code
        for route in ours()
    }


def with_token(user: User) -> Client:
    """Return the bot of somebody, with a new token."""
    token, _row = ApiToken.issue(user, f"Bot {ApiToken.objects.count()}")
    return Client(headers={"Authorization": f"Bearer {token}"})


def api_statuses(client: Client, world: World) -> dict[str, int]:
    return {
        route.name: visit(client, "get", world.address(route)).status_code for route in of_the_api()
    }


def admin_routes() -> Iterator[Route]:
    return (route for route in all_routes() if route.pattern.startswith("/admin/"))


def rows() -> str:
    """Return all that the product knows, but for the small pictures made when asked for."""
    models = (Style, Attempt, Event, PikzelsKey, Team, Membership, Invitation, ApiToken)
    models += (Notice, Unwanted, Instructions, Deletion)
    known = [row for model in models for row in model.objects.order_by("pk")]
    images = list(ReferenceImage.objects.order_by("pk").values_list("style", "position", "sha256"))
    return serializers.serialize("json", known) + repr(images)


def test_every_route_is_in_the_table() -> None:
    assert {route.name for route in ours()} == set(OURS)
    assert {route.name for route in of_the_api()} == set(API)
    accounts = {route.name for route in all_routes() if route.pattern.startswith("/accounts/")}
    assert accounts == ACCOUNTS


def test_a_visitor_is_sent_to_sign_in_everywhere_else_than_where_that_makes_no_sense(
    world: World, client: Client
) -> None:
    open_to_all = {}
    for route in all_routes():
        response = visit(client, "get", world.address(route))
        if not response.headers.get("Location", "").startswith(SIGN_IN):
            open_to_all[route.name] = response.status_code
    assert open_to_all == PUBLIC


def test_a_visitor_who_posts_is_sent_to_sign_in_too(world: World, client: Client) -> None:
    let_in = {
        route.name
        for route in all_routes()
        if not visit(client, "post", world.address(route))
        .headers.get("Location", "")
        .startswith(SIGN_IN)
    }
    # Some say 405 and 404; the others are ways to sign in and out.
    assert let_in <= set(PUBLIC)


def test_bob_gets_what_is_his_teams(world: World, bob: User) -> None:
    expected = {name: gets.member for name, gets in OURS.items()}
    assert statuses(browser_of(bob), world, of=OURS) == expected


def test_charlie_finds_nothing_of_alices_team(world: World, charlie: User) -> None:
    expected = {name: gets.stranger for name, gets in OURS.items()}
    assert statuses(browser_of(charlie), world, of=OURS) == expected


@pytest.mark.parametrize("role", Membership.Role)
def test_what_charlie_is_on_his_own_team_opens_nothing_of_alices(
    world: World, charlie: User, role: str
) -> None:
    Membership.objects.filter(user=charlie).update(role=role)
    about_something = {route.name for route in ours() if route.names_of_arguments}
    found = statuses(browser_of(charlie), world, of=OURS)
    assert {name: found[name] for name in about_something} == {
        name: OURS[name].stranger for name in about_something
    }


@pytest.mark.parametrize("role", Membership.Role)
def test_every_page_answers_whatever_one_is_on_the_team(world: World, bob: User, role: str) -> None:
    Membership.objects.filter(user=bob).update(role=role)
    found = statuses(browser_of(bob), world, of=OURS)
    broken = {name: status for name, status in found.items() if status >= 500}
    assert broken in ({}, {"readyz": 503})


@pytest.mark.parametrize("role", Membership.Role)
def test_a_bot_gets_what_is_its_persons_teams_whatever_the_role(
    world: World, bob: User, role: str
) -> None:
    Membership.objects.filter(user=bob).update(role=role)
    assert api_statuses(with_token(bob), world) == {name: API[name].member for name in API}


def test_charlies_bot_finds_nothing_of_alices_team(world: World, charlie: User) -> None:
    expected = {name: gets.stranger for name, gets in API.items()}
    assert api_statuses(with_token(charlie), world) == expected


def test_a_bot_gets_nothing_any_more_when_its_person_is_removed(world: World, bob: User) -> None:
    bot = with_token(bob)
    assert bot.get("/api/v1/styles").json()["styles"] != []
    Membership.objects.filter(user=bob).delete()
    assert api_statuses(bot, world) == {name: gets.teamless for name, gets in API.items()}
    assert bot.get("/api/v1/styles").json() == {"styles": [], "next": None}


def test_a_session_opens_nothing_of_the_api(world: World, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    expected = {name: PUBLIC[name] for name in API}
    assert api_statuses(browser_of(alice), world) == expected


def test_a_token_opens_no_page(world: World, alice: User) -> None:
    bot = with_token(alice)
    for route in all_routes():
        if route.name not in PUBLIC:
            location = visit(bot, "get", world.address(route)).headers["Location"]
            assert location.startswith(SIGN_IN), route


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_bot_changes_nothing(world: World, alice: User, method: str) -> None:
    """Without a cookie there is nothing that a CSRF token would guard: it is asked for nowhere."""
    bot = with_token(alice)
    bot.handler.enforce_csrf_checks = True
    before = rows()
    found = {route.name: getattr(bot, method)(world.address(route)) for route in of_the_api()}
    assert {name: each.status_code for name, each in found.items()} == {
        "api:openapi-json": 405,
        "api:styles": 405,
        "api:style": 405,
        "api:api-root": 403,
    }
    assert rows() == before


def test_charlie_changes_nothing_of_alices_team_by_posting(world: World, charlie: User) -> None:
    browser = browser_of(charlie)
    before = rows()
    ids = {"style_id", "key_id", "invitation_id", "member_id", "api_token_id"}
    named = [route for route in ours() if ids & {*route.names_of_arguments}]
    found = {browser.post(world.address(route)).status_code for route in named}
    assert found == {404, 405}
    assert rows() == before


def test_without_a_team_one_page_says_so_and_none_is_made(world: World) -> None:
    dora = person("Dora", None)
    teams = Team.objects.count()
    expected = {name: gets.teamless for name, gets in OURS.items()}
    assert statuses(browser_of(dora), world, of=OURS) == expected
    assert "You are not on a team" in browser_of(dora).get("/").content.decode()
    assert (Team.objects.count(), dora.teams.count()) == (teams, 0)


def test_a_session_that_is_open_gets_nothing_any_more_when_its_person_is_removed(
    world: World, bob: User
) -> None:
    browser = browser_of(bob)
    assert browser.get(world.style.get_absolute_url()).status_code == 200
    Membership.objects.filter(user=bob).delete()
    expected = {name: gets.teamless for name, gets in OURS.items()}
    assert statuses(browser, world, of=OURS) == expected


def test_a_session_that_is_open_ends_when_its_person_is_switched_off(
    world: World, bob: User
) -> None:
    browser = browser_of(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    response = browser.get(world.style.get_absolute_url())
    assert response.headers["Location"].startswith(SIGN_IN)


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_admin_turns_everybody_away_who_is_not_staff(
    world: World, alice: User, method: str
) -> None:
    browser = browser_of(alice)
    let_in = {
        route.name: response.status_code
        for route in admin_routes()
        if (response := visit(browser, method, world.address(route))).status_code != 403
        and not response.headers.get("Location", "").startswith("/admin/login/")
    }
    # Signing out of the admin is signing out, which is no secret.
    assert set(let_in) == {"admin:logout"}


def test_staff_without_rights_see_nothing_in_the_admin(world: World) -> None:
    staff = person("Sam", None)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    browser = browser_of(staff)
    found = {
        visit(browser, "get", world.address(route)).status_code
        for route in admin_routes()
        if route.model in world.rows and route.name
    }
    assert found == {403}


def test_staff_who_review_in_the_admin_see_the_pictures_and_not_the_teams_pages(
    world: World,
) -> None:
    staff = person("Sam", None)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    images = [f"{world.style.get_absolute_url()}images/{n}/" for n in (1, 2, 3)]
    assert visit(browser_of(staff), "get", images[0]).status_code == 404
    staff.user_permissions.add(Permission.objects.get(codename="view_referenceimage"))
    browser = browser_of(staff)
    for image in images:
        assert visit(browser, "get", image).status_code == 200
        assert visit(browser, "get", f"{image}preview/").status_code == 200
    assert visit(browser, "get", world.style.get_absolute_url()).status_code == 403


def test_the_right_to_see_pictures_means_nothing_without_being_staff(
    world: World, charlie: User
) -> None:
    charlie.user_permissions.add(Permission.objects.get(codename="view_referenceimage"))
    image = f"{world.style.get_absolute_url()}images/1/"
    assert visit(browser_of(charlie), "get", image).status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(world: World, alice: User, method: str) -> None:
    """As the most powerful person there can be: a superuser who owns the team."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = browser_of(alice)
    before = rows()
    for route in all_routes() if method == "get" else ours():
        response: Any = getattr(browser, method)(world.address(route))
        b"".join(response)
        assert response.status_code < 500
    assert rows() == before


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_changed_without_a_csrf_token(world: World, alice: User, method: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    before = rows()
    routes = [r for r in all_routes() if not r.is_api] if method == "post" else ours()
    taken = [r for r in routes if getattr(browser, method)(world.address(r)).status_code != 403]
    assert taken == []
    assert rows() == before


def test_of_two_teams_the_one_that_a_style_belongs_to_decides(
    world: World, charlie: User, team: Team
) -> None:
    """Charlie joins as a member: that he owns another team gives him no owner's rights here."""
    Membership.objects.create(team=team, user=charlie, role=Membership.Role.MEMBER)
    browser = browser_of(charlie)
    assert browser.get(world.style.get_absolute_url()).status_code == 200
    assert browser.get(world.style.address("send_again")).status_code == 404
