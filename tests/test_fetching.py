"""Pictures from links: what arrives, what is refused before it is asked for, and in which words."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import get_sampling

from styles.images import UPLOAD_MAX_BYTES, ImageProblem
from styles.images.fetching import INTERNET, fetch_picture
from styles.images.links import Link, LinkProblem, read_link

from .far_away import (
    HERE,
    PARTY,
    by_path,
    fetched,
    leading_to,
    problem_of,
    sending,
)
from .pictures import blobs, decoded, encoded, far_apart, photo
from .pikzels.loopback import Visit, http

VIDEO = "https://youtu.be/dQw4w9WgXcQ"
VIDEO_FOLDER = "/vi/dQw4w9WgXcQ"


class TestAPicture:
    def test_arrives_and_is_stored_as_an_upload_would_be(self, place, folder):
        there = place(sending(200, photo(), "Content-Type: image/jpeg"))
        picture = fetched(PARTY, there, folder)
        assert picture.path.read_bytes() == photo()
        assert (picture.width, picture.height) == (1280, 720)
        assert (picture.original_name, picture.note) == ("party.jpg", "")
        assert list(folder.iterdir()) == [picture.path]

    def test_is_asked_for_without_saying_who_we_are(self, place, folder, monkeypatch):
        monkeypatch.setenv("NETRC", str(folder / "netrc"))
        (folder / "netrc").write_text("machine pictures.example login alice password secret")
        there = place(sending(200, photo(320, 180)))
        fetched(PARTY, there, folder)
        start, *lines = there.server.visits[0].head.decode().split("\r\n")
        assert start == "GET /2026/party.jpg?token=secret HTTP/1.1"
        assert dict(line.split(": ") for line in lines) == {
            "Host": "pictures.example",
            "User-Agent": "pikzels-ui",
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        assert there.greeted == ["pictures.example"]

    def test_is_judged_by_its_bytes_and_not_by_what_the_server_says(self, place, folder):
        there = place(sending(200, photo(320, 180, format="PNG"), "Content-Type: image/webp"))
        assert fetched(PARTY, there, folder).media_type == "image/png"

    def test_may_come_in_chunks_or_without_a_length(self, place, folder):
        body = photo(320, 180)
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        endless = b"HTTP/1.1 200 OK\r\n\r\n" + body
        there = place(
            by_path(
                chunked=lambda visit: visit.send(chunked),
                endless=lambda visit: visit.send(endless),
            )
        )
        for name in ("chunked", "endless"):
            picture = fetched(f"https://pictures.example/{name}.jpg", there, folder)
            assert picture.path.read_bytes() == body

    def test_that_cannot_be_used_is_named_in_the_problem(self, place, folder):
        there = place(sending(200, encoded(blobs(320, 180), "GIF")))
        with pytest.raises(ImageProblem, match=r"“party\.jpg” is in GIF format") as caught:
            fetched(PARTY, there, folder)
        assert caught.value.code == "format"
        assert list(folder.iterdir()) == []

    def test_is_fetched_past_the_proxies_of_the_environment(self, place, folder, monkeypatch):
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        there = place(sending(200, photo(320, 180)))
        assert fetched(PARTY, there, folder).width == 320


class TestARedirect:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_is_followed_to_another_host(self, place, folder, status):
        there = place(
            by_path(
                party=leading_to("https://elsewhere.example/big.jpg?a=1#top", status),
                big=sending(200, photo(320, 180)),
            )
        )
        assert fetched(PARTY, there, folder).original_name == "party.jpg"
        assert there.requests == ["GET /2026/party.jpg?token=secret", "GET /big.jpg?a=1"]
        assert there.greeted == ["pictures.example", "elsewhere.example"]

    def test_takes_nothing_along(self, place, folder):
        there = place(
            by_path(
                party=sending(302, b"", "Location: big.jpg", "Set-Cookie: a=b; Domain=example"),
                big=sending(200, photo(320, 180)),
            )
        )
        fetched(PARTY, there, folder)
        head = there.server.visits[1].head.decode()
        assert head.startswith("GET /2026/big.jpg HTTP/1.1")
        assert not any(word in head for word in ("Cookie", "Referer", "secret"))

    def test_may_be_written_in_any_letters(self, place, folder):
        there = place(
            by_path(
                party=leading_to("/ü.jpg".encode().decode("latin-1")),
                **{"%C3%BC": sending(200, photo(320, 180))},
            )
        )
        assert fetched(PARTY, there, folder).width == 320

    def test_is_followed_five_times(self, place, folder):
        plays = {f"p{n}": leading_to(f"/p{n + 1}") for n in range(5)}
        there = place(by_path(**plays, p5=sending(200, photo(320, 180))))
        assert fetched("https://pictures.example/p0", there, folder).width == 320

    def test_in_a_circle_comes_to_an_end(self, place, folder):
        there = place(leading_to("/again"))
        assert problem_of(PARTY, there.network, folder).code == "redirects"
        assert len(there.requests) == 6

    def test_to_a_private_address_ends_before_anybody_connects_to_it(self, place, folder):
        there = place(leading_to("https://inside.example/party.jpg"))
        problem = problem_of(PARTY, there.network, folder)
        assert problem.code == "not_public"
        assert "“inside.example”" in problem.message
        assert there.asked == ["pictures.example", "inside.example"]
        assert there.greeted == ["pictures.example"]

    def test_to_inside_would_arrive_there_if_it_were_let(self, place, folder):
        there = place(
            by_path(
                party=leading_to("https://inside.example/big.jpg"),
                big=sending(200, photo(320, 180)),
            )
        )
        let = replace(there.network, is_allowed=lambda address: True)
        assert fetch_picture(read_link(PARTY), directory=folder, network=let).width == 320
        assert there.greeted == ["pictures.example", "inside.example"]

    @pytest.mark.parametrize(
        "location",
        [
            "http://elsewhere.example/party.jpg",
            "https://elsewhere.example:8443/party.jpg",
            "https://alice:secret@elsewhere.example/party.jpg",
            "https://localhost/party.jpg",
            "https://127.1/party.jpg",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "gopher://elsewhere.example/",
            "https://[::1",
        ],
    )
    def test_to_what_no_link_may_be_ends_there(self, place, folder, location):
        there = place(leading_to(location))
        assert problem_of(PARTY, there.network, folder).code == "redirect"
        assert there.asked == ["pictures.example"]

    @pytest.mark.parametrize("headers", [(), ("Location:",), ("Location: //",)])
    def test_to_nowhere_runs_in_a_circle(self, place, folder, headers):
        there = place(sending(302, b"", *headers))
        assert problem_of(PARTY, there.network, folder).code == "redirects"


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            *((401, "forbidden"), (403, "forbidden"), (404, "missing"), (410, "missing")),
            *((429, "busy"), (500, "server"), (503, "server"), (599, "server")),
            *((204, "status"), (206, "status"), (304, "status"), (418, "status")),
        ],
    )
    def test_other_than_a_picture_is_put_into_plain_words(self, place, folder, status, code):
        there = place(sending(status, photo()))
        problem = problem_of(PARTY, there.network, folder)
        assert problem.code == code
        assert "“pictures.example”" in problem.message
        assert "secret" not in problem.message

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"anything", ["Content-Type: text/html; charset=utf-8"]),
            (b"<svg", ["Content-Type: application/xhtml+xml"]),
            (b"\n <!DOCTYPE html><title>Party</title>", []),
            (b"\xef\xbb\xbf<HTML>", ["Content-Type: image/jpeg"]),
        ],
    )
    def test_that_is_a_page_is_answered_with_how_to_find_the_picture(
        self, place, folder, body, headers
    ):
        there = place(sending(200, body, *headers))
        problem = problem_of(PARTY, there.network, folder)
        assert problem.code == "page"
        assert "Copy image address" in problem.message

    def test_that_says_it_is_too_large_is_not_read(self, place, folder):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {UPLOAD_MAX_BYTES + 1}\r\n\r\n".encode()
        there = place(lambda visit: (visit.send(head), visit.idle(20)))
        with pytest.raises(ImageProblem, match=r"“party\.jpg” is larger than 25 MB"):
            fetched(PARTY, there, folder)
        assert list(folder.iterdir()) == []

    def test_that_turns_out_too_large_is_cut_off(self, place, folder):
        def play(visit: Visit) -> None:
            visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                visit.send(bytes(1_000_000))

        with pytest.raises(ImageProblem, match="larger than 25 MB"):
            fetched(PARTY, place(play), folder)
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize(
        "answer",
        [
            http(200, photo())[:-9],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nabc",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
            b"220 mail.example ESMTP\r\n",
            b"",
        ],
    )
    def test_that_is_broken_is_called_so(self, place, folder, answer):
        there = place(lambda visit: visit.send(answer))
        assert problem_of(PARTY, there.network, folder).code == "broke_off"

    def test_in_random_bytes_is_always_a_problem_of_the_link_or_the_picture(self, place, folder):
        answers: list[bytes] = []
        there = place(lambda visit: visit.send(answers[-1]))
        pieces = st.sampled_from(
            [
                *(b"HTTP/1.1 ", b"200", b"302", b"100", b" OK", b"\r\n", b"\r\n\r\n", b"<html>"),
                *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Location: ", b"-1", b"9"),
                *(b"Content-Type: ", b"multipart/x; boundary=", b"\xff\xd8\xff", b"=?utf-8?q?x?="),
            ]
        )
        odd = st.lists(pieces | st.binary(max_size=9), max_size=12).map(b"".join)

        @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
        @given(odd | odd.map(b"HTTP/1.1 200 OK\r\n".__add__) | odd.map(http(302)[:-4].__add__))
        def check(answer: bytes) -> None:
            answers.append(answer)
            with pytest.raises((LinkProblem, ImageProblem)):
                fetched(PARTY, there, folder)
            assert list(folder.iterdir()) == []

        check()


class TestTheTime:
    """A short time for all of it stands for the ten seconds."""

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        ],
        ids=["headers", "body", "body-with-a-length"],
    )
    def test_is_up_though_a_byte_comes_ever_so_often(self, place, folder, head):
        def play(visit: Visit) -> None:
            visit.send(head)
            for _ in range(1000):
                visit.idle(0.01)
                visit.send(b"\xff")

        assert problem_of(PARTY, place(play).with_limits(seconds=0.3), folder).code == "too_slow"

    def test_is_up_where_the_server_is_silent(self, place, folder):
        there = place(lambda visit: visit.idle(20))
        assert problem_of(PARTY, there.with_limits(seconds=0.3), folder).code == "too_slow"

    def test_is_up_where_tls_is_never_agreed_upon(self, place, folder):
        there = place(lambda visit: None)
        with socket.create_server((HERE, 0)) as silent:
            network = there.with_limits(seconds=0.3, port=silent.getsockname()[1])
            assert problem_of(PARTY, network, folder).code == "too_slow"

    def test_that_is_up_is_not_used_for_asking(self, place, folder):
        there = place(sending(200, photo()))
        assert problem_of(PARTY, there.with_limits(seconds=0), folder).code == "too_slow"
        assert there.asked == []

    def test_counts_for_the_name_too(self, folder):
        answered = threading.Event()

        def resolve(host: str) -> list[str]:
            answered.wait(20)
            return ["8.8.8.8"]

        network = replace(INTERNET, resolve=resolve, seconds=0.1)
        assert problem_of(PARTY, network, folder).code == "too_slow"
        answered.set()

    def test_is_one_for_all_redirects(self, place, folder):
        def play(visit: Visit) -> None:
            visit.idle(0.2)
            leading_to("/again")(visit)

        assert problem_of(PARTY, place(play).with_limits(seconds=0.5), folder).code == "too_slow"


def barred(width: int, height: int) -> bytes:
    """Return a 4:3 thumbnail as YouTube makes it: white, with black bars above and below."""
    image = Image.new("RGB", (width, height))
    middle = width * 9 // 16
    top = (height - middle) // 2
    ImageDraw.Draw(image).rectangle((0, top, width, top + middle - 1), fill="white")
    return encoded(image, "JPEG")


class TestAThumbnail:
    def test_is_taken_in_the_best_size(self, place, folder):
        there = place(by_path(maxresdefault=sending(200, photo())))
        picture = fetched(VIDEO, there, folder)
        assert picture.path.read_bytes() == photo()
        assert picture.original_name == "youtu.be/dQw4w9WgXcQ"
        assert there.requests == [f"GET {VIDEO_FOLDER}/maxresdefault.jpg"]
        assert there.greeted == ["i.ytimg.com"]

    @pytest.mark.parametrize(
        "missing", [sending(404, photo(120, 90)), sending(200, photo(120, 90))]
    )
    @pytest.mark.parametrize(
        ("name", "size", "cropped"),
        [("sddefault", (640, 480), (640, 360)), ("hqdefault", (480, 360), (480, 270))],
    )
    def test_that_youtube_lacks_gives_way_to_the_next_without_its_bars(
        self, place, folder, missing, name, size, cropped
    ):
        plays = dict.fromkeys(("maxresdefault", "sddefault", "hqdefault"), missing)
        there = place(by_path(**plays | {name: sending(200, barred(*size))}))
        picture = fetched(VIDEO, there, folder)
        assert (picture.width, picture.height) == cropped
        assert (picture.media_type, picture.note) == ("image/jpeg", "reencoded")
        assert picture.original_name == "youtu.be/dQw4w9WgXcQ"
        sent = decoded(picture.path.read_bytes())
        assert sent.size == cropped
        assert far_apart(sent, Image.new("RGB", cropped, "white")) < 1
        assert list(folder.iterdir()) == [picture.path]

    def test_keeps_its_looks_without_its_bars(self, place, folder):
        original = photo(640, 480)
        missing = sending(404)
        there = place(by_path(maxresdefault=missing, sddefault=sending(200, original)))
        sent = decoded(fetched(VIDEO, there, folder).path.read_bytes())
        assert far_apart(sent, decoded(original).crop((0, 60, 640, 420))) < 1
        assert get_sampling(sent) == 0

    @pytest.mark.parametrize(
        ("name", "size"), [("maxresdefault", (640, 480)), ("sddefault", (640, 360))]
    )
    def test_without_bars_keeps_its_pixels(self, place, folder, name, size):
        plays = {"maxresdefault": sending(404), name: sending(200, photo(*size))}
        picture = fetched(VIDEO, place(by_path(**plays)), folder)
        assert picture.path.read_bytes() == photo(*size)

    @pytest.mark.parametrize("nothing", [sending(404), sending(200, photo(120, 90))])
    def test_of_a_video_that_is_gone_is_not_found(self, place, folder, nothing):
        there = place(nothing)
        problem = problem_of(VIDEO, there.network, folder)
        assert problem.message.startswith(
            "No thumbnail found for “youtu.be/dQw4w9WgXcQ”. Is the video private or deleted?"
        )
        assert len(there.requests) == 3

    def test_is_not_said_to_be_missing_where_youtube_is_in_trouble(self, place, folder):
        there = place(sending(503))
        assert problem_of(VIDEO, there.network, folder).code == "server"
        assert len(there.requests) == 1

    def test_that_cannot_be_used_is_named_like_its_video(self, place, folder):
        there = place(sending(200, b"\xff\xd8\xff and no more"))
        with pytest.raises(ImageProblem) as caught:
            fetched(VIDEO, there, folder)
        assert caught.value.message.startswith("“youtu.be/dQw4w9WgXcQ” could not be read")

    def test_of_another_picture_of_that_size_is_a_picture(self, place, folder):
        there = place(sending(200, photo(120, 90)))
        assert fetched(PARTY, there, folder).width == 120


def test_a_log_gets_the_host_and_nothing_else_of_a_link(place, folder, caplog):
    caplog.set_level(logging.DEBUG)
    there = place(by_path(party=leading_to("/big.jpg?token=secret"), big=sending(403)))
    problem_of(PARTY, there.network, folder)
    assert "no picture from pictures.example: forbidden" in caplog.text
    assert not any(word in caplog.text for word in ("secret", "party", "big"))


def test_a_full_disk_is_no_fault_of_the_link(place, folder, monkeypatch):
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("styles.images.fetching.tempfile.TemporaryFile", lambda **_: Full())
    there = place(sending(200, photo()))
    with pytest.raises(OSError, match="No space left"):
        fetched(PARTY, there, folder)


def test_a_link_of_ones_own_making_is_held_to_the_network_too(place, folder):
    there = place(sending(200, photo()))
    url = "https://inside.example/party.jpg"
    link = Link(url=url, candidates=(url,), video_id="", label="party.jpg")
    with pytest.raises(LinkProblem):
        fetch_picture(link, directory=folder, network=there.network)
    assert there.greeted == []
