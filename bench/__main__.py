"""Measure everything and write `bench/RESULTS.md`: `make bench`, about as long as a coffee break.

`python -m bench sending upload` measures these alone and writes nothing.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .figures import Figure, as_text, from_json

# In the order of their rows; each is a module here that is run by itself, too.
PROGRAMS: tuple[str, ...] = (
    "sending_memory",
    "sending",
    "in_flight",
    "uploading",
    "upload_memory",
    "accepting",
    "full_check",
    "reference_check",
    "metadata",
    "vast",
    "library",
    "due",
    "library_page",
    "writers",
    "following",
    "static_files",
    "first_page",
    "load",
    "dispatch",
    "unit_costs",
)
HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- ratios: begin -->", "<!-- ratios: end -->"


def measured_by(program: str) -> list[Figure]:
    """Run one program in a process of its own, so that none finds what another left in memory.

    Raises CalledProcessError.
    """
    command = [sys.executable, "-m", f"bench.{program}", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = from_json(done.stdout)
    print(as_text(figures), flush=True)
    return figures


def measured_by_all(programs: Sequence[str]) -> tuple[list[Figure], list[str]]:
    """Return the figures by their rows, and the programs that broke off, which stop no other."""
    figures, broken = [], []
    for program in programs:
        try:
            figures += measured_by(program)
        except subprocess.CalledProcessError as error:
            print(f"{program} broke off: {error}", flush=True)
            broken.append(program)
    return sorted(figures, key=lambda one: one.row), broken


def table(figures: list[Figure]) -> str:
    lines = ["| Row | What | Measured | Limit | Ours | Against |", "|--:|---|--:|--:|---|---|"]
    lines += [
        f"| {one.row} | {one.what} | {one.shown or one.verdict} | {one.bound} | {one.ours} "
        f"| {one.baseline} |"
        for one in figures
    ]
    return "\n".join(lines)


def short_table(figures: list[Figure]) -> str:
    lines = ["| what | measured | limit |", "|---|--:|--:|"]
    lines += [f"| {one.what} | {one.shown or one.verdict} | {one.bound} |" for one in figures]
    return "\n".join(lines)


def exceptions(figures: list[Figure]) -> str:
    missed = [
        f"- Row {one.row}, {one.what}: {one.verdict}. {one.why}" for one in figures if not one.met
    ]
    return "\n".join(["", "## Exceptions", "", *missed, ""]) if missed else ""


def machine() -> str:
    about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = about.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model or platform.machine()}, {system}"


def commit() -> str:
    asked = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def write(figures: list[Figure]) -> None:
    """Write the results, and what was measured of them into README.md."""
    RESULTS.write_text(
        f"# What was measured\n\nBy `make bench` at commit {commit()}, on {machine()}.\n\n"
        f"{table(figures)}\n{exceptions(figures)}",
        encoding="utf-8",
    )
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(
        f"{before}{BEGIN}\n\n{short_table(figures)}\n\n{END}{after}", encoding="utf-8"
    )


def main(names: list[str]) -> int:
    figures, broken = measured_by_all(names or PROGRAMS)
    if not names and not broken:
        write(figures)
    return 0 if not broken and all(one.met or one.why for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
