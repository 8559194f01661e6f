"""The sandbox's own page: what it made, what it was asked, and the names that mean something."""

from html import escape
from typing import Any

from .triggers import COURSES, FAILURES, names_of

LAST = 50
STYLE = (
    "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin-bottom:2rem}"
    "td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}"
)


def page(account: dict[str, Any]) -> str:
    """Return an HTML page of what `Ledger.account` says, the newest first."""
    styles = [(style["name"], style["id"], style["made_at"]) for style in account["styles"]]
    requests = [
        (entry["method"], entry["path"], entry["name"], entry["status"], entry["code"])
        for entry in account["requests"][-LAST:]
    ]
    triggers = [(", ".join(names), text) for names, text in trigger_rows()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Pikzels sandbox</title>'
        f"<style>{STYLE}</style><h1>Pikzels sandbox</h1>"
        f"<p>{account['charged']} styles made. Nothing here reaches Pikzels or costs anything.</p>"
        + _table("Styles", ("Name", "ID", "Made"), styles[::-1])
        + _table("Latest requests", ("Method", "Path", "Name", "Status", "Code"), requests[::-1])
        + _table("Names that mean something", ("Style name", "What happens"), triggers)
    )


def trigger_rows() -> list[tuple[list[str], str]]:
    """Return the names that bring the same about, and what; each trigger once."""
    failures = [(names_of(failure), failure.text) for failure in FAILURES]
    return [*failures, *(([course.name], course.text) for course in COURSES)]


def _table(title: str, heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell or '–'))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"
