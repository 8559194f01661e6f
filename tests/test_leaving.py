"""A person's data: taken along, and erased, with the teams' histories whole."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connections
from django.test import Client

from styles import creation
from styles.models import Attempt, Event, Notice, ReferenceImage, Style, Unwanted
from styles.originals import forget
from styles.pikzels.errors import Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.states import State
from styles.usage import as_csv, ledger
from teams import leaving, people, taking_along
from teams.mails import kept_mails
from teams.models import ApiToken, Invitation, Membership, PikzelsKey, Team, User
from teams.people import NotPossible
from teams.team_events import TeamEvent

from .conftest import PASSWORD, browser_of, person

MakeStyle = Callable[..., Style]
EXPORT, ERASE = "/account/data/export/", "/account/data/erase/"
MADE = Outcome(
    verdict=Verdict.MADE, reason="", committed=True,
    reply=Reply(status=200, style_id="id-1", is_json=True), bytes_total=10, bytes_sent=10,
)  # fmt: skip


@pytest.fixture
def made(make_style: MakeStyle, bob: User, key: PikzelsKey) -> Style:
    """A style of Bob's that was paid for."""
    style = make_style("Bobs diary", creator=bob)
    style.submit(bob)
    attempt = creation.claim(style.pk)
    assert attempt and creation.commit(attempt)
    creation.record(attempt, MADE)
    style.refresh_from_db()
    return style


@pytest.fixture
def draft(make_style: MakeStyle, bob: User) -> Style:
    return make_style("Bobs secret", creator=bob)


def signed_in(user: User) -> Client:
    """Return a browser in which the person has just entered their password."""
    client = Client()
    given = {"login": user.email, "password": PASSWORD}
    assert client.post("/accounts/login/", given).status_code == 302
    again = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert again.status_code == 302
    return client


def everything() -> str:
    """Return all rows of all tables, as text."""
    models = [model for model in apps.get_models() if model._meta.app_label != "contenttypes"]
    return "".join(serialize("json", model._default_manager.all()) for model in models)


# Taking along


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def taken(user: User, **how: bool) -> dict[str, bytes]:
    return unpacked(b"".join(taking_along.parts(user, **how)))


class TestTakingAlong:
    def test_one_gets_ones_styles_pictures_and_history(self, made: Style, bob: User) -> None:
        files = taken(bob)
        (style,) = json.loads(files["styles.json"])
        assert (style["name"], style["pikzels_id"]) == ("Bobs diary", "id-1")
        names = [picture["file"] for picture in style["pictures"]]
        originals = [Path(image.file.path).read_bytes() for image in made.images.all()]
        assert [files[name] for name in names] == originals
        history = json.loads(files["history.json"])
        assert {row["kind"] for row in history} == {"event", "attempt"}
        assert json.loads(files["account.json"])["email"] == "bob@example.com"

    def test_what_others_made_and_are_called_is_not_in_it(
        self, made: Style, bob: User, alice: User, make_style: MakeStyle
    ) -> None:
        make_style("Alices diary", creator=alice)
        made.events.create(who=alice, what=Event.What.NOTED, note="of Alice")
        membership = Membership.objects.get(user=bob)
        TeamEvent.note(membership.team, bob, TeamEvent.What.INVITED, "dora@example.com: Member")
        content = b"".join(taken(bob).values())
        for text in (b"Alice", b"alice", b"dora"):
            assert text not in content

    def test_nothing_secret_is_in_it(self, made: Style, bob: User, key: PikzelsKey) -> None:
        token, row = ApiToken.issue(bob, "Bot")
        browser = signed_in(bob)
        Authenticator.objects.create(
            user=bob, type=Authenticator.Type.TOTP, data={"secret": "canary-of-totp"}
        )
        bob.refresh_from_db()
        content = b"".join(taken(bob).values())
        assert b'"Bot"' in content
        secrets = (token, row.token_hash, bob.password, "canary", browser.session.session_key)
        for secret in secrets:
            assert str(secret).encode() not in content

    def test_of_a_team_that_one_has_left_only_who_runs_the_server_gives(
        self, made: Style, bob: User
    ) -> None:
        membership = Membership.objects.get(user=bob)
        people.remove(membership, membership.pk)
        mine, given = taken(bob), taken(bob, everything=True)
        assert json.loads(mine["styles.json"]) == []
        assert b"Bobs diary" not in b"".join(mine.values())
        assert len(json.loads(given["styles.json"])) == 1

    def test_of_an_original_that_was_deleted_there_is_the_preview(
        self, made: Style, bob: User
    ) -> None:
        Style.objects.update(state=State.READY)
        assert forget(list(ReferenceImage.objects.values_list("pk", flat=True))) == 3
        files = taken(bob)
        assert len([name for name in files if name.startswith("pictures/")]) == 3

    def test_a_picture_that_is_lost_does_not_end_it(self, made: Style, bob: User) -> None:
        Path(made.images.get(position=1).file.path).unlink()
        assert len([name for name in taken(bob) if name.startswith("pictures/")]) == 2

    def test_somebody_without_anything_gets_a_whole_file(self, db: None) -> None:
        files = taken(person("Dora", None))
        assert json.loads(files["styles.json"]) == json.loads(files["history.json"]) == []

    def test_the_page_asks_for_the_password_first(self, bob: User) -> None:
        browser = browser_of(bob)
        for method in (browser.get, browser.post):
            assert "/reauthenticate/" in method(EXPORT).headers["Location"]
        response = signed_in(bob).post(EXPORT)
        assert response.headers["Content-Disposition"] == 'attachment; filename="my-data.zip"'
        assert "account.json" in unpacked(b"".join(response))  # type: ignore[arg-type]

    def test_by_command(self, made: Style, bob: User, tmp_path: Path) -> None:
        file = tmp_path / "bob.zip"
        call_command("export_person", "Bob@Example.com", file)
        assert file.stat().st_mode & 0o077 == 0
        assert "styles.json" in unpacked(file.read_bytes())
        with pytest.raises(CommandError, match="is there already"):
            call_command("export_person", "bob@example.com", file)
        with pytest.raises(CommandError, match="Nobody here"):
            call_command("export_person", "x@example.com", tmp_path / "x.zip")


# Erasing


class TestErasing:
    def test_nothing_tells_any_more_who_it_was(
        self, made: Style, draft: Style, bob: User, alice: User, settings: LazySettings
    ) -> None:
        User.objects.filter(pk=bob.pk).update(name="Robert Canary")
        EmailAddress.objects.create(user=bob, email="canary@home.example", verified=True)
        owner = Membership.objects.get(user=alice)
        people.change_role(owner, bob.memberships.get().pk, "reviewer")
        people.invite(owner, "canary@home.example", "member")
        ApiToken.issue(bob, "Canarys bot")
        LogEntry.objects.log_actions(alice.pk, User.objects.filter(pk=bob.pk), 2, "[]")
        assert leaving.erase(bob)
        left = everything().lower()
        for text in ("bob@", "canary@", "robert", "canarys", "bobs secret"):
            assert text not in left

    def test_what_was_paid_for_stays_with_the_team(
        self, made: Style, draft: Style, bob: User, alice: User
    ) -> None:
        files = [Path(image.file.path) for image in draft.images.all()]
        leaving.erase(bob)
        assert list(Style.objects.values_list("name", "pikzels_id")) == [("Bobs diary", "id-1")]
        assert not any(path.exists() for path in files)
        assert all(image.is_intact() for image in ReferenceImage.objects.all())
        assert "Somebody who has left" in browser_of(alice).get("/").content.decode()

    def test_the_history_and_the_ledger_are_the_same(
        self, made: Style, bob: User, alice: User
    ) -> None:
        owner = Membership.objects.get(user=alice)
        events = list(Event.objects.order_by("pk").values())
        attempts = list(Attempt.objects.order_by("pk").values())
        before = ledger(owner)
        leaving.erase(bob)
        assert list(Event.objects.order_by("pk").values()) == events
        assert list(Attempt.objects.order_by("pk").values()) == attempts
        after = ledger(owner)
        assert [(e.month, e.price, e.accepted) for e in after] == [
            (e.month, e.price, e.accepted) for e in before
        ]
        assert [entry.name for entry in after] == ["Somebody who has left"]
        assert "left.invalid" not in "".join(as_csv(after))

    def test_their_sessions_tokens_and_passkeys_end_at_once(self, bob: User) -> None:
        token, _row = ApiToken.issue(bob, "Bot")
        browser, other = signed_in(bob), signed_in(bob)
        assert other.get("/").status_code == 200
        leaving.erase(bob)
        for each in (browser, other):
            assert each.get("/").headers["Location"].startswith("/accounts/login/")
        assert not Session.objects.exists()
        assert not UserSession.objects.exists()
        bot = Client(headers={"Authorization": f"Bearer {token}"})
        assert bot.get("/api/v1/styles").status_code == 401
        given = {"login": "bob@example.com", "password": PASSWORD}
        assert Client().post("/accounts/login/", given).status_code == 422

    def test_what_they_wanted_sent_waits_for_somebody_else(
        self, make_style: MakeStyle, bob: User, key: PikzelsKey
    ) -> None:
        style = make_style(creator=bob)
        style.submit(bob)
        leaving.erase(bob)
        style.refresh_from_db()
        assert style.state == State.IN_REVIEW

    def test_notices_and_mails_to_them_go(self, made: Style, bob: User, alice: User) -> None:
        event = made.events.last()
        Notice.objects.create(user=bob, team=made.team, event=event, kind=Notice.Kind.READY)
        Unwanted.choose(bob, [Notice.Kind.READY])
        leaving.erase(bob)
        assert not Notice.objects.filter(user=bob).exists()
        assert not Unwanted.objects.exists()

    def test_mails_that_were_kept_for_them_go(
        self, bob: User, alice: User, settings: LazySettings
    ) -> None:
        settings.EMAIL_BACKEND = "teams.mails.KeptMails"
        for user in (alice, bob):
            send_mail("Hello", "x", None, [user.email])
        leaving.erase(bob)
        assert [mail.to for mail in kept_mails()] == ["alice@example.com"]

    def test_their_address_is_free_again(self, team: Team, alice: User, bob: User) -> None:
        leaving.erase(bob)
        again = person("Bob", team)
        assert again.pk != bob.pk
        assert Membership.objects.filter(user=again).exists()

    def test_who_has_a_longer_address_keeps_it(self, team: Team, bob: User, alice: User) -> None:
        owner = Membership.objects.get(user=alice)
        people.invite(owner, "jimbob@example.com", "member")
        leaving.erase(bob)
        event = TeamEvent.objects.get(what=TeamEvent.What.INVITED)
        assert event.about.startswith("jimbob@example.com:")
        assert Invitation.objects.get().email == "jimbob@example.com"

    def test_a_second_time_does_nothing(self, bob: User) -> None:
        assert leaving.erase(bob)
        before = everything()
        assert not leaving.erase(bob)
        assert everything() == before

    def test_the_last_owner_hands_over_first(self, alice: User, bob: User, made: Style) -> None:
        before = everything()
        assert leaving.hindrances(alice) == [
            "You alone own Studio North. Make somebody else an owner first."
        ]
        with pytest.raises(NotPossible):
            leaving.erase(alice)
        assert everything() == before
        Membership.objects.filter(user=bob).update(role="owner")
        assert leaving.hindrances(alice) == []
        assert leaving.erase(alice)

    def test_who_alone_runs_the_server_hands_over_first(self, bob: User, alice: User) -> None:
        User.objects.filter(pk=bob.pk).update(is_superuser=True)
        bob.refresh_from_db()
        assert leaving.hindrances(bob) == [
            "You alone run this server. Let somebody else do that first."
        ]
        with pytest.raises(NotPossible):
            leaving.erase(bob)
        User.objects.filter(pk=alice.pk).update(is_superuser=True)
        assert leaving.erase(bob)


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_go_at_once_one_stays(team: Team, alice: User, bob: User) -> None:
    Membership.objects.update(role="owner")
    start, came = threading.Barrier(2), []

    def go(user: User) -> None:
        start.wait()
        try:
            came.append(leaving.erase(user))
        except NotPossible:
            came.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=[user]) for user in (alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [False, True]
    assert Membership.objects.filter(team=team, role="owner").count() == 1


class TestThePage:
    def test_asks_for_the_password_first(self, bob: User) -> None:
        browser = browser_of(bob)
        assert "/reauthenticate/" in browser.get(ERASE).headers["Location"]
        browser.post(ERASE, {"email": bob.email})
        bob.refresh_from_db()
        assert bob.erased_at is None

    def test_says_what_goes_and_what_stays(self, made: Style, draft: Style, bob: User) -> None:
        page = signed_in(bob).get(ERASE).content.decode()
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
        assert "1 draft that was never sent" in text
        assert "1 style that was sent" in text
        assert "It cannot be undone." in text

    @pytest.mark.parametrize("typed", ["", "bob", "alice@example.com", "x" * 999, "\x00", "Bob@x"])
    def test_takes_nothing_but_the_address(self, bob: User, typed: str) -> None:
        response = signed_in(bob).post(ERASE, {"email": typed})
        assert response.status_code == 422
        bob.refresh_from_db()
        assert bob.erased_at is None

    def test_erases_signs_out_and_says_so(self, bob: User) -> None:
        browser = signed_in(bob)
        response = browser.post(ERASE, {"email": "BOB@example.com"}, follow=True)
        assert "Everything of yours is erased" in response.content.decode()
        assert browser.get("/").status_code == 302
        bob.refresh_from_db()
        assert bob.erased_at and not bob.is_active

    def test_has_no_form_where_one_has_to_hand_over_first(self, alice: User) -> None:
        browser = signed_in(alice)
        page = browser.get(ERASE).content.decode()
        assert "You alone own Studio North" in page
        assert "Erase for good" not in page
        assert browser.post(ERASE, {"email": alice.email}).status_code == 422
        alice.refresh_from_db()
        assert alice.erased_at is None


class TestByAnOperator:
    @pytest.fixture
    def operator(self, charlie: User) -> Client:
        User.objects.filter(pk=charlie.pk).update(is_staff=True, is_superuser=True)
        return browser_of(User.objects.get(pk=charlie.pk))

    def test_in_the_admin_they_are_erased_and_not_deleted(
        self, operator: Client, made: Style, bob: User
    ) -> None:
        address = f"/admin/teams/user/{bob.pk}/delete/"
        page = operator.get(address).content.decode()
        assert "made by somebody who has left" in page
        operator.post(address, {"post": "yes"})
        bob.refresh_from_db()
        assert bob.erased_at
        assert Style.objects.get().creator == bob
        assert "bob@" not in everything()

    def test_in_the_admin_the_last_owner_is_not(self, operator: Client, alice: User) -> None:
        address = f"/admin/teams/user/{alice.pk}/delete/"
        assert "You alone own Studio North" in operator.get(address).content.decode()
        operator.post(address, {"post": "yes"})
        alice.refresh_from_db()
        assert alice.erased_at is None

    def test_one_by_one_and_not_many_at_once(
        self, operator: Client, alice: User, bob: User
    ) -> None:
        given = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
        operator.post("/admin/teams/user/", given)
        bob.refresh_from_db()
        assert bob.erased_at is None

    def test_a_second_time_is_refused(self, operator: Client, bob: User) -> None:
        leaving.erase(bob)
        address = f"/admin/teams/user/{bob.pk}/delete/"
        assert operator.post(address, {"post": "yes"}).status_code == 403

    def test_by_command(self, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda _question: "no")
        with pytest.raises(CommandError, match="Nothing was erased"):
            call_command("erase_person", "bob@example.com")
        call_command("erase_person", "Bob@example.com", yes=True)
        bob.refresh_from_db()
        assert bob.erased_at
        with pytest.raises(CommandError, match="Nobody here"):
            call_command("erase_person", "bob@example.com", yes=True)

    def test_by_command_the_last_owner_is_not(self, alice: User) -> None:
        with pytest.raises(CommandError, match="You alone own Studio North"):
            call_command("erase_person", "alice@example.com", yes=True)
