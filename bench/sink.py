"""An API that takes everything in, keeps nothing and makes a style of it, in a process of its own.

`GET /seen` tells what it saw of paid calls since that was last asked. Written on sockets, so that
it is never what is slow.
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

ROOM_BYTES = 1 << 20


class Seen:
    """How many paid calls came, and when the first began and the last was answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = self.at_once = self.most_at_once = 0
        self.began = self.answered = 0.0

    def call_begins(self) -> None:
        with self._lock:
            self.began = self.began or time.monotonic()
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)

    def call_ends(self) -> None:
        with self._lock:
            self.answered = time.monotonic()
            self.at_once -= 1


class Visit(socketserver.BaseRequestHandler):
    """One connection, which carries one request."""

    request: socket.socket
    server: Server

    def handle(self) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.request.recv(65536)
            if not piece:
                return
            received += piece
        head, _, start = received.partition(b"\r\n\r\n")
        if head.startswith(b"POST"):
            self._take_call(head, len(start))
        elif head.startswith(b"GET /seen"):
            self._answer(vars(self.server.seen))
            self.server.seen = Seen()
        else:
            # Looks at trainings are measured apart: here each style is looked at once.
            self._answer({}, "503 Service Unavailable", "Retry-After: 3600\r\n")

    def _take_call(self, head: bytes, already: int) -> None:
        self.server.seen.call_begins()
        self._drain(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - already)
        time.sleep(self.server.latency)
        self.server.seen.call_ends()
        self._answer({"id": str(uuid.uuid4()), "request_id": "req-bench"})

    def _drain(self, left: int) -> None:
        room = bytearray(ROOM_BYTES)
        while left:
            taken = self.request.recv_into(room, min(left, len(room)))
            if not taken:
                raise ConnectionError("the client hung up")
            left -= taken

    def _answer(
        self, content: dict[str, object], status: str = "200 OK", headers: str = ""
    ) -> None:
        told = {name: value for name, value in content.items() if not name.startswith("_")}
        body = json.dumps(told).encode()
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n"
        self.request.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, latency: float, certificate: str) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.latency = latency
        self.seen = Seen()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Whoever calls shakes hands in its own thread.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up."""


@dataclass(frozen=True)
class Sink:
    """Where it listens, and the certificate to trust, "" for plain http."""

    url: str
    certificate: str = ""

    def seen(self) -> dict[str, float]:
        return requests.get(f"{self.url}/seen", timeout=10).json()


@contextmanager
def sink(*, latency: float = 0, certificate: Path | None = None) -> Iterator[Sink]:
    """Start one that answers after so many seconds, over TLS with a certificate and its key."""
    path = str(certificate or "")
    command = [sys.executable, "-m", "bench.sink", str(latency), path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = process.stdout.readline().strip()
            yield Sink(f"http{'s' if path else ''}://127.0.0.1:{port}", path)
        finally:
            process.terminate()


def serve(latency: float, certificate: str) -> None:
    """Print a port; then take requests in until the process is ended."""
    with Server(latency, certificate) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(float(sys.argv[1]), sys.argv[2])
