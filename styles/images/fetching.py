"""Fetch the picture behind a link, without being a way into anybody's network.

A name is resolved once, every address that it has must be a public one, and the connection goes to
the very address that was looked at. What is used is Python's own HTTP client: it knows no proxies,
cookies or redirects, and it logs nothing.
"""

import errno
import http.client
import ipaddress
import logging
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, urljoin, urlsplit

from PIL import Image
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..pikzels.wire import READ_BYTES, USER_AGENT, Line
from .judging import UPLOAD_MAX_BYTES, Accepted, ImageProblem, accept, clean_name
from .links import PORT, Link, LinkProblem, read_address

log = logging.getLogger(__name__)

SECONDS = 10.0
# One of several addresses may be dead; the others are to get their turn.
CONNECT_SECONDS = 4.0
REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 5
HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
PAGES = {"text/html", "application/xhtml+xml"}
PAGE_STARTS = (b"<!doctype html", b"<html")
PROBLEMS = {401: "forbidden", 403: "forbidden", 404: "missing", 410: "missing", 429: "busy"}
# The grey picture that stands for a thumbnail that YouTube does not have.
NO_THUMBNAIL = (120, 90)
# Those of 4:3, into which YouTube puts its 16:9 between bars.
BARRED = {(640, 480), (480, 360)}
CROP_QUALITY = 95

# Of all of IPv6 this is what can be anybody's address; mapped, local and multicast lie outside.
IPV6_UNICAST = ipaddress.ip_network("2000::/3")
# How a network that has IPv6 only writes the addresses of IPv4.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Sources: IANA's registries of special-purpose addresses, as far as `ipaddress` of older Pythons
# takes them for global.
SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # the host of a virtual machine at Azure
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: holds an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve(host: str) -> list[str]:
    """Return all addresses of a name, each once. Raises OSError, or UnicodeError for the name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet, which anybody may connect to."""
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found in NAT64:
        found = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    if isinstance(found, ipaddress.IPv6Address) and found not in IPV6_UNICAST:
        return False
    if found.is_multicast or found.is_reserved or not found.is_global:
        return False
    return not any(found in network for network in SPECIAL)


@cache
def public_authorities() -> ssl.SSLContext:
    """Return what TLS needs to check a certificate: the authorities that Requests trusts."""
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


@dataclass(frozen=True, kw_only=True)
class Network:
    """What there is to fetch from. Only a test has another than INTERNET, of its own machine."""

    resolve: Callable[[str], Sequence[str]] = resolve
    is_allowed: Callable[[str], bool] = is_public
    trusted: Callable[[], ssl.SSLContext] = public_authorities
    port: int = PORT
    seconds: float = SECONDS


INTERNET = Network()


def fetch_picture(link: Link, *, directory: Path, network: Network = INTERNET) -> Accepted:
    """Fetch the picture that `link` leads to, judge it, and store what can be sent in `directory`.

    Takes ten seconds at most, and 25 MB. A video's thumbnail comes in the best size there is,
    without the bars of a 4:3 one. Raises LinkProblem for the link and what is behind it,
    ImageProblem for the picture, OSError for the file system.
    """
    errand = _Errand(link=link, network=network, end=time.monotonic() + network.seconds)
    try:
        picture = _best(errand, directory)
    except LinkProblem as problem:
        log.info("no picture from %s: %s", problem.host, problem.code)
        raise
    return replace(picture, original_name=link.label)


@dataclass(frozen=True, kw_only=True)
class _Errand:
    """One call of `fetch_picture`; `end` is when it has to be over."""

    link: Link
    network: Network
    end: float

    def seconds_left(self, host: str) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise self.problem("too_slow", host)
        return left

    def problem(self, code: str, host: str, **facts: object) -> LinkProblem:
        return LinkProblem(code, host=host, label=self.link.label, **facts)


def _best(errand: _Errand, directory: Path) -> Accepted:
    """Fetch the first of the candidates that is there."""
    if not errand.link.video_id:
        return _picture(errand, errand.link.url, directory)
    for url in errand.link.candidates:
        thumbnail = _thumbnail(errand, url, directory)
        if thumbnail is not None:
            return thumbnail
    raise errand.problem("no_thumbnail", _host(errand.link.url))


def _thumbnail(errand: _Errand, url: str, directory: Path) -> Accepted | None:
    """Fetch one size of a video's thumbnail, in 16:9; return None where YouTube lacks it."""
    try:
        picture = _picture(errand, url, directory)
    except LinkProblem as problem:
        if problem.code == "missing":
            return None
        raise
    size = (picture.width, picture.height)
    if size == NO_THUMBNAIL:
        picture.path.unlink()
        return None
    is_barred = url != errand.link.url and size in BARRED
    return _without_bars(picture, directory) if is_barred else picture


def _without_bars(picture: Accepted, directory: Path) -> Accepted:
    """Return the middle 16:9 of a picture in its stead."""
    height = picture.width * 9 // 16
    top = (picture.height - height) // 2
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            with Image.open(picture.path) as whole:
                middle = whole.convert("RGB").crop((0, top, picture.width, top + height))
            middle.save(file, "JPEG", quality=CROP_QUALITY, subsampling=0)
            # It keeps the pixels of a JPEG, so that they are encoded once.
            cropped = accept(file, name=picture.original_name, directory=directory)
    finally:
        picture.path.unlink()
    return replace(cropped, note="reencoded")


def _picture(errand: _Errand, url: str, directory: Path) -> Accepted:
    # Without a name in the folder: nothing is left behind, whatever happens.
    with tempfile.TemporaryFile(dir=directory) as file:
        _download(errand, url, file)
        try:
            return accept(file, name=errand.link.label, directory=directory)
        except ImageProblem as problem:
            if problem.code == "not_an_image" and _is_page(file):
                raise errand.problem("page", _host(url)) from problem
            _name_by_label(problem, errand.link.label)
            raise


def _is_page(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(1000).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGE_STARTS)


def _name_by_label(problem: ImageProblem, label: str) -> None:
    # A video's label has a slash, and all before it was taken for a folder.
    problem.message = problem.message.replace(f"“{clean_name(label)}”", f"“{label}”")


def _download(errand: _Errand, url: str, sink: IO[bytes]) -> None:
    """Write what is at `url` to `sink`, wherever that leads."""
    leads_to = url
    for _ in range(MAX_REDIRECTS + 1):
        leads_to = _visit(errand, leads_to, sink)
        if not leads_to:
            return
    raise errand.problem("redirects", _host(url))


def _visit(errand: _Errand, url: str, sink: IO[bytes]) -> str:
    """Ask for one address: write the picture to `sink`, or return where it leads."""
    parts = urlsplit(url)
    host = _host(url)
    with _connect(errand, host) as connected, Line(errand.seconds_left(host)) as line:
        line.hold(connected)
        with closing(_Connection(parts, connected, errand.network.trusted())) as connection:
            with _told(errand, host, line):
                connection.request("GET", _target(parts), headers=HEADERS)
                response = connection.getresponse()
            with response:
                if response.status in REDIRECTS:
                    return _redirect(errand, url, response)
                _check(errand, host, response)
                _save(errand, _pieces(errand, host, line, response), sink)
    return ""


class _Connection(http.client.HTTPConnection):
    """HTTP over a connection that is there, made secure for the name in the address."""

    default_port = PORT

    def __init__(
        self, parts: SplitResult, connected: socket.socket, context: ssl.SSLContext
    ) -> None:
        super().__init__(parts.netloc)
        self._connected = connected
        self._context = context

    def connect(self) -> None:
        self.sock = self._context.wrap_socket(self._connected, server_hostname=self.host)


def _connect(errand: _Errand, host: str) -> socket.socket:
    """Connect to the first address of `host` that answers, having looked at all of them."""
    trouble: OSError | None = None
    for address in _allowed_addresses(errand, host):
        seconds = min(CONNECT_SECONDS, errand.seconds_left(host))
        try:
            connected = socket.create_connection((address, errand.network.port), seconds)
        except OSError as error:
            trouble = error
            continue
        connected.settimeout(errand.network.seconds)
        return connected
    raise errand.problem("unreachable", host) from trouble


def _allowed_addresses(errand: _Errand, host: str) -> Sequence[str]:
    seconds = errand.seconds_left(host)
    try:
        addresses = _look_up(errand.network, host).result(seconds)
    except TimeoutError as error:
        raise errand.problem("too_slow", host) from error
    except (OSError, UnicodeError) as error:
        is_passing = getattr(error, "errno", None) == socket.EAI_AGAIN
        raise errand.problem("unreachable" if is_passing else "not_public", host) from error
    # One answer for both, or links could be used to find out the names of our own network.
    if not addresses or not all(map(errand.network.is_allowed, addresses)):
        raise errand.problem("not_public", host)
    return addresses


def _look_up(network: Network, host: str) -> Future[Sequence[str]]:
    """Resolve a name aside: the system's resolver has no time limit that could be set."""
    answer: Future[Sequence[str]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(network.resolve(host))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=look_up, daemon=True).start()
    return answer


@contextmanager
def _told(errand: _Errand, host: str, line: Line) -> Iterator[None]:
    """Turn what goes wrong with the network into a LinkProblem."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise errand.problem("certificate", host) from error
    except (OSError, http.client.HTTPException) as error:
        is_slow = bool(line.trouble) or isinstance(error, TimeoutError)
        raise errand.problem("too_slow" if is_slow else "broke_off", host) from error


def _redirect(errand: _Errand, url: str, response: http.client.HTTPResponse) -> str:
    """Return where an answer leads, held to the same rules as what a person pastes."""
    # Headers are read as Latin-1, and servers write UTF-8.
    location = response.headers.get("Location", "").encode("latin-1").decode(errors="replace")
    try:
        return read_address(urljoin(url, location))
    except (LinkProblem, ValueError) as error:
        raise errand.problem("redirect", _host(url)) from error


def _check(errand: _Errand, host: str, response: http.client.HTTPResponse) -> None:
    """Raise a problem for an answer whose body is not worth reading."""
    status = response.status
    if status != 200:
        code = PROBLEMS.get(status, "server" if status >= 500 else "status")
        raise errand.problem(code, host, status=status)
    if response.headers.get_content_type() in PAGES:
        raise errand.problem("page", host)
    if (response.length or 0) > UPLOAD_MAX_BYTES:
        raise ImageProblem("too_large", errand.link.label)


def _pieces(
    errand: _Errand, host: str, line: Line, response: http.client.HTTPResponse
) -> Iterator[bytes]:
    with _told(errand, host, line):
        while piece := response.read1(READ_BYTES):
            yield piece
        # Python's client takes an end for the end, be it early or because the line was cut.
        if response.length or line.trouble:
            raise ConnectionError(errno.ECONNABORTED, "the answer is incomplete")


def _save(errand: _Errand, pieces: Iterator[bytes], sink: IO[bytes]) -> None:
    left = UPLOAD_MAX_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise ImageProblem("too_large", errand.link.label)
        sink.write(piece)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _target(parts: SplitResult) -> str:
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
