"""How many requests are worked on at once; one that is still coming in is not among them.

An upload over a slow line holds a thread for as long as that line needs, and one that has stalled
for a minute. Threads are many for that (`gunicorn.conf.py`); what each needs to be answered,
processor and database, is there for so many at once, in each process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError

AT_ONCE = 16
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def in_turns(get_response: GetResponse) -> GetResponse:
    """Take a form in as a whole, before anything asks the database, and then wait for a turn."""
    turns = threading.BoundedSemaphore(AT_ONCE)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Without the cookie it is turned away in any case, and nothing of it need be read.
        if request.method == "POST" and settings.CSRF_COOKIE_NAME in request.COOKIES:
            _take_in(request)
        with turns:
            return get_response(request)

    return middleware


def _take_in(request: HttpRequest) -> None:
    # Who broke off is told so later, as one whose form had nothing in it.
    with suppress(UnreadablePostError):
        request.POST  # noqa: B018
