"""Rows 11 and 12: lists of a million styles beside lists of ten thousand.

Run with `python -m bench.library`; some minutes, most of which are filling. Once on SQLite and,
where a server can be started, once on PostgreSQL. A page is asked of the whole product, by Django's
test client; a query reads what a page of the library begins with, the keys of its styles. What is
measured is the CPU of the web process and of the database together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from .figures import Figure, run
from .installation import (
    NO_POSTGRESQL,
    POSTGRESQL,
    SQLITE,
    Installation,
    cpu_with_database,
    install,
    of_sizes,
    postgresql,
    serve,
)
from .measuring import in_turns, ratio, taken

SIZES = {"small": 10_000, "large": 1_000_000}
DEEP = 4_000
ROUNDS, FILTER_ROUNDS = 21, 9
FILTERS = {
    "Needs you": "show=needs",
    "Ready": "show=ready",
    "Mine": "show=mine",
    "Draft": "state=draft",
    "In review": "state=review",
    "Waiting to be sent": "state=waiting",
    "Sending or training": "state=under_way",
    "Needs a change": "state=change",
    "Outcome unknown": "state=doubt",
    "Failed, gone or given up": "state=over",
    "Archived": "archived=1",
}
SEARCH = "q=Mars"
WHY_SEARCH = (
    "What contains the text is found by reading the team's names, newest first, until a page is"
    " full: where it is rare, all of them, and of the archive all to count what is there. An index"
    " of trigrams would find it at once, by an extension on PostgreSQL (pg_trgm) and on SQLite by a"
    " second table and triggers that feed it (FTS5): too much for what a team of a million waits."
)


# In an installation


class Lists:
    """What is asked of one installation: each answer is how many milliseconds of CPU it took."""

    def __init__(self, size: int) -> None:
        install()
        from django.test import Client

        from styles.models import Style

        from . import filling

        whose = filling.people()
        filling.fill(size, whose)
        self._owner = whose.owner
        self._browser = Client(headers={"host": "127.0.0.1"})
        self._browser.force_login(whose.owner)
        self._shelf = Style.objects.of(whose.team).not_archived().newest_first()

    def page(self, address: str) -> float:
        return taken(partial(self._look, address), cpu_with_database)

    def deep_page(self) -> float:
        return self.page(f"/?before={self._deep_mark}")

    def query(self, which: str) -> float:
        from styles.library import PAGE, _older_than

        match which:
            case "first":
                found = self._shelf[: PAGE + 1]
            case "deep":
                found = _older_than(self._deep_mark, self._shelf)[: PAGE + 1]
            case "offset":
                begin = (DEEP - 1) * PAGE
                found = self._shelf[begin : begin + PAGE + 1]
        keys = found.values_list("pk", flat=True)
        return taken(lambda: list(keys.all()), cpu_with_database)

    def plain_admin(self) -> float:
        return taken(self._look_at_plain_admin, cpu_with_database)

    @property
    def _deep_mark(self) -> str:
        from styles.library import PAGE, _mark

        if not hasattr(self, "_mark"):
            self._mark = _mark(self._shelf[(DEEP - 1) * PAGE - 1])
        return self._mark

    def _look(self, address: str) -> None:
        response = self._browser.get(address)
        assert response.status_code == 200, response

    def _look_at_plain_admin(self) -> None:
        """As a list is by default, with filters and the tree of dates of Django's tutorial."""
        from django.contrib import admin
        from django.test import RequestFactory

        from styles.models import Style

        listing = admin.ModelAdmin(Style, admin.site)
        listing.list_display = ("name", "state", "team", "creator", "created_at")
        listing.list_filter = ("state", "created_at")
        listing.date_hierarchy = "created_at"
        listing.ordering = ("-created_at", "-id")
        listing.list_select_related = ("team", "creator")
        listing.list_per_page = 25
        request: Any = RequestFactory().get("/admin/", headers={"host": "127.0.0.1"})
        request.user = self._owner
        request.session = self._browser.session
        listing.changelist_view(request).render()


def answer(size: int) -> None:
    lists = Lists(size)
    serve(
        {
            "page": lists.page,
            "deep_page": lists.deep_page,
            "query": lists.query,
            "plain_admin": lists.plain_admin,
        }
    )


# Beside them


class Both(NamedTuple):
    """Milliseconds of two ways, and how much longer the first takes."""

    first: float
    second: float
    ratio: float


def both(first: Callable[[], float], second: Callable[[], float], rounds: int = ROUNDS) -> Both:
    found = in_turns({"first": first, "second": second}, rounds=rounds)
    times = found["first"], found["second"]
    return Both(*map(median, times), ratio(*times))


def of_sizes_both(sizes: dict[str, Installation], question: str, rounds: int = ROUNDS) -> Both:
    return both(sizes["large"].asking(question), sizes["small"].asking(question), rounds)


def library(engine: str, sizes: dict[str, Installation]) -> list[Figure]:
    page, query = of_sizes_both(sizes, "page /"), of_sizes_both(sizes, "query first")
    large = sizes["large"]
    deep_page = both(large.asking("deep_page"), large.asking("page /"))
    deep = both(large.asking("query deep"), large.asking("query first"))
    offset = both(large.asking("query offset"), large.asking("query first"), rounds=3)
    naive = f"OFFSET: {offset.ratio:.0f} times, {offset.first:.0f} ms"
    return [
        _by_size(11, f"library page, 1,000,000 styles over 10,000, {engine}", 1.2, page),
        _by_size(11, f"library query, 1,000,000 styles over 10,000, {engine}", 1.2, query),
        _by_depth(f"library page 4,000 over page 1, {engine}", deep_page, naive),
        _by_depth(f"library query of page 4,000 over page 1, {engine}", deep, naive),
        *_narrowed(engine, sizes),
    ]


def _by_size(row: int, what: str, limit: float, found: Both, **more: str) -> Figure:
    return Figure(
        row=row,
        what=what,
        ours=f"{found.first:.1f} ms",
        baseline=f"with 10,000: {found.second:.1f} ms" + more.pop("baseline", ""),
        measured=found.ratio,
        limit=limit,
        **more,
    )


def _by_depth(what: str, found: Both, naive: str) -> Figure:
    ours = f"{found.first:.1f} ms, page 1 {found.second:.1f} ms"
    return Figure(row=11, what=what, ours=ours, baseline=naive, measured=found.ratio, limit=2)


def _narrowed(engine: str, sizes: dict[str, Installation]) -> list[Figure]:
    """Compare the page by each filter, of which the slowest counts, and by a search."""
    found = {
        name: of_sizes_both(sizes, f"page /?{query}", FILTER_ROUNDS)
        for name, query in FILTERS.items()
    }
    for name, each in found.items():
        print(f"    {name}: {each.ratio:.2f}, {each.first:.0f} ms", file=sys.stderr)
    name = max(found, key=lambda name: found[name].ratio)
    search = of_sizes_both(sizes, f"page /?{SEARCH}", FILTER_ROUNDS)
    over = f"1,000,000 styles over 10,000, {engine}"
    return [
        _by_size(11, f"library by a filter, the slowest: {name}, {over}", 1.2, found[name]),
        _by_size(11, f"library by a rare word, {over}", 1.2, search, why=WHY_SEARCH),
    ]


def admin_list(engine: str, sizes: dict[str, Installation]) -> Figure:
    page = of_sizes_both(sizes, "page /admin/styles/style/")
    plain = of_sizes_both(sizes, "plain_admin", rounds=3)
    return _by_size(
        12,
        f"admin list, 1,000,000 styles over 10,000, {engine}",
        1.5,
        page,
        baseline=f"; a plain list {plain.ratio:.1f} times, {plain.first:.0f} ms",
    )


def measure() -> list[Figure]:
    with of_sizes("library", SIZES) as sizes:
        figures = [*library(SQLITE, sizes), admin_list(SQLITE, sizes)]
    with postgresql() as database:
        if database is None:
            return [*figures, *(_not_measured(row) for row in (11, 12))]
        with of_sizes("library", SIZES, database) as sizes:
            figures += [*library(POSTGRESQL, sizes), admin_list(POSTGRESQL, sizes)]
    return sorted(figures, key=lambda figure: figure.row)


def _not_measured(row: int) -> Figure:
    what = f"{'library' if row == 11 else 'admin list'}, {POSTGRESQL}"
    return Figure(row, what, "", "", None, 1.2 if row == 11 else 1.5, why=NO_POSTGRESQL)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", size]:
            answer(int(size))
        case _:
            run(measure)
