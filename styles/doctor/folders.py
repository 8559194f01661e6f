"""Are the folders there, ours, writable and large enough, on a disk that can be trusted?"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from styles import files, journal
from styles.models import ReferenceImage

from .findings import Findings, look, number_of, ok, wrong

MEGABYTE = 10**6
# Less than this, and three pictures of 25 MB with all that is made of them may not fit any more.
NEEDED = 500 * MEGABYTE
COMFORTABLE = 5_000 * MEGABYTE
# Locks on these are honoured on one machine alone, or not at all.
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "vboxsf"}
MOUNTS = Path("/proc/mounts")
# Looked for on the disk, of however many there are; in a bucket each is a question of its own.
PICTURES_LOOKED_AT = 1_000
ASKED_FOR = 50


def writable() -> Findings:
    folders = [Path(settings.DATA_DIR), Path(settings.MEDIA_ROOT)]
    folders.append(Path(settings.FILE_UPLOAD_TEMP_DIR))
    refused = {folder: why for folder in folders if (why := _refusal(folder))}
    for folder, why in refused.items():
        yield wrong(
            f"Nothing can be written to {folder}: {why}.",
            "Give the folder to the server's user, and look whether the disk is full or read-only.",
        )
    if not refused:
        yield ok(f"{settings.DATA_DIR} can be written to.")


def _refusal(folder: Path) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"-")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def free() -> Findings:
    for folder in _disks():
        left = shutil.disk_usage(folder).free
        says = f"{left / 1000 / MEGABYTE:,.1f} GB are free for {folder}"
        if left < NEEDED:
            yield wrong(f"{says}, which is too little.", "Make room, before a picture is lost.")
        elif left < COMFORTABLE:
            yield look(f"{says}.", "Make room soon.")
        else:
            yield ok(f"{says}.")


def _disks() -> list[Path]:
    """Return the folders that are on different disks, the first of each."""
    found: dict[int, Path] = {}
    for folder in (Path(settings.DATA_DIR), Path(settings.MEDIA_ROOT)):
        if folder.is_dir():
            found.setdefault(folder.stat().st_dev, folder)
    return list(found.values())


def one_disk() -> Findings:
    if settings.S3_BUCKET:
        return
    media, incoming = Path(settings.MEDIA_ROOT), Path(settings.FILE_UPLOAD_TEMP_DIR)
    if not media.is_dir() or not incoming.is_dir():
        return
    if media.stat().st_dev == incoming.stat().st_dev:
        yield ok("Uploads arrive on the disk where they are kept.")
    else:
        yield look(
            f"{incoming} is on another disk than {media}: each picture is copied once more.",
            "Mount one disk for both.",
        )


def locks_problem(folder: Path) -> str:
    """Return why the disk of a folder is none for SQLite, or ""."""
    kind = file_system(folder)
    if kind in NETWORK:
        return f"{folder} is on a network drive ({kind}), where SQLite may lose what it wrote."
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return f"{folder} is on a disk without locks ({kind or 'unknown'}: {error.strerror})."
    return ""


def file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, "" where nobody says."""
    try:
        lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return ""
    path = str(folder.resolve())
    mounted = [(line[1], line[2]) for line in lines if len(line) > 2]
    above = [(where, kind) for where, kind in mounted if _is_in(path, where)]
    return max(above, key=lambda each: len(each[0]), default=("", ""))[1]


def _is_in(path: str, where: str) -> bool:
    return path == where or path.startswith(where.rstrip("/") + "/")


def owned() -> Findings:
    """Whether all belongs to one user: root, who was here once, locks the server out."""
    folder = Path(settings.DATA_DIR)
    if not folder.is_dir():
        return
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        yield look(
            f"{folder} belongs to user {owner}, and this runs as user {os.geteuid()}.",
            "Run manage.py as the user that the server runs as.",
        )
    others = [path for path in _of_ours() if path.stat().st_uid != owner]
    for path in others:
        yield wrong(
            f"{path} belongs to another user than {folder}.",
            f"Run chown --reference={folder} {path}.",
        )
    if not others and owner == os.geteuid():
        yield ok("Everything belongs to the user that this runs as.")


def _of_ours() -> list[Path]:
    folder = Path(settings.DATA_DIR)
    parts = ("*", "keys/*", "journal/*", "media/*")
    return sorted(path for part in parts for path in folder.glob(part))


def secret() -> Findings:
    """Whether others on this machine can read the keys."""
    keys = Path(settings.DATA_DIR) / "keys"
    open_to_others = [
        path for path in (keys, *keys.glob("*")) if path.exists() and path.stat().st_mode & 0o077
    ]
    for path in open_to_others:
        yield wrong(
            f"Other users of this machine may read {path}.",
            f"Run chmod {'700' if path.is_dir() else '600'} {path}.",
        )
    if keys.is_dir() and not open_to_others:
        yield ok("Nobody else may read the keys.")


def journals() -> Findings:
    """Whether what workers wrote down can be read again: without it nothing is sent."""
    folder = journal.path().parent
    found = sorted(folder.glob("*.jsonl"))
    refused = [path for path in found if not os.access(path, os.R_OK | os.W_OK)]
    for path in refused:
        yield wrong(
            f"The journal {path} cannot be read and written: nothing is sent.",
            f"Run chown --reference={settings.DATA_DIR} {path}.",
        )
    if not refused:
        yield ok(f"{number_of(len(found), 'journal')} can be read and written.")


def orphans() -> Findings:
    """Files without a row, which the worker sweeps, and rows without a file, which are a loss."""
    without_row = files.count_orphans(timezone.now() - files.LEFT_ALONE)
    if without_row:
        yield look(
            f"{number_of(without_row, 'file')} belong to nothing.",
            "Nothing: the worker deletes them within a day.",
        )
    most = ASKED_FOR if settings.S3_BUCKET else PICTURES_LOOKED_AT
    where = f"bucket {settings.S3_BUCKET}" if settings.S3_BUCKET else "disk"
    what = where if settings.S3_BUCKET else settings.MEDIA_ROOT
    rows = ReferenceImage.objects.exclude(file="").order_by("-pk")[:most]
    lost = [str(row.file) for row in rows if not row.file.storage.exists(str(row.file))]
    if lost:
        yield wrong(
            f"{number_of(len(lost), 'picture')} of the last {most:,} are not on the "
            f"{where}, the first at {lost[0]}.",
            f"Put {what} back from the backup that the database is from.",
        )
    else:
        yield ok("The pictures that the database knows are there.")
