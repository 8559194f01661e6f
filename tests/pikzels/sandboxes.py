"""Sandboxes that run in a thread, and a plain client to try them with."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from styles.pikzels import rules
from styles.pikzels.sandbox import Sandbox
from tests.pictures import photo

ALICES_KEY = "pkz_alice_a1b2"
CHARLIES_KEY = "pkz_charlie_c3d4"


@contextmanager
def running(directory: Path, **options: Any) -> Iterator[Sandbox]:
    """Run a sandbox on a free port; trainings are over at once unless told otherwise."""
    with Sandbox(directory, **{"train_seconds": 0, "slow_seconds": 0, **options}) as sandbox:
        thread = threading.Thread(target=sandbox.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield sandbox
        finally:
            sandbox.shutdown()
            thread.join()


@dataclass(frozen=True)
class Seen:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]

    @property
    def fields(self) -> list[str]:
        return [detail.get("field", "") for detail in self.json["error"]["details"]]


def data_url(image: bytes, kind: str = "image/png") -> str:
    """Return an image as the API takes it."""
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


def picture(seed: int = 0) -> str:
    """Return a small picture as a data URL."""
    return data_url(photo(64, 36, format="PNG", seed=seed))


def creation(name: str = "Mars diary", **changes: Any) -> dict[str, Any]:
    """Return the body of a create; a change to None takes the field away."""
    body = {"name": name, "image_base64s": [picture(1), picture(2), picture(3)], **changes}
    return {field: value for field, value in body.items() if value is not None}


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    payload: Any = None,
    *,
    key: str | None = ALICES_KEY,
    seconds: float = 30,
    **headers: str,
) -> Seen:
    """Send one request on a connection of its own; `payload` goes as JSON unless it is bytes."""
    body = payload if isinstance(payload, bytes | None) else json.dumps(payload).encode()
    sent = {"Content-Type": "application/json"} if body is not None else {}
    sent |= {rules.KEY_HEADER: key} if key is not None else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    address = urlsplit(sandbox.url).netloc
    with closing(http.client.HTTPConnection(address, timeout=seconds)) as connection:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Seen(response.status, dict(response.headers), response.read())


def create(sandbox: Sandbox, name: str = "Mars diary", **options: Any) -> Seen:
    """Ask for a style with that name and three good images."""
    return ask(sandbox, "POST", rules.CREATE_PATH, creation(name), **options)


def look(sandbox: Sandbox, style_id: str, **options: Any) -> Seen:
    """Ask how a style is doing."""
    return ask(sandbox, "GET", rules.STYLE_PATH.format(id=style_id), **options)


def ledger(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the sandbox says it was asked and made."""
    return ask(sandbox, "GET", "/_sandbox/ledger", key=None).json
