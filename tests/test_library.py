"""The library: the team's styles, narrowed, found and paged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from styles import library
from styles.models import Style
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"


def names(client: Client, query: str = "") -> list[str]:
    return [card["name"] for card in client.get(f"/{query}").context["cards"]]


@pytest.fixture
def client(alice: User) -> Client:
    return browser_of(alice)


class TestWhatItShows:
    def test_the_teams_styles_newest_first(
        self, client: Client, make_style: MakeStyle, bob: User, charlie: User
    ) -> None:
        make_style("First")
        make_style("Second", creator=bob)
        make_style("Not ours", creator=charlie, of=charlie.teams.get())
        assert names(client) == ["Second", "First"]

    def test_an_empty_one_has_one_button(self, client: Client) -> None:
        page = client.get("/")
        assert page.context["is_empty"]
        assert "/styles/new/" in page.content.decode()

    def test_mine_are_those_i_made(self, client: Client, make_style: MakeStyle, bob: User) -> None:
        make_style("Mine")
        make_style("Bobs", creator=bob)
        assert names(client, "?show=mine") == ["Mine"]

    def test_what_needs_somebody(
        self, client: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        make_style("Doubtful", state=State.IN_DOUBT, reason="no_answer", key=key)
        make_style("Ready", state=State.READY, pikzels_id=ID, key=key)
        assert names(client, "?show=needs") == ["Doubtful"]
        assert names(client, "?show=ready") == ["Ready"]
        assert client.get("/").context["counts"] == {"total": "1", "ready": "1", "needs_you": "1"}

    def test_a_held_style_says_why(
        self, client: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        key.hold(Code.INSUFFICIENT_CREDITS)
        make_style(state=State.QUEUED, key=key)
        card = client.get("/").context["cards"][0]
        assert (card["state"], card["label"]) == ("held", "Waits for credits")

    def test_counts_end_somewhere(
        self, client: Client, make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(library, "COUNTED", 1)
        for n in (1, 2):
            make_style(f"Style {n}", state=State.READY, pikzels_id=f"id-{n}")
        assert client.get("/").context["counts"]["total"] == "1+"


class TestSearch:
    def test_by_name(self, client: Client, make_style: MakeStyle) -> None:
        make_style("Mars diary")
        make_style("Deep blue")
        assert names(client, "?q=mars") == ["Mars diary"]

    def test_by_either_id(self, client: Client, make_style: MakeStyle, key: PikzelsKey) -> None:
        style = make_style(state=State.READY, pikzels_id=ID, key=key)
        make_style("Other")
        assert names(client, f"?q={ID}") == ["Mars diary"]
        assert names(client, f"?q={style.pk}") == ["Mars diary"]

    @pytest.mark.parametrize("text", ["%25", "_", "%00", "'", "x" * 5000, "\u202e"])
    def test_finds_nothing_by_odd_signs(
        self, client: Client, make_style: MakeStyle, text: str
    ) -> None:
        make_style("Mars diary")
        assert names(client, f"?q={text}") == []

    def test_keeps_the_filter(self, client: Client) -> None:
        chips = client.get("/?show=mine&q=mars").context["chips"]
        assert [each["url"] for each in chips if each["current"]] == ["/?show=mine&q=mars"]


class TestPages:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(library, "PAGE", 2)

    def test_lead_to_each_style_once(self, client: Client, make_style: MakeStyle) -> None:
        same_moment = timezone.now()
        for n in range(5):
            make_style(f"Style {n}", created_at=same_moment - timedelta(seconds=n // 2))
        seen: list[str] = []
        page = client.get("/")
        while True:
            seen += [card["name"] for card in page.context["cards"]]
            if not page.context["older_url"]:
                break
            page = client.get(page.context["older_url"])
        assert sorted(seen) == [f"Style {n}" for n in range(5)]

    def test_lead_back_to_the_newest(self, client: Client, make_style: MakeStyle) -> None:
        for n in range(3):
            make_style(f"Style {n}")
        second = client.get(client.get("/").context["older_url"])
        assert second.context["newer_url"] == "/"

    @pytest.mark.parametrize("mark", ["x", "2026-01-01", "2026-01-01T00:00_1", "9" * 99, "_" * 40])
    def test_start_at_the_top_for_a_mark_without_sense(
        self, client: Client, make_style: MakeStyle, mark: str
    ) -> None:
        make_style("Mars diary")
        assert names(client, f"?before={mark}") == ["Mars diary"]


@pytest.mark.parametrize("number", [2, 12])
def test_takes_the_same_number_of_queries_for_any_number_of_cards(
    client: Client,
    make_style: MakeStyle,
    key: PikzelsKey,
    number: int,
    django_assert_num_queries: Callable[[int], object],
) -> None:
    for n in range(number):
        make_style(f"Style {n}", state=State.REFUSED, reason=Code.INVALID_IMAGE, key=key)
    client.get("/")
    with django_assert_num_queries(14):
        client.get("/")
