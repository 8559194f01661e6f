"""Old histories leave the database: written to a file as lines of JSON, and only then deleted.

A style's attempts and events go together, once it is over and nothing has happened to it for long.
The file has its name when all of it is on the disk, and is read again before anything is deleted;
whatever ends a run, the next one goes on where it was, so that nothing is lost or archived twice.
"""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from pikzels_ui.backups import durable

from .models import Attempt, Event, HistoryArchive, Notice, Style
from .retention import finished
from .states import OVER

BATCH = 200
ABOUT = ("id", "name", "team_id", "creator_id", "state", "pikzels_id", "created_at")

T = TypeVar("T")


class FileGone(Exception):
    """The file of a run that was cut short is not where it was written."""


def due(before: datetime) -> QuerySet[Style]:
    """Return the styles that have a history, all of which is older than a moment."""
    tries = Attempt.objects.filter(style=OuterRef("pk"))
    events = Event.objects.filter(style=OuterRef("pk"))
    untold = Notice.objects.filter(event__style=OuterRef("pk"), closed_at=None)
    young = Q(Exists(tries.filter(opened_at__gte=before))) | Q(
        Exists(tries.filter(closed_at__gte=before))
    )
    young |= Q(Exists(events.filter(at__gte=before)))
    # What may still be edited and sent, or is in doubt, needs its history.
    over = finished().filter(state__in=OVER, due_at=None, created_at__lt=before)
    return over.filter(Exists(tries) | Exists(events)).exclude(young).exclude(Exists(untold))


def archive(before: datetime, folder: Path) -> list[HistoryArchive]:
    """Finish what was cut short, then archive what is older; return the archives, if any.

    Raises FileGone, and OSError where the file cannot be written or read.
    """
    done = [each for each in HistoryArchive.objects.filter(finished_at=None) if _go_on(each)]
    if due(before).exists():
        now = timezone.now()
        path = folder / f"history-{now:%Y%m%dT%H%M%S.%fZ}.jsonl.gz"
        begun = HistoryArchive.objects.create(before=before, begun_at=now, path=str(path))
        _write(begun)
        _delete(begun)
        done.append(begun)
    return done


def _go_on(cut_short: HistoryArchive) -> bool:
    """Delete what its file has; without a whole file nothing was deleted, and it is forgotten."""
    path = Path(cut_short.path)
    if path.exists():
        _delete(cut_short)
        return True
    if cut_short.written_at:
        raise FileGone(cut_short.path)
    _unfinished(path).unlink(missing_ok=True)
    cut_short.delete()
    return False


# The file


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write(begun: HistoryArchive) -> None:
    path = Path(begun.path)
    durable.make_folder(path.parent)
    with durable.new_file(_unfinished(path)) as file:
        with gzip.open(file, "wt", encoding="utf-8") as lines:
            for line in _lines(begun.before):
                lines.write(json.dumps(line, cls=DjangoJSONEncoder) + "\n")
        file.flush()
        os.fsync(file.fileno())
    durable.rename(_unfinished(path), path)
    begun.written_at = timezone.now()
    begun.save(update_fields=["written_at"])


def _lines(before: datetime) -> Iterator[dict[str, Any]]:
    """Yield each style with its rows behind it."""
    keys = due(before).order_by("pk").values_list("pk", flat=True)
    for some in _batches(keys.iterator()):
        about = Style.objects.in_bulk(some)
        attempts = _by_style(Attempt.objects.filter(style__in=some).order_by("style_id", "number"))
        events = _by_style(Event.objects.filter(style__in=some).order_by("style_id", "at", "id"))
        for key in some:
            yield {"row": "style", **{name: getattr(about[key], name) for name in ABOUT}}
            yield from attempts.get(key, [])
            yield from events.get(key, [])


def _by_style(rows: Iterable[Attempt | Event]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    return {
        key: [_fields(row) for row in some] for key, some in groupby(rows, lambda row: row.style_id)
    }


def _fields(row: Model) -> dict[str, Any]:
    fields = row._meta.concrete_fields
    values = {field.attname: getattr(row, field.attname) for field in fields}
    return {"row": row._meta.model_name, **values}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a file has, line by line. Raises OSError or EOFError where it is damaged."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


# The database


def _delete(written: HistoryArchive) -> None:
    """Delete what the file has, once it was read to its end: its checksum is there."""
    path = Path(written.path)
    styles = sum(line["row"] == "style" for line in read(path))
    rows = sum(_delete_some(written, some) for some in _batches(_of_styles(read(path))))
    HistoryArchive.objects.filter(pk=written.pk).update(
        finished_at=timezone.now(), styles=styles, rows=rows
    )
    written.refresh_from_db()


def _of_styles(lines: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield a style's lines together, its own in front."""
    found: list[dict[str, Any]] = []
    for line in lines:
        if line["row"] == "style" and found:
            yield found
            found = []
        found.append(line)
    if found:
        yield found


def _delete_some(written: HistoryArchive, some: Iterable[list[dict[str, Any]]]) -> int:
    """Delete the rows of some styles, but of those to which something has happened meanwhile."""
    lines = {lines[0]["id"]: lines[1:] for lines in some}
    with transaction.atomic():
        # Locked, for whoever does something with a style writes its row first.
        list(Style.objects.select_for_update().filter(pk__in=lines).values_list("pk"))
        still = due(written.before).filter(pk__in=lines).values_list("pk", flat=True)
        going = [line for key in still for line in lines[str(key)]]
        events = Event.objects.filter(pk__in=[one["id"] for one in going if one["row"] == "event"])
        events.delete()
        tries = [one["id"] for one in going if one["row"] == "attempt"]
        Attempt.objects.filter(pk__in=tries).delete()
    return len(going)


def _batches(each: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(each)
    while some := list(islice(rest, BATCH)):
        yield some


# What pages say of it


def archived_of(style: Style) -> HistoryArchive | None:
    """Return the latest archive where a style without attempts here was sent before that."""
    if style.state not in OVER or style.submitted_at is None:
        return None
    latest = HistoryArchive.latest()
    return latest if latest and style.submitted_at < latest.before else None
