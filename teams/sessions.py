"""Where somebody is signed in: each browser with when it was last seen, and a way to end it.

django-allauth has a row for each session that began on its own sign-in page; here one begins with
an invitation, too. A new password ends all others at once, being switched off ends all. Each ends a
while after it began, and earlier where nobody uses it. Who leaves their last team stays signed in,
and sees that they are on none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.usersessions.internal.flows.sessions import end_other_sessions, end_sessions
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from styles.access import MemberRequest

from .browsers import named
from .models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# Seconds after which it is written once more that a session is in use, by each process.
SEEN_EVERY = 60
MOST_REMEMBERED = 10_000


def sign_in(request: HttpRequest, user: User) -> None:
    """Begin a session in which somebody may do everything that they may."""
    login(request, user, backend=BACKEND)
    UserSession.objects.create_from_request(request)


def noted(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Note when each session was last seen, and from where; a write for every page is too many.

    One that was not seen for too long is ended instead.
    """
    seen: dict[str, float] = {}

    def middleware(request: HttpRequest) -> HttpResponseBase:
        key, now = request.session.session_key, time.monotonic()
        if key and now - seen.get(key, -SEEN_EVERY) >= SEEN_EVERY and request.user.is_authenticated:
            if len(seen) >= MOST_REMEMBERED:
                seen.clear()
            seen[key] = now
            _note(request, key)
        return get_response(request)

    return middleware


def _note(request: HttpRequest, key: str) -> None:
    now = timezone.now()
    idle = Q(last_seen_at__lt=now - timedelta(days=settings.SESSION_IDLE_DAYS))
    # Django's own date moves on with everything that is kept in the session.
    old = Q(created_at__lt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE))
    if UserSession.objects.filter(idle | old, session_key=key).exists():
        logout(request)
    else:
        UserSession.objects.create_from_request(request)


@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        end_other_sessions(request, request.user)
        messages.success(request, _("You are signed out everywhere else."))
        return redirect("usersessions_list")
    mine = UserSession.objects.purge_and_list(request.user)
    mine.sort(key=lambda each: (each.is_current(), each.last_seen_at), reverse=True)
    context = {"sessions": [_row(each) for each in mine], "others": len(mine) > 1}
    return render(request, "teams/sessions.html", context)


def _row(session: UserSession) -> dict[str, Any]:
    return {
        "id": session.pk,
        "browser": named(session.user_agent),
        "address": session.ip,
        "began": session.created_at,
        "seen": session.last_seen_at,
        "is_this_one": session.is_current(),
    }


@require_POST
def end(request: MemberRequest, session_id: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    is_this_one = session.is_current()
    end_sessions(request, [session])
    if not is_this_one:
        messages.success(request, _("The session is ended: that browser has to sign in again."))
    return redirect("usersessions_list")
