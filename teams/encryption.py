"""Secrets at rest: encrypted with keys of their own, which a backup keeps apart.

The keys are read anew each time from the file that they are kept in, where there is one: a
rotation in another process reaches those that are running, without a restart.
"""

import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(Exception):
    """None of ENCRYPTION_KEYS made this secret."""


def encrypt(text: str) -> bytes:
    """Return `text` encrypted with the first of ENCRYPTION_KEYS."""
    return _fernet().encrypt(text.encode())


def decrypt(secret: bytes) -> str:
    """Return what `encrypt` was given. Raises CannotDecrypt where the key for it is missing."""
    try:
        return _fernet().decrypt(secret).decode()
    except InvalidToken as error:
        raise CannotDecrypt from error


def encrypt_anew(secret: bytes) -> bytes:
    """Return what `encrypt` would make of it now; the same bytes where that is what it is.

    Raises CannotDecrypt.
    """
    try:
        Fernet(known_keys()[0]).decrypt(secret)
    except InvalidToken:
        return encrypt(decrypt(secret))
    return secret


def fingerprint(api_key: str, base_url: str, by: str = "") -> str:
    """Return 64 hex digits that tell one key from another without telling the key.

    Keyed, since API keys may be short enough to be guessed from a bare hash. By the last of
    ENCRYPTION_KEYS, the oldest, so that adding a new one in front does not change fingerprints.
    """
    pepper = (by or known_keys()[-1]).encode()
    return hmac.new(pepper, f"{base_url}\n{api_key}".encode(), hashlib.sha256).hexdigest()


def fingerprints(api_key: str, base_url: str) -> list[str]:
    """Return those that a key's row may have: the oldest key may have been another one then."""
    return [fingerprint(api_key, base_url, by) for by in known_keys()]


def known_keys() -> list[str]:
    """Return ENCRYPTION_KEYS as they are now: the first encrypts, all of them decrypt."""
    path = settings.ENCRYPTION_KEYS_IN
    try:
        kept = Path(path).read_text().strip() if path else ""
    except OSError:
        kept = ""  # those that were read at the start may still do
    return kept.split(",") if kept else settings.ENCRYPTION_KEYS


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in known_keys()])
