"""What a bot reads: its person's styles, the latest change first, and why it gets nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styles import breaker
from styles.api import views
from styles.api.parameters import EARLIEST, LATEST, Cursor, read_time
from styles.models import Style
from styles.pikzels.errors import Code
from styles.states import MADE, State
from teams.models import ApiToken, Membership, PikzelsKey, Team, User

from .conftest import browser_of, person
from .wording import banned_words

MakeStyle = Callable[..., Style]
STYLES = "/api/v1/styles"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bot_of(user: User) -> Client:
    token, _row = ApiToken.issue(user, "Bot")
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def bot(bob: User) -> Client:
    return bot_of(bob)


def names(client: Client, query: str = "") -> list[str]:
    return [style["name"] for style in client.get(f"{STYLES}{query}").json()["styles"]]


def error(client: Client, address: str) -> tuple[int, str, str]:
    """Return the status, and the code and the words of the error, which has nothing else."""
    response = client.get(address)
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert list(body) == ["error"] and list(body["error"]) == ["code", "message"]
    assert banned_words(body["error"]["message"]) == []
    return response.status_code, body["error"]["code"], body["error"]["message"]


@pytest.fixture
def shelf(make_style: MakeStyle) -> list[Style]:
    """Seven styles, the first changed last; the fourth to sixth changed at the same moment."""
    minutes = [0, 1, 2, 3, 3, 3, 4]
    return [
        make_style(f"Style {n}", pictures=0, updated_at=NOON - timedelta(minutes=ago))
        for n, ago in enumerate(minutes)
    ]


class TestAStyle:
    def test_has_these_fields(self, make_style: MakeStyle, bot: Client, key: PikzelsKey) -> None:
        made = {"pikzels_id": "id-7", "progress": 100, "submitted_at": NOON, "ready_at": NOON}
        style = make_style(state=State.READY, key=key, sandbox=True, updated_at=NOON, **made)
        assert bot.get(f"{STYLES}/{style.pk}").json() == {
            "id": str(style.pk),
            "name": "Mars diary",
            "state": "ready",
            "state_label": "Ready",
            "reason": None,
            "pikzels_id": "id-7",
            "progress": 100,
            "team": {"id": style.team.pk, "name": "Studio North"},
            "created_by": "Alice",
            "created_at": style.created_at.isoformat().replace("+00:00", "Z"),
            "submitted_at": "2026-11-22T12:00:00Z",
            "ready_at": "2026-11-22T12:00:00Z",
            "updated_at": "2026-11-22T12:00:00Z",
            "archived": False,
            "note": "",
            "sandbox": True,
            "url": f"http://127.0.0.1:8000/styles/{style.pk}/",
        }

    def test_that_nobody_sent_has_no_id_yet(self, make_style: MakeStyle, bot: Client) -> None:
        answer = bot.get(f"{STYLES}/{make_style(pictures=0).pk}").json()
        empty = ("reason", "pikzels_id", "progress", "submitted_at", "ready_at")
        assert [answer[name] for name in empty] == [None] * 5

    @pytest.mark.parametrize("state", State)
    def test_can_be_read_in_every_state(
        self, make_style: MakeStyle, bot: Client, key: PikzelsKey, state: State
    ) -> None:
        ids = {"pikzels_id": "id-1"} if state in MADE else {}
        style = make_style(state=state, key=key, pictures=0, **ids)
        answer = bot.get(f"{STYLES}/{style.pk}").json()
        assert (answer["state"], bool(answer["state_label"])) == (state, True)

    def test_that_is_held_says_so_and_why(
        self, make_style: MakeStyle, bot: Client, key: PikzelsKey
    ) -> None:
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        style = make_style(state=State.QUEUED, key=key, pictures=0)
        answer = bot.get(f"{STYLES}/{style.pk}").json()
        page = browser_of(style.team.members.get(name="Bob")).get(style.get_absolute_url())
        assert (answer["state"], answer["reason"]) == ("queued", "INSUFFICIENT_CREDITS")
        assert answer["state_label"] == page.context["shown"].label

    def test_whose_maker_is_gone_is_still_there(
        self, make_style: MakeStyle, bot: Client, team: Team
    ) -> None:
        dora = person("Dora", team)
        style = make_style(pictures=0, creator=dora)
        dora.delete()
        assert bot.get(f"{STYLES}/{style.pk}").json()["created_by"] is None

    def test_of_another_team_is_not_there(
        self, make_style: MakeStyle, bot: Client, charlie: User
    ) -> None:
        style = make_style(of=charlie.teams.get(), creator=charlie, pictures=0)
        status, code, _words = error(bot, f"{STYLES}/{style.pk}")
        assert (status, code) == (404, "not_found")


class TestTheList:
    def test_is_what_the_library_shows(
        self, make_style: MakeStyle, bot: Client, bob: User, charlie: User
    ) -> None:
        """Drafts of others and all: whatever becomes of the library has to be done here, too."""
        for state in (State.DRAFT, State.IN_REVIEW, State.QUEUED, State.DROPPED):
            make_style(f"Alices {state}", state=state, pictures=0)
        make_style("Bobs", creator=bob, pictures=0)
        make_style("Put away", archived_at=NOON, pictures=0)
        make_style("Charlies", of=charlie.teams.get(), creator=charlie, pictures=0)
        cards = browser_of(bob).get("/").context["cards"]
        assert sorted(names(bot)) == sorted(card["name"] for card in cards)
        assert len(cards) == 5

    def test_is_of_all_teams_of_the_person(
        self, make_style: MakeStyle, bot: Client, bob: User, charlie: User
    ) -> None:
        make_style("Ours", pictures=0)
        make_style("Theirs", of=charlie.teams.get(), creator=charlie, pictures=0)
        assert names(bot) == ["Ours"]
        membership = Membership.objects.create(team=charlie.teams.get(), user=bob)
        assert names(bot) == ["Theirs", "Ours"]
        membership.delete()
        assert names(bot) == ["Ours"]

    def test_begins_with_the_latest_change(self, shelf: list[Style], bot: Client) -> None:
        assert names(bot)[:3] == ["Style 0", "Style 1", "Style 2"]
        shelf[6].rename("Style 6, renamed")
        assert names(bot)[0] == "Style 6, renamed"

    @pytest.mark.parametrize("limit", range(1, 8))
    def test_is_read_page_by_page_with_nothing_twice_or_left_out(
        self, shelf: list[Style], bot: Client, limit: int
    ) -> None:
        whole, found, address = names(bot), [], f"{STYLES}?limit={limit}"
        while address:
            page = bot.get(address).json()
            assert 0 < len(page["styles"]) <= limit
            found += [style["name"] for style in page["styles"]]
            address = (page["next"] or "").removeprefix("http://testserver")
        assert found == whole
        assert len(found) == 7

    def test_goes_on_with_the_same_filters(self, shelf: list[Style], bot: Client) -> None:
        shelf[1].drop(shelf[1].creator)
        Style.objects.filter(pk=shelf[1].pk).update(updated_at=NOON)
        query = "?state=draft&updated_since=2026-11-22T11:58:00%2B00:00&limit=1"
        page = bot.get(STYLES + query).json()
        assert [style["name"] for style in page["styles"]] == ["Style 0"]
        page = bot.get(page["next"]).json()
        assert [style["name"] for style in page["styles"]] == ["Style 2"]
        assert page["next"] is None

    def test_of_one_state(self, make_style: MakeStyle, bot: Client) -> None:
        make_style("Waits", state=State.QUEUED, pictures=0)
        make_style("Draft", pictures=0)
        assert names(bot, "?state=queued") == ["Waits"]
        assert names(bot, "?state=ready") == []

    @pytest.mark.parametrize(
        ("since", "found"),
        [
            ("2026-11-22T12:00:00Z", 1),
            ("2026-11-22T12:00:00.000001Z", 0),
            ("2026-11-22t11:59:00z", 2),
            ("2026-11-22T13:59:00%2B02:00", 2),
            ("0001-01-01T00:00:00%2B23:59", 7),
            ("0000-01-01T00:00:00Z", 7),
            ("9999-12-31T23:59:60-23:59", 0),
        ],
    )
    def test_of_what_changed_since(
        self, shelf: list[Style], bot: Client, since: str, found: int
    ) -> None:
        assert len(names(bot, f"?updated_since={since}")) == found

    def test_what_was_answered_as_the_last_change_misses_nothing_of_that_moment(
        self, make_style: MakeStyle, bot: Client
    ) -> None:
        make_style("Precise", pictures=0, updated_at=NOON + timedelta(microseconds=1))
        (seen,) = bot.get(STYLES).json()["styles"]
        assert names(bot, f"?updated_since={seen['updated_at']}") == ["Precise"]

    def test_costs_no_more_queries_with_more_styles(
        self,
        make_style: MakeStyle,
        bot: Client,
        team: Team,
        key: PikzelsKey,
        django_assert_num_queries: Callable[[int], Any],
    ) -> None:
        make_style("One", pictures=0)
        bot.get(STYLES)
        with CaptureQueriesContext(connection) as few:
            bot.get(STYLES)
        for n in range(20):
            make_style(f"{n}", creator=person(f"Member{n}", team), key=key, pictures=0)
        with django_assert_num_queries(len(few)):
            assert len(names(bot)) == 21

    def test_is_read_in_the_order_of_its_index(
        self, shelf: list[Style], bob: User, bot: Client
    ) -> None:
        if connection.vendor != "sqlite":
            return  # whose planner prefers to read seven rows as they come
        plan = views.seen_by(bob).latest_change_first().explain()
        assert "style_changes" in plan
        assert "TEMP B-TREE" not in plan


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("?state=held", "state"),
            ("?state=", "state"),
            ("?limit=0", "limit"),
            ("?limit=101", "limit"),
            ("?limit=1.0", "limit"),
            ("?limit=%D9%A1", "limit"),
            ("?limit=" + "9" * 5000, "limit"),
            ("?updated_since=yesterday", "updated_since"),
            ("?updated_since=1700000000", "updated_since"),
            ("?updated_since=2026-11-22", "updated_since"),
            ("?updated_since=2026-11-22T10:00:00", "updated_since"),
            ("?updated_since=2026-13-22T10:00:00Z", "updated_since"),
            ("?updated_since=2026-11-22T10:00:00+01:00", "updated_since"),
            ("?cursor=x", "cursor"),
            ("?cursor=%00", "cursor"),
            ("?since=2026-11-22T10:00:00Z", "since"),
            ("?state=ready&state=draft", "state"),
        ],
    )
    def test_is_named(self, bot: Client, query: str, named: str) -> None:
        status, code, words = error(bot, STYLES + query)
        assert (status, code) == (422, "wrong_parameter")
        assert named in words

    def test_is_named_all_at_once(self, bot: Client) -> None:
        _status, _code, words = error(bot, f"{STYLES}?limit=x&state=x")
        assert "limit must be" in words and "state must be" in words

    def test_is_no_part_of_an_error_itself(self, bot: Client) -> None:
        _status, _code, words = error(bot, f"{STYLES}?limit=pkz_secret")
        assert "secret" not in words

    @pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v2/styles", f"{STYLES}/x"])
    def test_is_an_address_with_nothing_there(self, bot: Client, path: str) -> None:
        assert error(bot, path)[:2] == (404, "not_found")

    def test_is_writing(self, bot: Client) -> None:
        response = bot.post(STYLES, {"name": "Mine"})
        assert response.status_code == 405
        assert {*response.headers["Allow"].split(", ")} == {"GET", "HEAD"}
        assert response.json()["error"]["code"] == "method_not_allowed"

    def test_is_an_odd_request(self, bot: Client) -> None:
        response = bot.get(STYLES, headers={"Content-Type": "text/plain; charset=hex"})
        assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")

    def test_is_a_name_that_this_server_does_not_have(self, bot: Client) -> None:
        response = bot.get(STYLES, headers={"host": "evil.example"})
        assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")

    @pytest.mark.parametrize("debug", [False, True])
    def test_is_our_fault(
        self, bot: Client, monkeypatch: pytest.MonkeyPatch, settings: LazySettings, debug: bool
    ) -> None:
        settings.DEBUG = debug
        monkeypatch.setattr(views, "seen_by", lambda user: 1 / 0)
        bot.raise_request_exception = False
        assert error(bot, STYLES)[:2] == (500, "server_error")

    def test_on_a_page_stays_a_page(self, alice: User) -> None:
        response = browser_of(alice).get("/nowhere/")
        assert response.headers["Content-Type"].startswith("text/html")


def test_a_head_has_what_a_get_has_but_for_the_body(make_style: MakeStyle, bot: Client) -> None:
    style = make_style(pictures=0)
    for path in (STYLES, f"{STYLES}/{style.pk}"):
        got, head = bot.get(path), bot.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


class TestCursor:
    @pytest.mark.parametrize("text", ["A" * 32, "_" * 32, "f" + "_" * 31, "gAAA" + "A" * 28])
    def test_every_text_of_its_form_is_a_place(
        self, bot: Client, shelf: list[Style], text: str
    ) -> None:
        assert len(names(bot, f"?cursor={text}")) in {0, 7}

    @pytest.mark.parametrize("at", [NOON, EARLIEST, LATEST, NOON + timedelta(microseconds=1)])
    def test_is_read_as_it_was_written(self, make_style: MakeStyle, at: datetime) -> None:
        cursor = Cursor(at, make_style(pictures=0).pk)
        assert Cursor.read(cursor.text()) == cursor


def test_a_time_is_read_to_the_microsecond_in_utc() -> None:
    assert read_time("2026-11-22T13:00:00.1234567+01:00") == NOON + timedelta(microseconds=123456)


@pytest.mark.django_db(transaction=True)
def test_a_style_that_changes_while_it_is_read_is_found_by_asking_again(
    make_style: MakeStyle, bob: User
) -> None:
    """It leaves the pages that come for the first; whoever asks since the beginning gets it."""
    bot = bot_of(bob)
    styles = [
        make_style(f"Style {n}", pictures=0, updated_at=NOON - timedelta(minutes=n))
        for n in range(3)
    ]
    began = timezone.now().isoformat().replace("+00:00", "Z")
    page = bot.get(f"{STYLES}?limit=1").json()
    changing = threading.Thread(target=lambda: (styles[2].rename("New"), connection.close()))
    changing.start()
    changing.join()
    rest = [style["name"] for style in bot.get(page["next"]).json()["styles"]]
    assert rest == ["Style 1"]
    assert names(bot, f"?updated_since={began}") == ["New"]
