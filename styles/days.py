"""Days and periods that somebody asks for, and the moments at which they begin and end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from django.utils.dateparse import parse_date

from .wording import _

PERIODS: dict[str, str] = {
    "today": _("Today"),
    "7days": _("Last 7 days"),
    "30days": _("Last 30 days"),
    "month": _("This month"),
    "last_month": _("Last month"),
    "year": _("This year"),
}
UTC = "UTC"
# There were no styles before, and further than this no calendar has to go.
YEARS = range(2000, 2100)

Span = tuple[date | None, date | None]  # the first and the last day; None: no limit


def read_days(first: str, last: str) -> Span:
    """Return two days in their order, None for each that is none."""
    one, other = _day(first), _day(last)
    return (other, one) if one and other and other < one else (one, other)


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def read_zone(name: str) -> str:
    """Return the name of a time zone as it is, and "UTC" for what is none."""
    return name if name in _zones() else UTC


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def days_of(period: str, today: date) -> Span:
    """Return the days of one of `PERIODS`; of one that has not ended, those until now."""
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    before = month - timedelta(days=1)
    return {
        "today": (today, today),
        "7days": (today - timedelta(days=6), today),
        "30days": (today - timedelta(days=29), today),
        "month": (month, today),
        "last_month": (before.replace(day=1), before),
        "year": (year, today),
    }[period]


def bounds(spans: Iterable[Span], zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Return from which moment on, and before which, the days lie that all `spans` have."""
    known = list(spans)
    first = max((first for first, _last in known if first), default=None)
    last = min((last for _first, last in known if last), default=None)
    return (
        _midnight(first, zone) if first else None,
        _midnight(last + timedelta(days=1), zone) if last else None,
    )


def zone_of(name: str) -> tzinfo:
    return timezone.get_default_timezone() if name == UTC else ZoneInfo(name)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)
