"""Any order of crashes, answers and people's wishes: paid once, nothing lost, nothing stuck.

Hypothesis makes up the order. `TORTURE=1` makes forty times as many.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from unittest import mock

import hypothesis.strategies as st
import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from styles import breaker, creation, following, journal, recovery, telling
from styles.models import Attempt, Event, Notice, ReferenceImage, SafeMode, Style
from styles.pikzels.errors import Silence, Verdict
from styles.pikzels.outcome import Outcome
from styles.presentation import show
from styles.states import EDITABLE, IN_FLIGHT, MADE, State
from teams import keys
from teams.models import Membership, PikzelsKey, Team, User

from ..conftest import browser_of
from . import canary
from .simulated import EARLY_FAULTS, FAULTS, Pikzels, heard
from .simulated import MADE as ALL_WENT_WELL

EXAMPLES = 30 * (40 if os.environ.get("TORTURE") else 1)
IN_FLIGHT_PER_KEY = 2
STYLES, KEYS = 3, 3
MOVING = (State.QUEUED, *IN_FLIGHT, State.TRAINING)
STOPPED = Outcome(verdict=Verdict.NOT_SENT, reason=Silence.STOPPED, committed=False)
T = TypeVar("T")
NTH = st.integers(0, 3)


START = datetime.now(UTC)


class Clock(datetime):
    """The time of day in these tests: it stands still until somebody waits."""

    moment = START

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return cls.moment


class Killed(Exception):
    """A worker died at this very point."""


@dataclass
class Cast:
    team: Team
    alice: User
    bob: User
    browsers: list[Client]
    pikzels: Pikzels
    log: pytest.LogCaptureFixture


@dataclass
class Hand:
    """An attempt that a worker has in hand. A suspended worker gives no sign of life."""

    attempt: Attempt
    committed: bool = False
    suspended: bool = False


class Workshop(RuleBasedStateMachine):
    """A team, its workers and Pikzels. The database is real; rolling it back ends an example."""

    def __init__(self, cast: Cast) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.cast = cast
        self.pikzels = cast.pikzels = Pikzels()
        self.alice, self.team = cast.alice, Team.objects.get(pk=cast.team.pk)
        self.owner = Membership.objects.get(team=self.team, user=self.alice)
        self.styles: list[uuid.UUID] = []
        self.hands: list[Hand] = []
        self.backup: str | None = None
        self.history: dict[uuid.UUID, dict[str, object]] = {}
        Clock.moment = START
        for file in journal.path().parent.glob("*"):
            file.unlink()
        self.new_key().save()
        self.submit()

    def new_key(self) -> PikzelsKey:
        secret = f"{canary.SECRET}_{uuid.uuid4().hex}"
        return PikzelsKey.seal(secret, base_url="http://127.0.0.1:9", team=self.team, name="K")

    # Choosing

    def in_state(self, *states: str) -> list[Style]:
        found = Style.objects.select_related("key", "team").in_bulk(self.styles)
        return [found[pk] for pk in self.styles if pk in found and found[pk].state in states]

    def keys(self, *, held: bool) -> list[PikzelsKey]:
        keys = PikzelsKey.objects.in_use().filter(held_at__isnull=not held).order_by("pk")
        return list(keys)

    def unsent(self) -> list[Hand]:
        return [hand for hand in self.hands if not hand.committed]

    def sent(self) -> list[Hand]:
        return [hand for hand in self.hands if hand.committed]

    def any_in(*states: str) -> Callable[[Workshop], bool]:
        return lambda self: bool(self.in_state(*states))

    # Workers

    @precondition(any_in(State.QUEUED))
    @rule(nth=NTH, survives=st.sampled_from([True, True, True, False]))
    def claim(self, nth: int, survives: bool) -> None:
        style = of(self.in_state(State.QUEUED), nth)
        attempt = creation.claim(style.pk)
        if attempt is None:
            return
        limit = 1 if attempt.key.on_trial else IN_FLIGHT_PER_KEY
        assert attempt.key.attempts.open().count() <= limit, "more in flight than the key may have"
        assert not SafeMode.is_on()
        known = style.attempts.exclude(pikzels_id="")
        assert not known.exists(), "sends a style again whose ID is known"
        if survives:
            journal.opened(attempt)
            self.hands.append(Hand(attempt))

    @precondition(any_in(State.QUEUED))
    @rule(nth=NTH)
    def claim_and_commit(self, nth: int) -> None:
        """The usual course, so that an example comes further."""
        self.wait(7200)
        self.claim(nth, survives=True)
        if self.unsent():
            self.commit(-1)

    @precondition(unsent)
    @rule(nth=NTH)
    def commit(self, nth: int) -> None:
        hand = of(self.unsent(), nth)
        if creation.commit(hand.attempt):
            hand.committed = True
            self.pikzels.arrived(hand.attempt)
        else:
            self.put_down(hand, STOPPED)

    @precondition(unsent)
    @rule(nth=NTH)
    def die_while_committing(self, nth: int) -> None:
        hand = of(self.unsent(), nth)
        written = journal.committed

        def die(attempt: Attempt) -> None:
            written(attempt)
            raise Killed

        with mock.patch.object(journal, "committed", die), suppress(Killed):
            creation.commit(hand.attempt)
        self.hands.remove(hand)

    @precondition(sent)
    @rule(
        nth=NTH,
        fault=st.sampled_from(sorted(FAULTS)),
        dies=st.sampled_from(["", "", "", "before the answer", "before recording it"]),
    )
    def answer(self, nth: int, fault: str, dies: str) -> None:
        hand = of(self.sent(), nth)
        self.put_down(hand, self.pikzels.create(hand.attempt, FAULTS[fault]), dies=dies)

    @precondition(unsent)
    @rule(nth=NTH, fault=st.sampled_from(sorted(EARLY_FAULTS)))
    def answer_early(self, nth: int, fault: str) -> None:
        self.put_down(of(self.unsent(), nth), heard(EARLY_FAULTS[fault], committed=False))

    def put_down(self, hand: Hand, outcome: Outcome, *, dies: str = "") -> None:
        self.hands.remove(hand)
        if dies == "before the answer":
            return
        if outcome.reply:
            journal.answered(hand.attempt, outcome)
        if not dies:
            creation.record(hand.attempt, outcome)

    @precondition(lambda self: self.hands)
    @rule(nth=NTH)
    def kill_a_worker(self, nth: int) -> None:
        self.hands.remove(of(self.hands, nth))

    @precondition(lambda self: self.hands)
    @rule(nth=NTH)
    def suspend_a_worker_for_long(self, nth: int) -> None:
        """What it has in hand is taken from it, and it may come back with an answer."""
        of(self.hands, nth).suspended = True
        self.wait(30)
        recovery.reap()

    @rule(seconds=st.sampled_from([1, 30, 600, 7200]))
    def wait(self, seconds: int) -> None:
        Clock.moment += timedelta(seconds=seconds)
        creation.renew_leases([hand.attempt.pk for hand in self.hands if not hand.suspended])

    @rule(starts=st.booleans())
    def look(self, starts: bool) -> None:
        """A worker looks for what others left behind, and at its start into the journal too."""
        if starts:
            recovery.merge()
        recovery.reap()

    @precondition(any_in(State.TRAINING, State.READY))
    @rule(
        nth=NTH,
        says=st.sampled_from(
            ["processing", "completed", "failed", "missing", "silent", "turned away"]
        ),
    )
    def follow(self, nth: int, says: str) -> None:
        self.pikzels.says = says
        following.follow(of(self.in_state(State.TRAINING, State.READY), nth).pk)

    # People

    @precondition(lambda self: len(self.styles) < STYLES)
    @rule()
    def submit_another(self) -> None:
        self.submit()

    def submit(self) -> None:
        name = f"Style {len(self.styles)}"
        style = Style.objects.create(team=self.team, creator=self.alice, name=name)
        add_pictures(style)
        self.styles.append(style.pk)
        assert style.submit(self.alice)

    @precondition(any_in(State.QUEUED, State.IN_REVIEW, State.REFUSED, State.DECLINED))
    @rule(nth=NTH)
    def take_back(self, nth: int) -> None:
        states = (State.QUEUED, State.IN_REVIEW, State.REFUSED, State.DECLINED)
        of(self.in_state(*states), nth).reopen(self.alice)

    @precondition(any_in(*EDITABLE))
    @rule(nth=NTH)
    def send_edited(self, nth: int) -> None:
        style = of(self.in_state(*EDITABLE), nth)
        add_pictures(style)
        assert style.submit(self.alice)

    @precondition(any_in(State.IN_DOUBT))
    @rule(nth=NTH)
    def send_again(self, nth: int) -> None:
        style = of(self.in_state(State.IN_DOUBT), nth)
        assert style.send_again(self.alice)
        self.pikzels.word(style.pk)

    @precondition(lambda self: self.may_exist() and self.pikzels.made)
    @rule(nth=NTH, which=NTH, says=st.sampled_from(["completed", "silent"]))
    def paste_id(self, nth: int, which: int, says: str) -> None:
        style = of(self.may_exist(), nth)
        pasted = of(list(self.pikzels.made), which)
        self.pikzels.says = says
        try:
            following.paste_id(style, pasted, self.alice)
        except following.NotThisOne:
            return
        assert self.pikzels.made[pasted].style == style.pk

    def may_exist(self) -> list[Style]:
        return [style for style in self.in_state(*State) if style.may_exist()]

    @precondition(any_in(*(state for state in State if state not in MADE)))
    @rule(nth=NTH)
    def give_up(self, nth: int) -> None:
        style = of(self.in_state(*(state for state in State if state not in MADE)), nth)
        if style.drop(self.alice):
            self.pikzels.word(style.pk)

    @precondition(any_in(State.IN_REVIEW))
    @rule(nth=NTH, decision=st.sampled_from(["approve", "ask", "decline"]))
    def review(self, nth: int, decision: str) -> None:
        style = of(self.in_state(State.IN_REVIEW), nth)
        match decision:
            case "approve":
                assert style.approve(self.alice)
            case "ask":
                assert style.ask_for_changes(self.alice, "Brighter")
            case _:
                assert style.decline(self.alice, "Brighter")

    @precondition(lambda self: self.keys(held=True))
    @rule(nth=NTH)
    def resume(self, nth: int) -> None:
        assert breaker.resume(of(self.keys(held=True), nth))

    @rule(what=st.sampled_from(["new key", "retire a key", "review or not"]))
    def change_the_team(self, what: str) -> None:
        in_use = self.keys(held=False) + self.keys(held=True)
        if what == "review or not":
            self.team.review_required = not self.team.review_required
            self.team.save(update_fields=["review_required"])
        elif what == "new key" and len(in_use) < KEYS:
            self.bring_a_new_key()
        elif what == "retire a key" and in_use:
            keys.remove(self.owner, in_use[0])

    def bring_a_new_key(self) -> None:
        keys.add(self.owner, self.new_key(), tested=True)

    # Backups

    @precondition(lambda self: self.backup is None)
    @rule()
    def back_up(self) -> None:
        self.backup = transaction.savepoint()

    @precondition(lambda self: self.backup)
    @rule()
    def restore(self) -> None:
        """The workers are stopped, with all that they have in hand; then one starts."""
        self.hands.clear()
        transaction.savepoint_rollback(self.backup)
        self.history.clear()
        self.team.refresh_from_db()
        recovery.merge()

    @precondition(lambda self: SafeMode.is_on())
    @rule()
    def go_on(self) -> None:
        assert SafeMode.end(self.alice)

    # What holds at any time

    @invariant()
    def all_is_well(self) -> None:
        self.nothing_is_paid_twice()
        self.nothing_is_lost()
        self.every_id_is_the_styles_own()
        self.history_stands()
        self.nothing_is_stuck()

    def nothing_is_paid_twice(self) -> None:
        for style in self.styles:
            assert not self.pikzels.paid_without_a_word(style), "paid twice without a word"

    def nothing_is_lost(self) -> None:
        for style_id, made in self.pikzels.made.items():
            if self.pikzels.wanted_after(made.style, made.token):
                continue
            assert self.knows(style_id, made.style, made.token), "a style is lost"

    def knows(self, style_id: str, style: uuid.UUID, token: str) -> bool:
        ids = self.pikzels.of(style)
        attempts = Attempt.objects.filter(style=style)
        return (
            Style.objects.filter(pk=style, pikzels_id__in=ids).exists()
            or Style.objects.filter(pk=style, state=State.IN_DOUBT).exists()
            or attempts.filter(pikzels_id__in=ids).exists()
            or attempts.open().filter(lease_token=token).exists()
            or self.is_listed(style, style_id)
        )

    def is_listed(self, style: uuid.UUID, style_id: str) -> bool:
        """Whether a person is told of it because not even its row came back with a backup."""
        rows = [row for mode in SafeMode.objects.all() for row in mode.lacking]
        missing = not Style.objects.filter(pk=style).exists()
        return missing and any(row["style"] == str(style) for row in rows)

    def every_id_is_the_styles_own(self) -> None:
        for style in self.in_state(*MADE):
            made = self.pikzels.made[style.pikzels_id]
            assert (made.style, made.key) == (style.pk, style.key_id)

    def history_stands(self) -> None:
        """A closed attempt changes once at most: when its answer comes after all."""
        rows = {row["lease_token"]: row for row in Attempt.objects.values()}
        assert self.history.keys() <= rows.keys(), "an attempt is gone"
        for token, old in self.history.items():
            waited = old["outcome"] == Verdict.IN_DOUBT and not old["answered_at"]
            assert rows[token] == old or (waited and rows[token]["answered_at"])
        self.history = {token: row for token, row in rows.items() if row["closed_at"]}

    def nothing_is_stuck(self) -> None:
        for style in self.in_state(*MOVING):
            assert self.goes_on(style), f"{style} is stuck: {style.state} {style.reason}"

    def goes_on(self, style: Style) -> bool:
        if style.state in IN_FLIGHT:
            return style.attempts.open().exists()
        if style.due_at:
            return style.key is not None
        if style.state != State.QUEUED:
            return False
        if style.key is None:
            return self.team.current_key() is None
        return style.key.is_held and not style.key.removed_at

    # The end of an example

    def teardown(self) -> None:
        try:
            self.look_at_the_pages()
            self.finish()
            self.tell_everybody()
            self.look_for_the_keys()
        finally:
            transaction.savepoint_rollback(self.before)

    def look_at_the_pages(self) -> None:
        for style in self.in_state(*State):
            for membership in Membership.objects.filter(team=self.team):
                shown = show(style, membership)
                assert shown.panel or shown.next_step
                if membership.is_owner and style.state in {State.IN_DOUBT, State.REFUSED}:
                    assert shown.panel and shown.panel.actions
            for browser in self.cast.browsers:
                page = browser.get(style.get_absolute_url())
                assert page.status_code == 200
                assert canary.SECRET not in page.content.decode()

    def tell_everybody(self) -> None:
        """What nobody did by hand is told to somebody, and nothing waits for ever."""
        by_itself = Event.objects.filter(who=None, to_state__in=Notice.KINDS)
        assert not by_itself.filter(notices=None).exists(), "nobody is told"
        self.wait(3600)
        for notice in Notice.objects.due(timezone.now()):
            telling.tell(notice.pk)
        assert not Notice.objects.exclude(outcome__in=["told", "passed"]).exists()

    def look_for_the_keys(self) -> None:
        assert canary.places(self.cast.log.text) == []
        self.cast.log.clear()
        mail.outbox.clear()

    def finish(self) -> None:
        """All workers die, and people and Pikzels do what they can: then everything is settled."""
        self.hands.clear()
        self.wait(60)
        self.look(starts=True)
        SafeMode.end(self.alice)
        if not self.team.current_key():
            self.bring_a_new_key()
        for _ in range(3 * STYLES):
            self.one_round()
        moving = [f"{style}: {style.state} {style.reason}" for style in self.in_state(*MOVING)]
        assert not moving, moving
        self.all_is_well()

    def one_round(self) -> None:
        self.wait(3600)
        self.look(starts=False)
        for key in self.keys(held=True):
            breaker.resume(key)
        for style in self.in_state(State.QUEUED):
            self.make(style)
        self.pikzels.says = "completed"
        for style in self.in_state(State.TRAINING):
            following.follow(style.pk)

    def make(self, style: Style) -> None:
        attempt = creation.claim(style.pk)
        if attempt:
            journal.opened(attempt)
            assert creation.commit(attempt)
            self.pikzels.arrived(attempt)
            creation.record(attempt, self.pikzels.create(attempt, ALL_WENT_WELL))


def add_pictures(style: Style) -> None:
    """Fill the slots that are empty, as they are after a backup was restored."""
    ReferenceImage.objects.bulk_create(
        ReferenceImage(
            style=style, position=n, file=f"references/{n}.jpg", width=1, height=1, bytes=1
        )
        for n in {1, 2, 3} - style.filled()
    )


def of(things: Sequence[T], nth: int) -> T:
    return things[nth % len(things)]


@pytest.fixture
def cast(
    team: Team,
    alice: User,
    bob: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Cast:
    settings.IN_FLIGHT_PER_KEY = IN_FLIGHT_PER_KEY
    caplog.set_level(logging.DEBUG)
    cast = Cast(team, alice, bob, [browser_of(alice), browser_of(bob)], Pikzels(), caplog)
    monkeypatch.setattr(timezone, "datetime", Clock)
    monkeypatch.setattr(following, "connect", lambda key, _limits: cast.pikzels.account(key))
    # What a power cut does is tested elsewhere; here it would only take time.
    monkeypatch.setattr(os, "fsync", lambda _number: None)
    return cast


def test_whatever_happens(cast: Cast) -> None:
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Workshop(cast), settings=profile)
