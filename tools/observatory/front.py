"""A proxy that ends TLS, for one scan: on one port for https and http, for the scanner knows one.

One request per connection, without a body.
"""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
from pathlib import Path
from typing import BinaryIO, cast

LONGEST_LINE = 8_192
# What begins a connection that speaks TLS.
HANDSHAKE = b"\x16"


class Front(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, certificate: Path, *, to_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.port: int = self.server_address[1]
        self.to_port = to_port
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)


class Visit(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        try:
            if self.request.recv(1, socket.MSG_PEEK) != HANDSHAKE:
                self.pass_on(self.request, "http")
                return
            with self.server.tls.wrap_socket(self.request, server_side=True) as secure:
                self.pass_on(secure, "https")
        except OSError:
            pass  # the scanner let go, or shows what it thinks of our certificate

    def pass_on(self, visitor: socket.socket, scheme: str) -> None:
        with (
            visitor.makefile("rb") as asked,
            socket.create_connection(("127.0.0.1", self.server.to_port)) as product,
            product.makefile("rb") as answer,
            visitor.makefile("wb") as back,
        ):
            product.sendall(head(cast(BinaryIO, asked), scheme))
            shutil.copyfileobj(answer, back)


def head(asked: BinaryIO, scheme: str) -> bytes:
    """Return a request's head with what a proxy says of it."""
    lines = [asked.readline(LONGEST_LINE)]
    while (line := asked.readline(LONGEST_LINE)).strip():
        if not line.lower().startswith((b"connection:", b"x-forwarded-")):
            lines.append(line)
    about = f"X-Forwarded-Proto: {scheme}\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n"
    return b"".join(lines) + about.encode() + b"\r\n"
