"""Stored files that nobody knows any more: replaced pictures, and what a crash left half way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from .models import ReferenceImage, Style

log = logging.getLogger(__name__)

# A file may be a while on the disk before the row that names it is committed.
LEFT_ALONE = timedelta(days=1)
FOLDERS = ("references", "previews", "portraits")


def sweep() -> int:
    """Delete stored files that no row names, a day after they were written; return how many."""
    before = timezone.now() - LEFT_ALONE
    orphans = _all_orphans(before)
    for name in orphans:
        default_storage.delete(name)
    removed = len(orphans) + _sweep_incoming(before)
    if removed:
        log.info("swept %d files that nothing refers to", removed)
    return removed


def count_orphans(before: datetime) -> int:
    """Return how many stored files of before then no row names."""
    return len(_all_orphans(before))


def _all_orphans(before: datetime) -> list[str]:
    return [name for folder in FOLDERS for name in _orphans(folder, before)]


def _orphans(folder: str, before: datetime) -> Iterator[str]:
    for name in _stored(folder):
        if default_storage.get_modified_time(name) < before and not _is_known(name):
            yield name


def _stored(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in files)
    for each in folders:
        yield from _stored(f"{folder}/{each}")


def _is_known(name: str) -> bool:
    return ReferenceImage.is_named(name) or Style.objects.filter(portrait=name).exists()


def _sweep_incoming(before: datetime) -> int:
    """Uploads that were cut off; they have no rows yet."""
    stale = [
        path
        for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()
        if path.is_file() and path.stat().st_mtime < before.timestamp()
    ]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
