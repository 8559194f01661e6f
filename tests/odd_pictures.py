"""The pictures that Pillow itself is tested with: broken ones, bombs, every format and mode.

They are in the source distribution of the pinned Pillow. pip fetches that once, from the index that
it is set to, into the user's cache folder; none of them is in this repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

REQUIREMENTS = Path(__file__).parent.parent / "requirements.txt"
# The block of one package: its version, and the checksum of each file that may be it.
PINNED = re.compile(r"^pillow==(\S+).*(?:\n .*--hash=.*)+", re.MULTILINE)
CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})")
FOLDER = "Tests/images/"
FETCH_SECONDS = 600


class OutOfReachError(Exception):
    """They could not be fetched, for the reason that it tells."""


def read(names: Collection[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each of these pictures, or of all there are.

    Raises OutOfReachError, and LookupError where a name is not among them.
    """
    missing = set(names or ())
    with tarfile.open(source()) as archive:
        for member in archive:
            name = member.name.partition(FOLDER)[2]
            file = archive.extractfile(member) if name else None
            if file and (names is None or name in missing):
                missing.discard(name)
                yield name, file.read()
    if missing:
        raise LookupError(f"not among Pillow's pictures: {', '.join(sorted(missing))}")


@cache
def source() -> Path:
    """Return Pillow's source distribution, fetched where it is not there yet.

    Raises OutOfReachError.
    """
    folder = cache_folder()
    with locked(folder / "lock"):
        kept = folder / f"pillow-{pinned()[1]}.tar.gz"
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=folder) as to:
                fetch(Path(to)).replace(kept)
    if checksum(kept) not in CHECKSUM.findall(pinned()[0]):
        raise OutOfReachError(f"{kept} is not what requirements.txt says: delete it")
    return kept


def pinned() -> re.Match[str]:
    found = PINNED.search(REQUIREMENTS.read_text(encoding="utf-8"))
    assert found, "Pillow is not pinned"
    return found


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "pikzels-ui")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for other workers, so that one of them fetches and the rest find it there."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(to: Path) -> Path:
    """Have pip fetch the file, hold it against its checksums, and return it."""
    wanted = to / "requirements.txt"
    wanted.write_text(pinned()[0], encoding="utf-8")
    options = ["--no-deps", "--no-binary=pillow", "--require-hashes", "--retries=1"]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(to), "-r", str(wanted)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise OutOfReachError(f"pip took longer than {FETCH_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        raise OutOfReachError(error.stderr.strip().rpartition("\n")[2]) from error
    return next(to.glob("*.tar.gz"))


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
