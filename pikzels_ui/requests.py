"""Each request has an ID, and a line in the log: what was asked for, by whom, what came of it.

The line says the route and never the address, which may hold a link that lets somebody in.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from .logs import during

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{8,100}")
# Asked for every few seconds, or many at once, and of no interest while all is well.
QUIET = ("/healthz", "/readyz", "/static/")
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def known_by_id(get_response: GetResponse) -> GetResponse:
    """Give each request its ID, tell the answer's reader of it, and log what came of it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        request.id = id_of(request)  # type: ignore[attr-defined]
        with during(request):
            response = get_response(request)
            response.headers[HEADER] = request.id  # type: ignore[attr-defined]
            _log(request, response.status_code, time.monotonic() - started)
        return response

    return middleware


def id_of(request: HttpRequest) -> str:
    """Return the ID that a proxy of ours gave the request, or a new one."""
    given = request.headers.get(HEADER, "")
    if settings.ALLAUTH_TRUSTED_PROXY_COUNT and SANE.fullmatch(given):
        return given
    return uuid.uuid4().hex


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    match = request.resolver_match
    facts = {
        "method": request.method,
        "route": f"/{match.route}" if match else "",
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
    }
    quiet = status < 400 and request.path_info.startswith(QUIET)
    log.log(
        logging.DEBUG if quiet else logging.INFO,
        "%s %s %s",
        request.method,
        facts["route"] or "(no such page)",
        status,
        extra={"facts": facts},
    )
