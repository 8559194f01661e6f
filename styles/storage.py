"""Stored files as files on this disk, wherever they are kept: for programs that need a path."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from .images.storing import sync

log = logging.getLogger(__name__)


def path_of(name: str) -> Path | None:
    """Return where a stored file is on this disk, None where the storage is elsewhere."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def is_there() -> bool:
    """Whether the storage is, so that a file which is not in it is lost. Raises OSError."""
    storage: Any = default_storage
    return storage.exists("references") if path_of("references") else storage.is_there()


@contextmanager
def on_disk(name: str) -> Iterator[Path]:
    """Give a stored file a path: its own, or that of a copy that lasts as long as the block.

    Raises OSError; that there is none shows in opening it.
    """
    if path := path_of(name):
        yield path
        return
    with _temporary(Path(name).suffix) as copy:
        with default_storage.open(name) as file:
            shutil.copyfileobj(file, copy)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def written(name: str) -> Iterator[Path]:
    """Give a file that is to be stored a path to write it to; what it replaces may be there.

    Raises OSError.
    """
    if path := path_of(name):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
        return
    with _temporary(Path(name).suffix) as made:
        yield Path(made.name)
        with Path(made.name).open("rb") as file:
            default_storage.delete(name)
            default_storage.save(name, File(file))


def move_in(path: Path, name: str) -> str:
    """Move a file into the storage; return its name there. Raises OSError.

    On a disk a power cut may undo that until `make_durable`.
    """
    with path.open("rb") as file:
        stored = default_storage.save(name, TemporaryUpload(file, path))
    if path_of(stored) is None:
        path.unlink(missing_ok=True)
    return stored


def make_durable(name: str) -> None:
    """See to it that a power cut leaves a stored file where it is. Raises OSError."""
    if path := path_of(name):
        sync(path)


def forget(name: str) -> None:
    """Delete a stored file that no row needs; where that fails, the sweep finds it."""
    try:
        default_storage.delete(name)
    except OSError as error:
        log.warning("%s could not be deleted: %s", name, error.strerror)


def _temporary(suffix: str) -> Any:
    folder = settings.FILE_UPLOAD_TEMP_DIR
    return tempfile.NamedTemporaryFile(dir=folder, prefix="copy-", suffix=suffix)


class TemporaryUpload(File):
    """A file that the storage may move instead of copying it, where both are on one disk."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file, name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)
