"""Everything a server can do to a paid call, and what has to become of the style."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from styles.states import State

from ..pikzels.loopback import MADE, Play, Visit, http
from .canary import SECRET

# More than the system's buffers take, so that a server that does not read is felt.
LARGE, SMALL = 2_500_000, None
TOO_LARGE = {"error": {"code": "IMAGE_TOO_LARGE", "message": "Over 10 MB"}, "request_id": "req-2"}
HTML = b"<html><h1>502 Bad Gateway</h1><script>alert(1)</script></html>"
LINGERS = 5


@dataclass(frozen=True)
class Script:
    """What a server does with its first request, and where that leaves the style.

    `picture_bytes` is the size of each picture, `limits` how patient the client is.
    """

    name: str
    play: Play
    state: State
    reason: str
    picture_bytes: int | None = SMALL
    limits: tuple[tuple[str, float], ...] = ()


def reset(visit: Visit) -> None:
    """Close so that the client reads "connection reset", and not an end."""
    visit.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def at_once(end: Play) -> Play:
    return end


def in_the_middle(end: Play) -> Play:
    def play(visit: Visit) -> None:
        visit.read_head()
        visit.read_body(100_000)
        end(visit)

    return play


def at_the_hold(end: Play) -> Play:
    def play(visit: Visit) -> None:
        visit.read_body(visit.read_head() - 1)
        end(visit)

    return play


def after_the_body(end: Play) -> Play:
    def play(visit: Visit) -> None:
        visit.read_all()
        end(visit)

    return play


def close(visit: Visit) -> None:
    """Hang up: the server closes a connection as soon as its play is over."""


def linger(visit: Visit) -> None:
    visit.idle(LINGERS)


def then(*plays: Play) -> Play:
    def play(visit: Visit) -> None:
        for each in plays:
            each(visit)

    return play


def answers(status: int, content: object = b"", *headers: str) -> Play:
    return lambda visit: visit.answer(status, content, *headers)


def sends(raw: bytes) -> Play:
    return lambda visit: visit.send(raw)


def trickles(raw: bytes) -> Play:
    """Send a byte now and then, so slowly that nobody gets to its end."""

    def play(visit: Visit) -> None:
        for byte in raw:
            visit.send(bytes([byte]))
            if visit.idle(0.1):
                return

    return play


def sips(visit: Visit) -> None:
    """Read a byte now and then."""
    visit.read_head()
    while not visit.idle(0.1):
        visit.connection.recv(1)


def chunked(*raw: bytes) -> Play:
    return sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(raw))


QUICK = (("connect", 0.3), ("answer", 0.3))
IN_ALL = (("total", 0.6),)
ENDS: tuple[tuple[str, Play], ...] = (("reset", reset), ("closed", close))


def broken_off() -> list[Script]:
    """The line ends, at each place where it can."""
    rows: list[tuple[str, Callable[[Play], Play], State, str, int | None]] = [
        ("at once", at_once, State.QUEUED, "could_not_connect", LARGE),
        ("in the middle of the body", in_the_middle, State.QUEUED, "could_not_connect", LARGE),
        ("at the hold", at_the_hold, State.IN_DOUBT, "no_answer", SMALL),
        ("after the body", after_the_body, State.IN_DOUBT, "no_answer", SMALL),
    ]
    return [
        Script(f"{how} {where}", at(end), state, reason, size)
        for where, at, state, reason, size in rows
        for how, end in ENDS
    ]


EARLY = [
    Script(
        f"{status} in the middle of the body, then {how}",
        in_the_middle(then(answers(status, content), end)),
        state,
        reason,
        LARGE,
        QUICK,
    )
    for status, content, state, reason in (
        (413, TOO_LARGE, State.REFUSED, "IMAGE_TOO_LARGE"),
        (200, MADE, State.TRAINING, ""),
        (500, b"", State.QUEUED, "not_json"),
    )
    for how, end in (("closed", close), ("silent", linger))
]

WHOLE = http(200, MADE)
LATE = [
    Script("half a status line", sends(b"HTTP/1."), State.IN_DOUBT, "no_answer"),
    Script("a status line of garbage", sends(b"\x00\xff\r\n\r\n"), State.IN_DOUBT, "no_answer"),
    Script("half an answer", sends(WHOLE[:-20]), State.IN_DOUBT, "not_json"),
    Script(
        "half an answer, then silence",
        then(sends(WHOLE[:-20]), linger),
        State.IN_DOUBT,
        "not_json",
        limits=QUICK,
    ),
    Script("a byte now and then", trickles(WHOLE), State.IN_DOUBT, "no_answer", limits=IN_ALL),
    Script("chunks of garbage", chunked(b"ZZZ\r\n\x00\xff\r\n"), State.IN_DOUBT, "not_json"),
    Script(
        "a chunk that is shorter than it says",
        chunked(b'fff\r\n{"id": "'),
        State.IN_DOUBT,
        "not_json",
    ),
    Script(
        "a gzip bomb",
        answers(200, gzip.compress(bytes(50_000_000), 1), "Content-Encoding: gzip"),
        State.IN_DOUBT,
        "not_json",
    ),
    Script("200 without an ID", answers(200, {"request_id": "r"}), State.IN_DOUBT, "no_id"),
    Script("200 and nothing", answers(200), State.IN_DOUBT, "not_json"),
    Script("307 without an address", answers(307), State.IN_DOUBT, "not_json"),
    Script(
        "307 to nowhere",
        answers(307, b"", "Location: http://[::1"),
        State.IN_DOUBT,
        "not_json",
    ),
    Script(
        "502 in HTML", answers(502, HTML, "Content-Type: text/html"), State.IN_DOUBT, "not_json"
    ),
    Script("silence", linger, State.IN_DOUBT, "no_answer", limits=QUICK),
    Script(
        "the key sent back",
        answers(500, {"error": {"code": "INTERNAL_ERROR", "message": f"bad {SECRET}"}}),
        State.IN_DOUBT,
        "INTERNAL_ERROR",
    ),
    Script(
        "the key sent back as an ID",
        answers(200, {"id": SECRET, "request_id": SECRET}),
        State.IN_DOUBT,
        "no_id",
    ),
]

SCRIPTS = [
    *broken_off(),
    Script("a byte read now and then", sips, State.QUEUED, "could_not_connect", LARGE, IN_ALL),
    *EARLY,
    *(
        Script(late.name, after_the_body(late.play), late.state, late.reason, limits=late.limits)
        for late in LATE
    ),
]
