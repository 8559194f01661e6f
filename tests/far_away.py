"""An internet of this machine: names, certificates and servers for what is fetched from afar."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from styles.images import Accepted
from styles.images.fetching import INTERNET, Network, fetch_picture, is_public
from styles.images.links import LinkProblem, read_link

from .pikzels.loopback import Server, Visit, http, serving

HERE = "127.0.0.1"
# The same place in another spelling, which nobody allowed: whoever connects to it does get there.
INSIDE = "127.1"
NAMES = ("pictures.example", "elsewhere.example", "inside.example", "i.ytimg.com")
ADDRESSES: Mapping[str, Sequence[str]] = {name: [HERE] for name in NAMES} | {
    "inside.example": [INSIDE]
}

PARTY = "https://pictures.example/2026/party.jpg?token=secret"
Play = Callable[[Visit], None]


class FarAway:
    """A server that has every name of NAMES, and the network in which it does.

    `asked` are the names that were resolved, `greeted` those that a client expected to find.
    """

    def __init__(self, certificate: Path, addresses: Mapping[str, Sequence[str]]) -> None:
        self.asked: list[str] = []
        self.greeted: list[str | None] = []
        self.addresses = dict(addresses)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.tls.sni_callback = lambda _, name, __: self.greeted.append(name)
        self.server: Server
        self.network = replace(
            INTERNET,
            resolve=self.resolve,
            is_allowed=lambda address: address == HERE or is_public(address),
            trusted=lambda: ssl.create_default_context(cafile=certificate),
        )

    @property
    def requests(self) -> list[str]:
        """The first line of every request that arrived, without the HTTP version."""
        lines = [visit.head.decode().partition("\r\n")[0] for visit in self.server.visits]
        return [line.removesuffix(" HTTP/1.1") for line in lines]

    def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.addresses:
            raise OSError("no such name")
        return self.addresses[host]

    def with_limits(self, **changes: float) -> Network:
        return replace(self.network, **changes)


@contextmanager
def far_away(
    play: Callable[[Visit], None],
    certificate: Path,
    addresses: Mapping[str, Sequence[str]] = ADDRESSES,
) -> Iterator[FarAway]:
    """Run a server that plays `play` to each request, having read its headers."""

    def answer(visit: Visit) -> None:
        visit.read_head()
        play(visit)

    place = FarAway(certificate, addresses)
    with serving(answer, place.tls) as server:
        place.server = server
        place.network = replace(place.network, port=urlsplit(server.url).port)
        yield place


def sending(status: int, content: bytes = b"", *headers: str) -> Callable[[Visit], None]:
    """Return a play in which every request gets this answer."""
    return lambda visit: visit.send(http(status, content, *headers))


def fetched(text: str, there: FarAway, folder: Path, **limits: float) -> Accepted:
    return fetch_picture(
        read_link(text), directory=folder, network=replace(there.network, **limits)
    )


def problem_of(text: str, network: Network, folder: Path) -> LinkProblem:
    """Return the problem with a link, having seen that nothing was stored."""
    with pytest.raises(LinkProblem) as caught:
        fetch_picture(read_link(text), directory=folder, network=network)
    assert list(folder.iterdir()) == []
    return caught.value


def by_path(**plays: Play) -> Play:
    """Return a play that depends on the last part of the path, without its ending."""

    def play(visit: Visit) -> None:
        path = visit.head.split()[1].decode().partition("?")[0]
        plays[path.rpartition("/")[2].partition(".")[0]](visit)

    return play


def leading_to(location: str, status: int = 302) -> Play:
    return sending(status, b"", f"Location: {location}")
