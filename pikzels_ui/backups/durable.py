"""Files that are on the disk, or not there at all, whatever ends the process."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

AT_ONCE = 1024 * 1024


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hex digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy(source: IO[bytes], to: Path) -> str:
    """Write what is left of `source` to a new file; return its SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    make_folder(to.parent)
    with new_file(to) as file:
        while part := source.read(AT_ONCE):
            digest.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Put a file there whole, or leave the one that was there. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with new_file(draft) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename(draft, path)


def rename(path: Path, to: Path) -> None:
    """Give it its name for good, also after a power cut. Raises OSError."""
    path.rename(to)
    sync_folder(to.parent)


def move(path: Path, to: Path) -> None:
    """Move a file or a folder to where nothing is, also onto another disk. Raises OSError."""
    make_folder(to.parent)
    shutil.move(path, to)
    sync_folder(to.parent)


def make_folder(path: Path) -> None:
    """Make it, and what is missing above it, for its owner alone."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True, mode=0o700)


def free_name(folder: Path, name: str) -> str:
    """Return `name`, or where one by that name is there, one that sorts behind all of them."""
    taken = [path.name.removeprefix(name) for path in folder.glob(f"{name}*")]
    # Not how many there are: the first of them may have been removed.
    numbers = [int(each[1:]) for each in taken if each[1:].isdecimal()]
    return f"{name}-{max(numbers, default=1) + 1:03}" if taken else name


def new_file(path: Path) -> IO[bytes]:
    """Open a file that was not there before, for its owner alone. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync_file(path: Path) -> None:
    _sync(path)


def sync_folder(path: Path) -> None:
    _sync(path)


def sync_tree(folder: Path) -> None:
    """See to it that the names in a folder and in those below it are on the disk, too."""
    for path, _folders, _files in os.walk(folder):
        _sync(Path(path))


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
