"""What it costs to accept a form with three pictures of 5 MB, against Django's bare parsing of it.

Run with `python -m bench.accepting`. Ours is what the form's page does with a POST until its draft
is kept: it is parsed, each picture judged, bared of its metadata, hashed and stored, and its rows
written. The image check and the syncing are taken out of the first two, for they are compared
with a limit of their own each.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any
from unittest import mock

from PIL import ImageFile

from .figures import Figure, run
from .furnished import Furnished, furnished
from .measuring import cpu_ms, in_turns, ratio, wall_ms
from .pictures import camera_jpeg

BOUNDARY = "a-boundary-that-no-picture-has"
DJANGOS_OWN = (
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
)
PICTURES = 3


def body(fields: Mapping[str, object], pictures: list[bytes]) -> bytes:
    """Return a form as a browser sends it."""
    start, parts = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=", []
    for name, value in fields.items():
        parts.append(f'{start}"{name}"\r\n\r\n{value}\r\n'.encode())
    for number, picture in enumerate(pictures, 1):
        head = f'{start}"image_{number}"; filename="{number}.jpg"\r\nContent-Type: image/jpeg\r\n'
        parts += [head.encode(), b"\r\n", picture, b"\r\n"]
    return b"".join((*parts, f"--{BOUNDARY}--\r\n".encode()))


def posted(content: bytes) -> Any:
    """Return the request that a web server gives Django."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.test import RequestFactory

    return WSGIRequest(
        RequestFactory()._base_environ(
            REQUEST_METHOD="POST",
            CONTENT_TYPE=f"multipart/form-data; boundary={BOUNDARY}",
            CONTENT_LENGTH=str(len(content)),
            **{"wsgi.input": io.BytesIO(content)},
        )
    )


def parse(content: bytes) -> None:
    from django.core.files.uploadhandler import load_handler

    request = posted(content)
    request.upload_handlers = [load_handler(name, request) for name in DJANGOS_OWN]
    assert len(request.FILES) == PICTURES
    request.close()


def accept(content: bytes, who: Furnished) -> None:
    from styles.drafts import keep
    from styles.forms import StyleForm

    request = posted(content)
    request.user, request.team, request.membership = who.user, who.team, who.membership
    form = StyleForm(request.POST, request.FILES)
    assert form.is_valid(), form.errors
    assert keep(request, form, None)
    request.close()


def settle() -> None:
    """See that the last draft was kept as a whole, and make room for the next."""
    from styles.models import Style

    for style in Style.objects.filter(submitted_at=None):
        assert style.is_complete()
        Style.objects.filter(pk=style.pk).update(submitted_at=style.edited_at)


@contextmanager
def without_syncing() -> Iterator[None]:
    from django.db import connection

    with mock.patch.object(os, "fsync", lambda _number: None), connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=OFF")
        yield
        cursor.execute("PRAGMA synchronous=FULL")


@contextmanager
def without_check() -> Iterator[None]:
    with mock.patch.object(ImageFile.ImageFile, "load", lambda _image: None):
        yield


def clocked(
    job: Callable[[], object], used: list[float], *conditions: Callable[[], Any]
) -> Callable[[], float]:
    """Return what tells how long the job takes, and notes its CPU in `used`."""

    def once() -> float:
        with ExitStack() as stack:
            for condition in conditions:
                stack.enter_context(condition())
            cpu, wall = cpu_ms(), wall_ms()
            job()
            wall = wall_ms() - wall
            used.append(cpu_ms() - cpu)
        return wall

    return once


def compared(who: Furnished, pictures: list[bytes]) -> list[Figure]:
    form: list[bytes] = []

    def ready(clock: Callable[[], float]) -> Callable[[], float]:
        """Make the form before the clock runs, as it does not while a browser makes it."""

        def once() -> float:
            settle()
            fields = {"name": "Bench", "team": who.team.pk, "token": uuid.uuid4()}
            form[:] = [body(fields, pictures)]
            return clock()

        return once

    def ours() -> None:
        accept(form[0], who)

    cpu: dict[str, list[float]] = {way: [] for way in ("bare", *WAYS)}
    ways = {
        "bare": clocked(lambda: parse(form[0]), cpu["bare"]),
        "accepted": clocked(ours, cpu["accepted"], without_syncing, without_check),
        "synced": clocked(ours, cpu["synced"], without_check),
        "checked": clocked(ours, cpu["checked"]),
    }
    wall = in_turns({way: ready(clock) for way, clock in ways.items()})
    return [figure(way, wall, cpu) for way in WAYS]


def figure(way: str, wall: dict[str, list[float]], cpu: dict[str, list[float]]) -> Figure:
    what, limit = WAYS[way]
    ours, bare = (
        f"{median(wall[one]):.0f} ms, {median(cpu[one]):.0f} of them CPU" for one in (way, "bare")
    )
    return Figure(
        7,
        f"Time of accepting three pictures of 5 MB, {what}",
        ours,
        f"{bare}: bare Django’s request.FILES",
        ratio(wall[way], wall["bare"]),
        limit,
        why=WHY.get(way, ""),
    )


WAYS = {
    "accepted": ("without image check and syncing", 2.0),
    "synced": ("synced, without image check", 3.0),
    "checked": ("synced, with the full image check", 12.0),
}
TWICE = (
    "Nothing of a picture is stored before its metadata is out of it, so that it is searched (2 ms "
    "for each) and written once more (4 ms), besides being hashed (3 ms). Doing that while the "
    "upload comes in would take a second parser of JPEG and PNG that can stop at any byte."
)
WHY = {
    "accepted": TWICE,
    "synced": TWICE,
    "checked": TWICE + " The check itself is row 8’s.",
}


def measure() -> list[Figure]:
    pictures = [camera_jpeg(number, 95) for number in range(PICTURES)]
    assert all(4.5e6 < len(each) < 6e6 for each in pictures)
    with furnished() as who:
        return compared(who, pictures)


if __name__ == "__main__":
    run(measure)
