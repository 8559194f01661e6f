"""What measured costs come to with more styles a day: the tables of docs/growth.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .unit_costs import Costs

PAGE = Path(__file__).resolve().parents[1] / "docs" / "growth.md"
BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
SCALES = (10, 1_000, 100_000)
MOST = SCALES[-1]
PAGES = {"library": "The library", "form": "The form", "style": "A style’s page",
         "live": "Its state, asked for again"}  # fmt: skip

# What people and Pikzels do, for each style; change these, and write the page anew.
VISITS = {"library": 3, "form": 2, "style": 2, "live": 45}
LOOKS = 7
ANSWER_SECONDS = 5
BUSIEST_HOUR = 0.2
DAYS = 365


def write(costs: Costs) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    made = f"{BEGIN}\n\n{_measured(costs)}\n\n{_carried(costs)}\n\n{END}"
    PAGE.write_text(f"{before}{made}{after}", encoding="utf-8")


def _measured(costs: Costs) -> str:
    postgresql = f"{costs.postgresql / 1024:.1f} KiB" if costs.postgresql else "not measured"
    rows = [
        *((f"{name}, once", f"{getattr(costs, key):.0f} ms of CPU") for key, name in PAGES.items()),
        ("A style: three pictures taken in and judged", f"{costs.upload:.0f} ms of CPU"),
        ("its three previews, painted once", f"{costs.previews:.0f} ms of CPU"),
        ("sent, answered and recorded by the worker", f"{costs.send:.0f} ms of CPU"),
        ("each look at its training", f"{costs.look:.1f} ms of CPU"),
        ("The worker while nothing is due", f"{costs.idle_percent:.1f} % of a processor"),
        (f"A style’s {costs.rows} rows with their indexes", f"{costs.sqlite / 1024:.1f} KiB"),
        ("in PostgreSQL", postgresql),
        ("Its pictures as they are sent", f"{costs.pictures / 1e6:.1f} MB"),
        ("its previews and its portrait", f"{costs.others / 1e3:.0f} KB"),
        ("its lines in the journal", f"{costs.journal / 1024:.1f} KiB"),
    ]  # fmt: skip
    return _table(("what", "costs"), rows)


def _carried(costs: Costs) -> str:
    web = costs.upload + costs.previews
    web += sum(getattr(costs, name) * times for name, times in VISITS.items())
    worker = costs.send + costs.look * LOOKS
    database = max(costs.sqlite, costs.postgresql or 0)
    rows = [
        ("processors for pages, in the busiest hour", [_busy(web * n) for n in SCALES]),
        ("processors for sending and following, then", [_busy(worker * n) for n in SCALES]),
        ("requests under way at Pikzels, then", [_under_way(n) for n in SCALES]),
        ("uploads a second, then", [_short(_a_second(n)) for n in SCALES]),
        ("network, in and out, then", [_network(costs, n) for n in SCALES]),
        ("database, a year", [_bytes(database * n * DAYS) for n in SCALES]),
        ("rows, a year", [f"{costs.rows * n * DAYS:,}" for n in SCALES]),
        ("pictures as they are sent, a year", [_bytes(costs.pictures * n * DAYS) for n in SCALES]),
        ("previews and portraits, a year", [_bytes(costs.others * n * DAYS) for n in SCALES]),
    ]
    head = ("what", *(f"{n:,} styles a day" for n in SCALES))
    return _table(head, [(name, *cells) for name, cells in rows])


def _a_second(styles: int) -> float:
    return styles * BUSIEST_HOUR / 3600


def _busy(milliseconds_a_day: float) -> str:
    return _short(milliseconds_a_day / 1000 * BUSIEST_HOUR / 3600)


def _under_way(styles: int) -> str:
    return _short(_a_second(styles) * ANSWER_SECONDS)


def _short(number: float) -> str:
    return f"{number:.2g}" if number >= 0.01 else "under 0.01"


def _network(costs: Costs, styles: int) -> str:
    # In as they are, out as base64.
    return f"{_bytes(_a_second(styles) * costs.pictures * (1 + 4 / 3))} a second"


def _bytes(number: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:,.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    line = "|".join(["---", *["--:"] * (len(head) - 1)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", f"|{line}|", *lines])
