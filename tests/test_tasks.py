"""Work that is handed out through a Redis: the row decides, whatever becomes of the Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import django_rq
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from pikzels_ui import scaled
from styles import deleting, doctor, schedule, tasks, worker
from styles.doctor import shared
from styles.management.commands.run import programs
from styles.models import Attempt, SafeMode, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.task_worker import Taker, TaskWorker
from styles.worker import Worker
from teams.models import PikzelsKey, User

from .own_redis import OwnRedis, needs_redis
from .waiting import wait_until

MakeStyle = Callable[..., Style]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    needs_redis,
]


@pytest.fixture(autouse=True)
def redis(
    own_redis: OwnRedis, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnRedis]:
    """Have work handed out through a Redis with nothing in it."""
    monkeypatch.setattr(schedule, "UNKNOWN_TRAINING", timedelta(0))
    monkeypatch.setattr(worker, "RETRY_EVERY", 0.05)
    settings.REDIS_URL, settings.EXECUTOR = own_redis.url, scaled.REDIS
    settings.RQ_QUEUES = scaled.queues(own_redis.url, settings.ANSWER_SECONDS)
    tasks.redis.cache_clear()
    yield own_redis
    tasks.redis.cache_clear()


@contextmanager
def working(*busy: Worker | TaskWorker) -> Iterator[None]:
    threads = [threading.Thread(target=each.run) for each in busy]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in busy:
            each.stop()
        for thread in threads:
            thread.join()


def reached(style: Style, *states: str) -> bool:
    style.refresh_from_db()
    return style.state in states


def waiting(queue: str = "senders") -> int:
    return int(django_rq.get_queue(queue, connection=tasks.redis()).count)


@pytest.fixture
def submitted(make_style: MakeStyle, sandbox_key: PikzelsKey, alice: User) -> Callable[..., Style]:
    def submit(name: str = "Mars diary") -> Style:
        style = make_style(name)
        assert style.submit(alice)
        return style

    return submit


class TestTogether:
    def test_many_styles_go_from_the_queue_to_ready_and_each_is_paid_for_once(
        self, submitted: Callable[..., Style], sandbox: Sandbox
    ) -> None:
        styles = [submitted(f"Style {n}") for n in range(6)]
        with working(Worker(), Worker(), TaskWorker(), TaskWorker()):
            wait_until(lambda: all(reached(style, State.READY) for style in styles))
        assert sandbox.ledger.account()["charged"] == 6
        assert Attempt.objects.count() == 6

    def test_nothing_of_it_stays_in_the_redis_for_long(
        self, submitted: Callable[..., Style], redis: OwnRedis
    ) -> None:
        style = submitted()
        with working(Worker(), TaskWorker()):
            wait_until(lambda: reached(style, State.READY))
        keys = [key.decode() for key in redis.client.scan_iter()]
        assert [key for key in keys if key.startswith(("rq:job", "pikzels-ui:handed"))] == []

    def test_stopping_waits_for_the_answer_to_what_was_sent_whole(
        self, submitted: Callable[..., Style], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = TaskWorker()
        # It answers when the worker has been told to stop, and not before.
        monkeypatch.setattr(sandbox.api, "wait", lambda _seconds: busy.stopping.wait(15))
        style = submitted()
        with working(Worker(), busy):
            wait_until(lambda: reached(style, State.COMMITTED))
        assert reached(style, State.TRAINING)

    def test_a_task_that_is_stopped_before_the_last_byte_goes_back_to_the_queue(
        self, submitted: Callable[..., Style], sandbox: Sandbox
    ) -> None:
        style, stopped = submitted(), TaskWorker()
        stopped.stop()
        stopped.sender.create(style.pk)
        assert reached(style, State.QUEUED)
        assert style.attempts.get().reason == "stopped"
        assert sandbox.ledger.account()["charged"] == 0


class TestHandingOut:
    def test_a_row_that_waits_is_handed_out_once_by_all_that_hand_out(
        self, submitted: Callable[..., Style]
    ) -> None:
        submitted()
        one, other = Worker(), Worker()
        for _ in range(3):
            one.look()
            other.look()
        assert waiting() == 1

    def test_one_whose_task_was_lost_is_handed_out_again(
        self, submitted: Callable[..., Style], redis: OwnRedis
    ) -> None:
        style, busy = submitted(), Worker()
        busy.look()
        lost = tasks.redis().lpop("rq:queue:senders")
        assert lost
        busy.look()
        assert waiting() == 0
        # As after HELD_SECONDS.
        assert 0 < redis.client.ttl(f"pikzels-ui:handed-out:{style.pk}") <= tasks.HELD_SECONDS
        tasks.let_go(style.pk)
        busy.look()
        assert waiting() == 1

    def test_a_redis_that_was_emptied_gets_it_again_at_once(
        self, submitted: Callable[..., Style], redis: OwnRedis
    ) -> None:
        submitted()
        busy = Worker()
        busy.look()
        redis.client.flushall()
        busy.look()
        assert waiting() == 1

    def test_no_more_than_a_few_wait_there(
        self, submitted: Callable[..., Style], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "MOST_WAITING", 2)
        for n in range(4):
            submitted(f"Style {n}")
        busy = Worker()
        for _ in range(3):
            busy.look()
        assert waiting() == 2

    def test_a_row_that_is_due_again_is_handed_out_again_after_its_task(
        self, submitted: Callable[..., Style]
    ) -> None:
        style, busy = submitted(), Worker()
        busy.look()
        tasks.run.call("follow", "style", str(style.pk))
        busy.look()
        assert waiting() == 2

    def test_each_kind_has_its_own_queue(
        self, make_style: MakeStyle, sandbox_key: PikzelsKey
    ) -> None:
        make_style(state=State.TRAINING, pikzels_id="x", key=sandbox_key, due_at=timezone.now())
        Worker().look()
        assert (waiting("senders"), waiting("followers")) == (0, 1)


class TestARepeatedTask:
    def test_pays_once(
        self, submitted: Callable[..., Style], sandbox: Sandbox, redis: OwnRedis
    ) -> None:
        style = submitted()
        for _ in range(5):
            tasks.run.enqueue("create", "style", str(style.pk))
        with working(TaskWorker(), TaskWorker()):
            wait_until(lambda: reached(style, State.TRAINING) and waiting() == 0)
        assert sandbox.ledger.account()["charged"] == 1

    def test_one_that_comes_late_finds_its_row_elsewhere(
        self, submitted: Callable[..., Style], sandbox: Sandbox, alice: User
    ) -> None:
        style = submitted()
        tasks.run.enqueue("create", "style", str(style.pk))
        assert style.drop(alice)
        with working(TaskWorker()):
            wait_until(lambda: waiting() == 0)
        assert reached(style, State.DROPPED)
        assert sandbox.ledger.account()["charged"] == 0

    def test_a_deletion_that_comes_after_a_restore_deletes_nothing(
        self, submitted: Callable[..., Style], sandbox: Sandbox, alice: User
    ) -> None:
        style = submitted()
        with working(Worker(), TaskWorker()):
            wait_until(lambda: reached(style, State.READY) and bool(style.portrait))
        deleting.delete_when_ready(style, alice)
        SafeMode.objects.create()
        tasks.run.call("carry_out", "style", str(style.pk))
        assert reached(style, State.READY)

    def test_one_that_breaks_is_logged_with_its_row_and_kept_nowhere(
        self,
        make_style: MakeStyle,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        redis: OwnRedis,
    ) -> None:
        def broken(_id: object) -> None:
            raise RuntimeError("canary")

        monkeypatch.setitem(tasks.JOBS, "follow", broken)
        style = make_style()
        tasks.run.enqueue("follow", "style", str(style.pk))
        with working(TaskWorker()):
            wait_until(lambda: "a job ended early" in caplog.text)
        everything = [redis.client.dump(key) or b"" for key in redis.client.scan_iter()]
        assert b"canary" not in b"".join(everything)


class TestAway:
    def test_what_is_due_waits_in_its_row_while_the_redis_is_away_and_goes_when_it_is_back(
        self,
        submitted: Callable[..., Style],
        redis: OwnRedis,
        sandbox: Sandbox,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        redis.stop()
        style = submitted()
        with working(Worker(), TaskWorker()):
            wait_until(lambda: "all waits in its rows" in caplog.text)
            assert reached(style, State.QUEUED)
            redis.start()
            wait_until(lambda: reached(style, State.READY))
        assert sandbox.ledger.account()["charged"] == 1

    def test_an_answer_that_comes_while_it_is_away_is_recorded(
        self,
        submitted: Callable[..., Style],
        redis: OwnRedis,
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        gone = threading.Event()
        monkeypatch.setattr(sandbox.api, "wait", lambda _seconds: gone.wait(15))
        style = submitted()
        with working(Worker(), TaskWorker()):
            wait_until(lambda: reached(style, State.COMMITTED))
            redis.stop()
            gone.set()
            wait_until(lambda: reached(style, State.TRAINING))
            redis.start()
            wait_until(lambda: reached(style, State.READY))
        assert sandbox.ledger.account()["charged"] == 1

    def test_task_workers_are_known_again_to_a_redis_that_was_emptied(
        self, redis: OwnRedis
    ) -> None:
        with working(TaskWorker()):
            wait_until(lambda: self.is_well())
            redis.client.flushall()
            wait_until(lambda: self.is_well())
        assert not self.is_well()

    def test_so_are_those_whose_threads_are_busy(
        self, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        births = []

        def while_a_thread_writes(taker: Taker) -> None:
            taker.heartbeat()
            register(taker)
            births.append(taker.name)

        register = Taker.register_birth
        monkeypatch.setattr(Taker, "register_birth", while_a_thread_writes)
        with working(TaskWorker()):
            wait_until(lambda: len(births) == len(scaled.QUEUES))
            redis.client.flushall()
            wait_until(lambda: len(births) == 2 * len(scaled.QUEUES))
            assert self.is_well()
        assert {births.count(name) for name in births} == {2}

    def is_well(self) -> bool:
        return doctor.is_well(doctor.run([doctor.Check("redis", shared.redis)]))


class TestCommands:
    def test_tasks_need_the_setting(self, settings: LazySettings) -> None:
        settings.EXECUTOR = scaled.THREADS
        with pytest.raises(CommandError, match="EXECUTOR=redis"):
            call_command("work", "--tasks")

    def test_run_starts_both(self, settings: LazySettings) -> None:
        settings.SANDBOX_ENABLED = True
        sandbox, _web, *workers = programs()
        assert [each.name for each in workers] == ["worker", "tasks"]
        assert sandbox.outlives == ("worker", "tasks")
