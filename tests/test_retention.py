"""What is kept no longer than needed, and what nobody may lose."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from styles import journal, retention
from styles.models import Attempt, Event, Notice, ReferenceImage, Style
from styles.originals import OVER
from styles.pikzels.errors import Verdict
from styles.states import State
from styles.usage import ledger
from styles.worker import Worker
from teams.models import CallCount, Invitation, Membership, PikzelsKey, Team, User

from .conftest import browser_of
from .pictures import photo

MakeStyle = Callable[..., Style]
LONG_AGO = timedelta(days=1000)


@pytest.fixture(autouse=True)
def kept_for_ten_days(settings: LazySettings) -> None:
    settings.KEEP_DAYS = dict.fromkeys(settings.KEEP_DAYS, 10)


def sent(style: Style, key: PikzelsKey, who: User, outcome: str, number: int = 1) -> Attempt:
    then = timezone.now() - LONG_AGO
    return Attempt.objects.create(
        style=style, number=number, key=key, asked_by=who, opened_at=then, closed_at=then,
        lease_until=then, outcome=outcome, reason="x", code="X", request_id="req-1",
        http_status=500, message="what Pikzels said", details=[{"field": "name", "message": "odd"}],
        price="US$ 0.38", pikzels_id="id-1" if outcome == Verdict.MADE else "",
    )  # fmt: skip


@pytest.fixture
def ready(make_style: MakeStyle, key: PikzelsKey, alice: User) -> Style:
    """One that was made long ago, with a history."""
    style = make_style(state=State.READY, pikzels_id="id-1", key=key)
    attempt = sent(style, key, alice, Verdict.MADE)
    style.events.create(
        what=Event.What.MOVED, to_state=State.READY, note="a word", attempt=attempt, who=alice
    )
    style.events.update(at=timezone.now() - LONG_AGO)
    Style.objects.update(updated_at=timezone.now() - LONG_AGO)
    return style


def originals() -> list[bool]:
    return [Path(image.file.path).exists() for image in ReferenceImage.objects.order_by("pk")]


class TestOriginals:
    def test_of_finished_styles_go_and_their_previews_stay(self, ready: Style, bob: User) -> None:
        assert retention.sweep()["originals of pictures"] == 3
        assert originals() == [False] * 3
        browser = browser_of(bob)
        page = browser.get(ready.get_absolute_url())
        assert page.content.decode().count("original deleted on") == 3
        for image in ready.images.all():
            address = f"{ready.get_absolute_url()}images/{image.position}/"
            assert browser.get(address).status_code == 404
            assert b"".join(browser.get(f"{address}preview/"))  # type: ignore[arg-type]
        assert retention.sweep()["originals of pictures"] == 0

    def test_stay_where_nothing_is_set(self, ready: Style, settings: LazySettings) -> None:
        settings.KEEP_DAYS["originals"] = 0
        assert retention.sweep()["originals of pictures"] == 0
        assert originals() == [True] * 3

    def test_stay_before_their_time(self, ready: Style) -> None:
        Style.objects.update(updated_at=timezone.now() - timedelta(days=9))
        assert retention.sweep()["originals of pictures"] == 0

    @pytest.mark.parametrize("state", [each for each in State if each not in OVER])
    def test_of_what_may_be_sent_stay(self, ready: Style, state: State) -> None:
        made = {} if state == State.TRAINING else {"pikzels_id": ""}
        Style.objects.update(state=state, updated_at=timezone.now() - LONG_AGO, **made)
        assert retention.sweep()["originals of pictures"] == 0

    def test_that_a_variant_needs_stay(self, ready: Style, bob: User) -> None:
        draft = ready.variant(bob)
        assert retention.sweep()["originals of pictures"] == 0
        assert all(image.is_intact() for image in draft.images.all())

    def test_two_finished_styles_share_go_once_both_are_old(self, ready: Style, bob: User) -> None:
        other = ready.variant(bob)
        Style.objects.filter(pk=other.pk).update(state=State.READY, pikzels_id="id-2")
        retention.sweep()
        assert originals() == [True] * 6
        assert all(image.is_intact() for image in other.images.all())
        Style.objects.update(updated_at=timezone.now() - LONG_AGO)
        retention.sweep()
        assert originals() == [False] * 6

    def test_without_a_preview_stay(self, ready: Style) -> None:
        image = ready.images.get(position=1)
        Path(image.file.path).write_bytes(b"no picture")
        assert retention.sweep()["originals of pictures"] == 2
        assert Path(image.file.path).exists()

    def test_that_are_gone_are_asked_for_again_by_a_variant(self, ready: Style, bob: User) -> None:
        retention.sweep()
        browser = browser_of(bob)
        page = browser.post(ready.address("variant"), follow=True).content.decode()
        draft = Style.objects.get(state=State.DRAFT)
        assert "The originals of 3 pictures were deleted after their time" in page
        assert draft.filled() == frozenset()
        assert not draft.submit(bob)

    def test_that_are_gone_are_not_taken_for_what_is_there(self, ready: Style) -> None:
        retention.sweep()
        assert not any(image.is_intact() for image in ready.images.all())


class TestDetails:
    def test_of_what_is_over_go_and_what_it_cost_stays(self, ready: Style) -> None:
        counts = retention.sweep()
        assert (counts["words of answers"], counts["notes in histories"]) == (1, 1)
        attempt = Attempt.objects.get()
        assert (attempt.message, attempt.details) == ("", [])
        assert (attempt.outcome, attempt.price, attempt.pikzels_id, attempt.request_id) == (
            Verdict.MADE, "US$ 0.38", "id-1", "req-1",
        )  # fmt: skip

    @pytest.mark.parametrize("state", [State.IN_DOUBT, State.DROPPED])
    def test_of_what_may_have_been_made_stay(self, ready: Style, state: State) -> None:
        Attempt.objects.update(outcome=Verdict.IN_DOUBT, pikzels_id="")
        Style.objects.update(state=state, pikzels_id="")
        assert retention.sweep()["words of answers"] == 0
        assert Attempt.objects.get().message == "what Pikzels said"

    def test_stay_where_nothing_is_set(self, ready: Style, settings: LazySettings) -> None:
        settings.KEEP_DAYS["details"] = 0
        retention.sweep()
        assert Attempt.objects.get().message == "what Pikzels said"


class TestTheRest:
    def test_notices_that_were_told_go_and_those_that_wait_stay(
        self, ready: Style, alice: User, bob: User
    ) -> None:
        event = ready.events.get()
        common = {"team": ready.team, "event": event, "kind": Notice.Kind.READY}
        waits = Notice.objects.create(user=bob, **common)
        Notice.objects.create(
            user=alice, **common, due_at=None, outcome=Notice.Outcome.TOLD,
            closed_at=timezone.now() - LONG_AGO,
        )  # fmt: skip
        Notice.objects.update(at=timezone.now() - LONG_AGO)
        assert retention.sweep()["notices"] == 1
        assert Notice.objects.get() == waits

    def test_invitations_that_are_over_go(self, team: Team, alice: User) -> None:
        now = timezone.now()
        for n, expires in enumerate([now - LONG_AGO, now + timedelta(days=1)]):
            Invitation.objects.create(
                team=team, email=f"{n}@example.com", token_hash=str(n), expires_at=expires
            )
        assert retention.sweep()["invitations"] == 1
        assert Invitation.objects.get().email == "1@example.com"

    def test_sessions_that_are_over_go_and_others_stay(self, alice: User, bob: User) -> None:
        browser, gone = browser_of(alice), browser_of(bob)
        for each in (browser, gone):
            each.get("/")
        mine = Session.objects.exclude(session_key=browser.session.session_key)
        mine.update(expire_date=timezone.now() - timedelta(days=1))
        UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
        retention.sweep()
        assert UserSession.objects.get().user == alice
        assert browser.get("/").status_code == 200

    def test_counts_of_tries_go_once_they_count_no_more(self, db: None) -> None:
        CallCount.objects.create(who="then", since=timezone.now() - timedelta(hours=2))
        CallCount.objects.create(who="now", since=timezone.now())
        assert retention.sweep()["counts of tries"] == 1
        assert CallCount.objects.get().who == "now"

    @pytest.mark.parametrize("what", ["mails", "journals"])
    def test_old_files_go(self, db: None, settings: LazySettings, what: str) -> None:
        folder = {"mails": Path(settings.MAIL_DIR), "journals": journal.path().parent}[what]
        folder.mkdir(parents=True)
        for name in ("old", "new"):
            (folder / f"{name}{'.eml' if what == 'mails' else '.jsonl'}").touch()
        old = next(folder.glob("old*"))
        os.utime(old, (0, 0))
        assert retention.sweep()[what] == 1
        assert [path.stem for path in folder.iterdir()] == ["new"]


class TestTheSweep:
    def test_only_says_what_would_go(self, ready: Style, settings: LazySettings) -> None:
        said = StringIO()
        call_command("sweep", dry_run=True, stdout=said)
        assert said.getvalue().splitlines() == [
            "3 originals of pictures", "1 words of answers", "1 notes in histories"
        ]  # fmt: skip
        assert originals() == [True] * 3
        assert Attempt.objects.get().message == "what Pikzels said"

    def test_says_where_there_is_nothing(self, db: None) -> None:
        said = StringIO()
        call_command("sweep", stdout=said)
        assert said.getvalue() == "Nothing.\n"

    def test_goes_in_batches(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retention, "BATCH", 2)
        for n in range(5):
            CallCount.objects.create(who=str(n), since=timezone.now() - timedelta(hours=2))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert retention.sweep()["counts of tries"] == 5
        deleted = [q for q in queries if q["sql"].startswith('DELETE FROM "teams_callcount"')]
        assert len(deleted) == 3

    def test_stops_between_two_of_them(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        CallCount.objects.create(who="then", since=timezone.now() - timedelta(hours=2))
        stop = threading.Event()
        stop.set()
        assert retention.sweep(stop=stop)["counts of tries"] == 0
        assert CallCount.objects.exists()

    def test_is_the_workers_once_a_day(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        swept: list[threading.Event] = []
        monkeypatch.setattr("styles.worker.SWEEP_FIRST", 0)
        monkeypatch.setattr(retention, "sweep", lambda *, stop: swept.append(stop))
        worker = Worker()
        worker.look()
        worker.look()
        worker._sweepers.finish()
        assert swept == [worker.stopping]

    def test_each_setting_is_for_something(self, settings: LazySettings) -> None:
        used = {each.setting for each in retention.KEPT} - {""}
        assert used == settings.KEEP_DAYS.keys()


STORIES = st.lists(
    st.tuples(
        st.sampled_from([State.READY, State.IN_DOUBT, State.DROPPED, State.REFUSED, State.GONE]),
        st.lists(st.sampled_from([Verdict.REFUSED, Verdict.IN_DOUBT, Verdict.LATER]), max_size=2),
    ),
    max_size=4,
)


@given(stories=STORIES)
@effort(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_whatever_happened_the_ledger_the_ids_and_the_doubts_are_the_same_after_a_sweep(
    team: Team, alice: User, bob: User, key: PikzelsKey, stories: list[tuple[State, list[str]]]
) -> None:
    Event.objects.all().delete()
    Attempt.objects.all().delete()
    Style.objects.all().delete()
    for n, (state, outcomes) in enumerate(stories):
        made = state in {State.READY, State.GONE}
        style = Style.objects.create(
            team=team, creator=bob, name=f"S{n}", state=state, key=key,
            pikzels_id=f"id-{n}" if made else "",
        )  # fmt: skip
        tries = outcomes + ([Verdict.MADE] if made else [])
        for number, outcome in enumerate(tries, start=1):
            sent(style, key, bob, outcome, number)
    Style.objects.update(updated_at=timezone.now() - LONG_AGO)
    owner = Membership.objects.get(user=alice, team=team)

    def known() -> object:
        styles = Style.objects.order_by("name")
        return (
            ledger(owner),
            [(s.state, s.pikzels_id, s.has_doubt(), s.may_exist()) for s in styles],
            list(Attempt.objects.order_by("pk").values_list("outcome", "pikzels_id", "request_id")),
        )

    before = known()
    retention.sweep()
    assert known() == before


def test_a_portrait_is_nobodys_reference(ready: Style) -> None:
    ready.portrait.save("portrait.jpg", ContentFile(photo(160, 90, seed=9)))
    retention.sweep()
    assert Path(Style.objects.get().portrait.path).exists()
