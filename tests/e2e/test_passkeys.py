"""A person with passkeys, in a real browser whose device is Chromium's virtual one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import CDPSession, Page, expect
from pytest_django.live_server_helper import LiveServer

from teams.models import PikzelsKey, User

from ..conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def authenticator(page: Page) -> Iterator[CDPSession]:
    """The browser's side of a device that keeps passkeys and is unlocked whenever it is asked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield session
    session.detach()


def sign_in(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/accounts/login/")
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def add_passkey(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/accounts/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    if page.url.startswith(f"{server.url}/accounts/reauthenticate/"):
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name of the passkey").fill("Test device")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()


def test_from_adding_one_to_removing_it(
    live_server: LiveServer, page: Page, alice: User, key: PikzelsKey, authenticator: CDPSession
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server)
    assert Authenticator.objects.get(type="webauthn").wrap().is_passwordless
    sign_out(page, live_server)
    page.goto(f"{live_server.url}/team/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{live_server.url}/team/")
    page.goto(f"{live_server.url}/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove Test device").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Confirm with a passkey").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    assert not Authenticator.objects.exists()


def test_as_the_second_step_after_the_password(
    live_server: LiveServer, page: Page, alice: User, key: PikzelsKey, authenticator: CDPSession
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server)
    sign_out(page, live_server)
    sign_in(page, live_server)
    expect(page.get_by_role("heading", name="The second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{live_server.url}/")


def test_one_that_was_removed_here_is_turned_away_in_words(
    live_server: LiveServer, page: Page, alice: User, key: PikzelsKey, authenticator: CDPSession
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server)
    sign_out(page, live_server)
    Authenticator.objects.all().delete()
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text(re.compile("The passkey was not taken"))).to_be_visible()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_by_an_address_of_digits_one_is_led_to_one_where_they_work(
    live_server: LiveServer, page: Page, alice: User, key: PikzelsKey, authenticator: CDPSession
) -> None:
    digits = live_server.url.replace("localhost", "127.0.0.1")
    page.goto(f"{digits}/accounts/login/?next=/accounts/2fa/")
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=f"Open {live_server.url}").click()
    expect(page).to_have_url(re.compile(f"^{live_server.url}/accounts/login/"))
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
