"""What a person's browser does with a server that is measured: pages, and a form with pictures."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from tests.pictures import photo

from .people import SECRET, Person

BOUNDARY = "a-slide-on-the-light-table"
PICTURE_BYTES = 5_000_000
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What came of one request: `kind` is what it asked for, `status` 0 where nothing came."""

    kind: str
    seconds: float
    status: int

    @property
    def failed(self) -> bool:
        return self.status not in {200, 302}


def page(url: str, person: Person, kind: str, path: str, *, patience: float = PATIENCE) -> Answer:
    return _ask(url, person, kind, ("GET", path), patience=patience)


def upload(url: str, person: Person, name: str, pictures: bytes) -> Answer:
    """Post the form of a new style with pictures, as `parts_of` has them."""
    fields = {"csrfmiddlewaretoken": SECRET, "team": str(person.team), "name": name}
    fields["token"] = str(uuid.uuid4())
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    head = "".join(parts).encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + len(pictures)),
    }
    what = ("POST", "/styles/new/", [head, pictures], headers)
    return _ask(url, person, "upload", what)


def parts_of(pictures: list[bytes]) -> bytes:
    """Return the end of the form: the pictures, whatever the name."""
    parts = []
    for position, picture in enumerate(pictures, 1):
        about = f'name="image_{position}"; filename="mars-{position}.jpg"'
        lines = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n"
        parts += [f"{lines}Content-Type: image/jpeg\r\n\r\n".encode(), picture, b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def pictures_of_5_mb() -> list[bytes]:
    """Return three of 12 megapixels, as a camera makes them."""
    return [photo(4000, 3000, size_bytes=PICTURE_BYTES, seed=seed) for seed in (1, 2, 3)]


def _ask(url: str, person: Person, kind: str, what: tuple, *, patience: float = PATIENCE) -> Answer:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=patience)
    method, path, body, headers = (*what, None, {})[:4]
    started, status = time.perf_counter(), 0
    try:
        connection.request(
            method, path, body=body, headers={"Cookie": person.cookies, **(headers or {})}
        )
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return Answer(kind, time.perf_counter() - started, status)


def p50_and_p95(answers: list[Answer], kind: str) -> tuple[float, float]:
    """Return, in milliseconds, within what half of them and nearly all of them came."""
    times = [1000 * one.seconds for one in answers if one.kind == kind]
    places = quantiles(times, n=100, method="inclusive")
    return places[49], places[94]


def web_workers(supervisor: int) -> Iterator[int]:
    """Yield gunicorn's processes that answer: those whose parent is the one that it started."""
    processes = dict(_processes())
    master = [pid for pid, (parent, command) in processes.items()
              if parent == supervisor and "gunicorn" in command]  # fmt: skip
    yield from (pid for pid, (parent, _) in processes.items() if parent in master)


def the_worker(supervisor: int) -> int:
    """Return the process that sends and follows."""
    return next(
        pid
        for pid, (parent, command) in _processes()
        if parent == supervisor and command.rstrip().endswith("work")
    )


def _processes() -> Iterator[tuple[int, tuple[int, str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile
            continue
        yield int(folder.name), (int(parent), command)
