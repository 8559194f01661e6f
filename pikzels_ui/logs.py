"""What is logged: as lines for a terminal, or as one JSON object a line for programs that read it.

A line says what it is about: the request, the person by number, the team, the style, the attempt
and Pikzels' request ID, as far as these are known at that moment. No name, no address, no secret.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from .redaction import RedactingFormatter, redact

FORMATS = ("plain", "json")
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Each thread has its own. None is nothing yet: a default that can be changed would be everybody's.
_about: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Have every line that is logged inside say these, too."""
    token = _about.set({**(_about.get() or {}), **facts})
    try:
        yield
    finally:
        _about.reset(token)


def note(**facts: Any) -> None:
    """Have the lines that follow say these, until the `about` around it ends; "" is nothing."""
    known = _about.get()
    if known is not None:
        _about.set({**known, **{name: value for name, value in facts.items() if value != ""}})


@contextmanager
def during(request: HttpRequest) -> Iterator[None]:
    """Have every line that is logged inside say whose request it is, once that is known."""
    token = _request.set(request)
    try:
        with about():
            yield
    finally:
        _request.reset(token)


def known(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a line is about that is being logged."""
    # Django says which request it was that it turned away after everything else had its turn.
    request = _request.get() or getattr(record, "request", None)
    of_request = _of_request(request) if isinstance(request, HttpRequest) else {}
    return of_request | (_about.get() or {})


def _of_request(request: HttpRequest) -> dict[str, Any]:
    """Only what is there already: a line of the log must not ask the database for its person."""
    match, membership = request.resolver_match, getattr(request, "membership", None)
    # A bot is known by its token instead of a session.
    people = [getattr(request, name, None) for name in ("_cached_user", "auth")]
    facts = {
        "request_id": getattr(request, "id", None),
        "user": next(filter(None, (getattr(each, "pk", None) for each in people)), None),
        "team": membership.team_id if membership else None,
        "style": match.kwargs.get("style_id") if match else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


class JsonFormatter(RedactingFormatter):
    """One object a line. Each text is redacted before it is put into JSON, which escapes signs."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **known(record),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: _plain(value) for name, value in line.items()}, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else redact(str(value))


def as_json_line(text: str, logger: str) -> str:
    """Return a line that a program printed as one that was logged; what is JSON already as it is.

    Not redacted: it holds the link to the first account, which a person has to read somewhere.
    """
    if text.startswith("{") and text.endswith("}"):
        return text
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": "INFO", "logger": logger, "message": text}
    return json.dumps(line, ensure_ascii=False)


def formatter_of(form: str) -> RedactingFormatter:
    return JsonFormatter() if form == "json" else RedactingFormatter(PLAIN)


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Return LOGGING. In a terminal nobody wants to read a line for every request."""
    formatters = {
        "plain": {
            "()": "pikzels_ui.redaction.RedactingFormatter",
            "format": PLAIN,
        },
        "json": {"()": "pikzels_ui.logs.JsonFormatter"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["terminal"], "level": level},
        "loggers": {
            "django": {"handlers": ["terminal"], "level": "INFO", "propagate": False},
            "pikzels_ui.requests": {"level": "NOTSET" if form == "json" else "WARNING"},
        },
    }
