"""The library: a team's styles, narrowed, newest first, a page at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from teams.models import Membership, User

from .days import PERIODS
from .empty_shelf import nothing
from .filters import CHIPS, GROUPS, Wanted, by_chip, makers_of, narrowed
from .models import Style, StyleQuerySet
from .presentation import card_of
from .states import MADE

PAGE = 24
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Counting everything costs as much as there is; more than this is shown as this and a plus.
COUNTED = 1000


def shelf(membership: Membership, query: QueryDict) -> dict[str, Any]:
    """Return the context of the library page for what `query` asks for, see `Wanted`.

    `?before=` is where a page begins.
    """
    everything = Style.objects.of(membership.team)
    makers = makers_of(membership.team)
    wanted = Wanted.read(query, makers)
    found = narrowed(everything, wanted, membership)
    styles = list(_older_than(query.get("before", ""), found)[: PAGE + 1])
    more = styles[PAGE - 1] if len(styles) > PAGE else None
    counts = _counts(everything.not_archived(), membership)
    return {
        "cards": _cards(styles[:PAGE], membership),
        "counts": counts,
        "wanted": wanted,
        "chips": _chips(wanted, counts["needs_you"]),
        "choices": _choices(wanted, makers),
        "chosen": [{"label": label, "url": url} for label, url in wanted.chosen()],
        "older_url": wanted.address(_mark(more)) if more else "",
        "newer_url": wanted.address() if query.get("before") else "",
        "is_empty": not styles and not everything.exists(),
        "nothing": None if styles else nothing(wanted),
        "in_archive": _in_archive(everything, wanted, membership),
        "archive_url": wanted.address(archived=True),
        "new_url": reverse("style_new"),
        "export_query": urlencode(wanted.query()),
    }


def kept_address(membership: Membership, query: QueryDict) -> str:
    """Return the address of the page that `query` asks for, without what says nothing."""
    return Wanted.read(query, makers_of(membership.team)).address()


def searched(membership: Membership, query: QueryDict) -> StyleQuerySet:
    """Return all of the team's styles that `query` asks for, newest first."""
    wanted = Wanted.read(query, makers_of(membership.team))
    return narrowed(Style.objects.of(membership.team), wanted, membership)


def _cards(styles: list[Style], membership: Membership) -> list[dict[str, Any]]:
    shown = (
        Style.objects.filter(pk__in=[style.pk for style in styles])
        .select_related("key", "creator")
        .prefetch_related("images")
        .newest_first()
    )
    return [card_of(style, membership) for style in shown]


def _counts(team: StyleQuerySet, membership: Membership) -> dict[str, str]:
    return {
        "total": _count(team.filter(state__in=MADE)),
        "ready": _count(by_chip(team, "ready", membership)),
        "needs_you": _count(by_chip(team, "needs", membership)),
    }


def _count(styles: StyleQuerySet) -> str:
    # In the library's order, or SQLite goes through all of the team by the smallest index it finds.
    number = styles.newest_first()[: COUNTED + 1].count()
    return f"{COUNTED}+" if number > COUNTED else str(number)


def _in_archive(everything: StyleQuerySet, wanted: Wanted, membership: Membership) -> str:
    """Return how many more of what was searched for are archived, "" for none."""
    if not wanted.text or wanted.archived:
        return ""
    number = _count(narrowed(everything, replace(wanted, archived=True), membership))
    return "" if number == "0" else number


def _chips(wanted: Wanted, needs: str) -> list[dict[str, Any]]:
    """Return the chips; a state or a maker that was chosen gives way to the chip that is."""
    return [
        {
            "label": label,
            "count": needs if show == "needs" and needs != "0" else None,
            "url": wanted.address(
                show=show, state="", maker=None if show == "mine" else wanted.maker
            ),
            "current": show == wanted.show and not wanted.state,
        }
        for show, label in CHIPS.items()
    ]


def _choices(wanted: Wanted, makers: list[User]) -> dict[str, list[dict[str, Any]]]:
    """Return what the form's lists offer."""
    maker = str(wanted.maker.pk) if wanted.maker else ""
    states = {key: label for key, (label, _states) in GROUPS.items()}
    people = {str(each.pk): each.display_name for each in makers}
    return {
        "state": _options(states, wanted.state),
        "by": _options(people, maker),
        "when": _options(PERIODS, wanted.period),
    }


def _options(labels: dict[str, str], chosen: str) -> list[dict[str, Any]]:
    return [
        {"value": value, "label": label, "selected": value == chosen}
        for value, label in labels.items()
    ]


def _mark(style: Style) -> str:
    return f"{style.created_at.isoformat()}_{style.pk}"


def _older_than(mark: str, styles: StyleQuerySet) -> StyleQuerySet:
    """Go on below the style that `mark` names; a mark that makes no sense starts at the top."""
    moment, _sep, style_id = mark.partition("_")
    at = _moment(moment)
    if at is None or not UUID.fullmatch(style_id):
        return styles
    # Not the textbook's OR of two comparisons: the index is used by the first condition alone.
    return styles.filter(Q(created_at__lt=at) | Q(id__lt=style_id), created_at__lte=at)


def _moment(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
        return at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None
