"""Making a backup: under another name until it is whole, so that no half one looks like one."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pikzels_ui.supervisor import AlreadyRunningError, only_one

from . import durable, manifest
from .databases import Facts
from .manifest import Manifest
from .places import Place, Problem

UNFINISHED, GOING = ".unfinished-", ".going-"
# How often a picture that was replaced while the backup was made lets it look once more.
LOOKS = 3


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to make a backup of, and how its database is copied; `keys` as the manifest has them."""

    place: Place
    database: str
    copy_database: Callable[[Path], Facts]
    keys: list[str]


def into_folder(source: Source, folder: Path, *, keep: int = 0) -> tuple[Path, Manifest]:
    """Add a backup to `folder`; of the others, keep the newest, `keep` in all, or 0 for each.

    A picture that an earlier one has is there once, under several names. Raises Problem, OSError,
    and then what was there before is there still.
    """
    durable.make_folder(folder)
    with _alone(folder):
        _clear(folder)
        name = durable.free_name(folder, f"backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        earlier = next(manifest.whole_backups(folder), None)
        made = _made(source, folder / f"{UNFINISHED}{name}", earlier)
        durable.rename(folder / f"{UNFINISHED}{name}", folder / name)
        if keep:
            for old in [*manifest.whole_backups(folder)][keep:]:
                _remove(old)
    return folder / name, made


def into_file(source: Source, file: Path) -> Manifest:
    """Make one tar file, in the place of one by that name. Raises Problem, OSError.

    It takes twice its size while it is being made.
    """
    durable.make_folder(file.parent)
    folder = file.with_name(f"{UNFINISHED}{file.name}")
    packed = file.with_name(f"{UNFINISHED}{file.name}.packed")
    with _alone(file.parent, f".{file.name}.lock"):
        for left in (folder, packed):
            _forget(left)
        try:
            made = _made(source, folder, None)
            _pack(folder, packed)
            durable.rename(packed, file)
        finally:
            for left in (folder, packed):
                _forget(left)
    return made


def _pack(folder: Path, packed: Path) -> None:
    with durable.new_file(packed) as raw:
        with tarfile.open(fileobj=raw, mode="w") as tar:
            tar.add(folder, arcname="backup")
        raw.flush()
        os.fsync(raw.fileno())


@contextmanager
def _alone(folder: Path, name: str = "backup.lock") -> Iterator[None]:
    try:
        with only_one(folder / name):
            yield
    except AlreadyRunningError as error:
        raise Problem(f"Process {error.pid} is making a backup there already.") from error


def _clear(folder: Path) -> None:
    """Remove what an earlier one left that was cut off."""
    for left in (*folder.glob(f"{UNFINISHED}*"), *folder.glob(f"{GOING}*")):
        _forget(left)


def _forget(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove(backup: Path) -> None:
    """Under another name first, so that one that is half removed does not look whole."""
    going = backup.with_name(f"{GOING}{backup.name}")
    durable.rename(backup, going)
    shutil.rmtree(going)


def _made(source: Source, to: Path, earlier: Path | None) -> Manifest:
    """Fill a new folder, on the disk to its last name; where that fails, nothing is left of it."""
    to.mkdir(mode=0o700)
    try:
        found, files, missing = _database_and_pictures(source, to, earlier)
        files |= _journals(source.place, to)
        made = Manifest(
            made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            database=source.database,
            bytes=sum((to / name).stat().st_size for name in files),
            migrations=sorted(found.migrations),
            counts=found.counts,
            keys=source.keys,
            files=files,
            missing=missing,
        )
        made.write(to)
        durable.sync_tree(to)
    except BaseException:
        shutil.rmtree(to, ignore_errors=True)
        raise
    return made


def _database_and_pictures(
    source: Source, to: Path, earlier: Path | None
) -> tuple[Facts, dict[str, str], list[str]]:
    """The database first: a picture's file is there before its row, and stays as it is.

    One that is not there may have been replaced just now; then a later database does not name it.
    """
    database = to / manifest.DATABASES[source.database]
    files: dict[str, str] = {}
    for _look in range(LOOKS):
        found = source.copy_database(database)
        wanted = {name: sha256 for name, sha256 in found.pictures.items() if name not in files}
        files |= _pictures(source.place, to, earlier, wanted)
        missing = sorted(found.pictures.keys() - files.keys())
        if not missing:
            break
    named = {f"media/{name}": files[name] for name in files.keys() & found.pictures.keys()}
    for name in files.keys() - found.pictures.keys():
        (to / "media" / name).unlink()
    return found, {database.name: durable.checksum(database), **named}, missing


def _pictures(
    place: Place, to: Path, earlier: Path | None, wanted: dict[str, str]
) -> dict[str, str]:
    """Bring the pictures; return the SHA-256 of each that is there, by its name in the storage."""
    brought = {}
    for name, sha256 in sorted(wanted.items()):
        if not manifest.is_ours(f"media/{name}"):
            continue
        target = to / "media" / name
        try:
            brought[name] = _from_earlier(
                earlier and earlier / "media" / name, target, sha256
            ) or _picture(place.media / name, target)
        except FileNotFoundError:
            continue
    return brought


def _from_earlier(earlier: Path | None, to: Path, sha256: str) -> str:
    """Take it from an earlier backup if that is sound; return its SHA-256, or ""."""
    # A preview is as quickly copied as compared; read again, for a disk may have lost some of it.
    if not (earlier and sha256 and earlier.is_file() and durable.checksum(earlier) == sha256):
        return ""
    durable.make_folder(to.parent)
    to.hardlink_to(earlier)
    return sha256


def _picture(source: Path, to: Path) -> str:
    with source.open("rb") as file:
        return durable.copy(file, to)


def _journals(place: Place, to: Path) -> dict[str, str]:
    """After the database, so that they know at least what that does."""
    files = {}
    for journal in sorted((place.data / "journal").glob("*.jsonl")):
        with journal.open("rb") as file:
            files[f"journal/{journal.name}"] = durable.copy(file, to / "journal" / journal.name)
    return files
