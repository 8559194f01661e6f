"""Archiving: out of the library and nothing else, and back again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from styles import archive
from styles.models import Event, Style
from styles.states import AT_REST, MADE, State
from teams.models import ApiToken, PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]
MOVING = sorted(set(State) - set(AT_REST))


@pytest.fixture
def ready(make_style: MakeStyle, key: PikzelsKey) -> Style:
    return make_style(state=State.READY, pikzels_id="id-1", key=key)


@pytest.fixture
def client(bob: User) -> Client:
    return browser_of(bob)


def names(client: Client, query: str = "") -> list[str]:
    return [card["name"] for card in client.get(f"/{query}").context["cards"]]


def is_archived(style: Style) -> bool:
    style.refresh_from_db()
    return style.archived_at is not None


class TestArchiving:
    def test_takes_it_out_of_the_library_and_back(self, client: Client, ready: Style) -> None:
        page = client.post(ready.address("archive"), follow=True).content.decode()
        assert "Archived by Bob" in page and "Bring back" in page
        assert (names(client), names(client, "?archived=1")) == ([], ["Mars diary"])
        page = client.post(ready.address("bring_back"), follow=True).content.decode()
        assert "back in the library" in page
        assert (names(client), names(client, "?archived=1")) == (["Mars diary"], [])

    def test_tells_who_and_when(self, client: Client, ready: Style, bob: User) -> None:
        client.post(ready.address("archive"))
        client.post(ready.address("bring_back"))
        told = [(event.what, event.who) for event in ready.events.all()]
        assert told == [(Event.What.ARCHIVED, bob), (Event.What.BROUGHT_BACK, bob)]

    def test_leaves_the_page_the_id_and_the_snippets(self, client: Client, ready: Style) -> None:
        client.post(ready.address("archive"))
        page = client.get(ready.get_absolute_url()).content.decode()
        assert "id-1" in page and "Use it" in page

    def test_is_a_change_that_bots_are_told_of(
        self, client: Client, ready: Style, bob: User
    ) -> None:
        token, _row = ApiToken.issue(bob, "Bot")
        bot = Client(headers={"Authorization": f"Bearer {token}"})
        before = ready.updated_at
        client.post(ready.address("archive"))
        ready.refresh_from_db()
        assert ready.updated_at > before
        assert bot.get("/api/v1/styles").json()["styles"] == []
        assert bot.get(f"/api/v1/styles/{ready.pk}").json()["archived"] is True

    def test_is_still_looked_at_when_it_is_due(self, ready: Style, bob: User) -> None:
        now = timezone.now()
        Style.objects.filter(pk=ready.pk).update(due_at=now)
        assert archive.archive(ready, bob)
        assert ready in Style.objects.to_follow(now)

    def test_one_that_turns_out_to_have_been_made_comes_back(
        self, make_style: MakeStyle, bob: User, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.DROPPED, key=key)
        assert archive.archive(style, bob)
        assert style.give_id("id-2", only_from=[State.DROPPED], due_at=timezone.now())
        assert not is_archived(style)

    def test_is_out_of_the_export_as_out_of_the_library(
        self, client: Client, ready: Style, bob: User
    ) -> None:
        archive.archive(ready, bob)
        assert b"Mars diary" not in b"".join(client.get("/export.json"))
        assert b"Mars diary" in b"".join(client.get("/export.json?archived=1"))


class TestOnlyAtRest:
    @pytest.mark.parametrize("state", AT_REST)
    def test_is_offered_and_done(self, client: Client, make_style: MakeStyle, state: State) -> None:
        style = make_style(state=state, **({"pikzels_id": "id-1"} if state in MADE else {}))
        assert style.address("archive") in client.get(style.get_absolute_url()).content.decode()
        client.post(style.address("archive"))
        assert is_archived(style)

    @pytest.mark.parametrize("state", MOVING)
    def test_is_neither_offered_nor_done_while_something_is_open(
        self, client: Client, make_style: MakeStyle, state: State
    ) -> None:
        style = make_style(state=state, **({"pikzels_id": "id-1"} if state in MADE else {}))
        page = client.get(style.get_absolute_url())
        assert style.address("archive") not in page.content.decode()
        answer = client.post(style.address("archive"), follow=True)
        assert "not at rest" in answer.content.decode()
        assert not is_archived(style)

    def test_what_is_sent_again_leaves_the_archive(
        self, make_style: MakeStyle, bob: User, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.REFUSED, key=key)
        assert archive.archive(style, bob)
        assert style.submit(bob)
        assert style.archived_at is None
        assert not is_archived(style)

    def test_what_comes_to_rest_in_it_stays(self, ready: Style, bob: User) -> None:
        archive.archive(ready, bob)
        assert ready.move(State.GONE, only_from=[State.READY])
        assert is_archived(ready)


class TestTwoAtOnce:
    def test_the_second_is_told(self, client: Client, ready: Style, alice: User) -> None:
        archive.archive(ready, alice)
        answer = client.post(ready.address("archive"), follow=True)
        assert "in the archive already" in answer.content.decode()
        archive.bring_back(ready, alice)
        answer = client.post(ready.address("bring_back"), follow=True)
        assert "in the library already" in answer.content.decode()
        assert ready.events.count() == 2

    def test_sending_wins_over_archiving_what_was_seen_before(
        self, make_style: MakeStyle, alice: User, bob: User, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.REFUSED, key=key)
        as_bob_sees_it = Style.objects.get(pk=style.pk)
        assert style.submit(alice)
        assert not archive.archive(as_bob_sees_it, bob)
        assert not is_archived(style)

    @pytest.mark.django_db(transaction=True)
    def test_one_of_many_wins(self, ready: Style, alice: User) -> None:
        together = threading.Barrier(6)

        def put_away() -> bool:
            together.wait()
            try:
                return archive.archive(Style.objects.get(pk=ready.pk), alice)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            won = [future.result() for future in [pool.submit(put_away) for _ in range(6)]]
        assert sum(won) == 1
        assert ready.events.filter(what=Event.What.ARCHIVED).count() == 1
