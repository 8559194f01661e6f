"""Whom the client trusts: no strange server, no environment, nothing that comes over the wire."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styles.pikzels.client import Picture, Pikzels
from styles.pikzels.errors import Silence, Verdict
from styles.pikzels.outcome import Outcome

from .loopback import KEY, MADE, Visit, a_client, serving, three_pictures

Create = Callable[..., Outcome]


def test_a_server_with_a_strange_certificate_gets_no_request(
    certificate: Path, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda visit: None, context) as server:
        outcome = Pikzels(api_key=KEY, base_url=server.url).create(
            name="Neon", pictures=three_pictures(tmp_path), before_last_byte=lambda: True
        )
        assert server.visits == []
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
    assert "certificate" in outcome.error


def test_the_environment_has_no_say_in_where_the_key_goes(
    create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(visit: Visit) -> None:
        visit.read_all()
        visit.answer(200, MADE)

    with serving(lambda visit: None) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert create(play).verdict is Verdict.MADE
        assert proxy.visits == []


def test_the_key_is_blanked_out_of_what_a_server_sends_back(create: Create) -> None:
    def play(visit: Visit) -> None:
        visit.read_all()
        visit.answer(502, f"your key is {KEY}".encode(), f"X-Request-Id: {KEY}")

    outcome = create(play)
    assert KEY not in repr(outcome)
    assert outcome.reply is not None
    assert outcome.reply.excerpt == "your key is [API key]"


def test_the_key_is_blanked_out_of_what_goes_wrong(create: Create) -> None:
    def play(visit: Visit) -> None:
        visit.read_all()
        visit.send(KEY.encode() + b" is no answer\r\n\r\n")

    outcome = create(play)
    assert "is no answer" in outcome.error
    assert KEY not in repr(outcome)


class Parrot:
    """A server that sends back whatever it was told last."""

    def __init__(self) -> None:
        self.words = b""

    def play(self, visit: Visit) -> None:
        visit.read_all()
        visit.send(self.words)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"]),
    rest=st.binary(max_size=300),
)
def test_whatever_comes_over_the_wire_is_an_outcome(
    parrot: tuple[Parrot, Pikzels, list[Picture]], start: bytes, rest: bytes
) -> None:
    server, client, pictures = parrot
    server.words = start + rest
    outcome = client.create(name="Neon", pictures=pictures, before_last_byte=lambda: True)
    assert outcome.committed
    assert outcome.verdict is not Verdict.NOT_SENT


@pytest.fixture
def parrot(certificate: Path, tmp_path: Path) -> Iterator[tuple[Parrot, Pikzels, list[Picture]]]:
    parrot = Parrot()
    with serving(parrot.play) as server:
        yield parrot, a_client(server.url, certificate), three_pictures(tmp_path, 10)
