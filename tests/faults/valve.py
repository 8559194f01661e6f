"""Between the workers and the sandbox: a line on which the first request only trickles."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

SIP_BYTES, SIP_SECONDS = 16 * 1024, 0.02


class Valve:
    """Passes everything on, both ways; what the first connection sends, slowly until `open()`."""

    def __init__(self, server_url: str) -> None:
        self._server = ("127.0.0.1", urlsplit(server_url).port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Little room, so that a body does not vanish into the kernel's buffers.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BYTES)
        self._listener.settimeout(0.05)
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self.passed = 0
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def open(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self._closing.set()
        self._opened.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        first = True
        while not self._closing.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._connect(client, slowly=first)
                first = False

    def _connect(self, client: socket.socket, *, slowly: bool) -> None:
        server = socket.create_connection(self._server)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=self._pass_on, args=(client, server, slowly))
        self._threads.append(thread)
        thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket, slowly: bool) -> None:
        back = threading.Thread(target=self._pump, args=(server, client, False))
        with client, server:
            back.start()
            self._pump(client, server, slowly)
            back.join()

    def _pump(self, source: socket.socket, to: socket.socket, slowly: bool) -> None:
        source.settimeout(0.05)
        while not self._closing.is_set():
            try:
                piece = source.recv(SIP_BYTES)
                to.sendall(piece)
            except TimeoutError:
                continue
            except OSError:
                break
            if not piece:
                break
            if slowly:
                self.passed += len(piece)
                self._opened.wait(SIP_SECONDS)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)


@contextmanager
def valve_before(server_url: str) -> Iterator[Valve]:
    valve = Valve(server_url)
    try:
        yield valve
    finally:
        valve.close()
