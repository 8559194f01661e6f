"""What people really paste when they are asked for style IDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styles.pasted import ID, read

ONE = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
TWO = "5f0c8f7e-91c1-4a35-8d3e-0b1c2d3e4f50"


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}\n{TWO}",
        f"{ONE}\r\n\r\n  {TWO}  ",
        f"{ONE}, {TWO}",
        f"{ONE};{TWO}",
        f'"{ONE}","{TWO}"',
        f"Mars diary,{ONE},ready\nDeep blue\t{TWO}\tready",
        f'{{"style": "{ONE}"}} {{"style": "{TWO}"}}',
        f"https://api.pikzels.com/v2/pikzonality/{ONE}?a=1\n<https://example.com/#{TWO}>",
        f"“{ONE}”\n‘{TWO}’",
        f"{ONE.upper()}\n{TWO}\n{ONE}",
        f"\ufeff{ONE}\n{TWO[:9]}\u200b{TWO[9:]}",
        f"{ONE.replace('-', '‑')}\n{TWO.replace('-', '–')}",
        f"(1) {ONE}. (2) {TWO}!",
    ],
)
def test_the_ids_are_found_each_once_and_in_order(text: str) -> None:
    assert read(text).ids == [ONE, TWO]


@pytest.mark.parametrize(
    "text",
    ["Mars diary", ONE[:-1], f"{ONE}0", f"a{ONE}", ONE.replace("-", ""), "0" * 8, "\0", "=cmd()"],
)
def test_what_holds_no_id_is_told(text: str) -> None:
    found = read(text)
    assert found.ids == []
    assert found.ignored == [text] if text.strip("\0") else found.ignored == []


def test_a_head_of_columns_is_told_beside_what_was_found() -> None:
    found = read(f"name,pikzels_id\nMars diary,{ONE}\n")
    assert (found.ids, found.ignored) == ([ONE], ["name,pikzels_id"])


def test_nobodys_id_is_no_id() -> None:
    assert read("00000000-0000-0000-0000-000000000000").ids == []


def test_a_long_line_is_told_by_its_beginning() -> None:
    assert read("x" * 1000).ignored == ["x" * 60 + "…"]


@given(st.text())
def test_any_text_can_be_pasted(text: str) -> None:
    found = read(text)
    assert all(ID.fullmatch(each) for each in found.ids)
    assert len(found.ids) == len(set(found.ids))
