"""Stored files that nobody knows any more: replaced pictures, and what a crash left half way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from .models import ReferenceImage, Style

# A file may be a while on the disk before the row that names it is committed.
LEFT_ALONE = timedelta(days=1)
FOLDERS = ("references", "previews", "portraits")


def orphans() -> Iterator[Path | str]:
    """Yield the stored files that no row names, a day after they were written, by their names; and
    by their paths the uploads that were cut off."""
    before = timezone.now() - LEFT_ALONE
    for folder in FOLDERS:
        yield from _orphans(folder, before)
    yield from _cut_off(before)


def forget(found: Sequence[Path | str]) -> int:
    for each in found:
        if isinstance(each, Path):
            each.unlink(missing_ok=True)
        else:
            default_storage.delete(each)
    return len(found)


def count_orphans(before: datetime) -> int:
    """Return how many stored files of before then no row names."""
    return sum(1 for folder in FOLDERS for _name in _orphans(folder, before))


def _orphans(folder: str, before: datetime) -> Iterator[str]:
    for name in _stored(folder):
        if not _is_known(name) and default_storage.get_modified_time(name) < before:
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


def _cut_off(before: datetime) -> list[Path]:
    """Uploads that were cut off; they have no rows yet."""
    return [
        path
        for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()
        if path.is_file() and path.stat().st_mtime < before.timestamp()
    ]
