"""What a backup holds, in a file of its own that is written last: without it, it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from . import durable
from .places import PICTURES, Problem

NAME = "manifest.json"
FORMAT = 1
# The database, by its engine.
DATABASES = {"sqlite": "db.sqlite3", "postgresql": "db.dump"}
MOST_BYTES = 500_000_000


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`files` has each file's SHA-256 by its name in the backup; `missing` those not to be had.

    `migrations` are the database's, such as "styles.0001_initial"; `keys` tell which encryption
    keys it needs without telling them.
    """

    made_at: str
    database: str
    bytes: int
    migrations: list[str]
    counts: Mapping[str, int]
    keys: list[str]
    files: Mapping[str, str]
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=1, sort_keys=True)
        durable.write(folder / NAME, text.encode())

    @property
    def database_file(self) -> str:
        return DATABASES[self.database]


def read(content: bytes) -> Manifest:
    """Return the manifest. Raises Problem where it cannot be one that we wrote."""
    try:
        known = json.loads(content)
        if known["format"] != FORMAT:
            raise Problem(
                "This backup was made by a newer Pikzels UI. Upgrade this one first, then restore."
            )
        manifest = Manifest(**known)
        _check(manifest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Problem("The manifest of this backup is damaged. Use another backup.") from error
    return manifest


def _check(manifest: Manifest) -> None:
    """Raises ValueError, TypeError and the like where something is not of its kind."""
    if manifest.database not in DATABASES or manifest.database_file not in manifest.files:
        raise ValueError("no database")
    for name, checksum in manifest.files.items():
        if not is_ours(name) or len(checksum) != 64:
            raise ValueError(name)
    for texts in (manifest.migrations, manifest.keys, manifest.missing, [manifest.made_at]):
        "".join(texts)
    sum(manifest.counts.values(), int(manifest.bytes))


def is_ours(name: str) -> bool:
    """Whether a name is one that a backup has, and leads nowhere else."""
    parts = PurePosixPath(name).parts
    if name != "/".join(parts) or ".." in parts or "\0" in name:
        return False
    if name in DATABASES.values():
        return True
    return (len(parts) > 2 and parts[0] == "media" and parts[1] in PICTURES) or (
        len(parts) == 2 and parts[0] == "journal" and name.endswith(".jsonl")
    )


def whole_backups(folder: Path) -> Iterator[Path]:
    """Yield the folders of whole backups in `folder`, the newest first."""
    for path in sorted(folder.glob("backup-*"), reverse=True):
        if (path / NAME).is_file():
            yield path
