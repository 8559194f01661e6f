"""Who signed in, how and from where, and who tried to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.utils import timezone

from styles import retention
from teams import door, people
from teams.models import User
from teams.setup import setup_link
from teams.sign_ins import SignIn

from .conftest import PASSWORD, browser_of

LOGIN = "/accounts/login/"
How = SignIn.How


def sign_in(client: Client, email: str, password: str = PASSWORD, **headers: str) -> int:
    data = {"login": email, "password": password}
    return client.post(LOGIN, data, headers=headers).status_code


def the_one() -> SignIn:
    return SignIn.objects.get()


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


class TestLetIn:
    def test_by_a_password(self, client: Client, alice: User) -> None:
        assert sign_in(client, "ALICE@example.com", **{"User-Agent": "Firefox " * 40}) == 302
        row = the_one()
        assert (row.user, row.who, row.how, row.worked) == (alice, alice.email, How.PASSWORD, True)
        assert row.address == "127.0.0.1"
        assert row.browser == ("Firefox " * 40)[:120]

    def test_by_a_password_and_a_code(self, client: Client, alice: User) -> None:
        RecoveryCodes.activate(alice)
        totp.TOTP.activate(alice, totp.generate_totp_secret())
        code = RecoveryCodes.activate(alice).get_unused_codes()[0]
        sign_in(client, alice.email)
        assert not SignIn.objects.exists()
        assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
        assert (the_one().how, the_one().worked) == (How.CODE, True)

    def test_by_an_invitation(self, client: Client, alice: User) -> None:
        link = people.invite(alice.memberships.get(), "dora@example.com", "member")
        data = {"name": "Dora", "password": PASSWORD}
        assert client.post(path_of(link), data).status_code == 302
        assert (the_one().who, the_one().how) == ("dora@example.com", How.INVITATION)

    def test_by_the_link_of_the_first_start(self, client: Client, db: None) -> None:
        data = {"team_name": "North", "name": "A", "email": "a@example.com", "password": PASSWORD}
        assert client.post(path_of(setup_link()), data).status_code == 302
        assert (the_one().who, the_one().how) == ("a@example.com", How.SETUP)

    def test_by_a_passkey_or_a_link_for_a_new_password(self, alice: User) -> None:
        """As the records of the session say; both are ways of django-allauth's."""
        request = RequestFactory().post(LOGIN)
        steps = {
            How.PASSKEY: [{"method": "mfa", "type": "webauthn", "passwordless": True}],
            How.RESET: [{"method": "password_reset"}],
        }
        for expected, records in steps.items():
            request.session = {  # type: ignore[assignment]
                "account_authentication_methods": records,
                "account_authentication_methods_user": str(alice.pk),
            }
            assert door.how(request, alice) == expected


class TestNotLetIn:
    def test_a_wrong_password_is_noted_with_the_account(self, client: Client, alice: User) -> None:
        assert sign_in(client, alice.email, "wrong") == 422
        row = the_one()
        assert (row.user, row.who, row.how, row.worked) == (alice, alice.email, How.PASSWORD, False)

    def test_a_wrong_code_is_noted(self, client: Client, alice: User) -> None:
        totp.TOTP.activate(alice, totp.generate_totp_secret())
        sign_in(client, alice.email)
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
        assert (the_one().user, the_one().how, the_one().worked) == (alice, How.CODE, False)

    def test_of_an_unknown_address_only_a_mark_is_kept(self, client: Client, db: None) -> None:
        """People type their password into the wrong field, and it looks like an address."""
        for email in ("my@secret.pass", "MY@secret.pass ", "other@secret.pass"):
            sign_in(client, email, "wrong")
        rows = SignIn.objects.order_by("pk")
        assert [row.user for row in rows] == [None] * 3
        first, again, other = (row.who for row in rows)
        assert first == again != other
        assert "secret" not in "".join(repr(each) for each in SignIn.objects.values())

    def test_the_mark_does_not_follow_from_the_address_alone(
        self, settings: object, db: None
    ) -> None:
        before = door.unknown("my@secret.pass")
        settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
        assert door.unknown("my@secret.pass") != before

    def test_tries_beyond_the_limit_are_not_written_down(self, client: Client, db: None) -> None:
        for _each in range(30):
            sign_in(client, "nobody@example.com", "wrong")
        assert 0 < SignIn.objects.count() <= 10

    def test_what_is_no_address_at_all_is_not_a_try(self, client: Client, db: None) -> None:
        sign_in(client, "hunter2", "wrong")
        assert not SignIn.objects.exists()

    def test_somebody_switched_off_is_known_and_not_let_in(
        self, client: Client, alice: User
    ) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        sign_in(client, alice.email)
        assert not SignIn.objects.filter(worked=True).exists()


class TestKeeping:
    def test_nobody_knows_where_it_came_from_behind_some_sockets(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(self: object, request: object) -> str:
            raise PermissionDenied

        monkeypatch.setattr("teams.adapters.AccountAdapter.get_client_ip", unknown)
        door.note(RequestFactory().get("/"), alice, How.SETUP)
        assert the_one().address is None

    def test_old_ones_are_swept(self, alice: User) -> None:
        for days in (91, 89):
            at = timezone.now() - timedelta(days=days)
            SignIn.objects.create(user=alice, who=alice.email, how="password", worked=True, at=at)
        assert retention.sweep()["sign-ins"] == 1
        assert (timezone.now() - the_one().at).days == 89

    def test_the_name_stays_when_the_account_goes(self, alice: User, bob: User) -> None:
        SignIn.objects.create(user=bob, who=bob.email, how="password", worked=True)
        bob.delete()
        assert (the_one().user, the_one().who) == (None, "bob@example.com")

    def test_a_session_that_is_open_writes_nothing(self, alice: User) -> None:
        browser_of(alice).get("/")
        assert not SignIn.objects.exists()
