"""Settings that cannot work, as system checks with the way to mend them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from .prices import Price

HEALTH_TOKEN_CHARACTERS = 20
# Wider than Amazon's: others let more pass.
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


def register_checks() -> None:
    register(readable)
    for check in (public_url, pikzels_url, encryption_keys, bind, api_key, style_price):
        register(check)
    register(health_token)
    register(bucket)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def readable(**_kwargs: Any) -> list[CheckMessage]:
    """What the settings could not make anything of, and took another value for."""
    return [
        Error(problem.says, hint=problem.do, id="pikzels_ui.E005")
        for problem in settings.SETTING_PROBLEMS
    ]


def public_url(**_kwargs: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"}:
        return []
    return [
        Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is not an address of a server.",
            hint="Write scheme and host, such as https://styles.example.com, and no path.",
            id="pikzels_ui.E001",
        )
    ]


def pikzels_url(**_kwargs: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.PIKZELS_BASE_URL)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if parts.hostname and (parts.scheme == "https" or plain):
        return []
    return [
        Error(
            "PIKZELS_BASE_URL would send the API key unencrypted over a network.",
            hint="Use https://. Plain http:// is for addresses of this machine only.",
            id="pikzels_ui.E002",
        )
    ]


def encryption_keys(**_kwargs: Any) -> list[CheckMessage]:
    if any(problem.name == "ENCRYPTION_KEYS" for problem in settings.SETTING_PROBLEMS):
        return []  # said already
    try:
        for key in settings.ENCRYPTION_KEYS:
            Fernet(key)
    except ValueError:
        return [
            Error(
                "ENCRYPTION_KEYS holds something that is not a key.",
                hint="Each is 32 random bytes as URL-safe base64; separate several by commas.",
                id="pikzels_ui.E003",
            )
        ]
    return []


def bind(**_kwargs: Any) -> list[CheckMessage]:
    public = urlsplit(settings.PUBLIC_URL).hostname or ""
    if is_loopback(settings.BIND) or not is_loopback(public):
        return []
    return [
        checks.Warning(
            f"BIND is {settings.BIND}, but PUBLIC_URL names this machine only.",
            hint="Set PUBLIC_URL to the address that people use, or they are turned away.",
            id="pikzels_ui.W001",
        )
    ]


def api_key(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.PIKZELS_API_KEY or settings.PIKZELS_API_KEY.startswith("pkz_"):
        return []
    return [
        Error(
            "PIKZELS_API_KEY does not look like a key of Pikzels.",
            hint="Keys start with pkz_. Copy it whole, without quotation marks.",
            id="pikzels_ui.E004",
        )
    ]


def style_price(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.STYLE_PRICE or Price.read(settings.STYLE_PRICE):
        return []
    return [
        checks.Warning(
            f"STYLE_PRICE is {settings.STYLE_PRICE!r}, of which no sums can be made.",
            hint="Write one amount with its currency, such as US$ 0.38.",
            id="pikzels_ui.W002",
        )
    ]


def health_token(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.HEALTH_TOKEN or len(settings.HEALTH_TOKEN) >= HEALTH_TOKEN_CHARACTERS:
        return []
    return [
        checks.Warning(
            "HEALTH_TOKEN is short enough to be guessed.",
            hint=f"Use {HEALTH_TOKEN_CHARACTERS} random letters and digits or more.",
            id="pikzels_ui.W003",
        )
    ]


def bucket(**_kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.S3_BUCKET and not BUCKET_NAME.fullmatch(settings.S3_BUCKET):
        found.append(
            Error(
                f"S3_BUCKET is {settings.S3_BUCKET!r}, which no bucket is called.",
                hint="Write its name alone, such as pictures: no address, and no folder in it.",
                id="pikzels_ui.E006",
            )
        )
    parts = urlsplit(settings.S3_ENDPOINT)
    if settings.S3_ENDPOINT and (parts.scheme not in {"http", "https"} or not parts.hostname):
        found.append(
            Error(
                f"S3_ENDPOINT is {settings.S3_ENDPOINT!r}, which is not an address of a server.",
                hint="Write scheme and host, such as https://s3.example.com.",
                id="pikzels_ui.E007",
            )
        )
    return found
