"""Filters of the library: by state, person and days, together, by addresses that can be kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styles import archive, library
from styles.days import PERIODS, bounds, days_of, read_days
from styles.empty_shelf import BY_CHIP, BY_STATE, nothing
from styles.filters import CHIPS, GROUPS, Wanted
from styles.models import Style
from styles.states import MADE, State
from teams.models import Membership, User

from .conftest import browser_of
from .wording import banned_words

MakeStyle = Callable[..., Style]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def client(alice: User) -> Client:
    return browser_of(alice)


def names(client: Client, query: str = "") -> list[str]:
    return [card["name"] for card in client.get(f"/{query}").context["cards"]]


def chosen(client: Client, query: str) -> list[str]:
    return [each["label"] for each in client.get(f"/{query}").context["chosen"]]


class TestByState:
    def test_every_state_is_in_one_group(self) -> None:
        states = [state for _label, group in GROUPS.values() for state in group]
        assert sorted(states) == sorted(State)

    @pytest.mark.parametrize("state", State)
    def test_finds_each_state_in_its_group_alone(
        self, client: Client, make_style: MakeStyle, state: State
    ) -> None:
        made = {"pikzels_id": "id-1"} if state in MADE else {}
        make_style(state=state, pictures=0, **made)
        found = [group for group in GROUPS if names(client, f"?state={group}")]
        assert [state in GROUPS[group][1] for group in found] == [True]

    def test_a_state_takes_the_place_of_a_chip_of_its_kind(self, client: Client) -> None:
        page = client.get("/?show=ready&state=draft")
        assert [each["label"] for each in page.context["chips"] if each["current"]] == []
        assert page.context["wanted"].address() == "/?state=draft"

    def test_a_chip_takes_the_place_of_a_state_and_keeps_the_rest(self, client: Client) -> None:
        chips = client.get("/?state=draft&q=mars&when=today").context["chips"]
        ready = next(each["url"] for each in chips if each["label"] == "Ready")
        assert ready == "/?show=ready&q=mars&when=today"


class TestByPerson:
    def test_finds_what_they_made(self, client: Client, make_style: MakeStyle, bob: User) -> None:
        make_style("Hers")
        make_style("His", creator=bob)
        assert names(client, f"?by={bob.pk}") == ["His"]
        assert chosen(client, f"?by={bob.pk}") == ["Made by Bob"]

    def test_offers_whoever_made_one_also_after_they_left(
        self, client: Client, make_style: MakeStyle, bob: User, charlie: User
    ) -> None:
        make_style(creator=bob)
        make_style(creator=charlie, of=charlie.teams.get())
        Membership.objects.filter(user=bob).delete()
        offered = client.get("/").context["choices"]["by"]
        assert [each["label"] for each in offered] == ["Bob"]
        assert names(client, f"?by={bob.pk}") == ["Mars diary"]

    def test_somebody_of_another_team_is_like_nobody(
        self, client: Client, make_style: MakeStyle, charlie: User
    ) -> None:
        make_style("Ours")
        make_style("Theirs", creator=charlie, of=charlie.teams.get())
        theirs, nobodys = (client.get(f"/?by={who}") for who in (charlie.pk, 999_999))
        assert names(client, f"?by={charlie.pk}") == ["Ours"]
        assert theirs.context["wanted"] == nobodys.context["wanted"]
        assert "Charlie" not in theirs.content.decode()


class TestByDays:
    @pytest.fixture(autouse=True)
    def shelf(self, make_style: MakeStyle) -> None:
        for day in (1, 2, 3):
            at = datetime(2026, 3, day, 23, 30, tzinfo=UTC)
            make_style(f"March {day}", created_at=at, pictures=0)

    def test_finds_what_was_made_from_one_day_to_another(self, client: Client) -> None:
        assert names(client, "?from=2026-03-02") == ["March 3", "March 2"]
        assert names(client, "?to=2026-03-02") == ["March 2", "March 1"]
        assert names(client, "?from=2026-03-02&to=2026-03-02") == ["March 2"]

    def test_days_in_the_wrong_order_are_put_right(self, client: Client) -> None:
        assert names(client, "?from=2026-03-03&to=2026-03-02") == ["March 3", "March 2"]

    def test_a_day_begins_at_midnight_where_the_reader_is(self, client: Client) -> None:
        """Half past eleven in London is the next day in Berlin."""
        query = "?from=2026-03-02&to=2026-03-02&zone=Europe/Berlin"
        assert names(client, query) == ["March 1"]
        page = client.get(f"/{query}")
        assert 'value="Europe/Berlin"' in page.content.decode()
        assert "zone=Europe%2FBerlin" in page.context["export_query"]

    def test_an_unknown_zone_is_utc_and_the_page_says_so(self, client: Client) -> None:
        page = client.get("/?from=2026-03-02&to=2026-03-02&zone=Mars/Base")
        assert [card["name"] for card in page.context["cards"]] == ["March 2"]
        assert 'name="zone" value="UTC"' in page.content.decode()

    def test_a_period_moves_with_the_days(self, client: Client, make_style: MakeStyle) -> None:
        make_style("New", pictures=0)
        assert names(client, "?when=today") == ["New"]
        assert names(client, "?when=7days&to=2026-03-02") == []

    def test_go_with_search_person_and_state(
        self, client: Client, make_style: MakeStyle, alice: User, bob: User
    ) -> None:
        make_style("March of his", creator=bob, pictures=0)
        query = f"?q=march&by={alice.pk}&state=draft&from=2026-03-02&to=2026-03-31"
        assert names(client, query) == ["March 3", "March 2"]
        assert chosen(client, query) == [
            "Draft",
            "Made by Alice",
            "From 2 Mar 2026",
            "Until 31 Mar 2026",
        ]


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "first", "last"),
        [
            ("today", (2024, 3, 1), (2024, 3, 1)),
            ("7days", (2024, 2, 24), (2024, 3, 1)),
            ("30days", (2024, 2, 1), (2024, 3, 1)),
            ("month", (2024, 3, 1), (2024, 3, 1)),
            ("last_month", (2024, 2, 1), (2024, 2, 29)),
            ("year", (2024, 1, 1), (2024, 3, 1)),
        ],
    )
    def test_are_these_days(
        self, period: str, first: tuple[int, ...], last: tuple[int, ...]
    ) -> None:
        assert days_of(period, date(2024, 3, 1)) == (date(*first), date(*last))

    def test_last_month_of_january_is_in_the_year_before(self) -> None:
        assert days_of("last_month", date(2026, 1, 31)) == (date(2025, 12, 1), date(2025, 12, 31))

    def test_all_are_known(self) -> None:
        for period in PERIODS:
            assert days_of(period, date(2026, 6, 15))[1] <= date(2026, 6, 15)

    def test_the_day_on_which_the_clock_changes_has_its_own_length(self) -> None:
        spring = date(2026, 3, 29)
        since, until = bounds([(spring, spring)], BERLIN)
        assert since and until
        assert (until.astimezone(UTC) - since.astimezone(UTC)).total_seconds() == 23 * 3600

    def test_of_several_the_days_that_all_have_count(self) -> None:
        since, until = bounds(
            [(date(2026, 3, 1), None), (date(2026, 3, 5), date(2026, 3, 9))], BERLIN
        )
        assert (since, until) == (
            datetime(2026, 3, 5, tzinfo=BERLIN),
            datetime(2026, 3, 10, tzinfo=BERLIN),
        )


ODD = [
    "x", "\0", "0", "-1", "9" * 400, "1e9", "٣", "'", "%", "../../etc/passwd", "\u202e", "{{",
    "2026-02-30", "2026-13-01", "0001-01-01", "9999-12-31", "2026-03-01T00:00", "Europe",
    "x" * 5000,
]  # fmt: skip


class TestOddValues:
    @pytest.mark.parametrize("name", ["state", "by", "when", "from", "to", "zone", "archived"])
    @pytest.mark.parametrize("value", ODD)
    def test_are_as_if_they_were_not_there(
        self, client: Client, make_style: MakeStyle, name: str, value: str
    ) -> None:
        make_style("Mars diary", pictures=0)
        query = f"?{name}={quote(value)}"
        page = client.get(f"/{query}")
        assert page.context["chosen"] == []
        assert [card["name"] for card in page.context["cards"]] == ["Mars diary"]
        assert len(b"".join(client.get(f"/export.csv{query}")).splitlines()) == 2

    def test_do_no_harm_together_and_twice(self, client: Client) -> None:
        for value in ODD:
            every = "&".join(
                f"{name}={quote(value)}"
                for name in ("q", "show", "state", "by", "when", "from", "to", "zone", "before")
            )
            assert client.get(f"/?{every}&{every}").status_code == 200, value

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"])
    @pytest.mark.parametrize("day", ["2000-01-01", "2099-12-31"])
    def test_the_first_and_the_last_day_there_are(
        self, client: Client, zone: str, day: str
    ) -> None:
        query = f"/?from={day}&to={day}&zone={quote(zone)}"
        assert client.get(query).status_code == 200

    def test_no_days_are_read_from_them(self) -> None:
        for value in ODD:
            assert read_days(value, value) == (None, None)


class TestWhatIsActive:
    def test_each_can_be_taken_off(self, client: Client, make_style: MakeStyle, bob: User) -> None:
        make_style(creator=bob)
        query = f"/?q=mars&state=draft&by={bob.pk}&when=today&from=2026-01-01&to=2099-01-01"
        page = client.get(f"{query}&archived=1")
        wanted = page.context["wanted"]
        # What is searched for stands in its own field.
        assert len(page.context["chosen"]) == len(wanted.asked - {"q"}) == 6
        left = {each["url"].count("=") for each in page.context["chosen"]}
        assert left == {6}
        assert 'href="/">Clear filters' in page.content.decode()

    def test_the_fields_are_open_and_filled_when_one_is(
        self, client: Client, make_style: MakeStyle
    ) -> None:
        make_style()
        page = client.get("/?state=draft").content.decode()
        assert '<details class="filter" open>' in page
        assert '<option value="draft" selected>' in page

    def test_the_fields_are_closed_when_none_is(
        self, client: Client, make_style: MakeStyle
    ) -> None:
        make_style()
        for query in ("", "?show=mine", "?q=mars"):
            page = client.get(f"/{query}").content.decode()
            assert '<details class="filter" >' in page

    def test_an_address_says_what_is_asked_for_and_nothing_else(
        self, client: Client, make_style: MakeStyle, bob: User
    ) -> None:
        """As a form sends it, with all that was left empty."""
        make_style(creator=bob)
        sent = f"/?q=&state=draft&by={bob.pk}&when=&from=&to=&zone=Europe/Berlin"
        answer = client.get(sent)
        assert (answer.status_code, answer.url) == (302, f"/?state=draft&by={bob.pk}")
        assert client.get(answer.url).status_code == 200

    def test_pages_keep_the_filters(
        self, client: Client, make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(library, "PAGE", 2)
        for n in range(5):
            make_style(f"Style {n}", pictures=0)
        make_style("Ready", state=State.READY, pikzels_id="id-1", pictures=0)
        seen: list[str] = []
        address = "/?state=draft&when=year"
        while address:
            page = client.get(address)
            seen += [card["name"] for card in page.context["cards"]]
            address = page.context["older_url"]
        assert seen == [f"Style {n}" for n in (4, 3, 2, 1, 0)]

    def test_the_export_takes_the_same(
        self, client: Client, make_style: MakeStyle, bob: User
    ) -> None:
        make_style("Hers")
        make_style("His", creator=bob)
        query = client.get(f"/?by={bob.pk}&when=today").context["export_query"]
        body = b"".join(client.get(f"/export.csv?{query}")).decode()
        assert "His" in body and "Hers" not in body


class TestNothing:
    @pytest.fixture(autouse=True)
    def one(self, make_style: MakeStyle, bob: User) -> Style:
        """A style in a place where nobody looks."""
        style = make_style(state=State.DROPPED, creator=bob, pictures=0)
        assert archive.archive(style, bob)
        return style

    @pytest.mark.parametrize("show", [chip for chip in CHIPS if chip])
    def test_each_chip_says_what_it_is_about(self, client: Client, show: str) -> None:
        assert client.get(f"/?show={show}").context["nothing"].title == BY_CHIP[show][0]

    @pytest.mark.parametrize("state", GROUPS)
    def test_each_state_says_what_it_is_about(self, client: Client, state: str) -> None:
        page = client.get(f"/?state={state}")
        words = page.context["nothing"]
        assert (words.title, words.text) == BY_STATE[state]
        assert words.label in page.content.decode()

    def test_that_nothing_needs_you_is_good_news(self, client: Client) -> None:
        page = client.get("/?show=needs").content.decode()
        assert "Nothing needs you" in page and "Good news" in page

    def test_everything_archived_is_no_empty_library(self, client: Client) -> None:
        page = client.get("/")
        assert not page.context["is_empty"]
        words = page.context["nothing"]
        assert (words.title, words.url) == ("Everything is in the archive", "/?archived=1")

    def test_a_search_says_that_more_is_in_the_archive(
        self, client: Client, make_style: MakeStyle
    ) -> None:
        page = client.get("/?q=mars")
        assert "1 in the archive" in page.content.decode()
        make_style("Mars again")
        page = client.get("/?q=mars")
        assert "1 more in the archive" in page.content.decode()
        assert names(client, page.context["archive_url"].removeprefix("/")) == ["Mars diary"]
        assert "in the archive<" not in client.get("/?q=again").content.decode()

    @pytest.mark.parametrize(
        ("query", "title"),
        [
            ("archived=1&q=venus", "No style fits"),
            ("q=venus", "No style fits"),
            ("from=2001-01-01&to=2001-01-02", "No style was made in these days"),
            ("state=ready&q=mars", "No style fits"),
        ],
    )
    def test_says_what_it_is_about_for_the_rest(
        self, client: Client, query: str, title: str
    ) -> None:
        assert client.get(f"/?{query}").context["nothing"].title == title

    def test_the_archive_says_how_it_is_filled(self, client: Client, one: Style, bob: User) -> None:
        archive.bring_back(one, bob)
        assert client.get("/?archived=1").context["nothing"].title == "The archive is empty"

    def test_keeps_to_our_words(self) -> None:
        for query in ("", "q=x", "archived=1", "when=today", *(f"state={each}" for each in GROUPS)):
            words = nothing(Wanted.read(QueryDict(query), []))
            assert banned_words(f"{words.title} {words.text} {words.label}") == []


@pytest.mark.parametrize("query", ["", "state=change", "q=style", "when=year&archived=1"])
def test_takes_as_many_queries_for_two_styles_as_for_twelve(
    client: Client, make_style: MakeStyle, bob: User, query: str
) -> None:
    taken = []
    for number in (2, 10):
        for n in range(number):
            at = timezone.now() if n % 2 else None
            make_style(
                f"Style {n}",
                state=State.REFUSED,
                reason="INVALID_IMAGE",
                creator=bob,
                archived_at=at,
            )
        client.get("/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(f"/?{query}")
        taken.append(len(queries))
    assert taken[0] == taken[1] <= 15


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL sorts tables as small as this"
)
def test_a_page_is_read_from_an_index(alice: User, make_style: MakeStyle) -> None:
    """Newest first without sorting all that a team has."""
    make_style()
    mine = alice.memberships.get()
    for query in ("", "state=draft", f"by={alice.pk}", "archived=1", "when=month"):
        page = library.searched(mine, QueryDict(query))[:25]
        plan = page.explain()
        assert "Sort" not in plan and "TEMP B-TREE" not in plan, query


FEW = ("show=needs", "state=under_way", "state=change")


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL reads tables as small as this"
)
class TestTheFewAmongAMillion:
    """What is over is not gone through for what is not."""

    @pytest.mark.parametrize("query", FEW)
    def test_the_few_are_found_by_an_index_of_their_own(
        self, alice: User, make_style: MakeStyle, query: str
    ) -> None:
        make_style()
        found = library.searched(alice.memberships.get(), QueryDict(query))
        assert "style_not_over" in found[:25].explain()

    def test_no_number_on_the_page_is_counted_by_the_team_alone(
        self, client: Client, make_style: MakeStyle
    ) -> None:
        make_style()
        with CaptureQueriesContext(connection) as queries:
            client.get("/?q=Mars")
        counts = [each["sql"] for each in queries if "LIMIT 1001" in each["sql"]]
        with connection.cursor() as cursor:
            plans = [str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in counts]
        assert len(plans) == 4
        assert [plan for plan in plans if "styles_style_team_id" in plan] == []
