"""What the sandbox answers, in the contract's shapes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import FACTS, Code
from .triggers import CODES, NOT_ACCEPTED_DETAILS, Ending, Failure, retry_after

Headers = tuple[tuple[str, str], ...]
UNKNOWN_CODE_MESSAGE = "This code is newer than the contract."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, and how it ends. A status of 0 is no answer at all."""

    status: int
    body: bytes = b""
    code: str = ""
    content_type: str = "application/json"
    headers: Headers = ()
    ending: Ending = Ending.WHOLE


class ApiError(Exception):
    """A request that is answered with one of the 31 codes.

    `details` are the contract's {field?, message}, which only VALIDATION_ERROR has.
    """

    def __init__(self, code: Code, details: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    def answer(self, request_id: str) -> Answer:
        """Return the envelope with its status."""
        body = _envelope(self.code, CODES[self.code][1], request_id, self.details)
        return Answer(status=FACTS[self.code].status, code=self.code, body=body)


def success(payload: Mapping[str, Any], request_id: str) -> Answer:
    """Return a 200 with `payload` and the request ID in its body."""
    return Answer(status=200, body=_json({**payload, "request_id": request_id}))


def failing(failure: Failure, request_id: str, style_id: str, now: float) -> Answer:
    """Return the answer that a failure stands for; `now` is in seconds since 1970."""
    headers = failure.headers
    if failure.retry_after:
        headers = (*headers, ("Retry-After", retry_after(failure.retry_after, now)))
    return Answer(
        status=failure.status,
        code=failure.code,
        body=_failing_body(failure, request_id, style_id),
        content_type=failure.content_type,
        headers=headers,
        ending=failure.ending,
    )


def _failing_body(failure: Failure, request_id: str, style_id: str) -> bytes:
    if failure.ending is Ending.CUT:
        return _json({"id": style_id, "request_id": request_id})
    if not failure.code:
        return failure.body.encode()
    known = failure.code in CODES
    message = CODES[Code(failure.code)][1] if known else UNKNOWN_CODE_MESSAGE
    details = NOT_ACCEPTED_DETAILS if failure.code == Code.VALIDATION_ERROR else ()
    return _envelope(failure.code, message, request_id, details)


def _envelope(
    code: str, message: str, request_id: str, details: Sequence[Mapping[str, str]]
) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = list(details)
    return _json({"error": error, "request_id": request_id})


def _json(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload).encode()
