"""What the doctor finds: one line each, with what to do where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is. Only `WRONG` keeps something from working; `LOOK` is for a person to judge."""

    OK = "ok"
    LOOK = "look"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    level: Level
    says: str
    do: str = ""
    about: str = ""

    def as_dict(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


Findings = Iterator[Finding]


def ok(says: str) -> Finding:
    return Finding(Level.OK, says)


def look(says: str, do: str) -> Finding:
    return Finding(Level.LOOK, says, do)


def wrong(says: str, do: str) -> Finding:
    return Finding(Level.WRONG, says, do)


def skipped(says: str) -> Finding:
    return Finding(Level.SKIPPED, says)


def is_well(findings: Iterable[Finding]) -> bool:
    return not any(finding.level is Level.WRONG for finding in findings)


def number_of(number: int, one: str, many: str = "") -> str:
    """Return such as "1 style" or "1,234 styles"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
