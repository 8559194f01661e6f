"""Keys: those that come with the server, those that owners enter, and where none of them shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from io import StringIO

import pytest
from django.conf import LazySettings

from pikzels_ui.redaction import RedactingFormatter
from styles import breaker, creation
from styles.models import Style
from styles.pikzels.errors import Code
from styles.states import State
from teams.encryption import CannotDecrypt, fingerprint
from teams.models import PikzelsKey, Team, User
from teams.setup import ensure_keys

from .conftest import browser_of
from .routes import all_routes
from .world import make_world

MakeStyle = Callable[..., Style]
SECRET = "pkz_canary_56789_wxyz"
KINDS = PikzelsKey.Kind


def kinds(team: Team) -> list[str]:
    return [*team.keys.in_use().preferred_first().values_list("kind", flat=True)]


class TestThoseOfTheServer:
    @pytest.fixture(autouse=True)
    def with_a_key(self, settings: LazySettings) -> None:
        settings.PIKZELS_API_KEY = "pkz_of_the_server_1111"

    def test_the_environments_serves_the_first_team_and_the_sandbox_all(self, team: Team) -> None:
        second = Team.objects.create(name="Studio South")
        for each in (team, second):
            ensure_keys(each)
        assert kinds(team) == [KINDS.ENVIRONMENT, KINDS.SANDBOX]
        assert kinds(second) == [KINDS.SANDBOX]

    def test_a_second_start_changes_nothing(self, team: Team) -> None:
        ensure_keys(team)
        before = [*team.keys.order_by("pk").values()]
        ensure_keys(team)
        assert [*team.keys.order_by("pk").values()] == before

    def test_each_teams_sandbox_key_is_its_own(self, team: Team) -> None:
        second = Team.objects.create(name="Studio South")
        for each in (team, second):
            ensure_keys(each)
        assert team.keys.get(kind=KINDS.SANDBOX).open() != second.keys.get().open()

    def test_without_the_sandbox_its_keys_are_taken_away(
        self, team: Team, settings: LazySettings
    ) -> None:
        ensure_keys(team)
        settings.SANDBOX_ENABLED = False
        ensure_keys(team)
        assert kinds(team) == [KINDS.ENVIRONMENT]

    def test_the_sandbox_goes_to_this_machine(self, team: Team) -> None:
        ensure_keys(team)
        assert team.keys.get(kind=KINDS.SANDBOX).base_url == "http://127.0.0.1:8001"

    def test_a_new_one_retires_the_old_row_and_keeps_it(
        self, team: Team, settings: LazySettings
    ) -> None:
        ensure_keys(team)
        old = team.keys.get(kind=KINDS.ENVIRONMENT)
        settings.PIKZELS_API_KEY = "pkz_of_the_server_2222"
        ensure_keys(team)
        old.refresh_from_db()
        current = team.current_key()
        assert old.removed_at
        assert current and current.open() == "pkz_of_the_server_2222"

    def test_another_address_is_another_key(self, team: Team, settings: LazySettings) -> None:
        ensure_keys(team)
        settings.PIKZELS_BASE_URL = "https://pikzels.example.com"
        ensure_keys(team)
        current = team.current_key()
        assert current and current.base_url == "https://pikzels.example.com"
        assert team.keys.filter(kind=KINDS.ENVIRONMENT).count() == 2

    def test_the_one_that_an_owner_entered_too_stays_the_owners(self, team: Team) -> None:
        own = PikzelsKey.seal(
            "pkz_of_the_server_1111", base_url="https://api.pikzels.com", team=team, name="Ours"
        )
        own.save()
        ensure_keys(team)
        assert kinds(team) == [KINDS.OWN, KINDS.SANDBOX]

    def test_what_was_held_for_the_old_one_goes_on_with_the_new(
        self, team: Team, alice: User, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        ensure_keys(team)
        style = make_style()
        style.submit(alice)
        breaker.hold(team.current_key(), Code.INVALID_API_KEY)
        settings.PIKZELS_API_KEY = "pkz_of_the_server_2222"
        ensure_keys(team)
        style.refresh_from_db()
        assert style.key == team.current_key()
        assert (style.state, style.reason) == (State.QUEUED, "")
        assert style.due_at
        assert style.key and style.key.on_trial

    def test_nothing_is_sent_any_more_with_one_that_was_taken_away(
        self, team: Team, alice: User, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        ensure_keys(team)
        style = make_style()
        style.submit(alice)
        settings.PIKZELS_API_KEY = ""
        ensure_keys(team)
        style.refresh_from_db()
        assert (style.state, style.key, style.due_at) == (State.QUEUED, None, None)
        assert style.reason == "no_key"
        assert creation.claim(style.pk) is None

    def test_what_waited_for_it_goes_on_with_the_owners_own(
        self, team: Team, alice: User, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        ensure_keys(team)
        style = make_style()
        style.submit(alice)
        own = PikzelsKey.seal(SECRET, base_url="https://api.pikzels.com", team=team, name="Ours")
        own.save()
        settings.PIKZELS_API_KEY = ""
        ensure_keys(team)
        style.refresh_from_db()
        assert (style.key, style.reason) == (own, "")
        assert style.due_at

    def test_what_an_owners_key_has_in_hand_stays_there(
        self, team: Team, alice: User, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        style = make_style()
        style.submit(alice)
        ensure_keys(team)
        style.refresh_from_db()
        assert style.key == key


class TestSecret:
    def test_is_on_no_page_of_anybody_and_in_no_log(
        self, make_style: MakeStyle, alice: User, bob: User, key: PikzelsKey
    ) -> None:
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        key.secret = PikzelsKey.seal(SECRET, base_url=key.base_url).secret
        key.save(update_fields=["secret"])
        world = make_world(make_style, alice, key)
        sealed = bytes(key.secret).decode()
        for browser in (browser_of(alice), browser_of(bob)):
            for route in all_routes():
                if route.model:
                    continue  # the admin's are in its own tests
                text = b"".join(browser.get(world.address(route))).decode(errors="replace")
                assert "canary_56789" not in text, route
                assert sealed not in text, route
                assert key.fingerprint not in text, route

    def test_is_blotted_out_in_a_log_that_has_it_all_the_same(self) -> None:
        lines = StringIO()
        handler = logging.StreamHandler(lines)
        handler.setFormatter(RedactingFormatter("%(message)s"))
        log = logging.Logger("canary")
        log.addHandler(handler)
        log.error("Sent with %s", SECRET)
        assert lines.getvalue() == "Sent with pkz_[redacted]\n"

    def test_cannot_be_opened_without_its_encryption_key(
        self, key: PikzelsKey, settings: LazySettings
    ) -> None:
        settings.ENCRYPTION_KEYS = ["Zm9yIHRlc3RzIG9ubHksIHRoaXJ0eS10d28gYnl0ZXM="]
        with pytest.raises(CannotDecrypt):
            key.open()

    def test_survives_a_new_encryption_key_in_front_of_the_old(
        self, key: PikzelsKey, settings: LazySettings
    ) -> None:
        before = fingerprint(key.open(), key.base_url)
        new = "Zm9yIHRlc3RzIG9ubHksIHRoaXJ0eS10d28gYnl0ZXM="
        settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
        assert key.open() == "pkz_canary_1234abcd"
        assert fingerprint(key.open(), key.base_url) == before == key.fingerprint


class TestHeldKey:
    @pytest.fixture
    def held(self, key: PikzelsKey, alice: User, make_style: MakeStyle) -> Style:
        style = make_style()
        style.submit(alice)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        style.refresh_from_db()
        assert style.due_at is None
        return style

    def test_owners_read_on_every_page_what_holds_their_styles(
        self, held: Style, alice: User, bob: User, key: PikzelsKey
    ) -> None:
        resume = f'action="/team/keys/{key.uuid}/resume/"'
        for path in ("/", "/team/", "/styles/new/", "/account/"):
            assert resume in browser_of(alice).get(path).content.decode(), path
            assert resume not in browser_of(bob).get(path).content.decode(), path

    def test_resume_lets_one_go_first(self, held: Style, alice: User, key: PikzelsKey) -> None:
        page = browser_of(alice).post(f"/team/keys/{key.uuid}/resume/", follow=True)
        assert "One style goes first" in page.content.decode()
        held.refresh_from_db()
        key.refresh_from_db()
        assert held.due_at
        assert (key.is_held, key.on_trial) == (False, True)

    def test_resume_twice_is_no_different(self, held: Style, alice: User, key: PikzelsKey) -> None:
        browser = browser_of(alice)
        for _ in range(2):
            assert browser.post(f"/team/keys/{key.uuid}/resume/").status_code == 302
        key.refresh_from_db()
        assert not key.is_held

    def test_resume_is_for_the_teams_owners_only(
        self, held: Style, bob: User, charlie: User, key: PikzelsKey
    ) -> None:
        for person in (bob, charlie):
            response = browser_of(person).post(f"/team/keys/{key.uuid}/resume/")
            assert response.status_code == 404
        key.refresh_from_db()
        assert key.is_held
