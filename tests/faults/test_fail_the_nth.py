"""Each durable step on a style's way fails once; paid once at most, nothing lost, nothing stuck."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from styles import creation, following, journal, recovery, schedule, worker
from styles.images import accept
from styles.models import Attempt, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Worker, safely
from teams.models import PikzelsKey, User

from ..conftest import browser_of
from ..pictures import photo

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)


class Inline:
    """Takes the place of the worker's threads: a job runs at once, and what it raises is kept."""

    escaped: list[BaseException] = []

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, job: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(job(*args))
        except (OSError, RuntimeError, ValueError, LookupError, AssertionError) as error:
            self.escaped.append(error)
            done.set_exception(error)
        return done


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(worker, "RETRY_EVERY", 0)
    monkeypatch.setattr(schedule, "UNKNOWN_TRAINING", timedelta(0))
    monkeypatch.setattr(Inline, "escaped", [])


def work() -> None:
    """What a worker does that has just been started, in a few looks."""
    fresh = Worker()
    safely(recovery.merge)
    for _ in range(3):
        safely(fresh.look)


def a_day_later() -> None:
    """Nobody has given a sign of life, and what was put off is due."""
    past = timezone.now() - timedelta(seconds=1)
    Attempt.objects.open().update(lease_until=past)
    Style.objects.filter(due_at__isnull=False).update(due_at=past)
    PikzelsKey.objects.update(paused_until=None)


def submit(style: Style, who: User) -> None:
    # The person sees an error, and presses the button again.
    with suppress(DatabaseError):
        style.submit(who)


def finish(style: Style, who: User) -> None:
    style.refresh_from_db()
    style.submit(who)
    for _ in range(6):
        a_day_later()
        work()
    style.refresh_from_db()


def paid_once_at_most(style: Style, sandbox: Sandbox) -> None:
    account = sandbox.ledger.account()
    ids = [made["id"] for made in account["styles"] if made["name"] == style.name]
    whole = [
        request
        for request in account["requests"]
        if request["name"] == style.name and request["method"] == "POST" and request["complete"]
    ]
    assert len(ids) <= len(whole) <= 1
    assert style.state == State.READY or (style.state, style.due_at) == (State.IN_DOUBT, None)
    if style.state == State.READY:
        assert [style.pikzels_id] == ids
        assert style.portrait
        assert style.due_at is None
    assert not Attempt.objects.open().exists()


# Traps


@dataclass
class Trap:
    """Goes off when it is stepped on the `nth` time."""

    nth: int
    steps: int = 0

    @property
    def went_off(self) -> bool:
        return self.steps >= self.nth

    def step(self) -> bool:
        self.steps += 1
        return self.steps == self.nth


Setting = Callable[[Trap], AbstractContextManager[object]]
LOCKED = "database is locked"


def a_write_to_the_database(trap: Trap) -> AbstractContextManager[object]:
    def run(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and trap.step():
            raise OperationalError(LOCKED)
        return execute(sql, *args)

    return connection.execute_wrapper(run)


def a_commit(trap: Trap) -> AbstractContextManager[object]:
    commit = connection.commit

    def fail() -> None:
        if trap.step():
            raise OperationalError("database or disk is full")
        commit()

    return mock.patch.object(connection, "commit", fail)


def a_commit_that_happened_all_the_same(trap: Trap) -> AbstractContextManager[object]:
    commit = connection.commit

    def fail() -> None:
        commit()
        if trap.step():
            raise OperationalError("server closed the connection unexpectedly")

    return mock.patch.object(connection, "commit", fail)


def a_sync(trap: Trap) -> AbstractContextManager[object]:
    return failing(trap, "fsync")


def opening_a_file(trap: Trap) -> AbstractContextManager[object]:
    return failing(trap, "open")


def failing(trap: Trap, name: str) -> AbstractContextManager[object]:
    function = getattr(os, name)

    def fail(*args: Any, **kwargs: Any) -> Any:
        if trap.step():
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*args, **kwargs)

    return mock.patch.object(os, name, fail)


def half_a_line_of_the_journal(trap: Trap) -> AbstractContextManager[object]:
    write = os.write

    def fail(number: int, line: bytes) -> int:
        return write(number, line[: len(line) // 2] if trap.step() else line)

    return mock.patch.object(os, "write", fail)


@pytest.mark.parametrize(
    "setting",
    [
        a_write_to_the_database,
        a_commit,
        a_commit_that_happened_all_the_same,
        a_sync,
        opening_a_file,
        half_a_line_of_the_journal,
    ],
)
def test_each_fails_once(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    setting: Setting,
) -> None:
    first = make_style("Mars 0")
    for nth in itertools.count(1):
        style, trap = first.variant(alice, f"Mars {nth}"), Trap(nth)
        with setting(trap):
            submit(style, alice)
            work()
        finish(style, alice)
        paid_once_at_most(style, sandbox)
        if not trap.went_off:
            break
    assert nth > 1
    assert Inline.escaped == []


# The clock


class Clock(datetime):
    ahead = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime.now(UTC) + cls.ahead


STEPS = [
    (creation, "claim"),
    (creation, "commit"),
    (creation, "record"),
    (journal, "opened"),
    (journal, "answered"),
    (following, "follow"),
]


@pytest.mark.parametrize(("module", "name"), STEPS, ids=lambda value: str(value).split(" ")[0])
@pytest.mark.parametrize("hours", [-1, 1])
def test_the_clock_jumps(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    hours: int,
) -> None:
    function = getattr(module, name)
    monkeypatch.setattr(Clock, "ahead", timedelta(0))
    monkeypatch.setattr(timezone, "datetime", Clock)

    def jump_after(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        Clock.ahead = timedelta(hours=hours)
        return result

    monkeypatch.setattr(module, name, jump_after)
    style = make_style()
    style.submit(alice)
    work()
    assert Clock.ahead, "it came to that step"
    finish(style, alice)
    paid_once_at_most(style, sandbox)
    assert style.state == State.READY


# The storage


@pytest.fixture
def queued(make_style: MakeStyle, sandbox_key: PikzelsKey, alice: User) -> Style:
    style = make_style()
    style.submit(alice)
    return style


@contextmanager
def storage_away(settings: LazySettings) -> Iterator[None]:
    media = Path(settings.MEDIA_ROOT)
    away = media.rename(media.with_name("away"))
    media.mkdir()
    yield
    media.rmdir()
    away.rename(media)


def test_a_storage_that_is_away_for_a_while_costs_no_picture(
    queued: Style, sandbox: Sandbox, settings: LazySettings, alice: User
) -> None:
    with storage_away(settings):
        work()
    assert sandbox.ledger.account()["charged"] == 0
    assert queued.filled() == {1, 2, 3}
    finish(queued, alice)
    assert queued.state == State.READY
    paid_once_at_most(queued, sandbox)


def lose(file: Path) -> None:
    file.unlink()


def change(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"?")


@pytest.mark.parametrize("spoil", [lose, change, shorten, lengthen])
@pytest.mark.parametrize("position", [1, 3])
def test_asks_for_the_picture_that_was_spoilt(
    queued: Style,
    sandbox: Sandbox,
    settings: LazySettings,
    alice: User,
    spoil: Callable[[Path], None],
    position: int,
) -> None:
    spoil(Path(queued.images.get(position=position).file.path))
    work()
    queued.refresh_from_db()
    assert (queued.state, queued.reason) == (State.REFUSED, "picture_lost")
    assert queued.filled() == {1, 2, 3} - {position}
    assert sandbox.ledger.account()["charged"] == 0
    answer = browser_of(alice).post(queued.address("edit"), {"name": queued.name})
    assert f"Choose image {position}" in answer.content.decode()
    again = BytesIO(photo(320, 180, seed=9))
    picture = accept(again, name="again.jpg", directory=settings.FILE_UPLOAD_TEMP_DIR)
    queued.keep_picture(position, picture, alice)
    finish(queued, alice)
    paid_once_at_most(queued, sandbox)
    assert queued.state == State.READY
