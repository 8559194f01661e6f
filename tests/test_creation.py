"""The paid call: at most once without a person's word, and no answer lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from styles import breaker, creation, following, recovery
from styles.models import Attempt, Event, Style
from styles.pikzels.errors import FACTS, Code, Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, Team, User

MakeStyle = Callable[..., Style]
NEVER = threading.Event()


def reply(**fields: object) -> Reply:
    return Reply(**{"status": 200, **fields})


def made(style_id: str = "id-1") -> Outcome:
    return Outcome(verdict=Verdict.MADE, reason="", committed=True, reply=reply(style_id=style_id))


def outcome(verdict: Verdict, reason: str, **fields: object) -> Outcome:
    committed = verdict not in {Verdict.NOT_SENT}
    return Outcome(verdict=verdict, reason=reason, committed=committed, **fields)


@pytest.fixture
def queued(make_style: MakeStyle, key: PikzelsKey, alice: User) -> Style:
    style = make_style()
    assert style.submit(alice)
    return style


@pytest.fixture
def attempt(queued: Style) -> Attempt:
    attempt = creation.claim(queued.pk)
    assert attempt
    return attempt


@pytest.fixture
def committed(attempt: Attempt) -> Attempt:
    assert creation.commit(attempt)
    return attempt


def state_of(style: Style) -> str:
    style.refresh_from_db()
    return style.state


class TestClaim:
    def test_moves_to_sending_with_an_open_attempt(self, queued: Style) -> None:
        attempt = creation.claim(queued.pk)
        assert attempt and attempt.number == 1 and attempt.closed_at is None
        assert state_of(queued) == State.SENDING

    def test_the_second_claim_finds_nothing(self, attempt: Attempt, queued: Style) -> None:
        assert creation.claim(queued.pk) is None
        assert Attempt.objects.count() == 1

    def test_notes_who_asked_for_it(self, attempt: Attempt, alice: User) -> None:
        assert attempt.asked_by == alice

    def test_leaves_what_is_not_due(self, queued: Style) -> None:
        Style.objects.update(due_at=timezone.now() + timedelta(hours=1))
        assert creation.claim(queued.pk) is None

    def test_parks_what_a_held_key_would_send(self, queued: Style, key: PikzelsKey) -> None:
        key.hold(Code.INSUFFICIENT_CREDITS)
        assert creation.claim(queued.pk) is None
        assert state_of(queued) == State.QUEUED
        assert queued.due_at is None

    def test_puts_off_what_a_paused_key_would_send(self, queued: Style, key: PikzelsKey) -> None:
        until = timezone.now() + timedelta(minutes=5)
        key.pause(until)
        assert creation.claim(queued.pk) is None
        queued.refresh_from_db()
        assert queued.due_at and queued.due_at >= until

    def test_never_has_more_in_flight_than_the_limit(
        self, make_style: MakeStyle, key: PikzelsKey, alice: User, settings: object
    ) -> None:
        settings.IN_FLIGHT_PER_KEY = 2
        styles = [make_style(f"Style {n}") for n in range(3)]
        for style in styles:
            style.submit(alice)
        claimed = [creation.claim(style.pk) for style in styles]
        assert [bool(attempt) for attempt in claimed] == [True, True, False]
        assert creation.next_to_send(timezone.now(), 3) == []

    def test_a_key_on_trial_lets_one_go(
        self, make_style: MakeStyle, key: PikzelsKey, alice: User
    ) -> None:
        styles = [make_style(f"Style {n}") for n in range(2)]
        for style in styles:
            style.submit(alice)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        assert breaker.resume(key)
        claimed = [creation.claim(style.pk) for style in styles]
        assert [bool(attempt) for attempt in claimed] == [True, False]


class TestCommit:
    def test_is_noted_before_the_last_byte(self, attempt: Attempt, queued: Style) -> None:
        assert creation.commit(attempt)
        assert state_of(queued) == State.COMMITTED
        attempt.refresh_from_db()
        assert attempt.committed_at

    def test_happens_once(self, committed: Attempt) -> None:
        assert not creation.commit(committed)

    def test_fences_off_a_worker_that_was_given_up(self, attempt: Attempt) -> None:
        Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        recovery.reap()
        assert not creation.commit(attempt)

    def test_needs_a_live_lease(self, attempt: Attempt) -> None:
        Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert not creation.commit(attempt)


class TestRecord:
    def test_an_id_makes_it_train(self, committed: Attempt, queued: Style) -> None:
        creation.record(committed, made("id-7"))
        assert state_of(queued) == State.TRAINING
        assert queued.pikzels_id == "id-7"
        assert queued.due_at

    def test_an_early_id_counts(self, attempt: Attempt, queued: Style) -> None:
        creation.record(attempt, made())
        assert state_of(queued) == State.TRAINING

    def test_closes_the_attempt_with_what_came(self, committed: Attempt) -> None:
        answer = reply(
            status=400,
            envelope=True,
            code=Code.INVALID_IMAGE,
            message="Image 2 is broken.",
            request_id="req-1",
        )
        creation.record(
            committed, outcome(Verdict.REFUSED, Code.INVALID_IMAGE, reply=answer, bytes_total=10)
        )
        committed.refresh_from_db()
        assert committed.closed_at
        assert (committed.code, committed.http_status) == ("INVALID_IMAGE", 400)
        assert (committed.message, committed.request_id) == ("Image 2 is broken.", "req-1")

    @pytest.mark.parametrize("code", [c for c in Code if FACTS[c].verdict == Verdict.REFUSED])
    def test_a_refusal_waits_for_a_person(
        self, committed: Attempt, queued: Style, code: Code
    ) -> None:
        creation.record(committed, outcome(Verdict.REFUSED, code))
        assert state_of(queued) == State.REFUSED
        assert (queued.reason, queued.due_at) == (code, None)

    @pytest.mark.parametrize("code", [c for c in Code if FACTS[c].verdict == Verdict.KEY_HELD])
    def test_a_key_that_is_turned_away_holds_everything(
        self, committed: Attempt, queued: Style, key: PikzelsKey, make_style: MakeStyle, code: Code
    ) -> None:
        other = make_style("Other")
        other.submit(committed.asked_by)
        creation.record(committed, outcome(Verdict.KEY_HELD, code))
        key.refresh_from_db()
        assert key.held_code == code
        for style in (queued, other):
            style.refresh_from_db()
            assert (style.shown_state, style.due_at) == ("held", None)

    def test_the_first_success_ends_the_trial(self, committed: Attempt, key: PikzelsKey) -> None:
        PikzelsKey.objects.update(on_trial=True)
        creation.record(committed, made())
        key.refresh_from_db()
        assert not key.on_trial

    def test_what_was_not_sent_is_tried_again(self, attempt: Attempt, queued: Style) -> None:
        creation.record(attempt, outcome(Verdict.NOT_SENT, "could_not_connect"))
        assert state_of(queued) == State.QUEUED
        assert queued.due_at and queued.due_at > timezone.now()

    def test_what_we_stopped_is_due_at_once(self, attempt: Attempt, queued: Style) -> None:
        creation.record(attempt, outcome(Verdict.NOT_SENT, "stopped"))
        assert state_of(queued) == State.QUEUED
        assert queued.due_at and queued.due_at <= timezone.now()

    def test_a_lost_picture_is_asked_for_again(self, attempt: Attempt, queued: Style) -> None:
        creation.record(attempt, outcome(Verdict.NOT_SENT, "picture_lost"))
        assert state_of(queued) == State.REFUSED

    def test_later_pauses_the_key_as_long_as_asked(
        self, committed: Attempt, queued: Style, key: PikzelsKey
    ) -> None:
        answer = reply(status=429, envelope=True, code="TOO_MANY_REQUESTS", retry_after="120")
        creation.record(committed, outcome(Verdict.LATER, "TOO_MANY_REQUESTS", reply=answer))
        key.refresh_from_db()
        soon = timezone.now() + timedelta(seconds=110)
        assert key.paused_until and key.paused_until > soon
        assert state_of(queued) == State.QUEUED
        assert queued.due_at and queued.due_at > soon

    def test_tries_end(self, queued: Style) -> None:
        for _ in range(8):
            Style.objects.update(due_at=timezone.now())
            attempt = creation.claim(queued.pk)
            assert attempt
            creation.record(attempt, outcome(Verdict.NOT_SENT, "could_not_connect"))
        assert state_of(queued) == State.REFUSED
        assert queued.reason == "exhausted"

    def test_doubt_is_never_sent_again_by_itself(self, committed: Attempt, queued: Style) -> None:
        creation.record(committed, outcome(Verdict.IN_DOUBT, "no_answer"))
        assert state_of(queued) == State.IN_DOUBT
        assert queued.due_at is None

    def test_an_id_that_another_style_has_is_a_doubt(
        self, committed: Attempt, queued: Style, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        make_style("Other", state=State.READY, key=key, pikzels_id="id-1")
        creation.record(committed, made("id-1"))
        assert state_of(queued) == State.IN_DOUBT
        committed.refresh_from_db()
        assert committed.pikzels_id == "id-1"

    def test_a_second_outcome_changes_nothing(self, committed: Attempt, queued: Style) -> None:
        creation.record(committed, made("id-1"))
        creation.record(committed, outcome(Verdict.REFUSED, Code.CONTENT_POLICY))
        assert state_of(queued) == State.TRAINING


class TestSentAgain:
    """A style that a person sent again, while what became of its first try is unknown."""

    @pytest.fixture
    def again(self, committed: Attempt, queued: Style, alice: User) -> Attempt:
        abandon()
        recovery.reap()
        assert queued.send_again(alice)
        second = creation.claim(queued.pk)
        assert second and creation.commit(second)
        return second

    def test_a_taken_name_means_that_the_first_was_made(
        self, again: Attempt, queued: Style
    ) -> None:
        creation.record(again, outcome(Verdict.REFUSED, Code.NAME_ALREADY_EXISTS))
        assert (state_of(queued), queued.reason) == (State.IN_DOUBT, "made_before")
        assert not queued.is_editable

    def test_a_refusal_leaves_the_first_in_doubt(self, again: Attempt, queued: Style) -> None:
        creation.record(again, outcome(Verdict.REFUSED, Code.CONTENT_POLICY))
        assert (state_of(queued), queued.reason) == (State.IN_DOUBT, "still_in_doubt")

    def test_taken_back_it_is_in_doubt_again(
        self, again: Attempt, queued: Style, bob: User
    ) -> None:
        creation.record(again, outcome(Verdict.LATER, "TOO_MANY_REQUESTS"))
        assert queued.reopen(bob)
        assert state_of(queued) == State.IN_DOUBT

    def test_a_late_answer_to_the_first_does_not_settle_the_second(
        self, again: Attempt, committed: Attempt, queued: Style
    ) -> None:
        creation.record(again, outcome(Verdict.IN_DOUBT, "no_answer"))
        late = reply(status=429, code="TOO_MANY_REQUESTS", envelope=True)
        creation.record(committed, outcome(Verdict.LATER, "TOO_MANY_REQUESTS", reply=late))
        assert (state_of(queued), queued.due_at) == (State.IN_DOUBT, None)

    def test_a_late_id_of_the_first_is_taken_when_the_second_is_refused(
        self, again: Attempt, committed: Attempt, queued: Style
    ) -> None:
        creation.record(committed, made("id-paid"))
        assert state_of(queued) == State.COMMITTED
        creation.record(again, outcome(Verdict.REFUSED, Code.NAME_ALREADY_EXISTS))
        assert (state_of(queued), queued.pikzels_id) == (State.TRAINING, "id-paid")


class TestIncomplete:
    """What has not three pictures is never sent."""

    def test_is_not_submitted(self, make_style: MakeStyle, key: PikzelsKey, alice: User) -> None:
        style = make_style(pictures=2)
        assert not style.submit(alice)
        assert state_of(style) == State.DRAFT

    def test_is_asked_for_again_where_it_got_into_the_queue(self, queued: Style) -> None:
        queued.images.get(position=2).delete()
        attempt = creation.claim(queued.pk)
        assert attempt
        creation.record(attempt, creation.send(attempt, stop=NEVER))
        assert (state_of(queued), queued.reason) == (State.REFUSED, "picture_lost")


def test_time_that_a_style_was_held_is_no_try(queued: Style) -> None:
    Event.objects.update(at=timezone.now() - timedelta(hours=7))
    attempt = creation.claim(queued.pk)
    assert attempt
    creation.record(attempt, outcome(Verdict.NOT_SENT, "could_not_connect"))
    assert state_of(queued) == State.QUEUED


class TestARetiredKey:
    """One that was replaced while a style was under way with it."""

    def test_hands_what_comes_back_to_the_teams_new_one(
        self, attempt: Attempt, queued: Style, key: PikzelsKey, team: Team
    ) -> None:
        breaker.retire(key)
        new = PikzelsKey.seal("pkz_new_1234", base_url="http://127.0.0.1:9", team=team, name="New")
        new.save()
        creation.record(attempt, outcome(Verdict.NOT_SENT, "stopped"))
        assert creation.claim(queued.pk) is None
        assert state_of(queued) == State.QUEUED
        assert queued.key == new
        assert creation.claim(queued.pk)

    @pytest.mark.parametrize("verdict", [Verdict.NOT_SENT, Verdict.KEY_HELD])
    def test_leaves_it_waiting_for_a_key_where_there_is_none(
        self, attempt: Attempt, queued: Style, key: PikzelsKey, verdict: Verdict
    ) -> None:
        breaker.retire(key)
        reason = "stopped" if verdict == Verdict.NOT_SENT else Code.API_KEY_DELETED
        creation.record(attempt, outcome(verdict, reason))
        assert creation.claim(queued.pk) is None
        queued.refresh_from_db()
        assert (queued.shown_state, queued.key, queued.reason) == ("held", None, "no_key")


def abandon() -> None:
    """The worker is gone: its lease ends."""
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


class TestReap:
    def test_before_the_last_byte_it_goes_back_to_the_queue(
        self, attempt: Attempt, queued: Style
    ) -> None:
        abandon()
        assert recovery.reap() == 1
        assert state_of(queued) == State.QUEUED
        assert queued.due_at

    def test_what_ends_its_worker_each_time_is_not_tried_for_ever(self, queued: Style) -> None:
        for _ in range(8):
            assert creation.claim(queued.pk)
            abandon()
            recovery.reap()
        assert (state_of(queued), queued.reason) == (State.REFUSED, "exhausted")

    def test_after_the_last_byte_it_is_in_doubt(self, committed: Attempt, queued: Style) -> None:
        abandon()
        assert recovery.reap() == 1
        assert (state_of(queued), queued.reason) == (State.IN_DOUBT, "lost")

    def test_leaves_a_worker_that_gives_signs_of_life(self, committed: Attempt) -> None:
        abandon()
        creation.renew_leases([committed.pk])
        assert recovery.reap() == 0

    def test_a_late_id_closes_the_doubt(self, committed: Attempt, queued: Style) -> None:
        abandon()
        recovery.reap()
        creation.record(committed, made("id-late"))
        assert (state_of(queued), queued.pikzels_id) == (State.TRAINING, "id-late")
        assert queued.events.filter(what=Event.What.LATE_ANSWER).exists()

    def test_a_late_id_is_kept_although_a_person_gave_up(
        self, committed: Attempt, queued: Style, alice: User
    ) -> None:
        abandon()
        recovery.reap()
        assert queued.drop(alice)
        creation.record(committed, made("id-late"))
        assert state_of(queued) == State.TRAINING

    def test_a_late_id_stops_the_second_sending(
        self, committed: Attempt, queued: Style, alice: User
    ) -> None:
        abandon()
        recovery.reap()
        assert queued.send_again(alice)
        again = creation.claim(queued.pk)
        assert again
        creation.record(committed, made("id-late"))
        assert not creation.commit(again)
        creation.record(again, outcome(Verdict.NOT_SENT, "stopped"))
        assert (state_of(queued), queued.pikzels_id) == (State.TRAINING, "id-late")

    def test_a_late_refusal_settles_the_doubt(self, committed: Attempt, queued: Style) -> None:
        abandon()
        recovery.reap()
        answer = reply(status=400, envelope=True, code=Code.CONTENT_POLICY)
        creation.record(committed, outcome(Verdict.REFUSED, Code.CONTENT_POLICY, reply=answer))
        assert state_of(queued) == State.REFUSED


class TestAgainstTheSandbox:
    def test_from_the_queue_to_ready(
        self, make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
    ) -> None:
        style = make_style("Mars diary")
        style.submit(alice)
        attempt = creation.claim(style.pk)
        assert attempt
        creation.record(attempt, creation.send(attempt, stop=NEVER))
        assert state_of(style) == State.TRAINING
        Style.objects.update(due_at=timezone.now())
        following.follow(style.pk)
        assert state_of(style) == State.READY
        assert style.portrait
        assert sandbox.ledger.account()["charged"] == 1

    def test_what_somebody_took_back_is_not_sent(
        self, make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey, alice: User
    ) -> None:
        style = make_style("Mars diary")
        style.submit(alice)
        attempt = creation.claim(style.pk)
        assert attempt
        Style.objects.update(state=State.DROPPED)
        result = creation.send(attempt, stop=NEVER)
        assert result.verdict == Verdict.NOT_SENT
        assert sandbox.ledger.account()["charged"] == 0
