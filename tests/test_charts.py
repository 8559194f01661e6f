"""The charts of the admin's front page: their numbers, their drawing, and the table beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from styles.charts import HEIGHT, OUTCOME_OF, Chart, charts, errors_per_week, styles_per_day
from styles.models import Style
from styles.states import MADE, State
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .pages import Page

MakeStyle = Callable[..., Style]
# A Wednesday.
NOW = datetime(2026, 5, 13, 15, 0, tzinfo=UTC)


def row(chart: Chart, label: str) -> dict[str, int]:
    numbers = dict(chart.rows)[label]
    named = {each.name: number for each, number in zip(chart.series, numbers, strict=True)}
    return {name: number for name, number in named.items() if number}


def begun(make_style: MakeStyle, when: str, *states: State) -> None:
    for n, state in enumerate(states):
        made = {"pikzels_id": f"{when} {n}"} if state in MADE else {}
        make_style(f"{n}", state=state, created_at=parse_datetime(when), pictures=0, **made)


class TestStylesPerDay:
    def test_every_state_but_a_draft_belongs_to_one_outcome(self) -> None:
        assert set(OUTCOME_OF) == set(State) - {State.DRAFT}

    def test_counts_by_day_and_by_what_became_of_them(
        self, make_style: MakeStyle, db: None
    ) -> None:
        begun(make_style, "2026-05-13T00:00Z", State.READY, State.TRAINING, State.REFUSED)
        begun(make_style, "2026-05-12T23:59:59Z", State.IN_DOUBT, State.DRAFT, State.DROPPED)
        chart = styles_per_day(NOW)
        assert row(chart, "13 May") == {"made": 2, "not-made": 1}
        assert row(chart, "12 May") == {"in-doubt": 1, "given-up": 1}
        assert row(chart, "11 May") == {}

    def test_is_about_thirty_days_and_no_more(self, make_style: MakeStyle, db: None) -> None:
        begun(make_style, "2026-04-14T00:00Z", State.READY)
        begun(make_style, "2026-04-13T23:59Z", State.READY)
        begun(make_style, "2026-05-14T00:01Z", State.READY)  # the clock was set back since
        chart = styles_per_day(NOW)
        assert [label for label, _numbers in chart.rows][:: len(chart.rows) - 1] == [
            "14 Apr",
            "13 May",
        ]
        assert len(chart.rows) == 30
        assert sum(each.total for each in chart.series) == 1


class TestErrorsPerWeek:
    @pytest.fixture
    def failed(self, make_style: MakeStyle, key: PikzelsKey) -> Callable[..., Any]:
        style = make_style(pictures=0)
        numbers = iter(range(1, 1000))

        def note(day: date, code: str, times: int = 1, outcome: str = "refused") -> None:
            at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            for _each in range(times):
                style.attempts.create(
                    number=next(numbers), key=key, lease_until=at, opened_at=at, closed_at=at,
                    outcome=outcome, reason=code, code=code if code.isupper() else "",
                )  # fmt: skip

        return note

    def test_counts_by_week_and_code_and_by_our_own_word_where_there_is_none(
        self, failed: Any
    ) -> None:
        failed(date(2026, 5, 11), "INVALID_IMAGE", 2)
        failed(date(2026, 5, 10), "INVALID_IMAGE")
        failed(date(2026, 5, 13), "no_answer", outcome="in_doubt")
        failed(date(2026, 5, 13), "", outcome="made")
        failed(date(2026, 5, 13), "stopped", outcome="not_sent")
        chart = errors_per_week(NOW)
        labels = {each.name: each.label for each in chart.series}
        assert labels == {"code-1": "INVALID_IMAGE", "code-2": "no_answer"}
        assert row(chart, "11 May") == {"code-1": 2, "code-2": 1}
        assert row(chart, "4 May") == {"code-1": 1}

    def test_the_rarer_codes_are_put_together(self, failed: Any) -> None:
        for times, code in enumerate("ABCDEFG", start=1):
            failed(date(2026, 5, 11), code, times)
        chart = errors_per_week(NOW)
        assert [each.label for each in chart.series] == [*"GFEDC", "Others"]
        assert row(chart, "11 May")["others"] == 3

    def test_is_about_twelve_weeks_and_no_more(self, failed: Any) -> None:
        failed(date(2026, 2, 23), "A")
        failed(date(2026, 2, 22), "A")
        chart = errors_per_week(NOW)
        assert len(chart.rows) == 12
        assert row(chart, "23 Feb") == {"code-1": 1}
        assert [each.total for each in chart.series] == [1]


class TestTheDrawing:
    @pytest.fixture
    def chart(self, make_style: MakeStyle, db: None) -> Chart:
        begun(make_style, "2026-05-13T10:00Z", *[State.READY] * 3, State.REFUSED)
        begun(make_style, "2026-05-12T10:00Z", State.DROPPED, State.READY)
        return styles_per_day(NOW)

    def test_bars_stand_on_the_ground_and_the_highest_fills_it(self, chart: Chart) -> None:
        yesterday, today = chart.bars
        assert [part.name for part in today.parts] == ["made", "not-made"]
        for bar, share in ((today, 1), (yesterday, 0.5)):
            lowest, highest = bar.parts
            assert lowest.y + lowest.height == HEIGHT
            assert highest.y + highest.height == lowest.y
            assert highest.y == HEIGHT * (1 - share)
        assert today.x + chart.bar <= chart.width

    def test_is_said_in_words(self, chart: Chart) -> None:
        assert chart.summary.endswith("what became of them: Made 4, Not made 1, Given up 1")
        assert chart.bars[1].title == "13 May: Made 3, Not made 1"
        assert chart.top == 4

    def test_the_table_has_the_same_numbers_as_the_drawing(self, chart: Chart) -> None:
        for place, each in enumerate(chart.series):
            assert sum(numbers[place] for _label, numbers in chart.rows) == each.total

    def test_nothing_at_all_is_drawn_as_nothing(self, db: None) -> None:
        for chart in charts(NOW):
            assert chart.bars == []
            assert chart.summary.endswith(": none")

    def test_the_page_has_it_with_a_name_and_without_anything_inline(
        self, make_style: MakeStyle, alice: User
    ) -> None:
        make_style(state=State.REFUSED)
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        html = browser_of(alice).get("/admin/").content.decode()
        assert 'role="img" aria-label="Styles begun in the last 30 days' in html
        assert 'class="series-not-made"' in html
        assert "Nothing in this time." in html  # the other chart
        assert Page(html).inline == []


def test_two_queries_make_both_however_much_there_was(
    make_style: MakeStyle, key: PikzelsKey
) -> None:
    for n in range(5):
        style = make_style(f"{n}", state=State.REFUSED, created_at=NOW - timedelta(days=n))
        style.attempts.create(
            number=1, key=key, opened_at=NOW, lease_until=NOW, closed_at=NOW, outcome="refused"
        )
    with CaptureQueriesContext(connection) as queries:
        assert len(charts(NOW)) == 2
    assert len(queries) == 2
    assert all("GROUP BY" in each["sql"] for each in queries)
