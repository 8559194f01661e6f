"""The worker: finds what is due, outlives trouble, and stops in order."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.utils import timezone

from styles import creation, recovery, schedule, worker
from styles.models import Attempt, Style
from styles.pikzels.errors import Verdict
from styles.pikzels.outcome import Outcome
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Crew, Worker
from teams.models import PikzelsKey, User

from .waiting import wait_until

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "UNKNOWN_TRAINING", timedelta(0))


@contextmanager
def working(busy: Worker) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=busy.run)
    thread.start()
    try:
        yield thread
    finally:
        busy.stop()
        thread.join()


def reached(style: Style, *states: str) -> bool:
    style.refresh_from_db()
    return style.state in states


def test_takes_a_style_from_the_queue_to_ready(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
) -> None:
    style = make_style()
    style.submit(alice)
    with working(Worker()):
        wait_until(lambda: reached(style, State.READY))
    assert style.pikzels_id
    assert sandbox.ledger.account()["charged"] == 1


def test_sends_many_and_each_once(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
) -> None:
    styles = [make_style(f"Style {n}") for n in range(6)]
    for style in styles:
        style.submit(alice)
    with working(Worker()), working(Worker()):
        wait_until(lambda: all(reached(style, State.READY) for style in styles))
    assert sandbox.ledger.account()["charged"] == 6
    assert Attempt.objects.count() == 6


def test_stopping_waits_for_the_answer_to_what_was_sent_whole(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Worker()
    # It answers when the worker has been told to stop, and not before.
    monkeypatch.setattr(sandbox.api, "wait", lambda _seconds: busy.stopping.wait(15))
    style = make_style()
    style.submit(alice)
    with working(busy):
        wait_until(lambda: reached(style, State.COMMITTED))
    assert reached(style, State.TRAINING)


def test_what_a_dead_worker_was_sending_is_sent_by_another(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
) -> None:
    style = make_style()
    style.submit(alice)
    assert creation.claim(style.pk)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    with working(Worker()):
        wait_until(lambda: reached(style, State.READY))
    assert style.attempts.count() == 2
    assert sandbox.ledger.account()["charged"] == 1


def test_a_key_that_has_all_it_may_in_flight_does_not_block_another(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, key: PikzelsKey, alice: User
) -> None:
    """The rows of the first would fill every place in the look."""
    PikzelsKey.objects.filter(pk=key.pk).update(on_trial=True)
    for n in range(4):
        waiting = make_style(f"Waits {n}")
        waiting.submit(alice)
        Style.objects.filter(pk=waiting.pk).update(key=key, due_at=timezone.now())
    first = Style.objects.filter(key=key).first()
    assert first and creation.claim(first.pk)
    style = make_style("Goes")
    style.submit(alice)
    Style.objects.filter(pk=style.pk).update(key=sandbox_key, due_at=timezone.now())
    with working(Worker(threads=2)):
        wait_until(lambda: reached(style, State.READY))


def test_fills_a_place_that_became_free_before_it_looks_again(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.IN_FLIGHT_PER_KEY = 1
    monkeypatch.setattr(worker, "LOOK_EVERY", 3600)
    for number in range(3):
        make_style(f"Style {number}").submit(alice)
    with working(Worker()):
        wait_until(lambda: Attempt.objects.filter(outcome=Verdict.MADE).count() == 3)


def test_takes_up_no_more_than_its_key_has_places_for(
    make_style: MakeStyle,
    sandbox_key: PikzelsKey,
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.IN_FLIGHT_PER_KEY = 3
    styles = [make_style(f"Style {number}") for number in range(5)]
    for style in styles:
        style.submit(alice)
    assert creation.claim(styles[0].pk)
    taken: list[str] = []
    monkeypatch.setattr(worker.Crew, "take_up", lambda *args: taken.append(args[1]))
    Worker().look()
    assert taken.count("style") == 2


def test_has_no_more_under_way_than_it_has_threads(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WORKER_THREADS, settings.IN_FLIGHT_PER_KEY = 2, 6
    styles = [make_style(f"Style {n}") for n in range(6)]
    for style in styles:
        style.submit(alice)
    send, under_way = creation.send, []

    def counted(attempt: Attempt, *, stop: threading.Event) -> Outcome:
        under_way.append(Attempt.objects.open().count())
        return send(attempt, stop=stop)

    monkeypatch.setattr(creation, "send", counted)
    with working(Worker()):
        wait_until(lambda: all(reached(style, State.READY) for style in styles))
    assert 0 < max(under_way) <= 2


def test_records_an_answer_although_the_database_is_away_for_a_moment(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "RETRY_EVERY", 0.01)
    style = make_style()
    style.submit(alice)
    record, trouble = creation.record, iter([OperationalError("locked")] * 3)

    def troubled(attempt: Attempt, outcome: Outcome) -> None:
        for error in trouble:
            raise error
        record(attempt, outcome)

    monkeypatch.setattr(creation, "record", troubled)
    with working(Worker()):
        wait_until(lambda: reached(style, State.TRAINING, State.READY))
    assert sandbox.ledger.account()["charged"] == 1


def test_sends_nothing_before_the_journal_was_read(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "RETRY_EVERY", 0.01)
    style = make_style()
    style.submit(alice)
    read = threading.Event()

    def merge() -> None:
        if not read.is_set():
            raise OperationalError("locked")

    monkeypatch.setattr(recovery, "merge", merge)
    with working(Worker()):
        time.sleep(0.6)
        assert reached(style, State.QUEUED)
        read.set()
        wait_until(lambda: reached(style, State.TRAINING, State.READY))


def test_outlives_a_database_that_is_away_for_a_moment(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    style = make_style()
    style.submit(alice)
    reap, trouble = recovery.reap, iter([OperationalError("away"), OperationalError("away")])

    def troubled() -> int:
        for error in trouble:
            raise error
        return reap()

    monkeypatch.setattr(recovery, "reap", troubled)
    with working(Worker()):
        wait_until(lambda: reached(style, State.READY))


def test_what_lies_ready_is_begun_without_another_look() -> None:
    crew, done = Crew(1, "follower", ahead=1), threading.Semaphore(0)
    assert crew.free() == 2
    for _ in range(2):
        crew.take_up("style", uuid.uuid4(), lambda _id: done.release())
    assert done.acquire(timeout=10) and done.acquire(timeout=10)
    crew.finish()
    assert crew.free() == 2


def test_stopping_leaves_what_only_lies_ready(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is found again: nobody waits for the answers of Pikzels one after the other."""
    crew, begun, left = Crew(1, "follower", ahead=1), threading.Event(), threading.Event()
    done: list[str] = []
    tell = worker.tell

    def note(job: Future[None], about: Mapping[str, object]) -> None:
        tell(job, about)
        if job.cancelled():
            left.set()

    def first(_id: uuid.UUID) -> None:
        begun.set()
        left.wait(10)
        done.append("first")

    monkeypatch.setattr(worker, "tell", note)
    crew.take_up("style", uuid.uuid4(), first)
    crew.take_up("style", uuid.uuid4(), lambda _id: done.append("second"))
    assert begun.wait(10)
    assert crew.free() == 0
    crew.finish()
    assert done == ["first"]
    assert left.is_set()
    assert not caplog.records


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no server to connect to")
def test_looks_share_one_connection(make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL starts a process for each, which four looks in a second would keep busy."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    worker.keep_connection()
    busy, used = Worker(), set()
    for _ in range(3):
        assert worker.safely(busy.look)
        used.add(connection.connection.info.backend_pid)
    assert len(used) == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no server to restart")
def test_a_connection_that_is_dead_is_made_anew_before_it_is_used(make_style: MakeStyle) -> None:
    busy = Worker()
    assert worker.safely(busy.look)
    dead = connection.connection.info.backend_pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [dead])
    other.close()
    assert worker.safely(busy.look)
    assert connection.connection.info.backend_pid != dead
