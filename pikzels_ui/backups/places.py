"""Where an installation keeps what a backup is of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# As they are under MEDIA_ROOT. What is being uploaded has no row yet.
PICTURES = ("references", "previews", "portraits")


class Problem(Exception):
    """Why there is no backup, or why it was not restored; in words, with what to do."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """An installation's folders. `sqlite` is its database's file, None with another database."""

    data: Path
    media: Path
    sqlite: Path | None

    @property
    def lock(self) -> Path:
        """The lock that `manage.py run` holds."""
        return self.data / "run.lock"

    @property
    def unfinished(self) -> Path:
        """A file that is there while a restore moves things."""
        return self.data / "restore-unfinished"

    def holdings(self) -> Iterator[Path]:
        """Yield what is there of all that a restore brings, but for the journals, which it adds to.

        The database comes first: without it nothing of the rest is taken for what it was.
        """
        if self.sqlite:
            for ending in ("", "-wal", "-shm"):
                file = self.sqlite.with_name(self.sqlite.name + ending)
                if file.exists():
                    yield file
        for name in PICTURES:
            if (self.media / name).exists():
                yield self.media / name
