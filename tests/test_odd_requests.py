"""Requests that no browser makes: a plain 400, and never a fault of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from teams.models import User

from .conftest import browser_of

FORM = "multipart/form-data; boundary=x; charset="


@pytest.mark.parametrize("charset", ["zlib", "rot13", "undefined", "idna", "unicode_escape"])
def test_what_is_no_character_set_is_turned_away(charset: str) -> None:
    answer = Client().generic("POST", "/accounts/login/", b"--x--", FORM + charset)
    assert answer.status_code == 400


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "iso-8859-1"])
def test_what_is_one_is_read(charset: str, db: None) -> None:
    answer = Client().generic("POST", "/accounts/login/", b"--x--", FORM + charset)
    assert answer.status_code == 422  # read, and found empty


def test_nul_in_a_cookie_is_turned_away() -> None:
    client = Client()
    client.cookies["sessionid"] = "abc\0def"
    assert client.get("/").status_code == 400


def test_nul_in_a_query_of_the_admin_is_turned_away() -> None:
    assert Client().get("/admin/styles/style/?name=%00").status_code == 400


@pytest.mark.parametrize(
    "posted",
    [{"team": "9" * 30}, {"team": "9" * 5000}, {"remove": "9" * 5000}, {"team": "²"}],
)
def test_odd_numbers_are_no_fault(alice: User, posted: dict[str, str]) -> None:
    assert browser_of(alice).post("/styles/new/", posted).status_code == 404


@pytest.mark.parametrize(
    "mark",
    ["2026-01-01T00:00:00Z_" + "x" * 36, "0001-01-01T00:00:00+14:00_x", "9999-12-31T23:00-14:00_x"],
)
def test_odd_marks_are_no_fault(alice: User, mark: str) -> None:
    assert browser_of(alice).get("/", {"before": mark}).status_code == 200
