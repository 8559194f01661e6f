"""What a program here found: ours beside what it is compared with, and the limit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured line: `measured` has to keep to `limit`, a ratio unless `what` names a unit.

    `ours` and `baseline` are for reading, each with its unit. `why` argues for a limit that is
    missed, or says why nothing could be measured, in which case `measured` is None.
    """

    row: int
    what: str
    ours: str
    baseline: str
    measured: float | None
    limit: float
    at_least: bool = False
    why: str = ""

    @property
    def met(self) -> bool:
        if self.measured is None:
            return False
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "met" if self.met else "missed"

    @property
    def bound(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"

    @property
    def shown(self) -> str:
        if self.measured is None:
            return ""
        return f"{self.measured:,.0f}" if self.measured >= 1000 else f"{self.measured:.3g}"


def as_text(figures: Iterable[Figure]) -> str:
    lines = []
    for one in figures:
        lines += [
            f"{one.row:>2}  {one.what}: {one.shown} ({one.bound}): {one.verdict}",
            f"      ours {one.ours}; against {one.baseline}",
        ]
        lines += [f"      {one.why}"] if one.why else []
    return "\n".join(lines)


def as_json(figures: Iterable[Figure]) -> str:
    return json.dumps([asdict(one) for one in figures])


def from_json(text: str) -> list[Figure]:
    return [Figure(**fields) for fields in json.loads(text)]


def run(program: Callable[[], list[Figure]]) -> None:
    """Run one program of this folder and end the process: 1 where a limit is missed.

    With `--json` the figures go to standard output for `python -m bench`, which judges them.
    """
    figures = program()
    if "--json" in sys.argv[1:]:
        print(as_json(figures))
        sys.exit(0)
    print(as_text(figures))
    sys.exit(0 if all(one.met for one in figures) else 1)
