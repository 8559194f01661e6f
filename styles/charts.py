"""What happened, as charts: numbers from the database, and where their bars stand.

A chart is drawn as SVG on the server, without a word in it, so that it can be stretched; its words
stand around it, and a table beside it holds the same numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate, TruncWeek
from django.utils.formats import date_format
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .health import failures
from .models import Attempt, Style
from .states import IN_FLIGHT, State

DAYS, WEEKS = 30, 12
CODES = 5
SLOT, BAR, HEIGHT = 10, 8, 100

# Outcomes from the bottom of a bar up: how each is called and painted, and its states.
OUTCOMES = {
    "made": (gettext_lazy("Made"), (State.TRAINING, State.READY, State.GONE)),
    "under-way": (gettext_lazy("Under way"), (State.IN_REVIEW, State.QUEUED, *IN_FLIGHT)),
    "in-doubt": (gettext_lazy("Outcome unknown"), (State.IN_DOUBT,)),
    "not-made": (
        gettext_lazy("Not made"),
        (State.REFUSED, State.DECLINED, State.TRAINING_FAILED),
    ),
    "given-up": (gettext_lazy("Given up"), (State.DROPPED,)),
}
# Which of them a state belongs to; drafts were never on their way.
OUTCOME_OF = {state: name for name, (_label, states) in OUTCOMES.items() for state in states}
Numbers = dict[date, Counter[str]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a bar, from `y` down, in the drawing's units."""

    name: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: int
    title: str
    parts: list[Part]


@dataclass(frozen=True, kw_only=True)
class Series:
    name: str
    label: str
    total: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`rows` are the table's: a label and a number for each series."""

    id: str
    title: str
    unit: str
    summary: str
    series: list[Series]
    bars: list[Bar]
    rows: list[tuple[str, list[int]]]
    top: int
    width: int
    height: int = HEIGHT
    bar: int = BAR

    @property
    def first(self) -> str:
        return self.rows[0][0]

    @property
    def middle(self) -> str:
        return self.rows[len(self.rows) // 2][0]

    @property
    def last(self) -> str:
        return self.rows[-1][0]


def charts(now: datetime) -> list[Chart]:
    return [styles_per_day(now), errors_per_week(now)]


def styles_per_day(now: datetime) -> Chart:
    """Draw how many styles were begun on each of the last days, by what became of them."""
    today = localtime(now).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    rows = (
        Style.objects.filter(created_at__gte=_midnight(days[0]))
        .exclude(state=State.DRAFT)
        .annotate(day=TruncDate("created_at"))
        .values_list("day", "state")
        .annotate(number=Count("id"))
        .order_by()
    )
    numbers: Numbers = {day: Counter() for day in days}
    for day, state, number in rows:
        if day in numbers:
            numbers[day][OUTCOME_OF[state]] += number
    labels = {name: str(label) for name, (label, _states) in OUTCOMES.items()}
    title = _("Styles begun in the last %(n)d days, by what became of them") % {"n": DAYS}
    return _draw("styles", title, _("Day"), numbers, labels)


def errors_per_week(now: datetime) -> Chart:
    """Draw how often each code came in the last weeks; the rarer ones together."""
    monday = localtime(now).date() - timedelta(days=localtime(now).weekday())
    weeks = [monday - timedelta(weeks=ago) for ago in reversed(range(WEEKS))]
    rows = list(
        failures(Attempt.objects.filter(opened_at__gte=_midnight(weeks[0])))
        .annotate(week=TruncWeek("opened_at"))
        .values_list("week", "code", "reason")
        .annotate(number=Count("id"))
        .order_by()
    )
    totals: Counter[str] = Counter()
    for _week, code, reason, number in rows:
        totals[code or reason] += number
    often = [code for code, _total in sorted(totals.items(), key=_often_first)[:CODES]]
    numbers: Numbers = {week: Counter() for week in weeks}
    for week, code, reason, number in rows:
        name = code or reason
        place = f"code-{often.index(name) + 1}" if name in often else "others"
        numbers[week.date()][place] += number
    labels = {f"code-{place}": code for place, code in enumerate(often, start=1)}
    if len(totals) > len(often):
        labels["others"] = _("Others")
    title = _("What came instead of a style in the last %(n)d weeks") % {"n": WEEKS}
    return _draw("errors", title, _("Week of"), numbers, labels)


def _often_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _midnight(day: date) -> datetime:
    return make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001


def _draw(name: str, title: str, unit: str, numbers: Numbers, labels: dict[str, str]) -> Chart:
    top = max((each.total() for each in numbers.values()), default=0)
    series = [
        Series(name=key, label=label, total=sum(each[key] for each in numbers.values()))
        for key, label in labels.items()
    ]
    return Chart(
        id=name,
        title=title,
        unit=unit,
        summary=_summary(title, series),
        series=series,
        bars=[
            Bar(
                x=place * SLOT + (SLOT - BAR) // 2,
                title=_said(day, each, labels),
                parts=_parts(each, labels, top),
            )
            for place, (day, each) in enumerate(numbers.items())
            if each.total()
        ],
        rows=[(_day(day), [each[key] for key in labels]) for day, each in numbers.items()],
        top=top,
        width=len(numbers) * SLOT,
    )


def _parts(numbers: Counter[str], labels: dict[str, str], top: int) -> list[Part]:
    parts, y = [], float(HEIGHT)
    for name in labels:
        if numbers[name]:
            height = HEIGHT * numbers[name] / top
            y -= height
            parts.append(Part(name=name, y=round(y, 2), height=round(height, 2)))
    return parts


def _day(day: date) -> str:
    return date_format(day, "j M")


def _said(day: date, numbers: Counter[str], labels: dict[str, str]) -> str:
    parts = [f"{labels[name]} {numbers[name]}" for name in labels if numbers[name]]
    return f"{_day(day)}: {', '.join(parts)}"


def _summary(title: str, series: list[Series]) -> str:
    parts = [f"{each.label} {each.total}" for each in series if each.total]
    return f"{title}: {', '.join(parts) or _('none')}"
