"""Pikzels keys at rest: encrypted with keys of their own, which a backup keeps apart."""

import hashlib
import hmac

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


def fingerprint(api_key: str, base_url: str) -> str:
    """Return 64 hex digits that tell one key from another without telling the key.

    Keyed, since API keys may be short enough to be guessed from a bare hash. By the last of
    ENCRYPTION_KEYS, the oldest, so that adding a new one in front does not change fingerprints.
    """
    pepper = settings.ENCRYPTION_KEYS[-1].encode()
    return hmac.new(pepper, f"{base_url}\n{api_key}".encode(), hashlib.sha256).hexdigest()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
