"""Requests that no browser makes and that Django or a database would stumble over."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

# What forms may be written in; Python knows codecs that are no character sets at all.
CHARSETS = {"", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"}


def turned_away(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 400 to an unknown character set, and to NUL where PostgreSQL would refuse it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "").lower()
        # Our own pages know what to do with it in a search; the admin's do not.
        asked = request.META.get("QUERY_STRING", "") if request.path.startswith("/admin/") else ""
        has_nul = "%00" in asked or any("\0" in value for value in request.COOKIES.values())
        if charset not in CHARSETS or has_nul:
            return bad_request(request, ValueError("odd request"))
        return get_response(request)

    return middleware
