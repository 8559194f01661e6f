"""Where tests keep their files: in memory, where the machine has room for them there.

Nothing of a test has to outlive a power cut, and on a disk they spend half of their time waiting
for `fsync`. `make torture` and `make bench` use the disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev", "shm")
ROOM = 2 << 30


def keep_files_in_memory() -> None:
    """Make it the folder for temporary files, of this process and those that it starts."""
    if "TMPDIR" not in os.environ and has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM
