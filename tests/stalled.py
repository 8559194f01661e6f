"""People who begin to send a form and stop, as a phone does that has lost its line."""

from __future__ import annotations

import select
import socket
from types import TracebackType
from urllib.parse import urlsplit

import requests

PAGE = "/accounts/login/"


class Stalled:
    """So many connections on each of which a few bytes of a large form have come, and no more.

    `cookies` are those of somebody who is signed in, else those that any visitor gets.
    """

    def __init__(self, url: str, *, number: int, page: str = PAGE, cookies: str = "") -> None:
        where = urlsplit(url)
        if not cookies:
            visit = requests.get(url + PAGE, timeout=30)
            cookies = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        head = (
            f"POST {page} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookies}\r\n"
            "Content-Type: multipart/form-data; boundary=slide\r\nContent-Length: 15000000\r\n\r\n"
            '--slide\r\nContent-Disposition: form-data; name="image_1"; filename="mars.jpg"\r\n\r\n'
        )
        self.connections = [
            socket.create_connection((str(where.hostname), where.port or 80)) for _ in range(number)
        ]
        for connection in self.connections:
            connection.sendall(head.encode() + b"\xff\xd8\xff")

    def all_are_waited_for(self) -> bool:
        """Whether none of them was answered or hung up on."""
        return not select.select(self.connections, [], [], 0)[0]

    def __enter__(self) -> Stalled:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for connection in self.connections:
            connection.close()
