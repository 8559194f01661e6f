"""The library: a team's styles, narrowed, newest first, a page at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import QueryDict
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from teams.models import Membership

from .models import Style, StyleQuerySet
from .presentation import card_of
from .states import MADE, NEEDS_A_PERSON, State

PAGE = 24
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Counting everything costs as much as there is; more than this is shown as this and a plus.
COUNTED = 1000


def shelf(membership: Membership, query: QueryDict) -> dict[str, Any]:
    """Return the context of the library page for `?q=`, `?show=` and `?before=`."""
    team = Style.objects.of(membership.team).not_archived()
    show, text = query.get("show", ""), query.get("q", "").strip()
    found = searched(membership, query)
    styles = list(_older_than(query.get("before", ""), found)[: PAGE + 1])
    more = styles[PAGE - 1] if len(styles) > PAGE else None
    shown = (
        Style.objects.filter(pk__in=[style.pk for style in styles[:PAGE]])
        .select_related("key", "creator")
        .prefetch_related("images")
        .newest_first()
    )
    return {
        "cards": [card_of(style, membership) for style in shown],
        "counts": _counts(team, membership),
        "query": text,
        "show": show,
        "filters": _filters(team, membership, show, text),
        "older_url": _address(show, text, _mark(more)) if more else "",
        "newer_url": _address(show, text) if query.get("before") else "",
        "is_empty": not styles and not team.exists(),
        "new_url": reverse("style_new"),
        "export_query": _address(show, text).partition("?")[2],
    }


def searched(membership: Membership, query: QueryDict) -> StyleQuerySet:
    """Return the team's styles that `?q=` and `?show=` ask for, newest first."""
    team = Style.objects.of(membership.team).not_archived()
    found = narrow(team, query.get("show", ""), membership)
    text = query.get("q", "").strip()
    return (found.matching(text) if text else found).newest_first()


def narrow(styles: StyleQuerySet, show: str, membership: Membership) -> StyleQuerySet:
    match show:
        case "ready":
            return styles.filter(state=State.READY)
        case "needs":
            return styles.filter(state__in=NEEDS_A_PERSON)
        case "mine":
            return styles.by(membership.user)
    return styles


def _counts(team: StyleQuerySet, membership: Membership) -> dict[str, str]:
    return {
        "total": _count(team.filter(state__in=MADE)),
        "ready": _count(narrow(team, "ready", membership)),
        "needs_you": _count(narrow(team, "needs", membership)),
    }


def _count(styles: StyleQuerySet) -> str:
    number = styles.order_by()[: COUNTED + 1].count()
    return f"{COUNTED}+" if number > COUNTED else str(number)


def _filters(
    team: StyleQuerySet, membership: Membership, show: str, text: str
) -> list[dict[str, Any]]:
    needs = _count(narrow(team, "needs", membership))
    labels = {"": _("All"), "ready": _("Ready"), "needs": _("Needs you"), "mine": _("Mine")}
    return [
        {
            "label": label,
            "count": needs if key == "needs" and needs != "0" else None,
            "url": _address(key, text),
            "current": key == show,
        }
        for key, label in labels.items()
    ]


def _address(show: str, text: str, before: str = "") -> str:
    values = {"show": show, "q": text, "before": before}
    query = urlencode({key: value for key, value in values.items() if value})
    return reverse("library") + (f"?{query}" if query else "")


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
