"""The doctor visits the server as people do, through the proxy, with a pass that lasts a minute."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest

SALT = "styles.doctor"
WHO = "doctor"
LASTS_SECONDS = 60
SEEN_BY_DOCTOR = "request"


def pass_for_doctor() -> str:
    """Return a token that only this installation can make, for it is signed with SECRET_KEY."""
    return signing.TimestampSigner(salt=SALT).sign(WHO)


def is_doctor(token: str) -> bool:
    try:
        return signing.TimestampSigner(salt=SALT).unsign(token, max_age=LASTS_SECONDS) == WHO
    except signing.BadSignature:
        return False


def seen(request: HttpRequest) -> dict[str, Any]:
    """Return how a request arrived. The doctor sends no X-Forwarded-For: all in it are proxies."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return {
        "scheme": request.scheme,
        "host": request.get_host(),
        "proxies": len([each for each in forwarded.split(",") if each.strip()]),
    }
