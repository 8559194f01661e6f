"""Signing in and out, passwords, second factors: django-allauth's pages, as they are here."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.core import mail
from django.db import transaction
from django.test import Client

from teams.models import Team, User

from .conftest import PASSWORD, browser_of, person
from .wording import banned_words, visible_text

LOGIN = "/accounts/login/"
NEW_PASSWORD = "three slides and a lamp"


def sign_in(client: Client, email: str = "alice@example.com", password: str = PASSWORD) -> int:
    return client.post(LOGIN, {"login": email, "password": password}).status_code


def said(html: str) -> str:
    """Return what a page says, having looked whether it may say that."""
    text = visible_text(html)
    assert banned_words(text) == []
    return text


def code_of(secret: str) -> str:
    """Return what an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


class TestSigningIn:
    def test_brings_one_to_the_library(self, alice: User, client: Client) -> None:
        response = client.post(LOGIN, {"login": alice.email, "password": PASSWORD})
        assert (response.status_code, response.url) == (302, "/")
        assert client.get("/").status_code == 200

    def test_brings_one_to_where_one_wanted_to_go(self, alice: User, client: Client) -> None:
        wanted = client.get("/team/")
        assert wanted.url == f"{LOGIN}?next=/team/"
        response = client.post(wanted.url, {"login": alice.email, "password": PASSWORD})
        assert response.url == "/team/"

    def test_never_brings_one_to_another_server(self, alice: User, client: Client) -> None:
        data = {"login": alice.email, "password": PASSWORD, "next": "https://evil.example"}
        assert client.post(LOGIN, data).url == "/"

    @pytest.mark.parametrize(
        "typed", ["ALICE@example.com", "Alice@Example.Com", " alice@example.com "]
    )
    def test_does_not_mind_capitals_and_spaces(
        self, alice: User, client: Client, typed: str
    ) -> None:
        assert sign_in(client, typed) == 302

    def test_does_not_mind_capitals_in_how_the_account_was_made(
        self, team: Team, client: Client
    ) -> None:
        dora = User.objects.create_user("Dora.Day@Example.com", PASSWORD)
        EmailAddress.objects.create(user=dora, email=dora.email, verified=True, primary=True)
        assert sign_in(client, "dora.day@example.com") == 302
        assert sign_in(Client(), "Dora.Day@Example.com") == 302

    @pytest.mark.parametrize(
        ("email", "password"),
        [("alice@example.com", "wrong"), ("nobody@example.com", PASSWORD)],
    )
    def test_says_the_same_of_a_wrong_password_and_an_unknown_address(
        self, alice: User, client: Client, email: str, password: str
    ) -> None:
        page = client.post(LOGIN, {"login": email, "password": password})
        text = said(page.content.decode())
        assert "This address and this password do not belong together. Check both." in text
        assert page.status_code == 422
        assert "There is a problem" in text
        assert not page.wsgi_request.user.is_authenticated

    def test_says_what_is_missing(self, client: Client, db: None) -> None:
        page = client.post(LOGIN, {"login": "alice"})
        assert "Enter an e-mail address such as name@example.com" in said(page.content.decode())

    def test_ends_after_too_many_tries_even_with_the_right_password(
        self, alice: User, client: Client
    ) -> None:
        for _ in range(5):
            sign_in(client, password="wrong")
        page = client.post(LOGIN, {"login": alice.email, "password": PASSWORD})
        assert page.status_code == 429
        assert "Too many tries. Wait five minutes, then go on." in said(page.content.decode())

    def test_ends_whatever_name_of_the_host_a_request_makes_up(
        self, alice: User, client: Client
    ) -> None:
        for port in range(5):
            wrong = {"login": alice.email, "password": "wrong"}
            assert (
                client.post(LOGIN, wrong, headers={"host": f"localhost:{port}"}).status_code == 422
            )
        right = {"login": alice.email.upper(), "password": PASSWORD}
        assert client.post(LOGIN, right, headers={"host": "127.0.0.1"}).status_code == 429

    def test_whoever_is_switched_off_does_not_get_in(self, alice: User, client: Client) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        page = client.post(LOGIN, {"login": alice.email, "password": PASSWORD}, follow=True)
        said(page.content.decode())
        assert not page.wsgi_request.user.is_authenticated

    def test_an_address_that_was_not_confirmed_gets_a_mail_first(
        self, db: None, client: Client
    ) -> None:
        dora = User.objects.create_user("dora@example.com", PASSWORD)
        EmailAddress.objects.create(user=dora, email=dora.email, verified=False, primary=True)
        page = client.post(LOGIN, {"login": dora.email, "password": PASSWORD}, follow=True)
        assert "Look into your mail" in said(page.content.decode())
        assert not page.wsgi_request.user.is_authenticated
        link = re.search(r"http://\S+(/accounts/confirm-email/\S+)", mail.outbox[0].body)
        assert link and banned_words(mail.outbox[0].subject + mail.outbox[0].body) == []
        client.post(link[1])
        assert EmailAddress.objects.get(user=dora).verified

    def test_is_the_admins_too(self, alice: User, client: Client) -> None:
        """Which then has its second factor and its limit of tries."""
        response = client.get("/admin/", follow=True)
        assert response.redirect_chain[-1][0].startswith(LOGIN)
        data = {"username": alice.email, "password": PASSWORD}
        assert client.post("/admin/login/", data).url.startswith(LOGIN)
        assert "_auth_user_id" not in client.session


class TestSigningOut:
    def test_asks_before_it_does(self, alice: User) -> None:
        browser = browser_of(alice)
        assert "Sign out?" in said(browser.get("/accounts/logout/").content.decode())
        assert browser.get("/").status_code == 200
        browser.post("/accounts/logout/")
        assert browser.get("/").status_code == 302

    def test_ends_all_other_sessions_when_asked_to(self, alice: User, client: Client) -> None:
        other = Client()
        for each in (client, other):
            sign_in(each)
        assert UserSession.objects.filter(user=alice).count() == 2
        page = client.get("/accounts/sessions/")
        assert "Sign out everywhere else" in said(page.content.decode())
        client.post("/accounts/sessions/")
        assert (client.get("/").status_code, other.get("/").status_code) == (200, 302)


class TestSigningUp:
    def test_is_by_invitation_only(self, client: Client, db: None) -> None:
        data = {
            "email": "eve@example.com",
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
        }
        for page in (client.get("/accounts/signup/"), client.post("/accounts/signup/", data)):
            assert "Accounts come by invitation" in said(page.content.decode())
        assert not User.objects.exists()


class TestForgottenPassword:
    RESET = "/accounts/password/reset/"

    def ask(self, client: Client, email: str) -> str:
        page = client.post(self.RESET, {"email": email}, follow=True)
        assert page.redirect_chain == [("/accounts/password/reset/done/", 302)]
        return said(page.content.decode())

    def test_a_link_by_mail_leads_to_a_new_one(self, alice: User, client: Client) -> None:
        self.ask(client, "Alice@example.com")
        (sent,) = mail.outbox
        assert (sent.to, sent.subject) == (["alice@example.com"], "A new password")
        assert banned_words(sent.body) == []
        link = re.search(r"http://127\.0\.0\.1:8000(/accounts/password/reset/key/\S+)", sent.body)
        assert link
        form = client.get(link[1], follow=True)
        assert "Choose a new password" in said(form.content.decode())
        where = form.redirect_chain[-1][0]
        new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        saved = client.post(where, new, follow=True)
        assert "Password saved" in said(saved.content.decode())
        assert sign_in(Client(), password=NEW_PASSWORD) == 302
        assert sign_in(Client(), password=PASSWORD) == 422

    def test_a_link_works_once(self, alice: User, client: Client) -> None:
        self.ask(client, alice.email)
        link = re.search(r"127\.0\.0\.1:8000(\S+)", mail.outbox[0].body)
        assert link
        where = client.get(link[1], follow=True).redirect_chain[-1][0]
        client.post(where, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
        again = Client().get(link[1], follow=True)
        assert "This link no longer works" in said(again.content.decode())

    def test_a_weak_one_is_described(self, alice: User, client: Client) -> None:
        self.ask(client, alice.email)
        link = re.search(r"127\.0\.0\.1:8000(\S+)", mail.outbox[0].body)
        assert link
        where = client.get(link[1], follow=True).redirect_chain[-1][0]
        page = client.post(where, {"password1": "short", "password2": "short"})
        assert "Password must have 15 characters or more" in said(page.content.decode())

    def test_the_answer_does_not_tell_who_has_an_account(self, alice: User, client: Client) -> None:
        assert self.ask(client, alice.email) == self.ask(client, "nobody@example.com")
        unknown = mail.outbox[1]
        assert unknown.to == ["nobody@example.com"]
        assert "No account has this address" in unknown.body
        assert banned_words(unknown.subject + unknown.body) == []


class TestAccount:
    def test_ones_name_can_be_changed(self, bob: User) -> None:
        page = browser_of(bob).post("/account/", {"name": "Robert"}, follow=True)
        assert "Saved." in said(page.content.decode())
        bob.refresh_from_db()
        assert bob.name == "Robert"

    def test_nothing_else_can(self, bob: User) -> None:
        data = {"name": "Bob", "email": "eve@example.com", "is_staff": "on", "is_superuser": "on"}
        browser_of(bob).post("/account/", data)
        bob.refresh_from_db()
        assert (bob.email, bob.is_staff, bob.is_superuser) == ("bob@example.com", False, False)

    def test_a_name_that_is_too_long_is_described(self, bob: User) -> None:
        page = browser_of(bob).post("/account/", {"name": "B" * 101})
        assert page.status_code == 422
        assert "101" in said(page.content.decode())

    def test_the_password_can_be_changed_by_who_knows_it(self, bob: User) -> None:
        browser = browser_of(bob)
        change = "/accounts/password/change/"
        new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        wrong = browser.post(change, {"oldpassword": "wrong", **new})
        assert "This is not your current password" in said(wrong.content.decode())
        browser.post(change, {"oldpassword": PASSWORD, **new})
        assert sign_in(Client(), bob.email, NEW_PASSWORD) == 302
        assert browser.get("/").status_code == 200  # still signed in here
        assert banned_words(mail.outbox[0].subject + mail.outbox[0].body) == []

    def test_a_new_address_is_taken_once_the_password_was_given_again(self, bob: User) -> None:
        browser = browser_of(bob)
        asked = browser.post("/accounts/email/", {"email": "r@example.com", "action_add": ""})
        assert asked.url == "/accounts/reauthenticate/?next=%2Faccounts%2Femail%2F"
        assert not mail.outbox
        data = {"password": PASSWORD, "next": "/accounts/email/"}
        page = browser.post("/accounts/reauthenticate/", data, follow=True)
        assert "A mail with a link is on its way to r@example.com." in said(page.content.decode())

    def test_a_new_address_counts_once_its_mail_was_answered(self, bob: User) -> None:
        browser = browser_of(bob)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        browser.post("/accounts/email/", {"email": "Robert@example.com", "action_add": ""})
        bob.refresh_from_db()
        assert bob.email == "bob@example.com"
        sent = next(each for each in mail.outbox if each.to == ["robert@example.com"])
        assert banned_words(sent.subject + sent.body) == []
        link = re.search(r"127\.0\.0\.1:8000(/accounts/confirm-email/\S+)", sent.body)
        assert link and "Confirm your address" in said(browser.get(link[1]).content.decode())
        browser.post(link[1])
        assert EmailAddress.objects.get(email="robert@example.com").verified
        primary = {"email": "robert@example.com", "action_primary": ""}
        browser.post("/accounts/email/", primary)
        bob.refresh_from_db()
        assert bob.email == "robert@example.com"


class TestSecondFactor:
    @pytest.fixture
    def hers(self, alice: User, client: Client) -> Client:
        """Alice's browser, just after she gave her password once more."""
        sign_in(client)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return client

    def switch_on(self, hers: Client) -> str:
        page = hers.get("/accounts/2fa/totp/activate/")
        assert page.status_code == 200
        said(page.content.decode())
        secret = page.context["form"].secret
        hers.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
        return str(secret)

    def test_is_offered(self, hers: Client) -> None:
        text = said(hers.get("/accounts/2fa/").content.decode())
        assert "Two-factor sign-in" in text
        assert "Off." in text

    def test_is_switched_on_with_a_code(self, hers: Client, alice: User) -> None:
        page = hers.post("/accounts/2fa/totp/activate/", {"code": "000000"})
        assert "This code is wrong, used or too old." in said(page.content.decode())
        self.switch_on(hers)
        assert {each.type for each in alice.authenticator_set.all()} == {"totp", "recovery_codes"}
        assert "On: after the password, signing in asks for a code." in said(
            hers.get("/accounts/2fa/").content.decode()
        )

    def test_its_secret_is_sealed_in_the_database(self, hers: Client, alice: User) -> None:
        secret = self.switch_on(hers)
        stored = repr([*Authenticator.objects.values_list("data", flat=True)])
        assert secret not in stored
        assert TOTP(alice.authenticator_set.get(type="totp")).validate_code(code_of(secret))

    def test_signing_in_then_asks_for_a_code(self, hers: Client, alice: User) -> None:
        self.switch_on(hers)
        other = Client()
        page = other.post(LOGIN, {"login": alice.email, "password": PASSWORD}, follow=True)
        assert "The second step" in said(page.content.decode())
        assert other.get("/").status_code == 302
        wrong = other.post("/accounts/2fa/authenticate/", {"code": "000000"})
        assert "This code is wrong, used or too old." in said(wrong.content.decode())
        codes = RecoveryCodes(alice.authenticator_set.get(type="recovery_codes"))
        recovery = codes.get_unused_codes()[0]
        other.post("/accounts/2fa/authenticate/", {"code": recovery})
        assert other.get("/").status_code == 200

    def test_recovery_codes_can_be_seen_made_anew_and_downloaded(self, hers: Client) -> None:
        self.switch_on(hers)
        shown = said(hers.get("/accounts/2fa/recovery-codes/").content.decode())
        assert "10 of 10 are left" in shown
        assert "New recovery codes?" in said(
            hers.get("/accounts/2fa/recovery-codes/generate/").content.decode()
        )
        file = hers.get("/accounts/2fa/recovery-codes/download/")
        assert file.headers["Content-Disposition"].startswith("attachment")
        first = file.content.decode().split()[0]
        assert first in shown
        hers.post("/accounts/2fa/recovery-codes/generate/")
        assert first not in hers.get("/accounts/2fa/recovery-codes/").content.decode()

    def test_is_switched_off_again(self, hers: Client, alice: User) -> None:
        self.switch_on(hers)
        page = hers.get("/accounts/2fa/totp/deactivate/")
        assert "Switch the authenticator app off?" in said(page.content.decode())
        hers.post("/accounts/2fa/totp/deactivate/")
        assert not alice.authenticator_set.exists()

    def test_every_change_is_told_by_mail(
        self, hers: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The transaction that a test runs in is never committed.
        monkeypatch.setattr(transaction, "on_commit", lambda callback: callback())
        self.switch_on(hers)
        hers.post("/accounts/2fa/totp/deactivate/")
        assert len(mail.outbox) == 2
        for each in mail.outbox:
            assert banned_words(each.subject + each.body) == []

    def test_changing_it_asks_for_the_password_once_more(self, alice: User) -> None:
        browser = browser_of(alice)
        page = browser.get("/accounts/2fa/totp/activate/", follow=True)
        assert "Is it you?" in said(page.content.decode())
        wrong = browser.post("/accounts/reauthenticate/", {"password": "wrong"})
        assert "This is not your password" in said(wrong.content.decode())
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert browser.get("/accounts/2fa/totp/activate/").status_code == 200

    def test_guards_the_admin_too(self, hers: Client, alice: User) -> None:
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        self.switch_on(hers)
        other = Client()
        sign_in(other)
        assert other.get("/admin/").status_code == 302
        assert hers.get("/admin/").status_code == 200


def test_a_person_without_a_team_still_has_an_account(client: Client, db: None) -> None:
    person("Dora", None)
    sign_in(client, "dora@example.com")
    assert client.get("/").status_code == 403
    for path in ("/account/", "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/"):
        assert client.get(path).status_code == 200
