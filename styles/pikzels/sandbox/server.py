"""The sandbox's HTTP server. It is no WSGI application: those cannot reset a connection."""

import contextlib
import ipaddress
import json
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from .. import rules
from ..errors import Code
from .answers import Answer, ApiError
from .api import Api, Request
from .ledger import Ledger
from .page import page
from .triggers import Ending

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PORT = 8001
BODY_MAX_BYTES = 45_000_000  # three images of 10,000,000 bytes in base64, and room to spare
CHUNK = 65_536
RECEIVE_BUFFER = 65_536
IDLE_SECONDS = 60
# An answer that comes before the body is in would be lost if the connection were closed at once.
DRAIN_IDLE_SECONDS = 2
DRAIN_SECONDS = 15
OWN_PATHS = "/_sandbox"


class Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, has them answered and noted, lets connections down."""

    protocol_version = "HTTP/1.1"
    server_version = "PikzelsSandbox"
    timeout = IDLE_SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "Sandbox"
    resetting = False

    def __getattr__(self, name: str) -> Any:
        """Give http.server one function for every HTTP method that it looks for."""
        if name.startswith("do_"):
            return self.serve_request
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        """Answer 100 Continue at once, for the output is buffered."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def finish(self) -> None:
        """Close the connection, with a reset where one is wanted."""
        if not self.resetting:
            super().finish()
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile.close()
        self.rfile.close()
        # Closed here, because the server would first say a polite goodbye.
        self.connection.close()

    def log_message(self, *args: Any) -> None:
        """Log through the application's logging instead of on the terminal."""
        log.info(*args)

    def serve_request(self) -> None:
        """Answer the request whose head has been read."""
        self.body = bytearray()
        self.expected = self._content_length() or 0
        self.call = Request(
            id=str(uuid4()),
            method=self.command,
            path=urlsplit(self.path).path,
            headers=self.headers,
            body=self._read,
        )
        self.call.asked.key_last_four = self.headers.get(rules.KEY_HEADER, "")[-4:]
        if self.call.path.startswith(OWN_PATHS):
            self._send(self._own_answer())
        else:
            self._serve_api()

    def _serve_api(self) -> None:
        call, ledger = self.call, self.server.ledger
        self.number = ledger.began(
            call.method, call.path, call.id, self.expected, self.server.api.clock()
        )
        try:
            answer = self.server.api.answer(call)
        except ApiError as error:
            answer = error.answer(call.id)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            self._note()
            return
        call.asked.status, call.asked.code = answer.status or None, answer.code
        self._note()
        self._send(answer)

    def _note(self) -> None:
        asked = self.call.asked
        asked.complete = asked.received == self.expected and not self._chunked()
        self.server.ledger.note(self.number, asked)

    def _own_answer(self) -> Answer:
        ledger, asked = self.server.ledger, (self.command, self.call.path.rstrip("/"))
        if asked == ("GET", OWN_PATHS):
            return Answer(
                status=200, body=page(ledger.account()).encode(), content_type="text/html"
            )
        if asked == ("GET", f"{OWN_PATHS}/ledger"):
            return Answer(status=200, body=json.dumps(ledger.account()).encode())
        if asked == ("POST", f"{OWN_PATHS}/reset"):
            ledger.reset()
            return Answer(status=200, body=b'{"message": "Everything is forgotten."}')
        return ApiError(Code.NOT_FOUND).answer(self.call.id)

    def _chunked(self) -> bool:
        return "Transfer-Encoding" in self.headers

    def _content_length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and not self._chunked() else None

    def _read(self, share: float) -> bytearray:
        """Read until `share` of the body is in. Raise what `Request.body` says."""
        if self._content_length() is None:
            problem = {"message": "Give the length of the body, and do not send it in chunks."}
            raise ApiError(Code.VALIDATION_ERROR, [problem])
        if self.expected > BODY_MAX_BYTES:
            raise ApiError(Code.IMAGE_TOO_LARGE)
        wanted = int(self.expected * share)
        while len(self.body) < wanted:
            chunk = self.rfile.read1(min(CHUNK, wanted - len(self.body)))
            if not chunk:
                raise ConnectionAbortedError("the body ended early")
            self.body += chunk
            self.call.asked.received = len(self.body)
        return self.body

    def _send(self, answer: Answer) -> None:
        unread = self._chunked() or self.call.asked.received < self.expected
        if unread or answer.ending is not Ending.WHOLE:
            self.close_connection = True
        if answer.status:
            self._write(answer)
        if answer.ending is Ending.RESET:
            self.resetting = True
        elif unread:
            self._drain()

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("X-Request-Id", self.call.id)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            cut = answer.ending is Ending.CUT
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.wfile.flush()

    def _drain(self) -> None:
        """Throw the rest of the body away for a while, and note how much of it came."""
        self.connection.settimeout(DRAIN_IDLE_SECONDS)
        until = time.monotonic() + DRAIN_SECONDS
        asked = self.call.asked
        try:
            while (self._chunked() or asked.received < self.expected) and time.monotonic() < until:
                chunk = self.rfile.read1(CHUNK)
                if not chunk:
                    break
                asked.received += len(chunk)
        except (ConnectionError, TimeoutError):
            log.info("the client let go before the rest of its body was thrown away")
        if not self.call.path.startswith(OWN_PATHS):
            self._note()


class Sandbox(ThreadingHTTPServer):
    """A local Pikzels that remembers in `directory`; port 0 takes a free one, see `url`.

    It listens as soon as it is made and answers in `serve_forever`; `shutdown` and `server_close`
    end it. `train_seconds` is what a training takes, `slow_seconds` what a slow answer takes;
    `unique_names=False` lets a name be used twice, so that each paid call counts. `clock` is in
    seconds since 1970. Raise ValueError for a host that is not a loopback address.
    """

    request_queue_size = 128

    def __init__(
        self,
        directory: Path,
        host: str = HOST,
        port: int = 0,
        train_seconds: float = 6.0,
        *,
        slow_seconds: float = 10.0,
        unique_names: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if host != "localhost" and not ipaddress.IPv4Address(host).is_loopback:
            raise ValueError(f"The sandbox listens on a loopback address only, not on {host}")
        self.stopping = threading.Event()
        self.ledger = Ledger(directory)
        super().__init__((host, port), Handler)
        self.url = f"http://{host}:{self.server_address[1]}"
        self.api = Api(
            ledger=self.ledger,
            address=self.url,
            train_seconds=train_seconds,
            slow_seconds=slow_seconds,
            unique_names=unique_names,
            wait=self.stopping.wait,
            clock=clock,
        )

    def server_bind(self) -> None:
        """Take little in advance, so that a client notices when half a body is refused."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        # HTTPServer's own would ask a name server for the name of this address.
        TCPServer.server_bind(self)

    def shutdown(self) -> None:
        """Stop answering, and let go of whoever waits for a slow answer."""
        self.stopping.set()
        super().shutdown()

    def server_close(self) -> None:
        """Close the socket and the ledger."""
        self.stopping.set()
        super().server_close()
        self.ledger.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away, and about what is cut off by the end."""
        if not self.stopping.is_set() and not isinstance(sys.exception(), ConnectionError):
            log.exception("The sandbox could not answer")


def serve(
    directory: Path,
    host: str = HOST,
    port: int = PORT,
    train_seconds: float = 6.0,
    *,
    ready: Callable[[str], object] = log.info,
) -> None:
    """Run a sandbox until interrupted; `ready` is told its address once it listens."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        Sandbox(directory, host, port, train_seconds) as sandbox,
    ):
        ready(sandbox.url)
        sandbox.serve_forever()
