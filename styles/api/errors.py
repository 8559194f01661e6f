"""Whatever goes wrong under /api/ is answered in one shape: {"error": {"code", "message"}}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext_lazy as _

GetResponse = Callable[[HttpRequest], HttpResponseBase]

PREFIX = "/api/"
WORDS = {
    400: ("bad_request", _("This server cannot read the request.")),
    401: ("unauthorized", _("Send a token that is in use: Authorization: Bearer pzu_…")),
    403: ("forbidden", _("This is not allowed.")),
    404: ("not_found", _("There is nothing here that this token may see.")),
    405: ("method_not_allowed", _("This API is for reading: use GET or HEAD.")),
    422: ("wrong_parameter", _("A parameter is wrong.")),
    429: ("too_many_requests", _("Wait for as many seconds as Retry-After says.")),
    500: ("server_error", _("Something broke here. The fault is ours; try again later.")),
}
# Of an answer in another shape, what is about its body.
OF_THE_BODY = {"content-type", "content-length", "content-language"}


class Refused(Exception):
    """A call that is not answered: with which status and headers, and why in words."""

    def __init__(
        self, status: int, message: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = headers


def error_response(
    status: int, message: str = "", headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """Return an error in the API's shape; without a message, with the status' own words."""
    code, words = WORDS.get(status) or (f"http_{status}", HTTPStatus(status).phrase)
    error = {"code": code, "message": str(message or words)}
    return JsonResponse({"error": error}, status=status, headers=headers)


def in_one_shape(get_response: GetResponse) -> GetResponse:
    """Answer in the API's shape also where Django or another middleware turned the call away."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_api = request.path_info.startswith(PREFIX)
        if not is_api or response.status_code < 400 or isinstance(response, JsonResponse):
            return response
        headers = response.headers.items()
        kept = {name: value for name, value in headers if name.lower() not in OF_THE_BODY}
        return error_response(response.status_code, headers=kept)

    return middleware
