"""The style IDs in what people paste: lists, lines of a CSV file, addresses, quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .pikzels import rules

# What word processors make of a hyphen, and what they leave between signs.
HYPHENS = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣-", "-"))
UNSEEN = str.maketrans(dict.fromkeys("\0\u00ad\u200b\u200c\u200d\u2060\ufeff"))
ID = re.compile(
    r"(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])",
    re.IGNORECASE,
)
SHOWN = 60


@dataclass(frozen=True)
class Pasted:
    """The IDs, each once and in small letters, and the lines in which there was none."""

    ids: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def read(text: str) -> Pasted:
    """Take the IDs out of a text."""
    plain = text.translate(UNSEEN).translate(HYPHENS)
    ids: dict[str, None] = {}
    ignored = []
    for line in filter(None, map(str.strip, plain.splitlines())):
        found = [each.lower() for each in ID.findall(line) if each != rules.NOBODYS_ID]
        ids.update(dict.fromkeys(found))
        if not found:
            ignored.append(line if len(line) <= SHOWN else f"{line[:SHOWN]}…")
    return Pasted(list(ids), ignored)
