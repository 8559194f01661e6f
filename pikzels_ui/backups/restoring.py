"""Restoring: everything is brought beside and looked at before anything is moved.

What was there is moved aside and never deleted. The journals are not: they know what was sent since
the backup, and the backup's are added to them.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from . import databases, durable, manifest, secrets
from .manifest import Manifest
from .places import PICTURES, Place, Problem

STAGE = ".restoring"
ASIDE = "replaced-"
Open = Callable[[str], IO[bytes]]


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that can be read: its manifest, and its files by their names."""

    name: str
    manifest: Manifest
    open: Open


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """Open a backup's folder, a tar file, or the newest in a folder of several. Raises Problem."""
    if path.is_file():
        with _tar(path) as tar:
            yield _backup(path, lambda name: _member(tar, f"backup/{name}"))
        return
    folder = path if (path / manifest.NAME).is_file() else next(manifest.whole_backups(path), None)
    if folder is None:
        raise Problem(f"There is no whole backup at {path}.")
    yield _backup(folder, lambda name: (folder / name).open("rb"))


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise Problem(f"{path} is not a backup, or only a part of one.") from error


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        file = tar.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise FileNotFoundError(name)
    return file


def _backup(path: Path, open_file: Open) -> Backup:
    try:
        with open_file(manifest.NAME) as file:
            known = manifest.read(file.read(manifest.MOST_BYTES))
    except FileNotFoundError as error:
        raise Problem(f"{path} is not a whole backup: it has no manifest.") from error
    return Backup(name=path.name, manifest=known, open=open_file)


# Before anything is touched


def check_version(backup: Backup, known: set[str]) -> None:
    """Raise Problem where the backup's database has had migrations that this code has not."""
    newer = [
        name
        for name in backup.manifest.migrations
        if name not in known and name.partition(".")[0] in {"styles", "teams"}
    ]
    if newer:
        raise Problem(
            f"This backup was made by a newer Pikzels UI, which has {newer[-1]}. "
            "Upgrade this one first, then restore."
        )


def check_room(backup: Backup, place: Place) -> None:
    free, needed = shutil.disk_usage(place.data).free, backup.manifest.bytes
    if free < needed:
        raise Problem(
            f"The backup needs {_megabytes(needed)} MB, and {place.data} has room for "
            f"{_megabytes(free)} MB. Make room first; nothing was changed."
        )


def _megabytes(size: int) -> str:
    return f"{size // 1_000_000:,}"


def check_empty(place: Place) -> None:
    """Raise Problem where something would have to be moved aside."""
    there = next(place.holdings(), None)
    if there:
        raise Problem(
            f"There is something already: {there}. With --replace it is moved aside, not deleted."
        )


def stage(backup: Backup, place: Place) -> Path:
    """Bring everything into a new folder beside, and see that each file is what it was.

    Raises Problem, OSError; the installation is as it was.
    """
    staged = place.data / STAGE
    shutil.rmtree(staged, ignore_errors=True)
    durable.make_folder(staged)
    for name, sha256 in sorted(backup.manifest.files.items()):
        try:
            with backup.open(name) as file:
                found = durable.copy(file, staged / name)
        except FileNotFoundError as error:
            raise Problem(f"{name} is not in this backup any more. Use another one.") from error
        if found != sha256:
            raise Problem(f"{name} has changed since the backup was made. Use another one.")
    if backup.manifest.database == "sqlite":
        databases.ready_sqlite(staged / backup.manifest.database_file)
    _add_journals(place, staged)
    durable.sync_tree(staged)
    return staged


def _add_journals(place: Place, staged: Path) -> None:
    """Put what the journals here know behind what the backup's do: the later line counts."""
    for ours in sorted((place.data / "journal").glob("*.jsonl")):
        theirs = staged / "journal" / ours.name
        before = theirs.read_bytes() if theirs.exists() else b""
        now = ours.read_bytes()
        whole = now if now.startswith(before) else before + b"\n" + now
        durable.make_folder(theirs.parent)
        durable.write(theirs, whole)


# Moving


def swap(place: Place, staged: Path, keys: dict[str, str] | None) -> Path | None:
    """Move aside what is there and put in what was staged; return where the former is now.

    The database goes first and comes last: whatever cuts this short, there is either the one, or
    none and a file that says so. Run again with --replace, it is finished. Raises OSError.
    """
    durable.write(place.unfinished, b"A restore was cut short. Run it again, with --replace.\n")
    aside = _aside(place)
    for each in [*place.holdings(), *([place.data / "keys"] if keys else [])]:
        if each.exists():
            durable.move(each, aside / each.name)
    if keys:
        for name, file in secrets.NAMES.items():
            durable.make_folder(place.data / "keys")
            durable.write(place.data / "keys" / file, keys[name].encode())
    for name in PICTURES:
        if (staged / "media" / name).exists():
            durable.move(staged / "media" / name, place.media / name)
    _put_in_journals(place, staged)
    if place.sqlite:
        durable.move(staged / manifest.DATABASES["sqlite"], place.sqlite)
    place.unfinished.unlink()
    shutil.rmtree(staged, ignore_errors=True)
    return aside if aside.exists() else None


def _aside(place: Place) -> Path:
    name = f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return place.data / durable.free_name(place.data, name)


def _put_in_journals(place: Place, staged: Path) -> None:
    for journal in sorted((staged / "journal").glob("*.jsonl")):
        durable.make_folder(place.data / "journal")
        durable.rename(journal, place.data / "journal" / journal.name)
