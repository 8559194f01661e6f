"""How things are measured here: CPU, memory and time of one way against another.

Only ratios within one run count, for machines differ and so do their hours: what is compared takes
turns, and each pair of turns gives a ratio.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

ROUNDS = 7


def cpu_ms(whose: int = resource.RUSAGE_SELF) -> float:
    """Return the CPU used so far, in milliseconds, by this process or by its ended children."""
    used = resource.getrusage(whose)
    return 1000 * (used.ru_utime + used.ru_stime)


def wall_ms() -> float:
    return 1000 * time.perf_counter()


def taken(job: Callable[[], object], clock: Callable[[], float] = wall_ms) -> float:
    """Return what the clock says that the job took, in milliseconds."""
    before = clock()
    job()
    return clock() - before


def in_turns(
    ways: Mapping[str, Callable[[], float]], *, rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Call every way once per round, each giving its own measure; the first round is not kept."""
    for way in ways.values():
        way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        # Alternately from either end, so that nobody always comes after the same other.
        names = list(ways) if number % 2 else list(reversed(ways))
        for name in names:
            found[name].append(ways[name]())
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios of each round."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def peak_kib(pid: int | str = "self") -> int:
    """Return the most memory that a process had at once since `forget_peak`; Linux only."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def forget_peak(pid: int | str = "self") -> int:
    """Begin the peak anew from what the process has now, and return that, in KiB."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return peak_kib(pid)
