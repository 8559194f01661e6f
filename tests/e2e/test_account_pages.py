"""Every page about signing in and about one's own account, in every state, like `test_pages`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from teams.models import User

from ..conftest import PASSWORD, browser_of
from ..device import Device
from ..test_account import code_of
from ..test_passkeys import add
from ..test_passkeys import signed_in as with_password
from ..test_sessions import ANDROID, CHROME, signed_in
from .looking import path_of

pytestmark = pytest.mark.django_db(transaction=True)
Look = Callable[[str, str], None]
MFA = "/accounts/2fa/"


def press(page: Page, button: str) -> None:
    page.get_by_role("main").get_by_role("button", name=button, exact=True).click()


def enter_password(page: Page, password: str = PASSWORD, *, button: str = "Sign in") -> None:
    if button == "Sign in":
        page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(password)
    press(page, button)


def test_signing_in_and_out(look: Look, page: Page, live_server: LiveServer, alice: User) -> None:
    look("sign-in", "/accounts/login/")
    press(page, "Sign in")
    look("sign-in-empty", "")
    enter_password(page, "wrong")
    look("sign-in-error", "")
    for _ in range(5):
        enter_password(page, "wrong")
    look("sign-in-too-often", "")
    look("sign-up-closed", "/accounts/signup/")
    look("account-inactive", "/accounts/inactive/")
    look("sign-in-link-over", "/accounts/confirm-email/nothing/")
    look("verification-sent", "/accounts/confirm-email/")
    cookie = browser_of(alice).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    look("sign-out", "/accounts/logout/")
    press(page, "Sign out")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    look("signed-out", "")


def test_at_an_address_of_digits(
    look: Look, page: Page, live_server: LiveServer, alice: User
) -> None:
    cookie = browser_of(alice).cookies["sessionid"].value
    digits = live_server.url.replace("localhost", "127.0.0.1")
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": digits}])
    page.goto(digits + MFA)
    look("account-mfa-digits", "")


def test_a_forgotten_password(look: Look, page: Page, alice: User) -> None:
    look("password-reset", "/accounts/password/reset/")
    press(page, "Send the link")
    look("password-reset-empty", "")
    page.get_by_label("E-mail address").fill("alice@example.com")
    press(page, "Send the link")
    look("password-reset-sent", "")
    link = re.search(r"http\S+", mail.outbox[0].body)
    assert link
    look("password-new", path_of(link[0]))
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password, once more").fill("other")
    press(page, "Save the password")
    look("password-new-error", "")
    for label in ("New password", "New password, once more"):
        page.get_by_label(label, exact=True).fill("three slides and a lamp")
    press(page, "Save the password")
    look("password-saved", "")
    page.context.clear_cookies()
    look("password-link-over", path_of(link[0]))
    for _ in range(6):
        page.goto(page.url.partition("/accounts/")[0] + "/accounts/password/reset/")
        page.get_by_label("E-mail address").fill("nobody@example.com")
        press(page, "Send the link")
    expect(page.get_by_role("heading", name="Too many tries")).to_be_visible()
    look("too-many-tries", "")


def test_passwords_and_addresses(
    look: Look, page: Page, sign_in: Callable[[User], Client], alice: User
) -> None:
    sign_in(alice)
    look("account-password", "/accounts/password/change/")
    press(page, "Change the password")
    look("account-password-error", "")
    look("account-email", "/accounts/email/")
    page.get_by_label("E-mail address").last.fill("alice")
    press(page, "Add the address")
    look("account-email-error", "")
    page.get_by_label("E-mail address").last.fill("alice@studio.example")
    press(page, "Add the address")
    enter_password(page, button="Confirm")
    look("account-email-added", "")
    link = re.search(r"http\S+", mail.outbox[-1].body)
    assert link
    look("account-email-confirm", path_of(link[0]))
    press(page, "Yes, it is mine")
    look("account-email-confirmed", "")


def test_sessions(look: Look, page: Page, sign_in: Callable[[User], Client], alice: User) -> None:
    for agent, address in ((ANDROID, "2001:db8:85a3::8a2e:370:7334"), (CHROME, "192.0.2.44")):
        signed_in(alice, agent, address)
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=3))
    sign_in(alice)
    look("account-sessions", "/accounts/sessions/")
    page.get_by_role("button", name="End Chrome on Windows").click()
    look("account-sessions-ended", "")
    press(page, "Sign out everywhere else")
    look("account-sessions-one", "")


def test_the_second_factor(
    look: Look, page: Page, sign_in: Callable[[User], Client], alice: User
) -> None:
    sign_in(alice)
    look("account-mfa", MFA)
    look("account-confirm", f"{MFA}totp/activate/")
    enter_password(page, "wrong", button="Confirm")
    look("account-confirm-error", "")
    enter_password(page, button="Confirm")
    look("account-totp", "")
    press(page, "Switch on")
    look("account-totp-error", "")
    page.get_by_label("Code from the app").fill(code_of(page.get_by_label("Secret").input_value()))
    press(page, "Switch on")
    look("account-codes", "")
    look("account-codes-new", f"{MFA}recovery-codes/generate/")
    look("account-passkey-add", f"{MFA}webauthn/add/")
    look("account-passkeys-none", f"{MFA}webauthn/")
    for name in ("Phone", "A laptop whose name is as long as the name of a passkey may become"):
        data = {"name": name[:60], "credential": {}}
        row = Authenticator.objects.create(user=alice, type="webauthn", data=data)
    look("account-mfa-on", MFA)
    look("account-passkeys", f"{MFA}webauthn/")
    look("account-passkey-remove", f"{MFA}webauthn/keys/{row.pk}/remove/")
    look("account-passkey-rename", f"{MFA}webauthn/keys/{row.pk}/edit/")
    page.get_by_label("Name of the passkey").fill("")
    press(page, "Save the name")
    look("account-passkey-rename-error", "")
    look("account-totp-off", f"{MFA}totp/deactivate/")


def test_the_second_step(
    look: Look,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], Client],
    alice: User,
) -> None:
    add(with_password(alice), Device())
    page.goto(f"{live_server.url}/accounts/login/")
    enter_password(page)
    look("second-step", "")
    page.get_by_label("Recovery code").fill("00000000")
    press(page, "Sign in")
    look("second-step-error", "")
    sign_in(alice)
    page.goto(f"{live_server.url}{MFA}webauthn/add/")
    look("account-confirm-password", "")
    page.get_by_role("link", name="Use a passkey").click()
    look("account-confirm-passkey", "")
    page.get_by_role("link", name="Use a code").click()
    look("account-confirm-code", "")


def test_an_address_that_is_not_confirmed(
    look: Look, page: Page, live_server: LiveServer, alice: User
) -> None:
    EmailAddress.objects.update(verified=False)
    page.goto(f"{live_server.url}/accounts/login/")
    enter_password(page)
    look("sign-in-unconfirmed", "")
