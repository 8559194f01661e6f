"""Secrets from the environment, from a file that it names, or made once and kept under DATA_DIR."""

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex


def read_secret(name: str) -> str:
    """Return the value of the variable `name`, or of the file that `name`_FILE names, or "".

    Raises OSError where the file cannot be read.
    """
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, "").strip()


def kept_secret(name: str, *, made_by: Callable[[], str], kept_in: Path) -> str:
    """Return `read_secret(name)`, or else what the file `kept_in` holds.

    That is made on first use, readable by its owner alone; of two processes that start at the same
    time one makes it and both read it. Raises OSError where it can be neither read nor made.
    """
    if value := read_secret(name):
        return value
    if not kept_in.exists():
        _make(kept_in, made_by())
    return kept_in.read_text().strip()


def secret_file(name: str, kept_in: Path) -> Path | None:
    """Return the file from which `kept_secret` has its value, or None where that is a variable."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path)
    return None if read_secret(name) else kept_in


def _make(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Not by the process ID: in two containers with one data folder both may have the same.
    draft = path.with_name(f"{path.name}.{token_hex(8)}")
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        file.write(value)
        file.flush()
        # Before anything is encrypted with it, which would be lost with it.
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, does not replace what another process made a moment ago.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
