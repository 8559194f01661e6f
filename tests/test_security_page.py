"""docs/security.md names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .wording import banned_words

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:\w+/)?test_\w+\.py[:\w]*)`", PAGE)))


def names_in(nodes: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Return classes and functions by name, with what is in them."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name: node.body for node in nodes if isinstance(node, kinds)}


@pytest.mark.parametrize("named", NAMED)
def test_each_test_that_is_named_exists(named: str) -> None:
    file, *path = named.split("::")
    nodes = ast.parse((TESTS / file).read_text()).body
    for name in path:
        assert re.match("Test|test_", name)
        nodes = names_in(nodes)[name]


def test_every_promise_is_held_by_something() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    held = [row.rpartition("|")[0].rpartition("| ")[2] for row in rows]
    assert len(NAMED) > 60
    for row, by in zip(rows, held, strict=True):
        assert "`test_" in by or "/test_" in by or "`make " in by or by == "held by ", row


def test_it_keeps_to_our_words() -> None:
    assert banned_words(PAGE) == []
