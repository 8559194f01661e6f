"""The library to take along: as CSV for a spreadsheet, and as JSON for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from .models import Style, StyleQuerySet

COLUMNS = (
    "id", "name", "state", "pikzels_id", "sandbox", "attached", "made_by", "created_at",
    "submitted_at", "ready_at", "note",
)  # fmt: skip
# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
ROWS_AT_ONCE = 500


def as_csv(styles: StyleQuerySet) -> Iterator[str]:
    """Yield the lines of a CSV file, for Excel too; what would be a formula is text in it."""
    yield "\ufeff"
    yield csv_line(COLUMNS)
    for row in _rows(styles):
        yield csv_line(as_cell(row[column]) for column in COLUMNS)


def as_json(styles: StyleQuerySet) -> Iterator[str]:
    """Yield the parts of a JSON array, one object a line."""
    before = "[\n"
    for row in _rows(styles):
        yield before + json.dumps(row, ensure_ascii=False)
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


def as_cell(value: object) -> str:
    """Return a value as a spreadsheet shows it, and does not run it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _rows(styles: StyleQuerySet) -> Iterator[dict[str, Any]]:
    for style in styles.select_related("creator", "key").iterator(ROWS_AT_ONCE):
        yield _row(style)


def _row(style: Style) -> dict[str, Any]:
    return {
        "id": str(style.pk),
        "name": style.name,
        "state": style.shown_state,
        "pikzels_id": style.pikzels_id or None,
        "sandbox": style.sandbox,
        "attached": style.attached,
        # Who made one that was brought in is not known here.
        "made_by": style.creator.display_name if style.creator and not style.attached else None,
        "created_at": _moment(style.created_at),
        "submitted_at": _moment(style.submitted_at),
        "ready_at": _moment(style.ready_at),
        "note": style.note,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
