"""The paid call against servers that behave badly, over plain HTTP and TLS."""

import gzip
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from styles.pikzels import wire
from styles.pikzels.body import LAST_BYTE, Picture
from styles.pikzels.errors import Silence, Verdict
from styles.pikzels.outcome import Outcome

from .loopback import KEY, MADE, Visit, a_client, http, serving, three_pictures

TOO_LARGE = {"error": {"code": "IMAGE_TOO_LARGE", "message": "Over 10 MB"}, "request_id": "req-2"}
# More than the system's buffers take, so that a server that does not read is felt.
LARGE = 3_000_000

Create = Callable[..., Outcome]


class TestAnAnswer:
    def test_with_an_id_means_that_the_style_is_made(self, create: Create) -> None:
        received: list[Visit] = []

        def play(visit: Visit) -> None:
            visit.read_all()
            received.append(visit)
            visit.answer(200, MADE)

        outcome = create(play, size=LARGE)
        assert (outcome.verdict, outcome.reason, outcome.error) == (Verdict.MADE, "", "")
        assert outcome.reply is not None
        assert (outcome.reply.style_id, outcome.reply.request_id) == (MADE["id"], "req-1")
        assert outcome.committed
        assert outcome.bytes_sent == outcome.bytes_total == len(received[0].body)
        assert json.loads(received[0].body)["name"] == "Neon nights"

    def test_is_asked_for_with_our_headers_and_no_others(self, create: Create) -> None:
        received: list[Visit] = []

        def play(visit: Visit) -> None:
            visit.read_all()
            received.append(visit)
            visit.answer(200, MADE)

        outcome = create(play)
        start, *lines = received[0].head.decode().split("\r\n")
        headers = dict(line.split(": ") for line in lines)
        assert start == "POST /v2/pikzonality/style HTTP/1.1"
        assert headers.pop("Host").startswith("127.0.0.1:")
        assert headers == {
            "User-Agent": "pikzels-ui",
            "Accept-Encoding": "identity",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Content-Length": str(outcome.bytes_total),
            "X-Api-Key": KEY,
        }

    def test_with_a_code_is_understood(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            error = {"code": "TOO_MANY_REQUESTS", "message": "Slow down"}
            visit.answer(429, {"error": error}, "Retry-After: 7", "X-Request-Id: req-3")

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.LATER, "TOO_MANY_REQUESTS")
        assert outcome.reply is not None
        assert (outcome.reply.retry_after, outcome.reply.request_id) == ("7", "req-3")

    def test_without_an_id_leaves_a_doubt(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.answer(200, {"request_id": "req-1"})

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NO_ID)

    def test_that_breaks_off_leaves_a_doubt_and_is_kept(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(http(200, MADE)[:-10])

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NOT_JSON)
        assert outcome.reply is not None
        assert MADE["id"] in outcome.reply.excerpt
        assert "IncompleteRead" in outcome.error

    def test_that_stops_in_the_middle_leaves_a_doubt_and_is_kept(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(http(200, MADE)[:-10])
            visit.idle(10)

        outcome = create(play, answer=0.2)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NOT_JSON)
        assert outcome.reply is not None
        assert MADE["id"] in outcome.reply.excerpt

    def test_that_breaks_off_in_its_headers_leaves_a_doubt(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(b"HTTP/1.")

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NO_ANSWER)

    def test_in_chunks_is_read_too(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            body = json.dumps(MADE).encode()
            visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            visit.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

        assert create(play).verdict is Verdict.MADE

    def test_that_never_ends_is_read_only_so_far(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                visit.send(b"x" * 65536)

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NOT_JSON)
        assert "longer than" in outcome.error

    @pytest.mark.parametrize(
        ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
    )
    def test_that_is_compressed_against_our_wish_is_not_lost(
        self, create: Create, encoding: str, pack: Callable[[bytes], bytes]
    ) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.answer(200, pack(json.dumps(MADE).encode()), f"Content-Encoding: {encoding}")

        assert create(play).verdict is Verdict.MADE

    def test_that_only_claims_to_be_gzip_leaves_a_doubt(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.answer(200, b"\x1f\x8bgarbage", "Content-Encoding: gzip")

        outcome = create(play)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NOT_JSON)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_that_redirects_is_not_followed(self, create: Create, status: int) -> None:
        with serving(lambda visit: visit.answer(200, MADE)) as elsewhere:

            def play(visit: Visit) -> None:
                visit.read_all()
                visit.answer(status, b"", f"Location: {elsewhere.url}/")

            outcome = create(play)
            assert elsewhere.visits == []
        assert outcome.verdict is Verdict.IN_DOUBT
        assert outcome.reply is not None
        assert outcome.reply.status == status

    @pytest.mark.parametrize("location", ["http://[::1", "//", "http://\xff\xfe", "a" * 5000])
    def test_with_a_malformed_location_is_still_an_answer(
        self, create: Create, location: str
    ) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.answer(307, b"", f"Location: {location}")

        outcome = create(play)
        assert outcome.verdict is Verdict.IN_DOUBT
        assert outcome.reply is not None
        assert outcome.reply.status == 307


class TestAnEarlyAnswer:
    def test_counts_though_the_server_hangs_up_in_the_middle(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_head()
            visit.read_body(100_000)
            visit.answer(413, TOO_LARGE)

        outcome = create(play, size=LARGE)
        assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "IMAGE_TOO_LARGE")
        assert not outcome.committed
        assert outcome.bytes_sent < outcome.bytes_total

    def test_counts_though_the_server_stops_reading_without_a_word(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_head()
            visit.answer(413, TOO_LARGE)
            visit.idle(15)

        def never() -> bool:
            raise AssertionError("the last byte must not be asked for")

        outcome = create(play, size=LARGE, before_last_byte=never, connect=0.3)
        assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "IMAGE_TOO_LARGE")

    def test_with_an_id_means_that_the_style_is_made(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_head()
            visit.read_body(100_000)
            visit.answer(200, MADE)

        outcome = create(play, size=LARGE)
        assert outcome.verdict is Verdict.MADE
        assert not outcome.committed

    def test_of_a_broken_server_sends_nothing_and_costs_nothing(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_head()
            visit.read_body(100_000)
            visit.answer(500, {"error": {"code": "INTERNAL_ERROR", "message": "?"}})

        outcome = create(play, size=LARGE)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, "INTERNAL_ERROR")

    def test_is_waited_for_only_shortly(
        self, create: Create, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wire, "EARLY_ANSWER_SECONDS", 0.2)

        def play(visit: Visit) -> None:
            visit.read_head()
            # Were it waited for, this would be found.
            if not visit.idle(10):
                visit.answer(200, MADE)

        outcome = create(play, size=LARGE, connect=0.3)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
        assert "timed out" in outcome.error


class TestSilence:
    def test_before_the_last_byte_means_not_sent(self, create: Create) -> None:
        asked: list[bool] = []

        def play(visit: Visit) -> None:
            visit.read_head()
            visit.read_body(100_000)

        outcome = create(play, size=LARGE, before_last_byte=lambda: bool(asked.append(True)))
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
        assert not outcome.committed
        assert asked == []

    def test_from_the_hold_on_leaves_a_doubt(self, create: Create) -> None:
        gone = threading.Event()

        def play(visit: Visit) -> None:
            visit.read_body(visit.read_head() - 1)
            visit.connection.shutdown(socket.SHUT_RDWR)
            visit.connection.close()
            gone.set()

        outcome = create(play, before_last_byte=lambda: gone.wait(10))
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NO_ANSWER)
        assert outcome.committed

    def test_after_the_last_byte_leaves_a_doubt(self, create: Create) -> None:
        outcome = create(lambda visit: visit.read_all())
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NO_ANSWER)
        assert outcome.bytes_sent == outcome.bytes_total

    def test_that_lasts_ends_the_wait(self, create: Create) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.read_to_end()
            visit.answer(200, MADE)

        outcome = create(play, answer=0.2)
        assert (outcome.verdict, outcome.reason) == (Verdict.IN_DOUBT, Silence.NO_ANSWER)
        assert "timed out" in outcome.error

    @pytest.mark.parametrize("start", [0, 60], ids=["headers", "body"])
    def test_broken_by_a_byte_now_and_then_is_cut(self, create: Create, start: int) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            answer = http(200, MADE)
            visit.send(answer[:start])
            # Whole after ten seconds, unless it is cut.
            for byte in answer[start:]:
                visit.send(bytes([byte]))
                threading.Event().wait(10 / (len(answer) - start))

        outcome = create(play, total=0.5)
        assert outcome.verdict is Verdict.IN_DOUBT
        assert "the time for the whole call was up" in outcome.error

    def test_of_a_port_where_nobody_listens_means_not_sent(
        self, tls: ssl.SSLContext | None, certificate: Path, tmp_path: Path
    ) -> None:
        with serving(lambda visit: None, tls) as server:
            client = a_client(server.url, certificate)
        outcome = client.create(
            name="Neon", pictures=three_pictures(tmp_path), before_last_byte=lambda: True
        )
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
        assert outcome.bytes_sent == 0

    def test_in_place_of_a_handshake_is_cut(self, certificate: Path, tmp_path: Path) -> None:
        with serving(lambda visit: visit.read_to_end()) as server:
            client = a_client(server.url.replace("http:", "https:"), certificate, total=0.3)
            outcome = client.create(
                name="Neon", pictures=three_pictures(tmp_path), before_last_byte=lambda: True
            )
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
        assert "the time for the whole call was up" in outcome.error


class TestAbandoning:
    def test_happens_without_our_word_and_the_server_lacks_one_byte(self, create: Create) -> None:
        received: list[bytes] = []

        def play(visit: Visit) -> None:
            length = visit.read_head()
            visit.read_to_end()
            received.extend([visit.body, str(length).encode()])

        outcome = create(play, before_last_byte=lambda: False)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.STOPPED)
        body, length = received
        assert len(body) == int(length) - 1
        assert json.loads(body + LAST_BYTE)["name"] == "Neon nights"

    @pytest.mark.parametrize(
        "error", [BrokenPipeError("disk"), ConnectionResetError(104, "disk"), KeyError("lease")]
    )
    def test_lets_our_own_exception_through(self, create: Create, error: Exception) -> None:
        received: list[Visit] = []

        def play(visit: Visit) -> None:
            visit.read_head()
            received.append(visit)
            visit.read_to_end()

        def hold() -> bool:
            raise error

        with pytest.raises(type(error)) as caught:
            create(play, before_last_byte=hold)
        assert caught.value is error
        assert not received[0].body.endswith(LAST_BYTE)

    def test_follows_a_stop(self, create: Create) -> None:
        stop = threading.Event()

        def play(visit: Visit) -> None:
            visit.read_head()
            visit.read_body(100_000)
            stop.set()
            visit.read_to_end()

        outcome = create(play, size=LARGE, stop=stop, before_last_byte=lambda: False)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.STOPPED)
        assert outcome.bytes_sent < outcome.bytes_total - 1

    def test_does_not_follow_a_stop_after_the_commit(self, create: Create) -> None:
        stop = threading.Event()

        def play(visit: Visit) -> None:
            visit.read_all()
            visit.answer(200, MADE)

        def hold() -> bool:
            stop.set()
            return True

        assert create(play, stop=stop, before_last_byte=hold).verdict is Verdict.MADE

    def test_follows_a_lost_picture(
        self, tls: ssl.SSLContext | None, certificate: Path, tmp_path: Path
    ) -> None:
        good, *_ = three_pictures(tmp_path)
        lost = Picture(path=tmp_path / "lost.png", media_type="image/png", size=5)
        with serving(lambda visit: visit.read_to_end(), tls) as server:
            outcome = a_client(server.url, certificate).create(
                name="Neon", pictures=[good, good, lost], before_last_byte=lambda: True
            )
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.PICTURE_LOST)
        assert outcome.error == "Image 3: No such file or directory"


def test_a_connection_that_comes_too_late_is_cut_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, wire.Line(0) as line:
        while not line.trouble:
            threading.Event().wait(0.001)
        line.hold(ours)
        theirs.settimeout(10)
        assert theirs.recv(1) == b""
