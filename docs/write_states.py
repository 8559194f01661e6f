"""Writes the drawing of a style's life into docs/architecture.md: `python -m docs.write_states`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import django
from django.utils.translation import override

from styles.states import TRANSITIONS, State

PAGE = Path(__file__).with_name("architecture.md")
# What stands between these in the page is made here.
BEGIN, END = "<!-- states: made by docs/write_states.py -->\n", "<!-- end of states -->\n"


def drawing() -> str:
    """Return the states and how they follow each other, as a diagram in Mermaid."""
    with override(None):
        names = [f'    state "{state.label}" as {state.value}' for state in State]
    lines = [f"    {old} --> {new}: {why}" for (old, new), why in TRANSITIONS.items()]
    return "\n".join(
        ["```mermaid", "stateDiagram-v2", *names, "    [*] --> draft", *lines, "```", ""]
    )


def page_with(drawn: str) -> str:
    """Return the whole page, with this in the place of its drawing."""
    page = PAGE.read_text(encoding="utf-8")
    old = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    return old.sub(lambda _: BEGIN + drawn + END, page)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")
    django.setup()
    PAGE.write_text(page_with(drawing()), encoding="utf-8")
