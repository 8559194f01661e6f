"""Notices when anything fails: told at least once, never lost, and twice only after a crash."""

from __future__ import annotations

import itertools
import smtplib
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from unittest import mock

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import DatabaseError, connections
from django.utils import timezone

from styles import breaker, creation, recovery, telling
from styles.models import Attempt, Notice, Style
from styles.models.notice import NoticeQuerySet
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import safely
from teams.models import PikzelsKey, User

from .test_fail_the_nth import (
    Setting,
    Trap,
    a_commit,
    a_commit_that_happened_all_the_same,
    a_day_later,
    a_write_to_the_database,
    one_thread,
    submit,
    work,
)

__all__ = ["one_thread"]
MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)
NEVER = threading.Event()


class Killed(BaseException):
    """The worker died at this very point; nothing catches it."""


@pytest.fixture(autouse=True)
def only_moves_of_the_table() -> None:
    """Here it does not matter by which way a style came where it is."""


def the_mail_server(trap: Trap) -> AbstractContextManager[object]:
    send = EmailMessage.send

    def fail(message: EmailMessage) -> int:
        if trap.step():
            raise smtplib.SMTPServerDisconnected
        return send(message)

    return mock.patch.object(EmailMessage, "send", fail)


def told() -> Counter[str]:
    """Return how often each style was told of, whatever mail it was in."""
    lines = [line for message in mail.outbox for line in message.body.splitlines()]
    return Counter(line.partition(":")[0] for line in lines if line.endswith(": Ready"))


def let_worker_tell() -> None:
    """Hours pass, and a worker that nothing happens to looks again."""
    for _ in range(4):
        Notice.objects.waiting().update(due_at=timezone.now())
        work()


@pytest.mark.parametrize(
    "setting",
    [a_write_to_the_database, a_commit, a_commit_that_happened_all_the_same, the_mail_server],
)
def test_each_fails_once(
    make_style: MakeStyle,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    alice: User,
    setting: Setting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the button to the mail, which goes out at once, so that each step is among those."""
    monkeypatch.setattr("styles.models.notice.GATHER", timedelta(0))
    first = make_style("Mars 0")
    for nth in itertools.count(1):
        style, trap = first.variant(alice, f"Mars {nth}"), Trap(nth)
        with setting(trap):
            submit(style, alice)
            work()
        submit_again(style, alice)
        let_worker_tell()
        style.refresh_from_db()
        ready = style.state == State.READY
        assert told()[style.name] in ({1, 2} if ready else {0})
        assert ready or style.events.filter(notices__outcome=Notice.Outcome.TOLD).exists()
        if not trap.went_off:
            break
    assert nth > 1
    assert told()[f"Mars {nth}"] == 1


def submit_again(style: Style, alice: User) -> None:
    style.refresh_from_db()
    style.submit(alice)
    for _ in range(6):
        a_day_later()
        work()


STEPS = {
    "claim": (telling, "claim"),
    "letter": (telling, "letter"),
    "send": (EmailMessage, "send"),
    "note": (telling, "note_told"),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_dies_between_any_two_steps(
    make_style: MakeStyle,
    key: PikzelsKey,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
) -> None:
    ready(make_style(pictures=0))
    Notice.objects.update(due_at=timezone.now())
    owner, name = STEPS[step]
    function = getattr(owner, name)

    def die(*args: object) -> object:
        if when == "after":
            function(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        with suppress(Killed):
            telling.tell(Notice.objects.get().pk)
    assert Notice.objects.filter(outcome=Notice.Outcome.PASSED).count() == 0
    let_worker_tell()
    sent = (step, when) in {("send", "after"), ("note", "before")}
    assert told() == {"Mars diary": 2 if sent else 1}


def ready(style: Style) -> None:
    assert style.move(State.READY, only_from=State.values, pikzels_id=f"id-{style.pk}")


def test_two_workers_at_once_tell_once(
    make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User
) -> None:
    names = [f"Style {n}" for n in range(12)]
    for name, who in zip(names, itertools.cycle((alice, bob))):
        ready(make_style(name, creator=who, pictures=0))
    Notice.objects.update(due_at=timezone.now())
    ids = [*Notice.objects.values_list("pk", flat=True)]
    together = threading.Barrier(4)

    def tell_all() -> None:
        together.wait()
        try:
            for notice_id in ids:
                while not safely(lambda notice_id=notice_id: telling.tell(notice_id)):
                    pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=tell_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told() == dict.fromkeys(names, 1)
    assert {*Notice.objects.values_list("outcome", flat=True)} == {Notice.Outcome.TOLD}


def test_a_worker_that_was_suspended_closes_nothing_of_another(
    make_style: MakeStyle, key: PikzelsKey, alice: User
) -> None:
    ready(make_style(pictures=0))
    Notice.objects.update(due_at=timezone.now())
    suspended = telling.claim(Notice.objects.get().pk)
    Notice.objects.update(due_at=timezone.now())
    mine = telling.claim(Notice.objects.get().pk)
    telling.put_off(suspended)
    telling.close(suspended, Notice.Outcome.GIVEN_UP)
    assert telling.in_hand(mine).count() == 1


def test_a_mail_that_was_taken_late_counts_whoever_has_its_notice_now(
    make_style: MakeStyle, key: PikzelsKey, alice: User
) -> None:
    """Two workers that each take longer than their lease would else tell for ever."""
    ready(make_style(pictures=0))
    Notice.objects.update(due_at=timezone.now())
    slow = telling.claim(Notice.objects.get().pk)
    Notice.objects.update(due_at=timezone.now())
    mine = telling.claim(Notice.objects.get().pk)
    telling.note_told(slow)
    telling.put_off(mine)
    assert Notice.objects.get().outcome == Notice.Outcome.TOLD


# The paid call comes first


@pytest.fixture
def sent(make_style: MakeStyle, key: PikzelsKey, alice: User) -> Attempt:
    style = make_style()
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt and creation.commit(attempt)
    return attempt


LOST = Outcome(
    verdict=Verdict.IN_DOUBT, reason="no_answer", committed=True, reply=Reply(status=500)
)


def test_an_answer_and_its_notice_are_stored_together_or_not_at_all(
    sent: Attempt, alice: User
) -> None:
    with mock.patch.object(NoticeQuerySet, "for_event", side_effect=DatabaseError("full")):
        assert not safely(lambda: creation.record(sent, LOST))
    assert Attempt.objects.open().get() == sent
    assert not Notice.objects.exists()
    creation.record(sent, LOST)
    assert Notice.objects.get().user == alice


def test_a_crash_after_the_last_byte_is_told_by_whoever_reaps(sent: Attempt, alice: User) -> None:
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    recovery.reap()
    let_worker_tell()
    assert [each.subject for each in mail.outbox] == ["Mars diary: Outcome unknown"]


def test_a_key_that_is_held_in_a_crash_is_told_all_the_same(key: PikzelsKey, alice: User) -> None:
    """The mail was once sent straight after the commit, and lost with the worker."""
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    let_worker_tell()
    assert "The balance is too low" in mail.outbox[0].subject


def test_no_mail_server_keeps_a_style_from_being_made(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
) -> None:
    with mock.patch.object(EmailMessage, "send", side_effect=TimeoutError):
        first = make_style("once policy")
        first.submit(alice)
        work()
        Notice.objects.update(due_at=timezone.now())
        second = make_style("Mars diary")
        second.submit(alice)
        work()
    second.refresh_from_db()
    assert second.state == State.READY
    assert Notice.objects.waiting().filter(tries=1).exists()
