"""Accounts, for somebody who looks for a way around: nothing is told, and nothing breaks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import LazySettings
from django.contrib.auth import hashers
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from teams.models import Invitation, Team, User

from .conftest import PASSWORD, browser_of
from .pages import Page
from .test_account import code_of
from .test_pages import problems_of
from .wording import banned_words

LOGIN, RESET, EMAIL = "/accounts/login/", "/accounts/password/reset/", "/accounts/email/"
CHANGE, STEP = "/accounts/password/change/", "/accounts/2fa/authenticate/"
CONFIRM = "/accounts/reauthenticate/"
KNOWN, UNKNOWN = "alice@example.com", "nobody@example.com"
NEW_PASSWORD = "three slides and a lamp"
ODD = ["\0", "a\0b@example.com", "x" * 4097, "ﬃ\u202e😀" * 400, "\uffff", "١٢٣٤٥٦", " ", "'\""]
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


def seen(response: Any, email: str) -> tuple[int, str, str, list[str]]:
    """Return all that a stranger can compare, but for the address that they wrote themselves."""
    body = TOKEN.sub("", response.content.decode()).replace(email, "…")
    headers = sorted(name for name in response.headers if name != "Content-Length")
    return response.status_code, response.headers.get("Location", ""), body, headers


class TestWhoHasAnAccount:
    """The same for an address that has one and one that has none."""

    def both(self, ask: Callable[[str], Any], unknown_one: str = UNKNOWN) -> None:
        known, unknown = (seen(ask(email), email) for email in (KNOWN, unknown_one))
        assert known == unknown

    def test_is_not_told_by_signing_in(self, alice: User) -> None:
        self.both(lambda email: Client().post(LOGIN, {"login": email, "password": "wrong"}))

    def test_is_not_told_by_too_many_tries(self, alice: User) -> None:
        def ask(email: str) -> Any:
            for n in range(6):
                data = {"login": email, "password": "wrong"}
                response = Client(REMOTE_ADDR=f"192.0.2.{n}").post(LOGIN, data)
            assert response.status_code == 429
            return response

        self.both(ask)

    def test_is_not_told_by_asking_for_a_new_password(self, alice: User) -> None:
        self.both(lambda email: Client().post(RESET, {"email": email}))
        self.both(lambda email: Client().post(RESET, {"email": email}, follow=True))
        assert len(mail.outbox) == 4

    def test_is_not_told_by_adding_the_address_to_ones_own(
        self, alice: User, charlie: User
    ) -> None:
        browser = browser_of(charlie)
        browser.post(CONFIRM, {"password": PASSWORD})

        def ask(email: str) -> Any:
            response = browser.post(EMAIL, {"email": email, "action_add": ""}, follow=True)
            EmailAddress.objects.filter(user=charlie, email=email).delete()
            return response

        alike = "alicia@example.com"  # which stands in the same place of the list
        self.both(ask, alike)
        assert [each.to for each in mail.outbox] == [[KNOWN], [alike]]

    def test_somebody_elses_address_cannot_be_taken_that_way(
        self, alice: User, charlie: User
    ) -> None:
        browser = browser_of(charlie)
        browser.post(CONFIRM, {"password": PASSWORD})
        browser.post(EMAIL, {"email": KNOWN, "action_add": ""})
        link = re.search(r"127\.0\.0\.1:8000(\S+)", mail.outbox[0].body)
        assert link
        browser.post(link[1])
        browser.post(EMAIL, {"email": KNOWN, "action_primary": ""})
        charlie.refresh_from_db()
        assert charlie.email == "charlie@example.com"
        assert not EmailAddress.objects.get(user=charlie, email=KNOWN).verified

    def test_is_not_told_by_inviting(self, alice: User, charlie: User) -> None:
        """Alice is on another team than Charlie's."""
        browser, team = browser_of(charlie), charlie.teams.get()

        def ask(email: str) -> tuple[int, str]:
            data = {"team": team.pk, "email": email, "role": "member"}
            response = browser.post("/team/invite/", data)
            body = TOKEN.sub("", response.content.decode()).replace(email, "…")
            return response.status_code, re.sub(r"/join/[\w-]+/", "/join/…/", body)

        assert ask(KNOWN) == ask(UNKNOWN)

    def test_is_not_told_by_an_account_that_is_switched_off(self, alice: User) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        self.both(lambda email: Client().post(LOGIN, {"login": email, "password": "wrong"}))
        self.both(lambda email: Client().post(RESET, {"email": email}, follow=True))

    @pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
    def test_is_not_told_by_how_long_it_takes(
        self, alice: User, email: str, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
    ) -> None:
        """What takes long is hashing: once for each."""
        hashed: list[str] = []
        encode = hashers.MD5PasswordHasher.encode

        def counted(self: Any, password: str, salt: str) -> str:
            hashed.append(password)
            return encode(self, password, salt)

        monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counted)
        Client().post(LOGIN, {"login": email, "password": "wrong"})
        assert hashed == ["wrong"]


class TestWhereToGoThen:
    @pytest.mark.parametrize(
        "wanted",
        [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example/",
            "/\\evil.example/",
            "\\\\evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://testserver.evil.example/",
            "http://testserver@evil.example/",
            " https://evil.example/",
            "/\tevil.example",
            "%00",
            "\0",
        ],
    )
    def test_is_on_this_server_whatever_was_asked_for(self, alice: User, wanted: str) -> None:
        for path, data in (
            (LOGIN, {"login": KNOWN, "password": PASSWORD}),
            ("/accounts/logout/", {}),
            (CONFIRM, {"password": PASSWORD}),
            (CHANGE, {"oldpassword": PASSWORD, "password1": PASSWORD, "password2": PASSWORD}),
        ):
            browser = Client() if path == LOGIN else browser_of(alice)
            response = browser.post(path, {**data, "next": wanted})
            where = response.headers.get("Location", "")
            assert "evil" not in where.replace("%09evil.example", "") or where.startswith("/"), path
            assert not re.match(r"[/\\]{2}|\w+:", where), path
            page = browser.get(path, {"next": wanted})
            assert page.status_code < 500
            assert problems_of(page.content.decode()) == [] or page.status_code == 302


class TestWhereAMailLeads:
    @pytest.mark.parametrize("host", ["localhost:1234", "[::1]", "127.0.0.1:9"])
    def test_is_where_people_know_us_whatever_a_request_says(
        self, alice: User, settings: LazySettings, host: str
    ) -> None:
        Client(headers={"host": host}).post(RESET, {"email": KNOWN})
        browser = browser_of(alice)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        browser.post(
            EMAIL, {"email": "alice@work.example", "action_add": ""}, headers={"host": host}
        )
        links = [re.findall(r"https?://[^/\s]+", str(each.body)) for each in mail.outbox]
        assert len(links) >= 2
        assert {link for found in links for link in found} == {settings.PUBLIC_URL}


class TestOddInput:
    FORMS = {
        LOGIN: ("login", "password", "remember", "next"),
        RESET: ("email", "next"),
        EMAIL: ("email", "action_add"),
        f"{EMAIL}?": ("email", "action_primary"),
        f"{EMAIL}?a": ("email", "action_remove"),
        CHANGE: ("oldpassword", "password1", "password2"),
        CONFIRM: ("password", "next"),
        "/accounts/2fa/totp/activate/": ("code",),
        "/accounts/2fa/reauthenticate/": ("code",),
        "/accounts/signup/": ("email", "password1"),
        f"{RESET}key/1-set-password/": ("password1", "password2"),
    }

    @pytest.mark.parametrize("path", FORMS)
    @pytest.mark.parametrize(
        "value",
        ODD,
        ids=range(len(ODD)),
    )
    def test_never_breaks_a_form(self, alice: User, path: str, value: str) -> None:
        browser = browser_of(alice)
        for each in (browser, Client()):
            each.raise_request_exception = False
            data = dict.fromkeys(self.FORMS[path], value)
            response = each.post(path.rstrip("?a") if "?" in path else path, data)
            assert response.status_code < 500
            if response.status_code == 422:
                html = response.content.decode()
                assert problems_of(html) == []
                assert Page(html).title.startswith("Error: ")

    @pytest.mark.parametrize(
        "path",
        [
            f"{RESET}key/%00-x/",
            f"{RESET}key/{'z' * 40}-set-password/",
            f"{RESET}key/-/",
            "/accounts/confirm-email/%00/",
            f"/accounts/confirm-email/{'a' * 3000}/",
            "/accounts/confirm-email/MQ:x:y/",
            "/accounts/2fa/webauthn/keys/99999999999999999999/edit/",
        ],
    )
    def test_never_breaks_an_address(self, alice: User, path: str) -> None:
        for each in (browser_of(alice), Client()):
            each.raise_request_exception = False
            for ask in (each.get, each.post):
                assert ask(path).status_code < 500

    def test_a_long_password_is_taken_whole_and_one_that_is_too_long_is_not(
        self, alice: User
    ) -> None:
        browser = browser_of(alice)
        long = "ü lamp " * 500
        data = {"oldpassword": PASSWORD, "password1": long, "password2": long}
        assert browser.post(CHANGE, data).status_code == 302
        assert Client().post(LOGIN, {"login": KNOWN, "password": long}).status_code == 302
        assert Client().post(LOGIN, {"login": KNOWN, "password": long[:-1]}).status_code == 422
        longer = long + long
        data = {"oldpassword": long, "password1": longer, "password2": longer}
        page = browser.post(CHANGE, data)
        assert "Password must have 4,096 characters or fewer" in page.content.decode()

    def test_of_a_browsers_name_is_shown_as_words(self, alice: User) -> None:
        client = Client(HTTP_USER_AGENT="<script>alert(1)</script>" + "x" * 5000)
        client.post(LOGIN, {"login": KNOWN, "password": PASSWORD})
        assert "alert(1)" not in client.get("/accounts/sessions/").content.decode()


class TestSessions:
    def test_begin_anew_with_signing_in(self, alice: User) -> None:
        """Whoever knew, or set, the visitor's cookie knows nothing of who signs in with it."""
        client = Client()
        session = client.session
        session["mine"] = "attacker"
        session.save()
        before = session.session_key
        client.post(LOGIN, {"login": KNOWN, "password": PASSWORD})
        assert client.session.session_key != before
        thief = Client()
        thief.cookies["sessionid"] = before
        assert thief.get("/").status_code == 302

    def test_that_are_made_up_are_nobodys(self, alice: User) -> None:
        for made_up in ("a" * 32, "x", "../../etc", "é" * 20):
            client = Client()
            client.cookies["sessionid"] = made_up
            assert client.get("/").status_code == 302

    def test_halfway_open_nothing(self, alice: User) -> None:
        """After the password, and before the second step."""
        TOTP.activate(alice, generate_totp_secret())
        client = Client()
        client.post(LOGIN, {"login": KNOWN, "password": PASSWORD})
        for path in ("/", "/account/", "/accounts/2fa/", CHANGE, "/admin/"):
            assert client.get(path).url.startswith((LOGIN, "/admin/login/")), path

    def test_do_not_let_one_person_finish_what_another_began(self, alice: User, bob: User) -> None:
        secret = generate_totp_secret()
        TOTP.activate(alice, secret)
        TOTP.activate(bob, generate_totp_secret())
        client = Client()
        client.post(LOGIN, {"login": bob.email, "password": PASSWORD})
        assert client.post(STEP, {"code": code_of(secret)}).status_code == 422


class TestCodes:
    def halfway(self) -> Client:
        client = Client()
        client.post(LOGIN, {"login": KNOWN, "password": PASSWORD})
        return client

    def test_of_the_app_work_once_for_as_long_as_they_are_good(self, alice: User) -> None:
        secret = generate_totp_secret()
        TOTP.activate(alice, secret)
        code = code_of(secret)
        assert self.halfway().post(STEP, {"code": code}).status_code == 302
        # django-allauth has forgotten it, and it is still among the three that are good.
        assert cache.delete(f"allauth.mfa.totp.used?user={alice.pk}&code={code}")
        assert self.halfway().post(STEP, {"code": code}).status_code == 422

    @pytest.mark.django_db(transaction=True)
    def test_for_recovery_work_once_when_two_use_one_at_the_same_moment(self, alice: User) -> None:
        TOTP.activate(alice, generate_totp_secret())
        code = RecoveryCodes.activate(alice).get_unused_codes()[0]
        clients = [self.halfway() for _ in range(4)]
        together = threading.Barrier(4)

        def use(client: Client) -> int:
            try:
                together.wait()
                return client.post(STEP, {"code": code}).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            found = [*pool.map(use, clients)]
        assert found.count(302) == 1
        assert set(found) <= {302, 422, 429}


class TestForms:
    @pytest.mark.parametrize("path", [LOGIN, RESET, CHANGE, EMAIL, CONFIRM, "/accounts/sessions/"])
    def test_are_taken_from_our_own_pages_only(self, alice: User, path: str) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(alice)
        assert browser.post(path, {}).status_code == 403

    @pytest.mark.parametrize(
        ("path", "tokens"),
        [
            (LOGIN, {"login": "username", "password": "current-password"}),
            (RESET, {"email": "email"}),
            (CHANGE, {"oldpassword": "current-password", "password1": "new-password"}),
            (CONFIRM, {"password": "current-password"}),
            ("/accounts/2fa/totp/activate/", {"code": "one-time-code"}),
        ],
    )
    def test_tell_a_password_manager_what_is_what(
        self, alice: User, path: str, tokens: dict[str, str]
    ) -> None:
        browser = Client() if path in (LOGIN, RESET) else browser_of(alice)
        if "2fa" in path:
            browser.post(CONFIRM, {"password": PASSWORD})
        form = browser.get(path).context["form"]
        found = {name: form[name].field.widget.attrs["autocomplete"] for name in tokens}
        assert found == tokens
        assert not any("placeholder" in each.widget.attrs for each in form.fields.values())

    def test_say_what_a_password_has_to_be_before_one_is_chosen(
        self, alice: User, team: Team
    ) -> None:
        browser_of(alice).post(
            "/team/invite/", {"team": team.pk, "email": "dora@example.com", "role": "member"}
        )
        assert Invitation.objects.exists()
        link = re.search(r"/join/\S+", mail.outbox[0].body)
        assert link
        for page in (Client().get(link[0]), browser_of(alice).get(CHANGE)):
            assert "At least 15 characters" in page.content.decode()


def test_every_mail_is_in_our_words(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    # The transaction that a test runs in is never committed.
    monkeypatch.setattr(transaction, "on_commit", lambda callback: callback())
    browser = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux) Firefox/147.0")
    browser.post(LOGIN, {"login": KNOWN, "password": PASSWORD})
    browser.post(CONFIRM, {"password": PASSWORD})
    browser.post(EMAIL, {"email": "a@example.com", "action_add": ""})
    link = re.search(r"127\.0\.0\.1:8000(\S+)", mail.outbox[-1].body)
    assert link
    browser.post(link[1])
    browser.post(EMAIL, {"email": "a@example.com", "action_primary": ""})
    browser.post(EMAIL, {"email": KNOWN, "action_remove": ""})
    data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    browser.post(CHANGE, data)
    page = browser.get("/accounts/2fa/totp/activate/")
    browser.post(page.request["PATH_INFO"], {"code": code_of(page.context["form"].secret)})
    browser.post("/accounts/2fa/recovery-codes/generate/")
    browser.post("/accounts/2fa/totp/deactivate/")
    told = {each.subject: each.body for each in mail.outbox}
    assert set(told) == {
        "Confirm your address",
        "You sign in with another address now",
        "An address was removed from your account",
        "Your password was changed",
        "An authenticator app was switched on",
        "You have new recovery codes",
        "The authenticator app was switched off",
    }
    for subject, body in told.items():
        assert banned_words(subject + body) == []
        assert "Mozilla" not in body
        assert body.endswith("\n\nPikzels UI")
