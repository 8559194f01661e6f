"""A new encryption key: first into the file, in front of the old ones, then onto every secret.

The file is replaced whole and comes first, so that whatever ends the process, and whenever, each
secret can be read with the keys that the file holds. Running processes read it anew.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model

from .encryption import CannotDecrypt, encrypt_anew, fingerprint
from .models import PikzelsKey

# How long a page may take that has encrypted something with the key that was the first before.
SETTLED_SECONDS = 600
# How Fernet's tokens begin: a version, and the first bytes of a time.
TOKEN_START = "gAAAAA"  # noqa: S105
# What is encrypted: of a second factor, some of the texts in its data.
HOLDERS: tuple[tuple[type[Model], str], ...] = ((PikzelsKey, "secret"), (Authenticator, "data"))


class NotYet(Exception):
    """The old keys may still be needed; the message says what for."""


class Found(NamedTuple):
    """How many secrets are not encrypted with the first key, and how many no key can read."""

    older: int
    unreadable: int


def file_of_ours() -> Path | None:
    """Return the file of the keys that were made here; None where somebody else keeps them."""
    kept = Path(settings.DATA_DIR) / "keys" / "encryption_keys"
    return kept if settings.ENCRYPTION_KEYS_IN in {kept, str(kept)} else None


def keys_in(path: Path) -> list[str]:
    """Return the keys, newest first. Raises OSError."""
    return path.read_text().strip().split(",")


def put_a_new_key_in_front(path: Path) -> None:
    """Raises OSError, before anything has changed."""
    _write(path, [Fernet.generate_key().decode(), *keys_in(path)])


def drop_old_keys(path: Path) -> int:
    """Keep the newest key alone; return how many secrets no key could read before.

    Only if every other one is encrypted with it, and was so for a while. Raises NotYet, OSError.
    """
    keys = keys_in(path)
    if time.time() - path.stat().st_mtime < SETTLED_SECONDS:
        raise NotYet("The newest key is not ten minutes old: a page may be saving with another.")
    found = encrypt_all_anew()
    if found.older:
        os.utime(path)
        raise NotYet(f"{found.older} secrets had still been encrypted with an older key.")
    # With the newest as well as with the oldest, so that a key is known at any moment of this.
    fingerprint_anew(by=keys[0])
    _write(path, keys[:1])
    return found.unreadable


def _write(path: Path, keys: list[str]) -> None:
    """Replace the file whole and durably; it stays its owner's, and as readable as it was."""
    draft = path.with_name(f"{path.name}.next")
    draft.unlink(missing_ok=True)
    as_it_was = path.stat()
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        os.fchown(file.fileno(), as_it_was.st_uid, as_it_was.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(as_it_was.st_mode))
        file.write(",".join(keys))
        file.flush()
        # Before anything is encrypted with it, which would be lost with it.
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# What is encrypted


def encrypt_all_anew(*, only_count: bool = False) -> Found:
    """Encrypt with the first key what is encrypted with another. It may end at any moment."""
    older = unreadable = 0
    for model, field in HOLDERS:
        for pk in list(model._default_manager.order_by("pk").values_list("pk", flat=True)):
            try:
                older += _renew(model, field, pk, only_count)
            except CannotDecrypt:
                unreadable += 1
    return Found(older, unreadable)


@transaction.atomic
def _renew(model: type[Model], field: str, pk: int, only_count: bool) -> bool:
    """Return whether a row had an older key. Locked: a recovery code may be used up meanwhile."""
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    before = getattr(row, field, None)
    after = _anew(before)
    if row is None or after == before:
        return False
    if not only_count:
        setattr(row, field, after)
        row.save(update_fields=[field])
    return True


def _anew(value: Any) -> Any:
    """Return what a row keeps, with everything encrypted in it encrypted anew."""
    if isinstance(value, dict):
        return {name: _anew(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_anew(each) for each in value]
    if isinstance(value, str) and value.startswith(TOKEN_START):
        return encrypt_anew(value.encode()).decode()
    if isinstance(value, bytes | memoryview):
        return encrypt_anew(bytes(value))
    return value


def fingerprint_anew(by: str = "") -> None:
    """Tell keys apart by the encryption key that is the oldest now, or `by` another."""
    for key in PikzelsKey.objects.all():
        try:
            mark = fingerprint(key.open(), key.base_url, by)
            if mark != key.fingerprint:
                with transaction.atomic():
                    PikzelsKey.objects.filter(pk=key.pk).update(fingerprint=mark)
        except CannotDecrypt:
            continue
        except IntegrityError:
            continue  # the team has it a second time, under a mark that was not known as this one
