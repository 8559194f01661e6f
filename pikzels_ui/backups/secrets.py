"""The keys that a backup needs and must not hold: in a file of their own, for another place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from . import durable
from .places import Problem

NAMES = {"SECRET_KEY": "secret_key", "ENCRYPTION_KEYS": "encryption_keys"}


def write(path: Path, values: dict[str, str]) -> None:
    """Write them to a file that only its owner can read. Raises OSError."""
    durable.make_folder(path.parent)
    durable.write(path, json.dumps(values, indent=1).encode())


def read(path: Path) -> dict[str, str]:
    """Return what `write` wrote. Raises Problem."""
    try:
        known = json.loads(path.read_text())
        return {name: str(known[name]) for name in NAMES}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Problem(f"{path} is not a file of keys that backup --keys has written.") from error


def traces(encryption_keys: Sequence[str]) -> list[str]:
    """Return what tells which keys these are, and not what they are: each has 256 random bits."""
    return [hashlib.sha256(f"backup {key}".encode()).hexdigest()[:16] for key in encryption_keys]
