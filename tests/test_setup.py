"""The first start: a link that makes the owner's account once, or one from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.test import Client

from teams import views
from teams.models import Membership, PikzelsKey, Team, User
from teams.setup import is_setup_token, prepare, setup_link, use_up_token

from .conftest import PASSWORD, person
from .wording import banned_words, visible_text

WANTED = {
    "team_name": "Studio North",
    "name": "Alice",
    "email": "Alice@Example.com",
    "password": PASSWORD,
}


@pytest.fixture(autouse=True)
def own_data(settings: LazySettings, tmp_path: Path) -> None:
    """No folder for secrets yet, as when all of them come from the environment."""
    settings.DATA_DIR = tmp_path / "data"


@pytest.fixture
def link(db: None) -> str:
    return setup_link().removeprefix("http://127.0.0.1:8000")


class TestLink:
    def test_stays_the_same_until_it_is_used(self, db: None) -> None:
        assert setup_link() == setup_link()
        assert use_up_token()
        assert not use_up_token()

    def test_is_kept_for_this_server_alone(self, link: str, settings: LazySettings) -> None:
        file = settings.DATA_DIR / "keys" / "setup_token"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert file.read_text() in link

    def test_a_wrong_one_is_not_found(self, link: str, client: Client) -> None:
        assert client.get("/setup/wrong/").status_code == 404
        assert client.post("/setup/wrong/", WANTED).status_code == 404
        assert not User.objects.exists()

    def test_an_empty_token_never_counts(self, db: None, settings: LazySettings) -> None:
        """As between the moment when the file is made and the moment when it is written."""
        setup_link()
        (settings.DATA_DIR / "keys" / "setup_token").write_text("")
        assert not is_setup_token("")

    def test_means_nothing_once_there_is_an_account(self, link: str, client: Client) -> None:
        """Such as one that the environment or the command line made after the link was shown."""
        person("Alice", None)
        assert client.get(link).status_code == 404
        assert client.post(link, WANTED).status_code == 404
        assert User.objects.count() == 1


class TestForm:
    def test_asks_for_team_and_account(self, link: str, client: Client) -> None:
        page = client.get(link)
        assert page.status_code == 200
        for field in WANTED:
            assert f'name="{field}"' in page.content.decode()

    def test_makes_a_verified_owner_with_every_right(self, link: str, client: Client) -> None:
        response = client.post(link, WANTED)
        assert response.status_code == 302
        alice = User.objects.get()
        assert (alice.name, alice.is_superuser, alice.is_staff) == ("Alice", True, True)
        address = EmailAddress.objects.get(user=alice)
        assert (address.email, address.verified, address.primary) == (
            "alice@example.com",
            True,
            True,
        )
        membership = Membership.objects.get(user=alice)
        assert (membership.team.name, membership.is_owner) == ("Studio North", True)

    def test_signs_in_and_goes_to_the_empty_library(self, link: str, client: Client) -> None:
        library = client.post(link, WANTED, follow=True)
        assert library.redirect_chain == [("/", 302)]
        assert library.context["user"] == User.objects.get()
        assert "Your account is ready" in library.content.decode()
        assert "Sandbox: nothing is sent to Pikzels" in library.content.decode()

    def test_the_team_can_try_the_sandbox_at_once(self, link: str, client: Client) -> None:
        client.post(link, WANTED)
        key = Team.objects.get().current_key()
        assert key and key.kind == PikzelsKey.Kind.SANDBOX

    def test_works_once(self, link: str, client: Client) -> None:
        client.post(link, WANTED)
        assert Client().get(link).status_code == 404
        assert Client().post(link, WANTED | {"email": "eve@example.com"}).status_code == 404
        assert User.objects.count() == 1

    def test_of_two_at_the_same_time_one_wins(
        self, link: str, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other one has come past the first look at the link when this one uses it up."""
        monkeypatch.setattr(views, "is_setup_token", lambda token: True)
        assert use_up_token()
        response = client.post(link, WANTED)
        assert response.status_code == 404
        assert not User.objects.exists()

    def test_says_what_is_missing(self, link: str, client: Client) -> None:
        page = client.post(link, {})
        assert page.status_code == 422
        assert page.context["form"].errors == {
            "team_name": ["Enter a name for your team"],
            "name": ["Enter your name"],
            "email": ["Enter your e-mail address"],
            "password": ["Enter a password"],
        }
        assert "<title>Error: " in page.content.decode()
        assert "There is a problem" in page.content.decode()

    def test_keeps_what_was_typed_but_for_the_password(self, link: str, client: Client) -> None:
        page = client.post(link, WANTED | {"email": "alice at home"})
        html = page.content.decode()
        assert page.status_code == 422
        assert "Enter an e-mail address such as name@example.com" in html
        for typed in ("Studio North", "Alice", "alice at home"):
            assert f'value="{typed}"' in html
        assert PASSWORD not in html

    @pytest.mark.parametrize(
        "password", ["short", "password", "2718281828", "alice@example.com", "x" * 7]
    )
    def test_takes_no_weak_password(self, link: str, client: Client, password: str) -> None:
        page = client.post(link, WANTED | {"password": password})
        assert page.status_code == 422
        assert [*page.context["form"].errors] == ["password"]
        assert banned_words(visible_text(page.content.decode())) == []
        assert not User.objects.exists()

    def test_a_failed_try_does_not_use_the_link_up(self, link: str, client: Client) -> None:
        client.post(link, {})
        assert client.post(link, WANTED).status_code == 302

    def test_whoever_was_signed_in_is_a_new_session_afterwards(
        self, link: str, client: Client
    ) -> None:
        client.get(link)
        before = client.cookies.get("sessionid")
        client.post(link, WANTED)
        assert client.cookies["sessionid"].value != (before and before.value)


class TestPrepare:
    @pytest.fixture
    def said(self) -> list[str]:
        return []

    def test_shows_the_link_while_there_is_no_account(self, db: None, said: list[str]) -> None:
        prepare(said.append)
        prepare(said.append)
        assert said == [f"Make the first account at {setup_link()}"] * 2

    def test_shows_none_once_there_is_one(self, alice: User, said: list[str]) -> None:
        prepare(said.append)
        assert said == []

    def test_makes_the_account_that_the_environment_names(
        self, db: None, said: list[str], client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(os.environ, "DJANGO_SUPERUSER_EMAIL", "ops@example.com")
        monkeypatch.setitem(os.environ, "DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        prepare(said.append)
        prepare(said.append)
        assert said == ["Made the account ops@example.com."]
        assert Membership.objects.get().is_owner
        signed_in = client.post(
            "/accounts/login/", {"login": "ops@example.com", "password": PASSWORD}
        )
        assert (signed_in.status_code, signed_in.url) == (302, "/")

    def test_half_of_an_account_is_none(
        self, db: None, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(os.environ, "DJANGO_SUPERUSER_EMAIL", "ops@example.com")
        prepare(said.append)
        assert not User.objects.exists()
        assert said[0].startswith("Make the first account at ")

    def test_gives_every_team_its_keys(self, db: None, said: list[str]) -> None:
        teams = [Team.objects.create(name=name) for name in ("North", "South")]
        prepare(said.append)
        assert [team.keys.count() for team in teams] == [1, 1]
