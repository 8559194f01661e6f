"""Servers of this machine, on raw sockets, that behave as badly as a test wants them to."""

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from styles.pikzels.client import Limits, Picture, Pikzels

KEY = "pkz_0123456789abcdef"
MADE = {"id": "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234", "request_id": "req-1"}
Play = Callable[["Visit"], None]


class Visit:
    """One connection to the server, seen from the server's side."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        self.connection = connection
        self._closing = closing
        self.head = b""
        # Added to in place: of ten megabytes, each piece would copy all that came before.
        self.body = bytearray()
        self.length = 0

    @property
    def is_whole(self) -> bool:
        """Whether a request with a body has arrived to its last byte."""
        return 0 < self.length <= len(self.body)

    def read_head(self) -> int:
        """Read the headers; return the Content-Length."""
        while b"\r\n\r\n" not in self.head:
            self.head += self._receive()
        self.head, start_of_body = self.head.split(b"\r\n\r\n", 1)
        self.body += start_of_body
        for line in self.head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self.length = int(line.partition(b":")[2])
        return self.length

    def read_body(self, length: int) -> None:
        """Read on until `length` bytes of the body are here."""
        while len(self.body) < length:
            self.body += self._receive()

    def read_all(self) -> None:
        self.read_body(self.read_head())

    def read_to_end(self) -> None:
        """Read until the client hangs up."""
        with suppress(ConnectionError):
            while True:
                self.body += self._receive()

    def idle(self, seconds: float) -> bool:
        """Not even read until the client's call is over; return False if that takes longer."""
        return self._closing.wait(seconds)

    def send(self, raw: bytes) -> None:
        self.connection.sendall(raw)

    def answer(self, status: int, content: object = b"", *headers: str) -> None:
        self.send(http(status, content, *headers))

    def _receive(self) -> bytes:
        piece = self.connection.recv(65536)
        if not piece:
            raise ConnectionError("the client hung up")
        return piece


def http(status: int, content: object = b"", *headers: str) -> bytes:
    """Return an answer as it goes over the wire; content that is not bytes becomes JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Server:
    """A server that plays `play` to each connection."""

    def __init__(self, play: Play, tls: ssl.SSLContext | None) -> None:
        self.visits: list[Visit] = []
        self._play = play
        self._tls = tls
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Little room, so that a body of some megabytes is surely held up when nobody reads it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._listener.settimeout(0.02)
        self._threads = [threading.Thread(target=self._run)]

    @property
    def url(self) -> str:
        port = self._listener.getsockname()[1]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    def start(self) -> None:
        self._threads[0].start()

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._receive, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _receive(self, connection: socket.socket) -> None:
        # What the client breaks off is the business of the test, not of its server.
        with suppress(OSError):
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        # Else a short answer may still wait for an ACK when closing resets the connection.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            if not self._tls:
                self._visit(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._visit(secured)

    def _visit(self, connection: socket.socket) -> None:
        visit = Visit(connection, self._closing)
        self.visits.append(visit)
        self._play(visit)


@contextmanager
def serving(play: Play, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(play, tls)
    server.start()
    try:
        yield server
    finally:
        server.close()


def make_certificate(folder: Path, names: Sequence[str] = ()) -> Path:
    """Write a certificate for this machine and for some names, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    valid_for = [here, *map(x509.DNSName, names)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(valid_for), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def three_pictures(folder: Path, size: int = 1000) -> list[Picture]:
    path = folder / f"{size}.jpg"
    path.write_bytes(b"\xff" * size)
    return [Picture(path=path, media_type="image/jpeg", size=size)] * 3


def a_client(url: str, certificate: Path, **limits: float) -> Pikzels:
    return Pikzels(
        api_key=KEY,
        base_url=url,
        verify=str(certificate),
        limits=Limits(**{"connect": 10, "answer": 20, "total": 40} | limits),
    )
