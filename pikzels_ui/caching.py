"""Pages are for the person who asked for them, and for as long as that person is signed in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def private_by_default(get_response: GetResponse) -> GetResponse:
    """Have caches ask again each time, where the view says nothing about them.

    Not `no-store`, with which browsers forget on the way back what was typed into a form.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return middleware
