"""The library as a file: all that the page shows, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from styles.exports import FORMULA_STARTS, as_cell
from styles.models import Style
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]


@pytest.fixture
def client(bob: User) -> Client:
    return browser_of(bob)


def rows(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/export.csv{query}")
    text = b"".join(answer).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def objects(client: Client, query: str = "") -> list[dict[str, object]]:
    return json.loads(b"".join(client.get(f"/export.json{query}")))


def test_holds_every_style_newest_first(
    client: Client, make_style: MakeStyle, key: PikzelsKey
) -> None:
    make_style("Mars diary", state=State.READY, key=key, pikzels_id="id-1")
    make_style("Deep blue")
    assert [row["name"] for row in rows(client)] == ["Deep blue", "Mars diary"]
    first, second = objects(client)
    assert (first["pikzels_id"], second["pikzels_id"]) == (None, "id-1")
    assert second["made_by"] == "Alice"


def test_holds_what_was_searched_for(client: Client, make_style: MakeStyle) -> None:
    make_style("Mars diary")
    make_style("Deep blue")
    assert [row["name"] for row in objects(client, "?q=mars")] == ["Mars diary"]
    assert rows(client, "?show=ready") == []
    assert objects(client, "?show=ready") == []


def test_holds_nothing_of_another_team(charlie: User, make_style: MakeStyle) -> None:
    make_style("Mars diary")
    assert rows(browser_of(charlie)) == []


@pytest.mark.parametrize("name", ["-danger", "-1 plus 1"])
def test_runs_nothing_in_a_spreadsheet(client: Client, make_style: MakeStyle, name: str) -> None:
    make_style(name, note="=HYPERLINK(1)")
    (row,) = rows(client)
    assert (row["name"], row["note"]) == (f"'{name}", "'=HYPERLINK(1)")
    assert objects(client)[0]["name"] == name


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    assert not as_cell(text).startswith(FORMULA_STARTS)


def test_is_offered_by_the_library(client: Client, make_style: MakeStyle) -> None:
    make_style("Mars diary")
    page = client.get("/?q=mars").content.decode()
    assert "/export.csv?q=mars" in page
    assert client.get("/export.csv")["Content-Disposition"] == 'attachment; filename="styles.csv"'
