"""Notes: written by anybody on the team, and nothing that somebody typed is lost."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from django.db import connections
from django.test import Client

from styles import notes
from styles.models import Event, Style
from styles.notes import first_line, mark_of
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]
CLEAR = mark_of("")


@pytest.fixture
def style(make_style: MakeStyle, key: PikzelsKey) -> Style:
    return make_style(state=State.READY, pikzels_id="id-1", key=key)


@pytest.fixture
def his(bob: User, style: Style) -> Client:
    return browser_of(bob)


def seen_on(html: str) -> str:
    """Return the mark of the note that a page shows."""
    found = re.search(r'name="seen" value="(\w+)"', html)
    assert found
    return found[1]


def typed_on(html: str) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", html, re.DOTALL)
    assert found
    return unescape(found[1])


def noted(style: Style) -> str:
    style.refresh_from_db()
    return style.note


class TestWriting:
    def test_is_shown_with_who_wrote_it(self, his: Client, style: Style) -> None:
        data = {"note": "For the long videos.\r\n\r\nNot for shorts.", "seen": CLEAR}
        page = his.post(style.address("note"), data, follow=True).content.decode()
        assert "The note is saved." in page
        assert "<p>For the long videos.</p>" in page and "Bob ·" in page
        assert noted(style) == "For the long videos.\n\nNot for shorts."

    def test_can_be_changed_and_taken_away(self, his: Client, style: Style) -> None:
        for text in ("First", "Second", ""):
            seen = seen_on(his.get(style.get_absolute_url()).content.decode())
            his.post(style.address("note"), {"note": text, "seen": seen})
            assert noted(style) == text
        assert style.events.filter(what=Event.What.NOTED).count() == 3

    def test_the_same_again_is_no_news(self, his: Client, style: Style, bob: User) -> None:
        notes.write(style, "Same", bob, seen=CLEAR)
        style.refresh_from_db()
        before = style.updated_at
        answer = his.post(style.address("note"), {"note": "Same", "seen": mark_of("Same")})
        assert answer.status_code == 302
        style.refresh_from_db()
        assert (style.updated_at, style.events.count()) == (before, 1)

    def test_in_any_state(self, his: Client, make_style: MakeStyle) -> None:
        draft = make_style(state=State.DRAFT)
        his.post(draft.address("note"), {"note": "Later", "seen": CLEAR})
        assert noted(draft) == "Later"

    def test_runs_nothing(self, his: Client, style: Style) -> None:
        text = "<script>alert(1)</script> {{ 7 }}"
        page = his.post(style.address("note"), {"note": text, "seen": CLEAR}, follow=True)
        assert "<script>alert" not in page.content.decode()

    def test_line_breaks_count_once(self, his: Client, style: Style) -> None:
        text = "\r\n".join(["x" * 99] * 20)  # 1,999 signs, as people count them
        assert his.post(style.address("note"), {"note": text, "seen": CLEAR}).status_code == 302
        assert len(noted(style)) == 1999

    @pytest.mark.parametrize("text", ["x" * 2001, "nul \0 nul"])
    def test_what_does_not_do_is_said_and_kept(self, his: Client, style: Style, text: str) -> None:
        answer = his.post(style.address("note"), {"note": text, "seen": CLEAR})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "There is a problem" in page and "<title>Error: " in page
        assert typed_on(page) == text
        assert noted(style) == ""

    @pytest.mark.parametrize("data", [{}, {"seen": "x" * 9999}, {"note": "x", "seen": "\0"}])
    def test_a_form_that_is_not_ours_writes_nothing(
        self, his: Client, style: Style, data: dict[str, str]
    ) -> None:
        assert his.post(style.address("note"), data).status_code == 422
        assert noted(style) == ""


class TestTwoAtOnce:
    def test_the_second_is_told_and_loses_nothing(
        self, his: Client, style: Style, alice: User
    ) -> None:
        opened = his.get(style.get_absolute_url()).content.decode()
        notes.write(style, "Hers", alice, seen=CLEAR)
        answer = his.post(style.address("note"), {"note": "His", "seen": seen_on(opened)})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Alice changed the note while you wrote" in page
        assert "<p>Hers</p>" in page and typed_on(page) == "His"
        assert noted(style) == "Hers"
        again = his.post(style.address("note"), {"note": typed_on(page), "seen": seen_on(page)})
        assert again.status_code == 302
        assert noted(style) == "His"

    def test_the_second_is_told_that_it_was_taken_away(
        self, his: Client, style: Style, alice: User
    ) -> None:
        notes.write(style, "Old", alice, seen=CLEAR)
        opened = his.get(style.get_absolute_url()).content.decode()
        notes.write(style, "", alice, seen=mark_of("Old"))
        answer = his.post(style.address("note"), {"note": "His", "seen": seen_on(opened)})
        assert "Alice took the note away" in answer.content.decode()

    def test_a_form_that_is_written_in_is_not_touched_by_what_is_fetched_again(
        self, his: Client, style: Style
    ) -> None:
        live = his.get(style.address("live")).content.decode()
        assert 'name="seen"' not in live

    @pytest.mark.django_db(transaction=True)
    def test_one_of_many_wins(self, style: Style, alice: User) -> None:
        together = threading.Barrier(6)

        def write(text: str) -> bool:
            mine = Style.objects.get(pk=style.pk)
            together.wait()
            try:
                return notes.write(mine, text, alice, seen=CLEAR)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            pending = [pool.submit(write, f"Note {n}") for n in range(6)]
            won = [future.result() for future in pending]
        assert sum(won) == 1
        assert noted(style) == f"Note {won.index(True)}"
        assert style.events.count() == 1


class TestElsewhere:
    def test_its_first_line_is_on_the_card(self, his: Client, style: Style, bob: User) -> None:
        notes.write(style, "For the long videos.\nNot for shorts.", bob, seen=CLEAR)
        (card,) = his.get("/").context["cards"]
        assert card["note"] == "For the long videos."
        assert "For the long videos." in his.get("/").content.decode()

    def test_a_long_line_is_cut_short(self) -> None:
        assert first_line("x" * 500) == "x" * 89 + "…"
        assert first_line("") == ""

    def test_goes_into_the_exports(self, his: Client, style: Style, bob: User) -> None:
        notes.write(style, "For\nshorts", bob, seen=CLEAR)
        (row,) = json.loads(b"".join(his.get("/export.json")))
        assert row["note"] == "For\nshorts"
