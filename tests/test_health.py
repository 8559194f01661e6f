"""Is it us or Pikzels? One sentence says so, from what the database knows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styles import breaker
from styles.health import KEYS, health
from styles.models import Attempt, SafeMode, Style, WorkerSign
from styles.pikzels.errors import Code, Silence, Verdict
from styles.states import State
from teams.models import PikzelsKey, Team

from .wording import banned_words

MakeStyle = Callable[..., Style]
NOON = datetime(2026, 5, 11, 12, 0, tzinfo=timezone.get_fixed_timezone(0))
WELL = "Pikzels answers, and styles are sent."


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    return NOON


@pytest.fixture
def at_work(now: datetime, db: None) -> None:
    WorkerSign.objects.create(id=uuid.uuid4(), place="here", seen_at=now)


@pytest.fixture
def tried(make_style: MakeStyle, key: PikzelsKey) -> Callable[..., Attempt]:
    """Note a call that was answered so many minutes ago, after so many seconds."""
    numbers = iter(range(1, 1000))

    def note(
        minutes: float, outcome: str, reason: str = "", seconds: float = 3, **fields: Any
    ) -> Attempt:
        opened = NOON - timedelta(minutes=minutes)
        style = Style.objects.first() or make_style(pictures=0)
        return style.attempts.create(
            number=next(numbers),
            outcome=outcome,
            reason=reason,
            opened_at=opened,
            lease_until=opened,
            committed_at=opened,
            closed_at=opened,
            answered_at=opened + timedelta(seconds=seconds),
            **{"key": key, "code": reason if reason.isupper() else "", **fields},
        )

    return note


def sentence(now: datetime) -> str:
    return health(now)["conclusion"].sentence


def whose(now: datetime) -> str:
    return str(health(now)["conclusion"].whose)


def fact(now: datetime, label: str) -> tuple[str, str]:
    return next((f["value"], f["detail"]) for f in health(now)["facts"] if f["label"] == label)


class TestTheSentence:
    def test_all_is_well(self, now: datetime, at_work: None, tried: Any) -> None:
        tried(5, Verdict.MADE)
        assert (sentence(now), whose(now)) == (WELL, "All is well")

    def test_a_refusal_is_an_answer(self, now: datetime, at_work: None, tried: Any) -> None:
        tried(5, Verdict.MADE)
        tried(1, Verdict.REFUSED, Code.CONTENT_POLICY)
        assert sentence(now) == WELL

    def test_nothing_was_sent_yet(self, now: datetime, at_work: None, key: PikzelsKey) -> None:
        expected = "Nothing was sent in the last 30 days, and nothing stands in the way."
        assert sentence(now) == expected

    def test_only_the_sandbox(self, now: datetime, at_work: None, tried: Any) -> None:
        tried(5, Verdict.MADE)
        PikzelsKey.objects.update(kind=PikzelsKey.Kind.SANDBOX)
        assert sentence(now) == "The sandbox answers, and nothing goes to Pikzels."

    def test_what_the_sandbox_plays_says_nothing_about_pikzels(
        self, now: datetime, at_work: None, tried: Any, team: Team
    ) -> None:
        tried(5, Verdict.MADE)
        sandbox = PikzelsKey(team=team, kind="sandbox", name="S", secret=b"x", fingerprint="s")
        sandbox.save()
        tried(1, Verdict.IN_DOUBT, Code.INTERNAL_ERROR, key=sandbox)
        assert sentence(now) == WELL
        assert health(now)["errors"] == []

    def test_no_worker(self, now: datetime, tried: Any) -> None:
        tried(5, Verdict.MADE)
        assert sentence(now) == "No worker has been heard of yet, so nothing is sent."
        sign = WorkerSign.objects.create(
            id=uuid.uuid4(), place="here", seen_at=now - timedelta(minutes=17)
        )
        assert sentence(now) == "No worker has been heard of since 11:43 UTC."
        WorkerSign.objects.filter(pk=sign.pk).update(seen_at=now - timedelta(days=2))
        assert sentence(now) == "No worker has been heard of since 9 May, 12:00 UTC."
        assert whose(now) == "It is us"

    def test_no_key(self, now: datetime, at_work: None) -> None:
        assert sentence(now) == "No team has a key, so nothing is sent."

    def test_a_restored_backup(self, now: datetime, at_work: None, tried: Any) -> None:
        tried(5, Verdict.MADE)
        SafeMode.objects.create()
        assert sentence(now).startswith("Nothing is sent: a backup was restored")

    def test_a_key_that_is_turned_away(
        self, now: datetime, at_work: None, tried: Any, key: PikzelsKey
    ) -> None:
        tried(5, Verdict.MADE)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        expected = f"Pikzels turns the key {key.shown} away. The balance is too low."
        assert (sentence(now), whose(now)) == (expected, "It is Pikzels")
        for n in (1, 2):
            other = PikzelsKey.seal(f"pkz_{n}", base_url="http://x", team=key.team, name="O")
            other.save()
            breaker.hold(other, Code.INSUFFICIENT_CREDITS)
        assert sentence(now).endswith("The balance is too low. And 2 other keys.")

    def test_a_key_that_we_cannot_read(
        self, now: datetime, at_work: None, tried: Any, key: PikzelsKey
    ) -> None:
        breaker.hold(key, "cannot_decrypt")
        assert "cannot be used. This app can no longer read the API key." in sentence(now)
        assert whose(now) == "It is us"

    @pytest.mark.parametrize(
        ("verdict", "reason", "words", "at_fault"),
        [
            (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT, "cannot be reached", "It is us"),
            (Verdict.NOT_SENT, "disk_full", "This app’s disk has no room", "It is us"),
            (Verdict.NOT_SENT, "storage_away", "cannot get at its pictures", "It is us"),
            (Verdict.IN_DOUBT, Code.INTERNAL_ERROR, "may have made this style", "It is Pikzels"),
            (Verdict.LATER, Code.SERVICE_UNDER_MAINTENANCE, "maintenance", "It is Pikzels"),
        ],
    )
    def test_what_went_wrong_last(
        self,
        now: datetime,
        at_work: None,
        tried: Any,
        verdict: str,
        reason: str,
        words: str,
        at_fault: str,
    ) -> None:
        tried(50, Verdict.MADE)
        tried(1, verdict, reason)
        assert words in sentence(now)
        assert whose(now) == at_fault
        assert banned_words(sentence(now)) == []
        tried(0.5, Verdict.MADE)
        assert sentence(now) == WELL

    def test_what_went_wrong_long_ago_is_over(
        self, now: datetime, at_work: None, tried: Any
    ) -> None:
        tried(500, Verdict.MADE)
        tried(61, Verdict.IN_DOUBT, Code.INTERNAL_ERROR)
        assert sentence(now) == WELL

    def test_that_we_stopped_ourselves_is_no_error(
        self, now: datetime, at_work: None, tried: Any
    ) -> None:
        tried(500, Verdict.MADE)
        tried(1, Verdict.NOT_SENT, Silence.STOPPED)
        assert sentence(now) == WELL
        assert health(now)["errors"] == []

    def test_a_pause(self, now: datetime, at_work: None, tried: Any, key: PikzelsKey) -> None:
        tried(5, Verdict.MADE)
        key.pause(now + timedelta(minutes=10))
        expected = f"Pikzels asks for a pause: {key.shown} sends again at 12:10 UTC."
        assert sentence(now) == expected

    def test_a_long_queue(
        self, now: datetime, at_work: None, tried: Any, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        tried(5, Verdict.MADE)
        old = now - timedelta(minutes=20)
        make_style("Old", state=State.QUEUED, key=key, due_at=now, submitted_at=old, pictures=0)
        assert sentence(now).endswith("the oldest waits since 11:40 UTC.")
        assert whose(now) == "Nothing is wrong"


class TestTheFacts:
    def test_answer_times(self, now: datetime, at_work: None, tried: Any) -> None:
        assert fact(now, "Answer time") == ("–", "")
        tried(9, Verdict.MADE, seconds=4)
        assert fact(now, "Answer time") == ("4.0 s", "the only one")
        tried(8, Verdict.REFUSED, Code.INVALID_IMAGE, seconds=2)
        tried(7, Verdict.IN_DOUBT, Code.INTERNAL_ERROR, seconds=130)
        assert fact(now, "Answer time") == ("4.0 s", "median of the last 3, the slowest 130 s")

    def test_the_queue_and_its_oldest(
        self, now: datetime, at_work: None, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        assert fact(now, "Queue") == ("0", "")
        for minutes in (3, 8):
            at = now - timedelta(minutes=minutes)
            make_style(f"{minutes}", state=State.QUEUED, key=key, due_at=now, submitted_at=at)
        assert fact(now, "Queue") == ("2", "the oldest since 11:52 UTC")

    def test_the_last_success_and_the_last_error(
        self, now: datetime, at_work: None, tried: Any
    ) -> None:
        assert fact(now, "Last success") == fact(now, "Last error") == ("–", "")
        tried(30, Verdict.MADE)
        tried(20, Verdict.IN_DOUBT, Silence.NO_ANSWER)
        assert fact(now, "Last success") == ("11:30 UTC", "")
        assert fact(now, "Last error") == ("no_answer", "11:40 UTC")

    def test_the_errors_of_the_last_hour_by_code(
        self, now: datetime, at_work: None, tried: Any
    ) -> None:
        for minutes in (1, 2, 70):
            tried(minutes, Verdict.REFUSED, Code.INVALID_IMAGE)
        tried(3, Verdict.IN_DOUBT, Silence.NO_ANSWER)
        found = [(row["name"], row["number"]) for row in health(now)["errors"]]
        assert found == [("INVALID_IMAGE", 2), ("no_answer", 1)]

    def test_the_keys_that_are_hindered_come_first(
        self, now: datetime, at_work: None, team: Team
    ) -> None:
        states = {
            "sandbox": {"kind": "sandbox"},
            "free": {},
            "trial": {"on_trial": True},
            "paused": {"paused_until": now + timedelta(minutes=1)},
            "held": {"held_at": now, "held_code": "API_KEY_DELETED"},
        }
        for name, fields in states.items():
            PikzelsKey(team=team, name=name, secret=b"", fingerprint=name, **fields).save()
        rows = [(row["key"].name, str(row["label"])) for row in health(now)["keys"]]
        assert rows[0] == ("held", "held")
        assert sorted(rows[1:3]) == [("paused", "paused"), ("trial", "on trial")]
        assert rows[3:] == [("free", "free"), ("sandbox", "free")]

    def test_ten_thousand_keys_cost_no_more_than_one(
        self, now: datetime, at_work: None, team: Team, tried: Any
    ) -> None:
        tried(5, Verdict.MADE)
        with CaptureQueriesContext(connection) as few:
            assert not health(now)["more_keys"]
        for n in range(20):
            PikzelsKey(team=team, name=f"{n}", secret=b"", fingerprint=f"{n}").save()
            tried(n, Verdict.REFUSED, Code.INVALID_IMAGE)
        with CaptureQueriesContext(connection) as many:
            shown = health(now)
        assert (len(shown["keys"]), shown["more_keys"]) == (KEYS, True)
        assert len(many) == len(few)
