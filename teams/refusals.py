"""The status of a form that django-allauth does not take: it shows its errors with 200."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

# What its errors about too many tries are called, and the longest that they count, in seconds.
TOO_OFTEN = {"too_many_login_attempts", "rate_limited"}
TOO_OFTEN_FOR = 300


class ToldByStatus:
    """Answer 422 to a form with errors under /accounts/, 429 to one that was tried too often."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_template_response(
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        if request.method == "POST" and request.path.startswith("/accounts/"):
            if codes := _errors_of(response.context_data or {}):
                response.status_code = 422
            if codes & TOO_OFTEN:
                response.status_code = 429
                response.headers["Retry-After"] = str(TOO_OFTEN_FOR)
        return response


def _errors_of(context: dict[str, Any]) -> set[str]:
    """Return the codes of the errors of a page's forms."""
    forms = [context.get("form"), context.get("webauthn_form")]
    return {
        error.code or ""
        for form in forms
        if isinstance(form, BaseForm)
        for errors in form.errors.as_data().values()
        for error in errors
    }
