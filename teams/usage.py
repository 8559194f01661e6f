"""The team's page of what was sent and what it presumably cost, and the same as a file."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from styles.access import MemberRequest, in_team
from styles.models import HistoryArchive
from styles.usage import as_csv, by_month, ledger

from .limits import exports_by_person

SHOWN_MONTHS = 12


@require_safe
@in_team
def usage(request: MemberRequest) -> HttpResponseBase:
    """The last twelve months; the file has all of them."""
    entries = ledger(request.membership, first_shown(timezone.now()))
    context = {
        "months": by_month(entries),
        "lacks_prices": any(not entry.price for entry in entries),
        "archived_before": HistoryArchive.horizon(),
    }
    return render(request, "teams/usage.html", context)


@require_safe
@in_team
@exports_by_person
def usage_csv(request: MemberRequest) -> HttpResponseBase:
    lines = as_csv(ledger(request.membership))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="usage.csv"'
    return response


def first_shown(now: datetime) -> datetime:
    """Return the start of the oldest month that the page shows, in UTC."""
    months = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - SHOWN_MONTHS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
