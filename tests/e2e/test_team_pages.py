"""The pages of a team and of what its people choose, like `test_pages`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from styles import breaker, following, telling
from styles.following import KeyTest
from styles.models import Attempt, Notice, Style, Unwanted
from styles.pikzels.errors import Code
from styles.states import State
from teams import people
from teams.models import ApiToken, PikzelsKey, Team, User
from teams.setup import ensure_keys

from .looking import path_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_team_and_account(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    sign_in(alice)
    look("team", "/team/")
    look("mails", "/team/mails/")
    look("account", "/account/")
    look("not-found", "/nowhere/")


def test_people(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    alice: User,
    bob: User,
    charlie: User,
    team: Team,
) -> None:
    mine = alice.memberships.get()
    link = people.invite(mine, "dora@example.com", "reviewer")
    for_charlie = people.invite(mine, charlie.email, "member")
    charlie.memberships.get().team.memberships.create(user=alice, role="member")
    sign_in(alice)
    look("team-people", "/team/")
    page.get_by_role("button", name="Change team").click()
    look("team-menu", "")
    look("invite", "/team/invite/")
    page.get_by_label("E-mail address").fill("dora")
    page.get_by_role("button", name="Invite").click()
    look("invite-error", "")
    page.get_by_label("E-mail address").fill("eve@example.com")
    page.get_by_role("button", name="Invite").click()
    look("invited", "")
    look("team-settings", "/team/settings/")
    look("remove", f"/team/people/{bob.memberships.get().pk}/remove/")
    look("invitation-for-another", path_of(for_charlie))
    sign_in(charlie)
    look("invitation-member", path_of(for_charlie))
    page.context.clear_cookies()
    look("invitation-sign-in", path_of(for_charlie))
    look("invitation-new", path_of(link))
    page.get_by_role("button", name="Join the team").click()
    look("invitation-error", "")
    look("invitation-over", "/join/nothing/")


def test_keys(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    shelf: dict[str, Style],
    alice: User,
    team: Team,
    key: PikzelsKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [KeyTest(works=False), KeyTest(works=False, turned_away=Code.INVALID_API_KEY)]
    monkeypatch.setattr(following, "test_key", lambda _key: found[-1])
    sign_in(alice)
    look("key-add", "/team/keys/add/")
    page.get_by_label("Name of the key").fill("Second account")
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("alert")).to_contain_text("Pikzels does not know this API key")
    found.pop()
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("button", name="Save without the test")).to_be_visible()
    look("key-add-unsure", "")
    page.get_by_label("API key").fill("pkz_of_the_second_account")
    page.get_by_role("button", name="Save without the test").click()
    expect(page.get_by_text("The key is saved.")).to_be_visible()
    look("team-keys", "")
    address = reverse("key", args=[team.keys.get(name="Second account").uuid])
    page.goto(f"{page.url.partition('/team/')[0]}{address}")
    page.get_by_role("button", name="Test this key").click()
    look("key", "")
    breaker.hold(key, Code.API_KEY_DELETED)
    held = reverse("key", args=[key.uuid])
    look("key-held", held)
    look("key-replace", f"{held}replace/")
    look("key-remove", f"{held}remove/")
    page.get_by_role("button", name="Remove the key").click()
    expect(page.get_by_text("The key is removed.")).to_be_visible()
    page.get_by_text("Removed keys").click()
    look("team-keys-removed", "")
    look("key-removed", held)
    monkeypatch.setattr(settings, "PIKZELS_API_KEY", "pkz_of_the_server_1111")
    ensure_keys(team)
    look("key-of-the-server", reverse("key", args=[team.keys.get(kind="environment").uuid]))


def test_api_tokens(
    sign_in: Callable[[User], Client], look: Callable[[str, str], None], page: Page, alice: User
) -> None:
    sign_in(alice)
    look("account-tokens-empty", "/account/tokens/")
    page.get_by_role("button", name="Make the token").click()
    look("account-tokens-error", "")
    page.get_by_label("Name of the token").fill("Thumbnail bot")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("heading", name="Your new token")).to_be_visible()
    look("account-tokens-new", "")
    ApiToken.issue(alice, "A bot whose name is as long as a name of a token may become.")
    ApiToken.objects.filter(expires_at=None).update(last_used_at=timezone.now())
    look("account-tokens", "/account/tokens/")
    page.get_by_role("button", name="Revoke Thumbnail bot").click()
    expect(page.get_by_text("The token is revoked.")).to_be_visible()
    expect(page.get_by_text("Thumbnail bot", exact=True)).to_have_count(0)


def test_notices(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    live_server: LiveServer,
    page: Page,
    shelf: dict[str, Style],
    settings: LazySettings,
    alice: User,
) -> None:
    """What somebody is told, and how they are told less."""
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    settings.EMAIL_BACKEND = "teams.mails.KeptMails"
    settings.PUBLIC_URL = live_server.url
    shelf[State.TRAINING].move(State.READY, only_from=[State.TRAINING])
    Notice.objects.update(due_at=timezone.now())
    telling.tell(Notice.objects.get().pk)
    sign_in(alice)
    look("mails-notices", "/team/mails/")
    page.get_by_text("1 notice, which needs no passing on").click()
    look("mails-notices-open", "")
    page.get_by_role("article").get_by_role("link", name="/account/notices/").click()
    expect(page.get_by_role("group", name="Write to me when")).to_be_visible()
    look("account-notices", "")
    page.get_by_label("A style of mine is ready").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("A style of mine is ready")).not_to_be_checked()
    assert Unwanted.of(alice) == {Notice.Kind.READY}


def test_usage(
    sign_in: Callable[[User], Client],
    look: Callable[[str, str], None],
    page: Page,
    shelf: dict[str, Style],
    alice: User,
    bob: User,
) -> None:
    Attempt.objects.update(price="US$ 0.38")
    made = Attempt.objects.filter(outcome="made")
    made.filter(pk=made.earliest("pk").pk).update(asked_by=bob, price="")
    earlier = timezone.now() - timedelta(days=40)
    made.filter(pk=made.latest("pk").pk).update(opened_at=earlier, price="US$ 0.35")
    sign_in(alice)
    look("team-with-usage", "/team/")
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    look("usage", "")
    with page.expect_download() as download:
        page.get_by_role("link", name="All months as CSV").click()
    assert download.value.suggested_filename == "usage.csv"
    sign_in(bob)
    look("usage-member", "/team/usage/")
    Attempt.objects.update(asked_by=alice)
    look("usage-empty", "/team/usage/")
