"""The journal: what a worker did and was answered, in a file that outlives the database.

One file per worker host, under DATA_DIR: a line of JSON each time an attempt is opened, committed
and answered, on the disk before anything else happens. So an answer survives a locked database and
a full disk, and a database that was restored from a backup is noticed: it lacks attempts that the
journal has. No key and no picture is in it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from .models import Attempt
from .pikzels.outcome import Outcome

log = logging.getLogger(__name__)

_writing = threading.Lock()


@dataclass
class Journaled:
    """An attempt as the journal has it: when it was opened, and what is known beyond that."""

    token: str
    style: str
    name: str
    team: int
    creator: int | None
    key: int
    number: int
    opened_at: datetime
    committed: bool = False
    outcome: Outcome | None = None


def path() -> Path:
    """Return this host's journal of this month. Several workers of one host append to the same."""
    month = timezone.now().strftime("%Y-%m")
    return Path(settings.DATA_DIR) / "journal" / f"{socket.gethostname()}-{month}.jsonl"


def opened(attempt: Attempt) -> None:
    """Note that an attempt was opened. Raises OSError, and then nothing may be sent."""
    style = attempt.style
    _append(
        "opened",
        attempt,
        style=str(style.pk),
        name=style.name,
        team=style.team_id,
        creator=style.creator_id,
        key=attempt.key_id,
        number=attempt.number,
        at=attempt.opened_at.isoformat(),
    )


def committed(attempt: Attempt) -> None:
    """Note that its last byte is about to leave. Raises OSError, and then it may not."""
    _append("committed", attempt)


def answered(attempt: Attempt, outcome: Outcome) -> None:
    """Note what came back. Raises OSError."""
    _append("answered", attempt, outcome=outcome.as_record())


def _append(what: str, attempt: Attempt, **about: Any) -> None:
    entry = {"what": what, "token": str(attempt.lease_token), **about}
    # The line break comes first: what a crash or a full disk cut off spoils no line after it.
    line = "\n" + json.dumps(entry, separators=(",", ":"))
    file = path()
    with _writing:
        new = not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One write of one line: appending workers do not mix theirs.
        number = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write_whole(number, line.encode())
            os.fsync(number)
        finally:
            os.close(number)
        if new:
            _sync_folder(file.parent)


def _write_whole(number: int, line: bytes) -> None:
    if os.write(number, line) != len(line):
        raise OSError("the journal's disk is full")


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read() -> list[Journaled]:
    """Return the attempts of all journals in DATA_DIR, oldest first.

    A line that a crash cut off is passed over: what it was about had not happened yet.
    """
    known: dict[str, Journaled] = {}
    for file in files():
        for entry in _entries(file):
            try:
                _take(entry, known)
            except (KeyError, TypeError, ValueError):
                log.exception("a line of %s makes no sense and is passed over", file.name)
    return list(known.values())


def files() -> list[Path]:
    """Return the journals of all hosts and months. A backup from before them is not noticed."""
    return sorted(path().parent.glob("*.jsonl"))


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and {"what", "token"} <= entry.keys():
                yield entry


def _take(entry: dict[str, Any], known: dict[str, Journaled]) -> None:
    what, token = entry.pop("what"), entry.pop("token")
    if what == "opened":
        at = parse_datetime(entry.pop("at")) or timezone.now()
        known[token] = Journaled(token=token, opened_at=at, **entry)
    elif token in known and what == "committed":
        known[token].committed = True
    elif token in known and what == "answered":
        known[token].outcome = Outcome.from_record(entry["outcome"])
