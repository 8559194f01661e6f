"""After a crash or a restored backup: the journal knows what the database lacks."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from styles import creation, journal, recovery
from styles.models import Attempt, Event, SafeMode, Style
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Detail, Outcome, Reply
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, User

MakeStyle = Callable[..., Style]
NEVER = threading.Event()
ODD = '{"what":"opened","token":"x","at":"2026-01-01","surprise":1}'
MADE = Outcome(
    verdict=Verdict.MADE,
    reason="",
    committed=True,
    reply=Reply(status=200, style_id="id-1", is_json=True),
    bytes_total=10,
    bytes_sent=10,
)
ABANDONED = Outcome(verdict=Verdict.NOT_SENT, reason="stopped", committed=False)


@pytest.fixture
def attempt(make_style: MakeStyle, key: PikzelsKey, alice: User) -> Attempt:
    """One that was committed and journaled, as far as its worker came."""
    style = make_style()
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt
    journal.opened(attempt)
    assert creation.commit(attempt)
    return attempt


def abandon() -> None:
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def restore_backup() -> None:
    """The database is as it was before the style was sent."""
    Event.objects.all().delete()
    Attempt.objects.all().delete()
    Style.objects.update(state=State.QUEUED, due_at=timezone.now(), pikzels_id="")


def back_to_before_the_last_byte() -> None:
    """The database is as it was while the style was being sent."""
    Attempt.objects.update(committed_at=None)
    Style.objects.update(state=State.SENDING)


class TestTheJournal:
    def test_knows_how_far_an_attempt_came(self, attempt: Attempt) -> None:
        (entry,) = journal.read()
        assert entry.token == str(attempt.lease_token)
        assert (entry.style, entry.name) == (str(attempt.style_id), "Mars diary")
        assert entry.committed
        assert entry.outcome is None
        journal.answered(attempt, MADE)
        assert journal.read()[0].outcome == MADE

    def test_keeps_an_answer_whole(self, attempt: Attempt) -> None:
        details = (Detail(field="name", message="Odd — “quoted”\n"),)
        reply = Reply(status=400, envelope=True, code=Code.VALIDATION_ERROR, details=details)
        outcome = Outcome(
            verdict=Verdict.REFUSED, reason=Code.VALIDATION_ERROR, committed=True, reply=reply
        )
        journal.answered(attempt, outcome)
        assert journal.read()[0].outcome == outcome

    def test_survives_a_line_that_was_cut_off(self, attempt: Attempt) -> None:
        with journal.path().open("a") as file:
            file.write('\n{"what":"answered","token":"')
        journal.answered(attempt, MADE)
        assert journal.read()[0].outcome == MADE

    @pytest.mark.parametrize("line", ["", "[]", "null", "{}", '{"what":"opened"}', "\x00\xff", ODD])
    def test_passes_over_what_makes_no_sense(self, attempt: Attempt, line: str) -> None:
        with journal.path().open("a") as file:
            file.write("\n" + line)
        assert len(journal.read()) == 1

    def test_is_for_its_owner_alone_and_has_no_key(self, attempt: Attempt) -> None:
        assert journal.path().stat().st_mode & 0o077 == 0
        assert "canary" not in journal.path().read_text()

    def test_is_on_the_disk_before_anything_is_sent(
        self, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        monkeypatch.setattr(journal.os, "fsync", synced.append)
        journal.opened(attempt)
        assert synced


class TestAFullDisk:
    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(*_args: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(journal.os, "write", write)

    def test_sends_nothing_that_could_not_be_journaled(
        self,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
        full: None,
    ) -> None:
        style = make_style()
        style.submit(alice)
        attempt = creation.claim(style.pk)
        assert attempt
        outcome = creation.send(attempt, stop=NEVER)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, "disk_full")
        creation.record(attempt, outcome)
        style.refresh_from_db()
        assert style.state == State.QUEUED
        assert style.due_at and style.due_at > timezone.now()
        assert sandbox.ledger.account()["requests"] == []

    def test_holds_the_last_byte_back(self, attempt: Attempt, full: None) -> None:
        Attempt.objects.update(committed_at=None)
        Style.objects.update(state=State.SENDING)
        assert not creation.commit(attempt)
        creation.record(attempt, ABANDONED)
        attempt.style.refresh_from_db()
        assert attempt.style.state == State.QUEUED


class TestMerge:
    def test_takes_an_answer_that_the_database_did_not_get(self, attempt: Attempt) -> None:
        journal.answered(attempt, MADE)
        recovery.merge()
        style = Style.objects.get()
        assert (style.state, style.pikzels_id) == (State.TRAINING, "id-1")
        assert not SafeMode.is_on()

    def test_closes_a_doubt_that_another_worker_saw_meanwhile(self, attempt: Attempt) -> None:
        abandon()
        recovery.reap()
        journal.answered(attempt, MADE)
        recovery.merge()
        assert Style.objects.get().state == State.TRAINING

    def test_changes_nothing_the_second_time(self, attempt: Attempt) -> None:
        journal.answered(attempt, MADE)
        recovery.merge()
        events = Event.objects.count()
        recovery.merge()
        assert Event.objects.count() == events

    def test_leaves_what_another_worker_has_under_way(self, attempt: Attempt) -> None:
        recovery.merge()
        attempt.refresh_from_db()
        assert attempt.closed_at is None


class TestARestoredBackup:
    def test_gives_a_made_style_its_id_again(self, attempt: Attempt) -> None:
        journal.answered(attempt, MADE)
        restore_backup()
        recovery.merge()
        style = Style.objects.get()
        assert (style.state, style.pikzels_id) == (State.TRAINING, "id-1")
        assert SafeMode.objects.get().lacking[0]["pikzels_id"] == "id-1"

    def test_brings_back_a_style_that_the_backup_does_not_have(self, attempt: Attempt) -> None:
        journal.answered(attempt, MADE)
        restore_backup()
        style_id = attempt.style_id
        Style.objects.all().delete()
        recovery.merge()
        style = Style.objects.get()
        assert (style.pk, style.name, style.pikzels_id) == (style_id, "Mars diary", "id-1")

    def test_puts_in_doubt_what_may_have_been_made(self, attempt: Attempt) -> None:
        restore_backup()
        recovery.merge()
        style = Style.objects.get()
        assert (style.state, style.due_at) == (State.IN_DOUBT, None)

    def test_that_was_made_before_the_last_byte_does_not_send_it_twice(
        self, attempt: Attempt
    ) -> None:
        back_to_before_the_last_byte()
        recovery.merge()
        assert SafeMode.is_on()
        abandon()
        recovery.reap()
        style = Style.objects.get()
        assert (style.state, style.due_at) == (State.IN_DOUBT, None)

    def test_that_was_made_before_the_last_byte_takes_the_answer(self, attempt: Attempt) -> None:
        journal.answered(attempt, MADE)
        back_to_before_the_last_byte()
        recovery.merge()
        style = Style.objects.get()
        assert (style.state, style.pikzels_id) == (State.TRAINING, "id-1")
        assert SafeMode.objects.get().lacking[0]["pikzels_id"] == "id-1"

    def test_that_was_made_during_an_earlier_try_knows_the_later_one(
        self, make_style: MakeStyle, key: PikzelsKey, alice: User
    ) -> None:
        style = make_style()
        style.submit(alice)
        earlier = creation.claim(style.pk)
        assert earlier
        journal.opened(earlier)
        creation.record(earlier, ABANDONED)
        later = creation.claim(style.pk)
        assert later
        journal.opened(later)
        assert creation.commit(later)
        # The backup has the earlier one still under way, and not the later one.
        Event.objects.filter(attempt=later).delete()
        later.delete()
        Attempt.objects.update(closed_at=None, outcome="", reason="")
        Style.objects.update(state=State.SENDING, due_at=None)
        recovery.merge()
        style.refresh_from_db()
        assert style.state == State.IN_DOUBT
        assert style.attempts.count() == 2
        assert not Attempt.objects.open().exists()

    def test_sends_nothing_until_a_person_says_go_on(
        self, attempt: Attempt, make_style: MakeStyle, alice: User
    ) -> None:
        restore_backup()
        recovery.merge()
        other = make_style("Other")
        other.submit(alice)
        assert creation.claim(other.pk) is None
        assert SafeMode.end(alice)
        assert not SafeMode.end(alice)
        assert creation.claim(other.pk)

    def test_is_noticed_once(self, attempt: Attempt, alice: User) -> None:
        restore_backup()
        recovery.merge()
        SafeMode.end(alice)
        recovery.merge()
        assert not SafeMode.is_on()

    def test_that_lacks_even_the_key_keeps_the_id_for_a_person(
        self, attempt: Attempt, key: PikzelsKey
    ) -> None:
        journal.answered(attempt, MADE)
        restore_backup()
        Style.objects.all().delete()
        key.delete()
        recovery.merge()
        assert SafeMode.objects.get().lacking[0]["pikzels_id"] == "id-1"
        style = Style.objects.get()
        assert (style.state, style.due_at) == (State.IN_DOUBT, None)
        assert style.events.get().note == "id-1"
