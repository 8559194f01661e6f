"""Write a picture's file, for its owner alone."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .metadata import Part


class Stored(NamedTuple):
    """A file that was written, its size in bytes and its checksum."""

    path: Path
    size: int
    sha256: str


def store(directory: Path, ending: str, parts: Sequence[Part]) -> Stored:
    """Write a file under a random name; it is not on the disk before somebody calls `sync`."""
    path = directory / f"{secrets.token_hex(16)}{ending}"
    write(path, parts)
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return Stored(path, sum(map(len, parts)), checksum.hexdigest())


def write(path: Path, parts: Iterable[Part]) -> None:
    """Create a file or, with an OSError, none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with gone_unless_good(path), os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)


def sync(path: Path) -> None:
    """See to it that a power cut leaves the file where it is."""
    # Without the second the file is on the disk and its name may not be.
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def gone_unless_good(path: Path) -> Iterator[None]:
    """Delete the file where what is done with it fails."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
