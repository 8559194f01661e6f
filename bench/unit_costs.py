"""What one style costs the server, and one page: processor time, rows, and room.

Run with `python -m bench.unit_costs`; Linux only, on loopback addresses alone. It starts a product,
has a person look at pages and make styles from three pictures of 5 MB, and then copies the rows of
a real style a few thousand times, in SQLite and, where a server is installed, in PostgreSQL.

`python -m bench.unit_costs write` also carries the costs to 10, 1,000 and 100,000 styles a day, in
docs/growth.md.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.product import Product
from tests.postgres import programs, server
from tests.waiting import wait_until

from . import growth
from .browsing import page, parts_of, pictures_of_5_mb, the_worker, upload, web_workers
from .figures import Figure, run
from .load import product
from .measuring import cpu_ms, taken
from .people import HERE, UNLIMITED, Person, make, start_django

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
STYLES, PAGES, LOOKS, COPIES, IDLE_SECONDS = 12, 60, 200, 3000, 5
LIBRARY = 48
FOREVER = "training forever"
DATA = ("teams", "styles.style", "styles.referenceimage", "styles.attempt", "styles.event",
        "styles.notice")  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """CPU in milliseconds, room in bytes. `postgresql` is None where none is installed."""

    library: float
    form: float
    style: float
    live: float
    upload: float
    previews: float
    send: float
    look: float
    idle_percent: float
    rows: int
    sqlite: float
    postgresql: float | None
    pictures: float
    others: float
    journal: float


def measure() -> list[Figure]:
    return [*figures_of(costs())]


def costs() -> Costs:
    with product(**UNLIMITED) as running:
        (person,) = make(running.environment, teams=1, people=1, styles=LIBRARY)
        found = {**_pages(running, person), **_styles(running, person)}
        found |= _files(Path(running.environment["DATA_DIR"]))
        found |= {name: float(_inside(running.environment, name)) for name in ("send", "look")}
        return Costs(**found, **_rows(running))


# Processor time


def used_by(pids: list[int]) -> float:
    """Return the CPU that these processes have used, in milliseconds; counted in ticks of 10."""
    return TICK_MS * sum(_ticks(pid) for pid in pids)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def _pages(running: Product, person: Person) -> dict[str, float]:
    paths = {"library": "/", "form": "/styles/new/", "style": person.style}
    paths["live"] = f"{person.style}live/"
    pids = [*web_workers(running.process.pid)]

    def look(path: str, times: int) -> None:
        for _ in range(times):
            assert page(running.url, person, "", path).status == 200

    found = {}
    for name, path in paths.items():
        look(path, 10)
        found[name] = taken(lambda path=path: look(path, PAGES), lambda: used_by(pids)) / PAGES
    return found


def _styles(running: Product, person: Person) -> dict[str, float]:
    """Make some styles and have them trained, then see their pictures."""
    web, worker = [*web_workers(running.process.pid)], [the_worker(running.process.pid)]
    idle = taken(lambda: time.sleep(IDLE_SECONDS), lambda: used_by(worker)) / IDLE_SECONDS
    pictures = parts_of(pictures_of_5_mb())
    # In processes that have never judged a picture, that would cost more.
    _make(running, person, [FOREVER, "Warm 1", "Warm 2", "Warm 3"], pictures)
    names = [f"Cost {n}" for n in range(STYLES)]
    accepted = taken(lambda: _make(running, person, names, pictures), lambda: used_by(web))
    wait_until(lambda: _ready(running) == 3 + STYLES, seconds=120)
    previews = taken(lambda: _see(running, person), lambda: used_by(web))
    return {
        "upload": accepted / STYLES,
        "previews": previews / (STYLES + 3),
        "idle_percent": idle / 10,
    }


def _make(running: Product, person: Person, names: list[str], pictures: bytes) -> None:
    for name in names:
        assert upload(running.url, person, name, pictures).status == 302


def _see(running: Product, person: Person) -> None:
    """Ask for the small pictures of what was made, which are painted when first asked for."""
    for path in json.loads(_inside(running.environment, "previews")):
        assert page(running.url, person, "", path).status == 200


def _ready(running: Product) -> int:
    return int(_inside(running.environment, "ready"))


# Room


def _files(data: Path) -> dict[str, float]:
    """Return what lies in the folders, for each style that was made with pictures."""
    made = STYLES + 4
    room = {
        name: sum(file.stat().st_size for file in (data / name).rglob("*") if file.is_file()) / made
        for name in ("media/references", "media/previews", "media/portraits", "journal")
    }
    others = room["media/previews"] + room["media/portraits"]
    return {"pictures": room["media/references"], "others": others, "journal": room["journal"]}


def _rows(running: Product) -> dict[str, float | int | None]:
    data = running.command("dumpdata", "--natural-foreign", *DATA)
    rows, sqlite = json.loads(_inside(running.environment, "copy"))
    return {"rows": rows, "sqlite": sqlite, "postgresql": _in_postgresql(running, data)}


def _in_postgresql(running: Product, data: str) -> float | None:
    if (folder := programs()) is None:
        return None
    with server(folder) as url:
        environment = {**running.environment, "DATABASE_URL": url}
        manage = [sys.executable, "manage.py"]
        load = [*manage, "loaddata", "--format=json", "-"]
        quiet = {"cwd": HERE, "env": environment, "stdout": subprocess.DEVNULL, "check": True}
        subprocess.run([*manage, "migrate", "--verbosity=0"], **quiet)
        subprocess.run(load, input=data, text=True, **quiet)
        return json.loads(_inside(environment, "copy"))[1]


# Inside, with the models


def _inside(environment: Mapping[str, str], verb: str) -> str:
    command = [sys.executable, "-m", "bench.unit_costs", verb]
    done = subprocess.run(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def ready() -> str:
    from styles.models import Style

    mine = Style.objects.filter(state="ready")
    return str(mine.exclude(images__file__startswith="references/x/").distinct().count())


def previews() -> str:
    from styles.models import Style

    mine = Style.objects.exclude(images__file__startswith="references/x/").distinct()
    return json.dumps([
        f"{each.get_absolute_url()}images/{position}/preview/"
        for each in mine.filter(state="ready")
        for position in (1, 2, 3)
    ])  # fmt: skip


def send() -> str:
    """Send copies of a real style, as the worker does; return the CPU of each."""
    from django.utils import timezone

    from styles import creation
    from styles.models import Event, Style

    real, number = Style.objects.get(name="Cost 0"), 0
    waits = {"state": "queued", "pikzels_id": "", "portrait": "", "due_at": None}
    copies = [_copy(real, name=f"Send {n}", **waits) for n in range(STYLES)]
    Style.objects.bulk_create(copies)
    _store([row for style in copies for row in _copies([*real.images.all()], style)])
    asked = {"what": Event.What.MOVED, "to_state": "queued", "who": real.creator}
    Event.objects.bulk_create(Event(style=style, **asked) for style in copies)
    before = cpu_ms()
    for style in copies:
        Style.objects.filter(pk=style.pk).update(due_at=timezone.now())
        # The product's own worker may be faster, once in a while.
        if attempt := creation.claim(style.pk):
            creation.record(attempt, creation.send(attempt, stop=threading.Event()))
            number += 1
    return str((cpu_ms() - before) / number)


def look() -> str:
    """Follow a style that trains for ever, again and again; return the CPU of one look."""
    from django.utils import timezone

    from styles.following import follow
    from styles.models import Style

    style = Style.objects.get(name=FOREVER)

    def looks(times: int) -> None:
        for _ in range(times):
            Style.objects.filter(pk=style.pk).update(due_at=timezone.now())
            follow(style.pk)

    looks(10)
    return str(taken(lambda: looks(LOOKS), cpu_ms) / LOOKS)


def copied() -> str:
    """Copy a real style with its rows; return how many rows that is, and their room in bytes."""
    from django.db import transaction

    from styles.models import Style

    real = Style.objects.filter(state="ready", name__startswith="Cost").first()
    assert real
    rows = {name: [*getattr(real, name).all()] for name in ("images", "attempts", "events")}
    before = _room()
    with transaction.atomic():
        copies = [_copy(real, pikzels_id=str(uuid.uuid4())) for _ in range(COPIES)]
        Style.objects.bulk_create(copies, batch_size=500)
        tries = {style.pk: _copies(rows["attempts"], style) for style in copies}
        _store([row for some in tries.values() for row in some])
        _store([row for style in copies for row in _copies(rows["images"], style)])
        events = [row for style in copies for row in _copies(rows["events"], style)]
        for event in events:
            event.attempt = tries[event.style_id][0] if event.attempt_id else None
        _store(events)
    return json.dumps([1 + sum(map(len, rows.values())), (_room() - before) / COPIES])


def _copies(rows: list, style: object) -> list:
    return [_copy(row, style=style) for row in rows]


def _copy(row: object, **fields: object) -> object:
    """Return a new row with the same values, but for what is there once only."""
    again = copy.copy(row)
    again._state = copy.copy(row._state)
    again._state.fields_cache = {}
    again.pk, again._state.adding = None, True
    for field in row._meta.concrete_fields:
        if field.get_internal_type() == "UUIDField" and not field.is_relation:
            setattr(again, field.attname, uuid.uuid4())
    for name, value in fields.items():
        setattr(again, name, value)
    return again


def _store(rows: list) -> None:
    type(rows[0]).objects.bulk_create(rows, batch_size=500)


def _room() -> int:
    """Return what is used of the database's room, in bytes."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            asked = ("page_count", "freelist_count", "page_size")
            pages, free, size = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in asked)
            return (pages - free) * size
        cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0]


INSIDE: dict[str, Callable[[], str]] = {
    "ready": ready, "previews": previews, "send": send, "look": look, "copy": copied,
}  # fmt: skip


# What is told of it


def figures_of(found: Costs) -> Iterator[Figure]:
    a_day = growth.MOST
    for name in ("library", "form", "style", "live"):
        spent = getattr(found, name)
        what = f"{growth.PAGES[name]}: CPU in ms"
        yield Figure(24, what, f"{spent:.0f} ms", "what a person waits for unnoticed", spent, 100)
    accepted = found.upload + found.previews + found.send
    yield Figure(
        24, "A style of 3×5 MB, accepted and sent: CPU in ms",
        f"{found.upload:.0f} ms taken in, {found.previews:.0f} previews, {found.send:.0f} sent",
        f"{a_day:,} a day are {accepted * a_day / 864e5:.1f} processors", accepted, 1500,
    )  # fmt: skip
    yield Figure(
        24, "A look at a training: CPU in ms", f"{found.look:.1f} ms",
        f"{growth.LOOKS * a_day:,} a day are {found.look * growth.LOOKS * a_day / 864e5:.2f} "
        "processors", found.look, 25,
    )  # fmt: skip
    yield Figure(
        24, "The worker while nothing is due: % of a processor", f"{found.idle_percent:.1f} %",
        "no other way", found.idle_percent, 5,
    )  # fmt: skip
    postgresql = f"; PostgreSQL {found.postgresql / 1024:.1f} KiB" if found.postgresql else ""
    yield Figure(
        24, "A style's rows: KiB", f"{found.rows} rows, SQLite {found.sqlite / 1024:.1f} KiB"
        f"{postgresql}", f"its pictures {found.pictures / 1024:,.0f} KiB",
        max(found.sqlite, found.postgresql or 0) / 1024, 32,
    )  # fmt: skip
    whole = (found.pictures + found.others + found.journal) / found.pictures
    yield Figure(
        24, "Its room on the disk, against its pictures", f"{found.others / 1024:.0f} KiB of "
        f"previews and portrait, {found.journal / 1024:.1f} KiB of journal",
        f"three pictures of {found.pictures / 3e6:.1f} MB", whole, 1.1,
    )  # fmt: skip


if __name__ == "__main__":
    match sys.argv[1:]:
        case [verb] if verb in INSIDE:
            start_django()
            print(INSIDE[verb]())
        case ["write"]:
            growth.write(costs())
        case _:
            run(measure)
