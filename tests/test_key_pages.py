"""Keys on their pages: added after a free test, renamed, replaced, removed, tested, resumed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import responses
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone
from requests import ConnectionError as NoConnection

from styles import breaker, creation, following
from styles.models import Style
from styles.pikzels import rules
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Outcome
from styles.states import State
from teams import keys
from teams.key_forms import SECRET_MAX, KeyForm
from teams.models import Membership, PikzelsKey, Team, User
from teams.setup import ensure_keys
from teams.team_events import TeamEvent

from .conftest import browser_of, person
from .wording import banned_words, visible_text

MakeStyle = Callable[..., Style]
SECRET = "pkz_canary_56789_wxyz"
OTHER = "pkz_canary_another_6789"
TEST_PATH = rules.STYLE_PATH.format(id=rules.NOBODYS_ID)
PIKZELS = f"{rules.BASE_URL}{TEST_PATH}"
What = TeamEvent.What


@pytest.fixture
def hers(alice: User) -> Client:
    return browser_of(alice)


@pytest.fixture
def pikzels() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def says(
    pikzels: responses.RequestsMock, code: str, status: int, base_url: str = rules.BASE_URL
) -> None:
    """Let the free test be answered like this."""
    answer = {"error": {"code": code, "message": "No."}, "request_id": "r"}
    pikzels.get(base_url + TEST_PATH, status=status, json=answer)


@pytest.fixture
def taken(pikzels: responses.RequestsMock) -> responses.RequestsMock:
    """Pikzels takes every key, its own and those of the tests' address."""
    says(pikzels, Code.NOT_FOUND, 404)
    says(pikzels, Code.NOT_FOUND, 404, "http://127.0.0.1:9")
    return pikzels


def filled_in(team: Team, **fields: str) -> dict[str, object]:
    return {"team": team.pk, "name": "Main account", "secret": SECRET, **fields}


def noted(team: Team) -> list[tuple[str, str]]:
    """Return what happened, the earliest first."""
    return [*team.events.order_by("pk").values_list("what", "about")]


class TestAdding:
    def test_saves_the_key_encrypted(
        self, hers: Client, team: Team, alice: User, taken: object
    ) -> None:
        response = hers.post("/team/keys/add/", filled_in(team))
        assert (response.status_code, response.url) == (302, "/team/#keys")
        key = team.keys.get()
        assert (key.kind, key.name, key.created_by) == ("own", "Main account", alice)
        assert SECRET.encode() not in bytes(key.secret)
        assert key.open() == SECRET
        assert key.shown == "pkz_…wxyz"
        assert key.base_url == "https://api.pikzels.com"
        assert noted(team) == [(What.KEY_ADDED, "Main account (pkz_…wxyz)")]

    def test_asks_pikzels_with_the_key_itself_first(
        self, hers: Client, team: Team, taken: responses.RequestsMock
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        (call,) = taken.calls
        assert (call.request.method, call.request.url) == ("GET", PIKZELS)
        assert call.request.headers["X-Api-Key"] == SECRET

    def test_waits_for_pikzels_for_a_few_seconds_only_and_outside_of_any_transaction(
        self, hers: Client, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blocks = len(connection.savepoint_ids)
        asked = []

        def ask(_key: PikzelsKey, _id: str, limits: following.Limits) -> following.Look:
            asked.append((limits.total, len(connection.savepoint_ids)))
            return following.Look(reason=Code.NOT_FOUND)

        monkeypatch.setattr(following, "ask", ask)
        hers.post("/team/keys/add/", filled_in(team))
        assert asked == [(8, blocks)]

    def test_is_used_from_then_on(self, hers: Client, team: Team, taken: object) -> None:
        ensure_keys(team)
        page = hers.post("/team/keys/add/", filled_in(team), follow=True)
        assert "New styles are sent with it." in page.content.decode()
        assert "Sandbox: nothing is sent" not in page.content.decode()
        current = team.current_key()
        assert current and current.open() == SECRET

    def test_takes_up_what_waited_for_a_key_one_first(
        self, hers: Client, team: Team, alice: User, make_style: MakeStyle, taken: object
    ) -> None:
        style = make_style()
        style.submit(alice)
        assert (style.key, style.reason) == (None, "no_key")
        hers.post("/team/keys/add/", filled_in(team))
        style.refresh_from_db()
        assert style.key and style.due_at and style.key.on_trial

    @pytest.mark.parametrize(
        ("code", "status", "words"),
        [
            (Code.INVALID_API_KEY, 401, "Pikzels does not know this API key"),
            (Code.API_KEY_DELETED, 401, "The API key was deleted at Pikzels"),
            (Code.API_ACCESS_NOT_ENABLED, 403, "The Pikzels account has no API access"),
            (Code.ACCOUNT_SUSPENDED, 403, "The Pikzels account is suspended"),
            ("API_KEY_ASLEEP", 401, "Pikzels does not accept the API key or its account"),
        ],
    )
    def test_saves_none_that_pikzels_turns_away(
        self,
        hers: Client,
        team: Team,
        pikzels: responses.RequestsMock,
        code: str,
        status: int,
        words: str,
    ) -> None:
        says(pikzels, code, status)
        page = hers.post("/team/keys/add/", filled_in(team))
        text = visible_text(page.content.decode())
        assert page.status_code == 422
        assert words in text and banned_words(text) == []
        assert 'value="Main account"' in page.content.decode()
        assert SECRET not in page.content.decode()
        assert "Save without the test" not in text
        assert not PikzelsKey.objects.exists()
        assert noted(team) == []

    @pytest.mark.parametrize("status", [0, 404, 429, 500, 503])
    def test_where_nobody_can_tell_a_person_may_save_it_all_the_same(
        self, hers: Client, team: Team, pikzels: responses.RequestsMock, status: int
    ) -> None:
        """A 404 without the API's own words is some proxy's."""
        if status:
            pikzels.get(PIKZELS, status=status, body="<h1>Not now</h1>")
        else:
            pikzels.get(PIKZELS, body=NoConnection("no network"))
        page = hers.post("/team/keys/add/", filled_in(team))
        text = visible_text(page.content.decode())
        assert page.status_code == 422
        assert "could not be asked about this key just now" in text
        assert "Save without the test" in text and banned_words(text) == []
        assert SECRET not in page.content.decode()
        assert not PikzelsKey.objects.exists()
        asked = len(pikzels.calls)
        hers.post("/team/keys/add/", filled_in(team, untested="yes"))
        assert team.keys.get().open() == SECRET
        assert len(pikzels.calls) == asked
        assert noted(team)[-1][1] == "Main account (pkz_…wxyz), without the test"

    def test_a_key_that_the_team_has_is_not_taken_twice(
        self, hers: Client, team: Team, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        for untested in ({}, {"untested": "yes"}):
            page = hers.post("/team/keys/add/", filled_in(team, name="Again", **untested))
            assert page.status_code == 422
            assert page.context["form"].errors == {
                "secret": ["The team has this key already: it is called “Main account”."]
            }
        assert team.keys.count() == 1

    def test_nor_one_that_comes_with_the_server(
        self, hers: Client, team: Team, settings: LazySettings, taken: object
    ) -> None:
        settings.PIKZELS_API_KEY = SECRET
        ensure_keys(team)
        page = hers.post("/team/keys/add/", filled_in(team))
        assert "it is called “The server&#x27;s”" in page.content.decode()

    def test_one_that_was_removed_may_come_again(
        self, hers: Client, team: Team, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        hers.post(f"/team/keys/{team.keys.get().uuid}/remove/")
        hers.post("/team/keys/add/", filled_in(team))
        assert team.keys.in_use().get().open() == SECRET

    def test_two_teams_may_share_a_key(
        self, hers: Client, team: Team, charlie: User, taken: object
    ) -> None:
        for browser, whose in ((hers, team), (browser_of(charlie), charlie.teams.get())):
            assert browser.post("/team/keys/add/", filled_in(whose)).status_code == 302
        assert PikzelsKey.objects.count() == 2

    @pytest.mark.parametrize(
        "typed",
        [
            f"  {SECRET}\r\n",
            f'"{SECRET}"',
            f"“{SECRET}”,",
            f"\u200b{SECRET}\u00a0",
            f"<{SECRET}>",
            f"X-Api-Key: {SECRET}",
            f"export PIKZELS_API_KEY='{SECRET}'",
            f'"X-Api-Key": "{SECRET}",',
        ],
    )
    def test_takes_off_what_came_along_in_copying(self, typed: str) -> None:
        form = KeyForm({"name": "Main account", "secret": typed})
        assert form.is_valid()
        assert form.cleaned_data["secret"] == SECRET

    @pytest.mark.parametrize(
        "inside", ["pkz_a=b:c-d.e/f+g", "pkz_key=pkz_again", "pkz_" + "k" * 300]
    )
    def test_takes_nothing_off_the_key_itself(self, inside: str) -> None:
        form = KeyForm({"name": "Main account", "secret": inside})
        assert form.is_valid()
        assert form.cleaned_data["secret"] == inside

    @pytest.mark.parametrize(
        ("typed", "message"),
        [
            ("", "Enter the API key"),
            (" \u200b \r\n", "Enter the API key"),
            ("''", "Enter the API key"),
            ("sk_live_1234567890", "A Pikzels API key starts with pkz_"),
            ("PKZ_1234567890", "A Pikzels API key starts with pkz_"),
            ("pkz_12 34567890", "A Pikzels API key has letters, digits and signs without spaces"),
            ("pkz_", "A Pikzels API key has letters, digits and signs without spaces"),
            ("pkz_ключ1234567", "A Pikzels API key has letters, digits and signs without spaces"),
            ("pkz_1234567890\r\nX-Evil: 1", "A Pikzels API key has letters, digits and signs"),
            ("pkz_1234567890\0", "There is a character in it that cannot be kept"),
            ("pkz_" + "k" * SECRET_MAX, "An API key has 500 characters at most"),
        ],
    )
    def test_says_what_is_wrong_and_keeps_the_name(
        self, hers: Client, team: Team, typed: str, message: str
    ) -> None:
        page = hers.post("/team/keys/add/", filled_in(team, secret=typed))
        html = page.content.decode()
        assert page.status_code == 422
        assert message in html
        assert banned_words(visible_text(html)) == []
        assert 'value="Main account"' in html
        assert "<title>Error: " in html
        assert not PikzelsKey.objects.exists()

    def test_what_was_typed_is_not_shown_again(self, hers: Client, team: Team) -> None:
        page = hers.post("/team/keys/add/", filled_in(team, name=""))
        assert page.status_code == 422
        assert "Enter a name for the key" in page.content.decode()
        assert SECRET not in page.content.decode()

    def test_a_name_of_61_characters_is_too_long(self) -> None:
        form = KeyForm({"name": "n" * 61, "secret": SECRET})
        assert form.errors == {"name": ["Name of the key must be 60 characters or fewer"]}

    def test_is_for_owners_only(
        self, bob: User, charlie: User, team: Team, taken: responses.RequestsMock
    ) -> None:
        assert "Add a key" not in browser_of(bob).get("/team/").content.decode()
        for each in (bob, charlie):
            assert browser_of(each).post("/team/keys/add/", filled_in(team)).status_code == 404
        assert not team.keys.exists()
        assert not taken.calls

    @pytest.mark.parametrize("named", ["", "0", "x", "9" * 30, "-1"])
    def test_goes_to_no_team_that_there_is_not(self, hers: Client, named: str) -> None:
        answer = hers.post("/team/keys/add/", {"team": named, "name": "K", "secret": SECRET})
        assert answer.status_code == 404

    def test_of_two_teams_the_one_that_the_form_names_gets_it(
        self, hers: Client, alice: User, team: Team, charlie: User, taken: object
    ) -> None:
        elsewhere = charlie.teams.get()
        Membership.objects.create(team=elsewhere, user=alice, role="owner")
        hers.post("/team/keys/add/", filled_in(elsewhere))
        assert (team.keys.count(), elsewhere.keys.count()) == (0, 1)

    def test_whoever_owns_the_team_no_more_when_pikzels_has_answered_saves_nothing(
        self, hers: Client, alice: User, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def ask(_key: PikzelsKey) -> following.KeyTest:
            Membership.objects.filter(user=alice).update(role="member")
            return following.KeyTest(works=True)

        monkeypatch.setattr(following, "test_key", ask)
        assert hers.post("/team/keys/add/", filled_in(team)).status_code == 422
        assert not team.keys.exists()


class TestItsPage:
    def test_shows_who_added_it_and_when_and_what_happened(
        self, hers: Client, team: Team, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        key = team.keys.get()
        html = hers.get(f"/team/keys/{key.uuid}/").content.decode()
        text = visible_text(html)
        assert "Added by Alice" in text
        assert f'datetime="{key.created_at.isoformat()[:16]}' in html
        assert "Added a key · Alice" in text
        assert "pkz_…wxyz" in html
        assert rules.BASE_URL not in html

    def test_shows_the_address_only_where_it_is_not_pikzels_own(
        self, hers: Client, key: PikzelsKey
    ) -> None:
        for path in (f"/team/keys/{key.uuid}/", "/team/"):
            assert "http://127.0.0.1:9" in hers.get(path).content.decode()

    def test_says_where_those_come_from_that_are_not_the_teams(
        self, hers: Client, team: Team, settings: LazySettings
    ) -> None:
        settings.PIKZELS_API_KEY = SECRET
        ensure_keys(team)
        for kind, words in (("environment", "PIKZELS_API_KEY"), ("sandbox", "SANDBOX")):
            key = team.keys.get(kind=kind)
            text = visible_text(hers.get(f"/team/keys/{key.uuid}/").content.decode())
            assert words in text
            assert "Test this key" in text
            assert "Remove…" not in text and "Replace" not in text and "Rename" not in text
            for page in ("replace", "remove"):
                assert hers.get(f"/team/keys/{key.uuid}/{page}/").status_code == 404
                assert hers.post(f"/team/keys/{key.uuid}/{page}/").status_code == 404
            assert hers.post(f"/team/keys/{key.uuid}/", {"name": "Mine"}).status_code == 404
            key.refresh_from_db()
            assert (key.removed_at, key.name) == (None, key.get_kind_display())

    def test_of_a_held_one_says_why_and_how_to_mend_it(self, hers: Client, key: PikzelsKey) -> None:
        key.hold(Code.API_KEY_DELETED)
        text = visible_text(hers.get(f"/team/keys/{key.uuid}/").content.decode())
        assert "The API key was deleted at Pikzels" in text
        assert "Resume" in text and "Replace the key" in text

    def test_of_a_removed_one_tells_its_story_and_offers_nothing(
        self, hers: Client, key: PikzelsKey
    ) -> None:
        hers.post(f"/team/keys/{key.uuid}/remove/")
        assert f"/team/keys/{key.uuid}/" in hers.get("/team/").content.decode()
        text = visible_text(hers.get(f"/team/keys/{key.uuid}/").content.decode())
        assert "Nothing is sent with it any more." in text
        assert "Removed a key · Alice" in text
        assert "Remove…" not in text and "Rename" not in text


class TestRenaming:
    def test_gives_another_name(self, hers: Client, team: Team, key: PikzelsKey) -> None:
        answer = hers.post(f"/team/keys/{key.uuid}/", {"name": " Second  account "})
        assert answer.status_code == 302
        key.refresh_from_db()
        assert key.name == "Second  account"
        assert noted(team) == [(What.KEY_RENAMED, "K → Second  account")]

    def test_to_the_same_name_is_nothing_that_happened(
        self, hers: Client, team: Team, key: PikzelsKey
    ) -> None:
        hers.post(f"/team/keys/{key.uuid}/", {"name": "K"})
        assert noted(team) == []

    @pytest.mark.parametrize("name", ["", " ", "n" * 61])
    def test_says_what_is_wrong(self, hers: Client, key: PikzelsKey, name: str) -> None:
        page = hers.post(f"/team/keys/{key.uuid}/", {"name": name})
        assert page.status_code == 422
        assert "There is a problem" in page.content.decode()
        assert f"<h1>{key.name}</h1>" in page.content.decode()

    def test_markup_stays_what_was_written(self, hers: Client, key: PikzelsKey) -> None:
        hers.post(f"/team/keys/{key.uuid}/", {"name": "<b>&{{ 7 }}"})
        for path in ("/team/", f"/team/keys/{key.uuid}/", f"/team/keys/{key.uuid}/remove/"):
            html = hers.get(path).content.decode()
            assert "<b>&{{" not in html and "&lt;b&gt;&amp;{{ 7 }}" in html, path


def train(style: Style, key: PikzelsKey) -> None:
    Style.objects.filter(pk=style.pk).update(
        state=State.TRAINING,
        key=key,
        pikzels_id=f"id-{style.name}",
        made_at=timezone.now(),
        due_at=timezone.now() - timedelta(seconds=1),
    )


class TestReplacing:
    @pytest.fixture
    def address(self, key: PikzelsKey) -> str:
        return f"/team/keys/{key.uuid}/replace/"

    def test_puts_the_new_one_in_its_place_in_one_go(
        self, hers: Client, team: Team, key: PikzelsKey, address: str, taken: object
    ) -> None:
        answer = hers.post(address, {"secret": SECRET})
        assert answer.status_code == 302
        key.refresh_from_db()
        new = team.keys.in_use().get()
        assert key.removed_at
        assert (new.name, new.open()) == (key.name, SECRET)
        assert team.current_key() == new
        assert noted(team) == [
            (What.KEY_REPLACED, "pkz_…abcd → pkz_…wxyz"),
            (What.KEY_ADDED, "K (pkz_…wxyz)"),
        ]

    def test_what_waits_goes_on_with_the_new_one_one_first(
        self,
        hers: Client,
        team: Team,
        alice: User,
        key: PikzelsKey,
        make_style: MakeStyle,
        address: str,
        taken: object,
    ) -> None:
        styles = [make_style(f"Style {n}") for n in range(2)]
        for style in styles:
            style.submit(alice)
        breaker.hold(key, Code.API_KEY_DELETED)
        hers.post(address, {"secret": SECRET})
        new = team.keys.in_use().get()
        assert (new.on_trial, new.is_held) == (True, False)
        for style in styles:
            style.refresh_from_db()
            assert (style.key, style.reason) == (new, "")
        assert creation.claim(styles[0].pk)
        assert creation.claim(styles[1].pk) is None

    def test_what_trains_is_followed_with_the_key_that_made_it(
        self,
        hers: Client,
        key: PikzelsKey,
        make_style: MakeStyle,
        address: str,
        taken: responses.RequestsMock,
    ) -> None:
        style = make_style()
        train(style, key)
        page = visible_text(hers.get(address).content.decode())
        assert "1 style is in training. It is followed with pkz_…abcd" in page
        hers.post(address, {"secret": SECRET})
        taken.get(
            f"http://127.0.0.1:9{rules.STYLE_PATH.format(id='id-Mars%20diary')}",
            json={"id": "id-Mars diary", "status": "processing", "progress": 40},
        )
        following.follow(style.pk)
        style.refresh_from_db()
        assert (style.key, style.progress) == (key, 40)
        assert taken.calls[-1].request.headers["X-Api-Key"] == "pkz_canary_1234abcd"

    def test_nothing_changes_when_pikzels_turns_the_new_one_away(
        self,
        hers: Client,
        team: Team,
        key: PikzelsKey,
        address: str,
        pikzels: responses.RequestsMock,
    ) -> None:
        says(pikzels, Code.INVALID_API_KEY, 401)
        page = hers.post(address, {"secret": SECRET})
        assert page.status_code == 422
        assert SECRET not in page.content.decode()
        assert team.keys.in_use().get() == key
        assert noted(team) == []

    def test_without_the_test_by_a_persons_word(
        self, hers: Client, team: Team, address: str, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.get(PIKZELS, body=NoConnection("no network"))
        page = hers.post(address, {"secret": SECRET})
        assert "Replace without the test" in page.content.decode()
        hers.post(address, {"secret": SECRET, "untested": "yes"})
        assert team.keys.in_use().get().open() == SECRET

    def test_the_same_again_is_pointed_out(
        self, hers: Client, team: Team, alice: User, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        key = team.keys.get()
        page = hers.post(f"/team/keys/{key.uuid}/replace/", {"secret": SECRET})
        assert page.status_code == 422
        assert "it is called “Main account”" in page.content.decode()
        assert team.keys.in_use().get() == key

    def test_the_same_again_of_a_held_one_points_to_the_test(
        self, hers: Client, team: Team, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        key = team.keys.get()
        key.hold(Code.MISSING_API_KEY)
        page = hers.post(f"/team/keys/{key.uuid}/replace/", {"secret": SECRET})
        assert "test it on its page, and press “Resume” there" in page.content.decode()

    def test_one_that_can_no_longer_be_read_may_be_the_same(
        self, hers: Client, team: Team, settings: LazySettings, taken: object
    ) -> None:
        hers.post("/team/keys/add/", filled_in(team))
        settings.ENCRYPTION_KEYS = ["Zm9yIHRlc3RzIG9ubHksIHRoaXJ0eS10d28gYnl0ZXM="]
        hers.post(f"/team/keys/{team.keys.get().uuid}/replace/", {"secret": SECRET})
        assert team.keys.in_use().get().open() == SECRET

    def test_is_lost_to_whoever_was_faster(
        self, hers: Client, team: Team, key: PikzelsKey, address: str, taken: object
    ) -> None:
        hers.post(address, {"secret": SECRET})
        late = hers.post(address, {"secret": OTHER}, follow=True)
        assert "Somebody has replaced or removed this key" in late.content.decode()
        assert team.keys.in_use().get().open() == SECRET

    def test_removed_while_pikzels_was_asked_stays_removed(
        self,
        hers: Client,
        team: Team,
        alice: User,
        key: PikzelsKey,
        address: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def ask(_key: PikzelsKey) -> following.KeyTest:
            keys.remove(alice.memberships.get(), key)
            return following.KeyTest(works=True)

        monkeypatch.setattr(following, "test_key", ask)
        page = hers.post(address, {"secret": SECRET})
        assert page.status_code == 422
        assert "Somebody has replaced or removed this key" in page.content.decode()
        assert not team.keys.in_use().exists()


class TestRemoving:
    @pytest.fixture
    def address(self, key: PikzelsKey) -> str:
        return f"/team/keys/{key.uuid}/remove/"

    def test_says_first_what_becomes_of_the_styles(
        self,
        hers: Client,
        team: Team,
        alice: User,
        key: PikzelsKey,
        make_style: MakeStyle,
        address: str,
    ) -> None:
        for n in range(3):
            make_style(f"Style {n}").submit(alice)
        train(make_style("In training"), key)
        text = visible_text(hers.get(address).content.decode())
        assert "3 styles wait for it. They stay saved" in text
        assert "1 style is in training. It is followed with pkz_…abcd" in text
        assert "New styles are saved and wait for a key." in text
        other = PikzelsKey.seal(OTHER, base_url="http://127.0.0.1:9", team=team, name="Second")
        other.save()
        text = visible_text(hers.get(address).content.decode())
        assert "3 styles wait for it, and go on with Second, one first." in text
        assert not team.keys.filter(removed_at__isnull=False).exists()

    def test_of_the_last_one_leaves_what_waits_saved(
        self,
        hers: Client,
        team: Team,
        alice: User,
        make_style: MakeStyle,
        address: str,
        key: PikzelsKey,
    ) -> None:
        style = make_style()
        style.submit(alice)
        hers.post(address)
        style.refresh_from_db()
        assert (style.state, style.key, style.reason, style.due_at) == (
            State.QUEUED,
            None,
            "no_key",
            None,
        )
        assert creation.claim(style.pk) is None
        assert noted(team) == [(What.KEY_REMOVED, "K (pkz_…abcd)")]

    def test_hands_what_waits_to_the_teams_other_key(
        self, hers: Client, team: Team, alice: User, make_style: MakeStyle, address: str
    ) -> None:
        style = make_style()
        style.submit(alice)
        other = PikzelsKey.seal(OTHER, base_url="http://127.0.0.1:9", team=team, name="Second")
        other.save()
        hers.post(address)
        style.refresh_from_db()
        assert style.key == other and style.due_at

    def test_gives_nothing_real_to_the_sandbox(
        self, hers: Client, team: Team, alice: User, make_style: MakeStyle, address: str
    ) -> None:
        ensure_keys(team)
        style = make_style()
        style.submit(alice)
        assert "New styles go to the sandbox" in hers.get(address).content.decode()
        hers.post(address)
        style.refresh_from_db()
        assert (style.key, style.sandbox, style.reason) == (None, False, "no_key")

    def test_keeps_what_was_made_and_follows_it(
        self,
        hers: Client,
        key: PikzelsKey,
        make_style: MakeStyle,
        address: str,
        taken: responses.RequestsMock,
    ) -> None:
        style = make_style()
        train(style, key)
        hers.post(address)
        taken.get(
            f"http://127.0.0.1:9{rules.STYLE_PATH.format(id='id-Mars%20diary')}",
            json={"id": "id-Mars diary", "status": "completed"},
        )
        following.follow(style.pk)
        style.refresh_from_db()
        assert (style.state, style.key) == (State.READY, key)
        assert "Mars diary" in hers.get("/").content.decode()

    def test_lets_no_last_byte_go_that_has_not_gone_yet(
        self, hers: Client, alice: User, key: PikzelsKey, make_style: MakeStyle, address: str
    ) -> None:
        style = make_style()
        style.submit(alice)
        attempt = creation.claim(style.pk)
        assert attempt
        hers.post(address)
        assert not creation.commit(attempt)
        stopped = Outcome(verdict=Verdict.NOT_SENT, reason="stopped", committed=False)
        creation.record(attempt, stopped)
        assert creation.claim(style.pk) is None
        style.refresh_from_db()
        assert (style.state, style.key, style.reason) == (State.QUEUED, None, "no_key")

    def test_twice_is_told(self, hers: Client, team: Team, address: str) -> None:
        assert "The key is removed." in hers.post(address, follow=True).content.decode()
        for late in (hers.post(address, follow=True), hers.get(address, follow=True)):
            assert "Somebody has replaced or removed this key" in late.content.decode()
        assert len(noted(team)) == 1

    def test_nobody_is_told_by_mail_to_mend_one_that_was_removed(
        self,
        hers: Client,
        key: PikzelsKey,
        address: str,
        mailoutbox: list[object],
        django_capture_on_commit_callbacks: Callable[..., object],
    ) -> None:
        hers.post(address)
        with django_capture_on_commit_callbacks(execute=True):
            breaker.hold(key, Code.API_KEY_DELETED)
        assert mailoutbox == []


class TestTesting:
    @pytest.mark.parametrize(
        ("code", "status", "words"),
        [
            (Code.NOT_FOUND, 404, "Pikzels takes the key pkz_…abcd."),
            (Code.API_KEY_INACTIVE, 401, "away: The API key is switched off."),
            (Code.TOO_MANY_REQUESTS, 429, "Try again in a minute."),
        ],
    )
    def test_says_what_came_back(
        self,
        hers: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        code: Code,
        status: int,
        words: str,
    ) -> None:
        says(pikzels, code, status, key.base_url)
        page = hers.post(f"/team/keys/{key.uuid}/test/", follow=True)
        text = visible_text(page.content.decode())
        assert words in text and banned_words(text) == []
        key.refresh_from_db()
        assert not key.is_held
        assert [what for what, _about in noted(team)] == [What.KEY_TESTED]

    def test_of_a_held_one_that_works_again_points_to_resume(
        self, hers: Client, key: PikzelsKey, taken: object
    ) -> None:
        key.hold(Code.INSUFFICIENT_CREDITS)
        page = hers.post(f"/team/keys/{key.uuid}/test/", follow=True).content.decode()
        assert "press “Resume”, and one style goes first" in page
        assert f'action="/team/keys/{key.uuid}/resume/"' in page

    def test_needs_no_encryption_key_to_say_that_it_is_missing(
        self, hers: Client, key: PikzelsKey, settings: LazySettings
    ) -> None:
        settings.ENCRYPTION_KEYS = ["Zm9yIHRlc3RzIG9ubHksIHRoaXJ0eS10d28gYnl0ZXM="]
        page = hers.post(f"/team/keys/{key.uuid}/test/", follow=True).content.decode()
        assert "This app can no longer read the API key" in page

    def test_of_one_that_no_header_can_hold_says_so(
        self, hers: Client, team: Team, settings: LazySettings
    ) -> None:
        settings.PIKZELS_API_KEY = "pkz_with a space"
        ensure_keys(team)
        key = team.keys.get(kind="environment")
        page = hers.post(f"/team/keys/{key.uuid}/test/", follow=True).content.decode()
        assert "does not have the form of a Pikzels key" in page

    def test_resuming_a_removed_one_lets_nothing_go(
        self, hers: Client, key: PikzelsKey, taken: object
    ) -> None:
        """A style that cannot be followed offers it."""
        hers.post(f"/team/keys/{key.uuid}/remove/")
        key.hold(Code.API_KEY_INACTIVE)
        assert "Resume" not in hers.get(f"/team/keys/{key.uuid}/").content.decode()
        page = hers.post(f"/team/keys/{key.uuid}/resume/", follow=True).content.decode()
        assert "Nothing is sent with it." in page
        key.refresh_from_db()
        assert not key.is_held and key.removed_at

    def test_resuming_is_noted(
        self, hers: Client, team: Team, key: PikzelsKey, taken: object
    ) -> None:
        key.hold(Code.INSUFFICIENT_CREDITS)
        hers.post(f"/team/keys/{key.uuid}/resume/")
        assert [what for what, _about in noted(team)] == [What.KEY_TESTED, What.KEY_RESUMED]


@pytest.mark.django_db(transaction=True)
class TestTwoOwnersAtOnce:
    @pytest.fixture
    def owners(self, team: Team, alice: User) -> list[Membership]:
        people = [alice, *(person(f"Owner{n}", team, "owner") for n in range(3))]
        return [user.memberships.select_related("team", "user").get() for user in people]

    def together(self, owners: list[Membership], do: Callable[[int, Membership], None]) -> int:
        """Let all of them do it at the same time; return how many of them did."""
        ready = threading.Barrier(len(owners))

        def at_once(numbered: tuple[int, Membership]) -> bool:
            try:
                ready.wait()
                do(*numbered)
            except keys.KeyProblem:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(len(owners)) as pool:
            return sum(pool.map(at_once, enumerate(owners)))

    def sealed(self, team: Team, secret: str) -> PikzelsKey:
        return PikzelsKey.seal(secret, base_url=rules.BASE_URL, team=team, name="New")

    def test_who_add_the_same_key_have_it_once(self, owners: list[Membership], team: Team) -> None:
        won = self.together(
            owners, lambda _n, mine: keys.add(mine, self.sealed(team, SECRET), tested=True)
        )
        assert (won, team.keys.count()) == (1, 1)

    def test_who_replace_the_same_key_have_one_new_one(
        self, owners: list[Membership], team: Team, key: PikzelsKey
    ) -> None:
        won = self.together(
            owners,
            lambda n, mine: keys.replace(mine, key, self.sealed(team, f"{SECRET}{n}"), tested=True),
        )
        assert (won, team.keys.in_use().count(), team.keys.count()) == (1, 1, 2)

    def test_who_remove_and_replace_it_leave_no_two(
        self, owners: list[Membership], team: Team, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        style = make_style(state=State.QUEUED, key=key, due_at=timezone.now())

        def do(n: int, mine: Membership) -> None:
            if n % 2:
                keys.remove(mine, key)
            else:
                keys.replace(mine, key, self.sealed(team, f"{SECRET}{n}"), tested=True)

        assert self.together(owners, do) == 1
        style.refresh_from_db()
        assert style.key == team.keys.in_use().first()
