"""The client: create a style at most once; ask how it is doing, instruct and delete it for free.

Nothing here resends anything. What a create came to is decided by two facts, whether its last byte
was released and what answer came back, and never by the type of an exception.
"""

import io
import ipaddress
import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from . import rules
from .body import Picture, StyleBody
from .errors import Silence, Verdict
from .outcome import (
    MESSAGE_CHARACTERS,
    Outcome,
    Reply,
    classify,
    plain_text,
    read_reply,
    reason_of,
)
from .wire import Arriving, Line, WireError, unzipped

__all__ = ["Change", "DownloadFailed", "Limits", "Look", "Picture", "Pikzels", "Training"]

ANSWER_MAX_BYTES = 64 * 1024
# Blanking out a shorter key would garble answers, and so short a key is no secret.
SECRET_MIN_CHARACTERS = 8
ERROR_CHARACTERS = 500
WORD_CHARACTERS = 100
URL_CHARACTERS = 2_000


class DownloadFailed(requests.RequestException):
    """A picture did not arrive whole; what was written of it is to be thrown away."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Time limits in seconds."""

    connect: float = 10  # for connecting, and for each write that stalls
    answer: float = 180  # for the answer after the last byte, and each pause in it
    total: float = 300  # for the whole call


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the API says of a style. `status` is "processing", "completed", "failed" or new.

    `special_instructions` is "" where the style has none, and None where the answer does not say.
    """

    style_id: str
    name: str
    mode: str
    status: str
    progress: int | None
    portrait_url: str
    special_instructions: str | None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one free call came to: `training` where the style was found, else `reason`.

    `reason` is the API's code or a `Silence`; `reply` is None when no answer came.
    """

    training: Training | None = None
    reply: Reply | None = None
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What changing or deleting a style came to: `done`, certainly not done, or neither is sure.

    `reason` is "" where it was done, else the API's code or a `Silence`; `reply` is None when no
    answer came. Where `is_sure` is False, a look at the style tells.
    """

    done: bool = False
    is_sure: bool = True
    reply: Reply | None = None
    reason: str = ""
    error: str = ""


class Pikzels:
    """The API, reached with one key. Its methods may be called from any thread.

    Raises ValueError for a key that no header can hold, and for a base URL that is not https (or
    plain http to this machine itself).
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = rules.BASE_URL,
        limits: Limits = Limits(),
        verify: bool | str = True,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise ValueError("The API key is empty or has characters that a header cannot hold")
        self._api_key = api_key
        self._base_url = _checked_base_url(base_url)
        self._limits = limits
        self._verify = verify

    def __repr__(self) -> str:
        return f"Pikzels(base_url={self._base_url!r})"

    def create(
        self,
        *,
        name: str,
        pictures: Sequence[Picture] = (),
        image_urls: Sequence[str] = (),
        before_last_byte: Callable[[], bool],
        stop: threading.Event | None = None,
    ) -> Outcome:
        """Create a style, which is paid for, from three pictures or three https URLs.

        `before_last_byte` is called once everything but the final byte has left. True releases
        that byte, and from then on the style may have been made; False abandons the call, as does
        setting `stop` before. What it raises comes out of here, with the call abandoned.

        Raises ValueError for other counts of images. Nothing that the network, the server or the
        file system does raises: it becomes the outcome.
        """
        body = StyleBody(
            name=name,
            pictures=pictures,
            image_urls=image_urls,
            before_last_byte=before_last_byte,
            stop=stop,
        )
        reply, error, _ = self._call("POST", rules.CREATE_PATH, body)
        if body.callback_error is not None:
            raise body.callback_error
        return _outcome(body, reply, error)

    def get(self, style_id: str) -> Look:
        """Ask how a style is doing; free, and safe to repeat.

        Raises ValueError for an ID that would address something else: empty, "." or "..".
        """
        reply, error, sent = self._call("GET", _path_of(style_id))
        if reply is None:
            silence = Silence.NO_ANSWER if sent else Silence.COULD_NOT_CONNECT
            return Look(reason=silence, error=error)
        training = _training(style_id, reply)
        reason = "" if training else reason_of(reply) or Silence.NO_ID
        return Look(training=training, reply=reply, reason=reason, error=error)

    def update(self, *, style_id: str, special_instructions: str | None) -> Change:
        """Set a style's special instructions, or clear them with None; free, and safe to repeat.

        Raises ValueError as `get` does.
        """
        body = json.dumps({"special_instructions": special_instructions}).encode()
        return _change(*self._call("PATCH", _path_of(style_id), body))

    def delete(self, *, style_id: str) -> Change:
        """Delete a style; free, and safe to repeat: one that is gone is NOT_FOUND.

        Raises ValueError as `get` does.
        """
        return _change(*self._call("DELETE", _path_of(style_id)))

    def test_key(self) -> Look:
        """Ask for a style that nobody has: the reason NOT_FOUND means that the key works."""
        return self.get(rules.NOBODYS_ID)

    @property
    def is_on_this_machine(self) -> bool:
        return _is_local(self._base_url)

    def download(self, url: str, *, to: BinaryIO, max_bytes: int) -> str:
        """Fetch a picture of an API on this machine into `to`, without the key; return its type.

        From the API itself and from nowhere else: an answer could name any address, and whoever
        fetches from those has to look at where they lead. Raises DownloadFailed, after which `to`
        may hold a part of anything.
        """
        if not self.is_on_this_machine or not _has_same_origin(url, self._base_url):
            raise DownloadFailed("A picture is fetched from the API on this machine only")
        arriving = Arriving(sink=to, at_most=max_bytes)
        with Line(self._limits.total) as line:
            try:
                self._exchange(line, arriving, method="GET", url=url)
            except WireError as error:
                raise DownloadFailed(str(error)) from error
        if arriving.status != 200:
            raise DownloadFailed(f"The picture's server answered {arriving.status}")
        return arriving.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def _call(
        self, method: str, path: str, body: StyleBody | bytes | None = None
    ) -> tuple[Reply | None, str, bool]:
        """Call the API; return its answer, what went wrong, and whether anything was sent."""
        headers = {rules.KEY_HEADER: self._api_key, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = io.BytesIO()
        arriving = Arriving(sink=answer, at_most=ANSWER_MAX_BYTES)
        error = ""
        with Line(self._limits.total) as line:
            try:
                self._exchange(
                    line,
                    arriving,
                    method=method,
                    url=self._base_url + path,
                    headers=headers,
                    data=body,
                )
            except WireError as problem:
                error = str(problem)
        return self._reply(arriving, answer.getvalue()), error, line.sent

    def _exchange(self, line: Line, arriving: Arriving, **request: Any) -> None:
        """Send a request and take its answer in; raise WireError for whatever goes wrong."""
        limits = self._limits
        try:
            with (
                line.session() as session,
                session.request(
                    **request,
                    timeout=(limits.connect, limits.answer),
                    verify=self._verify,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                arriving.take(response)
        except Exception as error:
            # Requests, urllib3, http.client, ssl and their parsers raise types without a common
            # root (a malformed header can be a ValueError), and none may lose what had arrived.
            text = "; ".join(filter(None, [line.trouble, f"{type(error).__name__}: {error}"]))
            raise WireError(self._without_key(text)[:ERROR_CHARACTERS]) from error

    def _reply(self, arriving: Arriving, body: bytes) -> Reply | None:
        if not arriving.status:
            return None
        encoding = arriving.headers.get("Content-Encoding", "")
        text = unzipped(body, encoding, at_most=ANSWER_MAX_BYTES).decode("latin-1")
        return read_reply(
            arriving.status,
            CaseInsensitiveDict(
                (name, self._without_key(value)) for name, value in arriving.headers.items()
            ),
            self._without_key(text).encode("latin-1"),
        )

    def _without_key(self, text: str) -> str:
        if len(self._api_key) < SECRET_MIN_CHARACTERS:
            return text
        return text.replace(self._api_key, "[API key]")


def _outcome(body: StyleBody, reply: Reply | None, error: str) -> Outcome:
    """Decide by whether the last byte was released, and by what came back."""
    reason: str
    if reply is not None:
        reason = reason_of(reply)
    elif body.silence is not None:
        reason, error = body.silence, body.error
    else:
        reason = Silence.NO_ANSWER if body.committed else Silence.COULD_NOT_CONNECT
    return Outcome(
        verdict=classify(
            body.committed,
            reply.status if reply else None,
            reply.code or None if reply else None,
            has_id=bool(reply and reply.style_id),
        ),
        reason=reason,
        committed=body.committed,
        reply=reply,
        bytes_total=len(body),
        bytes_sent=body.bytes_sent,
        error=error,
    )


def _path_of(style_id: str) -> str:
    if not style_id.strip("."):
        raise ValueError("The ID of a style is not empty and not made of dots")
    return rules.STYLE_PATH.format(id=quote(style_id, safe=""))


def _change(reply: Reply | None, error: str, sent: bool) -> Change:
    """Decide by what came back; an answer that is not the API's own settles nothing."""
    if reply is None:
        reason = Silence.NO_ANSWER if sent else Silence.COULD_NOT_CONNECT
        return Change(is_sure=not sent, reason=reason, error=error)
    if 200 <= reply.status < 300 and reply.is_json and not reply.envelope:
        return Change(done=True, reply=reply, error=error)
    verdict = classify(True, reply.status, reply.code or None)
    return Change(
        is_sure=verdict is not Verdict.IN_DOUBT,
        reply=reply,
        reason=reason_of(reply),
        error=error,
    )


def _training(style_id: str, reply: Reply) -> Training | None:
    """Read a style out of an answer; None where it holds none, for want of a status."""
    answer = reply.body
    status = plain_text(answer.get("status"), WORD_CHARACTERS)
    if not 200 <= reply.status < 300 or not status:
        return None
    return Training(
        style_id=reply.style_id or style_id,
        name=plain_text(answer.get("name"), WORD_CHARACTERS),
        mode=plain_text(answer.get("mode"), WORD_CHARACTERS),
        status=status,
        progress=_percent(answer.get("progress")),
        portrait_url=plain_text(answer.get("portrait_url"), URL_CHARACTERS),
        special_instructions=_instructions(answer),
    )


def _instructions(answer: Mapping[str, object]) -> str | None:
    text = answer.get("special_instructions", ...)
    if text is None:
        return ""
    return plain_text(text, MESSAGE_CHARACTERS) if isinstance(text, str) else None


def _percent(value: object) -> int | None:
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    return int(min(max(value, 0), 100))


def _checked_base_url(url: str) -> str:
    if "?" in url or "#" in url or not (_is_secure(url) or _is_local(url)):
        raise ValueError("The API's address is https, or plain http to this machine, and no more")
    return url.rstrip("/")


def _is_secure(url: str) -> bool:
    scheme, host = _scheme_and_host(url)
    return scheme == "https" and host != ""


def _is_local(url: str) -> bool:
    """Tell whether the address is plain http to this very machine."""
    scheme, host = _scheme_and_host(url)
    if scheme != "http":
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _has_same_origin(url: str, other: str) -> bool:
    if not _is_local(url):
        return False
    one, two = urlsplit(url), urlsplit(other)
    return (one.hostname, one.port) == (two.hostname, two.port)


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Return scheme and host of a plain address, and nothing for one that could be misread."""
    if not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        return "", ""
    try:
        parts = urlsplit(url)
        is_plain = "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return "", ""
    return (parts.scheme, parts.hostname or "") if is_plain else ("", "")
