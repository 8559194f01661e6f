"""How often somebody may try: what is counted, and the page for whoever tried too often.

django-allauth counts its own pages, in the cache that all processes share, under a lock for each
counter; where the lock cannot be had it turns away. Ours are rows of `CallCount`, one UPDATE each.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import Rate, get_cache_key, get_rates
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .models import CallCount, Team, User

# Under what name django-allauth counts the forms that it answers 429 to.
COUNTED_AS = {
    "account_login": "login",
    "account_signup": "signup",
    "account_email": "manage_email",
    "account_change_password": "change_password",
    "account_set_password": "change_password",
    "account_reset_password": "reset_password",
    "account_reset_password_from_key": "reset_password_from_key",
    "account_reauthenticate": "reauthenticate",
    "mfa_reauthenticate": "reauthenticate",
    "mfa_reauthenticate_webauthn": "reauthenticate",
    "mfa_login_webauthn": "webauthn_login",
}
View = Callable[..., HttpResponseBase]


def network(request: HttpRequest) -> str:
    """Return the caller's address; of IPv6 the /64, all of which one customer has."""
    address = ipaddress.ip_address(get_adapter().get_client_ip(request))
    half = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network((str(address), half), strict=False))


def posts_by_network(what: str, *, most: int) -> Callable[[View], View]:
    """Let one network post to a page `most` times in a minute."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            counted = request.method == "POST"
            if counted and (wait := CallCount.wait(f"{what} {network(request)}", most=most)):
                return too_often(request, wait)
            return view(request, *args, **kwargs)

        return limited

    return decorate


class TooOften(Exception):
    """Somebody has had what an hour allows: `wait` seconds are left of it; `str()` says so."""

    def __init__(self, wait: int, message: str) -> None:
        super().__init__(message % {"wait": in_words(wait)})
        self.wait = wait


def count_sent(user: User, team: Team) -> None:
    """Count a style that is sent to be paid for. Raises TooOften, and then it must not be."""
    mine, ours = settings.STYLES_PER_HOUR, settings.TEAM_STYLES_PER_HOUR
    wait = _wait_for_hour(f"sends {user.pk}", mine) or _wait_for_hour(f"team {team.pk}", ours)
    if wait:
        text = _("Many styles were sent within an hour. Nothing is lost: wait %(wait)s, then send.")
        raise TooOften(wait, text)


def count_pictures(user: User, sizes: Collection[int]) -> None:
    """Count pictures that somebody brings, by their bytes, before any work is done for them.

    One that is fetched from a link has 0. Raises TooOften.
    """
    if not sizes:
        return
    most, kilobytes = settings.UPLOADS_PER_HOUR, settings.UPLOAD_MB_PER_HOUR * 1_000
    size = math.ceil(sum(sizes) / 1_000)
    wait = _wait_for_hour(f"pictures {user.pk}", most, len(sizes))
    if wait := wait or _wait_for_hour(f"kilobytes {user.pk}", kilobytes, size):
        text = _("Many pictures came within an hour. What was kept is safe: wait %(wait)s.")
        raise TooOften(wait, text)


def exports_by_person(view: View) -> View:
    """Let one person have so many files in an hour: each reads all that there is."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        most = settings.EXPORTS_PER_HOUR
        counted = request.method == "GET"
        if counted and (wait := _wait_for_hour(f"exports {request.user.pk}", most)):
            return too_often(request, wait)
        return view(request, *args, **kwargs)

    return limited


def told_too_often(view: View) -> View:
    """Answer a TooOften of the view with the page that says how long to wait."""

    @wraps(view)
    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except TooOften as problem:
            return too_often(request, problem.wait)

    return told


def _wait_for_hour(who: str, most: int, calls: int = 1) -> int:
    return CallCount.wait(who, most=most, within=CallCount.HOUR, calls=calls)


def too_often(request: HttpRequest, wait: int) -> HttpResponse:
    """Answer 429, and say for how many seconds to wait."""
    response = render(request, "429.html", {"wait": in_words(wait)}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


def in_words(seconds: int) -> str:
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return _("an hour")


def too_often_for_allauth(request: HttpRequest) -> HttpResponse:
    """The project's `handler429`, which django-allauth calls without saying for how long."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    action = COUNTED_AS.get(name or "", "")
    app = "allauth.mfa" if action == "webauthn_login" else "allauth.account"
    waits = [_wait(request, app, action, rate) for rate in get_rates(app=app, action=action)]
    return too_often(request, max(waits, default=0) or 60)


def _wait(request: HttpRequest, app: str, action: str, rate: Rate) -> int:
    """Return in how many seconds the oldest of the tries that fill this limit is forgotten."""
    email = request.POST.get("email", "").strip().lower()
    counter = get_cache_key(request, app=app, action=action, rate=rate, key=email)
    tries = cache.get(counter, [])
    if len(tries) < rate.amount:
        return 0
    return max(1, math.ceil(tries[-1] + rate.duration - time.time()))
