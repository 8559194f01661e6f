"""From where pictures are fetched: public addresses only, each of them checked and kept to."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from styles.images.fetching import INTERNET, Network, fetch_picture, is_public, public_authorities
from styles.images.links import read_link

from .far_away import (
    HERE,
    PARTY,
    far_away,
    leading_to,
    problem_of,
    sending,
)
from .pictures import photo
from .pikzels.loopback import http, make_certificate

VIDEO = "https://youtu.be/dQw4w9WgXcQ"
VIDEO_FOLDER = "/vi/dQw4w9WgXcQ"


SPECIAL = [
    *(
        str(IPv4Address(0)),
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.8.8",
    ),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.192"),
    *("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("168.63.129.16", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1"),
    *("64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::1"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1"),
    *("2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    *("", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.0.0.1/8"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "192.0.1.1", "100.128.0.1"),
    *("2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888"),
    "64:ff9b::8.8.8.8",
]


class TestANetwork:
    @pytest.mark.parametrize("address", SPECIAL)
    def test_of_our_own_is_never_connected_to(self, folder, address, monkeypatch):
        monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
        network = replace(INTERNET, resolve=lambda host: [address])
        assert problem_of(PARTY, network, folder).code == "not_public"

    @pytest.mark.parametrize("address", PUBLIC)
    def test_of_anybody_is_allowed(self, address):
        assert is_public(address)

    def test_is_the_internet_unless_a_test_says_otherwise(self):
        assert Network() == INTERNET
        assert (INTERNET.is_allowed, INTERNET.port, INTERNET.seconds) == (is_public, 443, 10)
        assert INTERNET.trusted is public_authorities

    @pytest.mark.parametrize(
        "addresses", [[HERE, "10.0.0.1"], ["10.0.0.1", HERE], [HERE] * 9 + ["::1"], []]
    )
    def test_that_is_public_only_in_part_is_refused_as_a_whole(self, place, folder, addresses):
        there = place(sending(200, photo()))
        there.addresses["pictures.example"] = addresses
        assert problem_of(PARTY, there.network, folder).code == "not_public"
        assert there.greeted == []

    def test_is_not_told_from_a_name_that_does_not_exist(self, place, folder):
        there = place(sending(200, photo()))
        there.addresses["pictures.example"] = ["10.0.0.1"]
        private = problem_of(PARTY, there.network, folder)
        del there.addresses["pictures.example"]
        assert problem_of(PARTY, there.network, folder).message == private.message

    def test_cannot_be_entered_by_a_second_answer_to_the_same_question(
        self, place, folder, monkeypatch
    ):
        there = place(sending(200, photo(320, 180)))
        answers = iter([[HERE], ["10.0.0.1"]])
        network = replace(there.network, resolve=lambda host: next(answers))
        numbers_only = socket.getaddrinfo

        def no_names(host: str, port: int, *args: int) -> object:
            return numbers_only(host, port, *args, flags=socket.AI_NUMERICHOST)

        monkeypatch.setattr(socket, "getaddrinfo", no_names)
        assert fetch_picture(read_link(PARTY), directory=folder, network=network).width == 320
        assert next(answers) == ["10.0.0.1"]
        assert there.greeted == ["pictures.example"]

    def test_is_asked_again_for_every_redirect(self, place, folder):
        there = place(leading_to("/big.jpg"))
        answers = iter([[HERE], ["10.0.0.1"]])
        network = replace(there.network, resolve=lambda host: next(answers))
        assert problem_of(PARTY, network, folder).code == "not_public"
        assert len(there.requests) == 1

    def test_is_asked_with_the_addresses_of_the_system(self, monkeypatch):
        found = [(2, 1, 6, "", ("8.8.8.8", 0)), (10, 1, 6, "", ("2a00::1", 0, 0, 0))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*found, found[0]])
        assert INTERNET.resolve("pictures.example") == ["8.8.8.8", "2a00::1"]


class TestTheWayThere:
    def test_leads_past_an_address_that_is_dead(self, place, folder):
        there = place(sending(200, photo(320, 180)))
        network = replace(
            there.network, resolve=lambda host: ["::1", HERE], is_allowed=lambda address: True
        )
        assert fetch_picture(read_link(PARTY), directory=folder, network=network).width == 320

    def test_ends_where_nobody_listens(self, place, folder):
        with socket.create_server((HERE, 0)) as unused:
            port = unused.getsockname()[1]
        there = place(sending(200, photo()))
        problem = problem_of(PARTY, replace(there.network, port=port), folder)
        assert problem.code == "unreachable"
        assert "“pictures.example”" in problem.message
        assert "upload the file" in problem.message

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (socket.gaierror(socket.EAI_AGAIN, "try again"), "unreachable"),
            (socket.gaierror(socket.EAI_NONAME, "no such name"), "not_public"),
            (UnicodeError("label too long"), "not_public"),
        ],
    )
    def test_ends_where_the_name_has_no_address(self, folder, error, code):
        def resolve(host: str) -> list[str]:
            raise error

        problem = problem_of(PARTY, replace(INTERNET, resolve=resolve), folder)
        assert problem.code == code
        assert "“pictures.example”" in problem.message
        assert "upload the file" in problem.message

    def test_ends_at_a_certificate_that_nobody_vouches_for(self, place, folder):
        there = place(sending(200, photo()))
        network = replace(there.network, trusted=public_authorities)
        assert problem_of(PARTY, network, folder).code == "certificate"
        assert there.server.visits == []

    def test_ends_at_a_certificate_for_another_name(self, folder, tmp_path):
        strange = make_certificate(tmp_path, ["somebody.example"])
        with far_away(sending(200, photo()), strange) as there:
            assert problem_of(PARTY, there.network, folder).code == "certificate"
            assert there.server.visits == []

    def test_ends_where_no_tls_is_spoken(self, place, folder):
        there = place(sending(200, photo()))
        with socket.create_server((HERE, 0)) as plain:

            def play() -> None:
                connection, _ = plain.accept()
                connection.sendall(http(400))
                connection.close()

            thread = threading.Thread(target=play)
            thread.start()
            network = replace(there.network, port=plain.getsockname()[1])
            assert problem_of(PARTY, network, folder).code == "broke_off"
            thread.join()
