"""Reports of our own faults, as the page that DEBUG shows and as mails to ADMINS: without secrets.

They show the variables of every function on the way, in whatever library that was.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from .redaction import redact


class Filter(SafeExceptionReporterFilter):
    def is_active(self, request: HttpRequest | None) -> bool:
        return True  # a developer's own key is a secret, too


class Reporter(ExceptionReporter):
    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        for frame in data.get("frames", []):
            # Before they are escaped for HTML, which would cut a key in two.
            shown = [(name, redact(str(value))) for name, value in frame.get("vars", [])]
            frame["vars"] = shown
        return data

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))
