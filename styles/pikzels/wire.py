"""One call's connection: watched over, cut when its time is up, and read after a failed send.

What the plain libraries leave open is closed here: urllib3 has no limit for a whole call, reads an
early answer only after a BrokenPipeError, and requests looks at where a redirect leads even when
it is told not to follow.
"""

import errno
import socket
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

USER_AGENT = "pikzels-ui"
READ_BYTES = 64 * 1024
# After a send that failed, an answer is on its way already or will never come.
EARLY_ANSWER_SECONDS = 5.0


class WireError(Exception):
    """A request did not come to its end; the message says what happened."""


class Line:
    """A call's connection, as a context: it is cut after `seconds`, whatever the call is doing.

    `sent` tells whether anything at all was handed to the network, `trouble` what a failed send or
    the cut was about.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._timer = self._watchdog()
        self._socket: socket.socket | None = None
        self._is_cut = False
        self.sent = False
        self.trouble = ""

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._socket is not None:
            self._socket.close()

    def session(self) -> requests.Session:
        """Return a session of its own for this call: no environment, no redirects, no retries."""
        session = _Session()
        session.trust_env = False
        session.headers.clear()
        session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(self))
        return session

    def hold(self, connected: socket.socket) -> None:
        """Keep hold of the connection, to cut it when the time is up."""
        # A duplicate stays ours, whatever TLS and urllib3 do with the original.
        self._socket = connected.dup()
        if self._is_cut:
            self._shut_down()

    def broke(self, error: OSError) -> None:
        """Note that a send failed: the call has only a short time left, to read an answer."""
        self.trouble = self.trouble or f"sending stopped: {error}"
        self._timer.cancel()
        self._end = min(self._end, time.monotonic() + EARLY_ANSWER_SECONDS)
        self._timer = self._watchdog()
        self._timer.start()

    def _watchdog(self) -> threading.Timer:
        timer = threading.Timer(max(0.0, self._end - time.monotonic()), self._cut)
        timer.daemon = True
        return timer

    def _cut(self) -> None:
        self._is_cut = True
        self.trouble = self.trouble or "the time for the whole call was up"
        self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


@dataclass
class Arriving:
    """An answer as far as it has arrived: what came before an error is not lost.

    The body goes to `sink` as it comes over the wire, at most `at_most` bytes of it. `status` is 0
    until the headers are there.
    """

    sink: BinaryIO
    at_most: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def take(self, response: requests.Response) -> None:
        """Read the answer to its end; raise WireError where it is too long.

        Where it is cut short, urllib3 raises.
        """
        self.headers = response.headers
        self.status = response.status_code
        left = self.at_most
        # In this way what came before a break is kept; `read` returns all or loses all.
        while chunk := response.raw.read1(READ_BYTES, decode_content=False):
            self.sink.write(chunk[:left])
            left -= len(chunk)
            if left < 0:
                raise WireError(f"the answer is longer than {self.at_most} bytes")


def unzipped(body: bytes, encoding: str, *, at_most: int) -> bytes:
    """Return a body in plain that came compressed though we asked for identity, else as it came."""
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return body
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, at_most)
    except zlib.error:
        return body


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect: a malformed Location would raise and lose the answer."""


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, line: Line, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._line.hold(connected)
        return connected

    def send(self, data: Any) -> None:
        """Send; turn any failure into the one error after which urllib3 reads the answer."""
        try:
            super().send(data)
        except OSError as error:
            self._line.broke(error)
            raise BrokenPipeError(errno.EPIPE, str(error)) from error
        self._line.sent = True


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_Pool, line=self._line),
            "https": partial(_TLSPool, line=self._line),
        }
