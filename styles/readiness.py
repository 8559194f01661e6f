"""Whether the server is alive, and whether it can do its work: for whatever watches it.

A stranger reads one word. A superuser, and whoever has HEALTH_TOKEN, reads what was found.
"""

from __future__ import annotations

import re
import secrets
import threading
import time

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from . import doctor
from .doctor import Finding
from .doctor.visit import SEEN_BY_DOCTOR, is_doctor, seen

# An answer counts for so long: no stranger can make much work by asking.
COUNTS_SECONDS = 5.0
BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: this process answers. A database that is away is mended by no restart of ours."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    findings = readiness.findings()
    ready = doctor.is_well(findings)
    status = 200 if ready else 503
    if not _may_read(request):
        word = "ready\n" if ready else "not ready\n"
        return HttpResponse(word, content_type="text/plain", status=status)
    listed = [finding.as_dict() for finding in findings]
    found = {"ready": ready, "findings": listed, SEEN_BY_DOCTOR: seen(request)}
    return JsonResponse(found, status=status)


class Readiness:
    """What was found last, by this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._until, self._found = 0.0, list[Finding]()

    def findings(self) -> list[Finding]:
        # Locked: others who ask meanwhile wait for the same answer, instead of finding it, too.
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = doctor.run(doctor.READINESS)
                self._until = time.monotonic() + COUNTS_SECONDS
            return self._found


readiness = Readiness()


@sensitive_variables("sent", "token")
def _may_read(request: HttpRequest) -> bool:
    if sent := BEARER.fullmatch(request.headers.get("Authorization", "")):
        token = settings.HEALTH_TOKEN
        right = bool(token) and secrets.compare_digest(sent[1].encode(), token.encode())
        return right or is_doctor(sent[1])
    try:
        return bool(getattr(request.user, "is_superuser", False))
    except DatabaseError:
        return False  # nobody can be known just now
