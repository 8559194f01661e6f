"""The blocks of commands in our Markdown files, and what each is marked with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```(?P<language>\w*)[ ]?(?P<mark>[\w-]*)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the word behind that, and what stands in it."""

    page: str
    language: str
    mark: str
    code: str


def blocks_of(page: Path) -> list[Block]:
    name = str(page.relative_to(ROOT))
    return [Block(name, **found.groupdict()) for found in FENCED.finditer(page.read_text())]
