"""One helper for mocked answers: `responses` never reads a streamed body, so this does."""

import json
from collections.abc import Callable
from typing import Any

import requests

Answer = tuple[int, dict[str, str], bytes]


def draining(
    answer: object = b"", *, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[requests.PreparedRequest], Answer]:
    """Return a callback for `responses` that takes the whole body in, and then answers.

    Without it a create would never come to its last byte. What was sent is kept on the callback,
    as `sent`. An answer that is not bytes goes out as JSON.
    """
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def take(request: Any) -> Answer:
        take.sent = b"".join(request.body or ())
        return status, headers or {}, body

    return take
