"""The operators' desk: what is on it, and what they can do there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styles import breaker, counting, creation, desk, worker
from styles.models import Notice, SafeMode, Style, WorkerSign
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Worker
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of
from .wording import banned_words, visible_text

MakeStyle = Callable[..., Style]
DESK = "/admin/styles/style/desk/"
desk_worker = uuid.uuid4()


@pytest.fixture
def root(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return browser_of(alice)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def shown(client: Client) -> str:
    return visible_text(client.get(DESK).content.decode())


def doubtful(style: Style, alice: User) -> Style:
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt and creation.commit(attempt)
    lost = Outcome(
        verdict=Verdict.IN_DOUBT,
        reason="INTERNAL_ERROR",
        committed=True,
        bytes_total=4_000_000,
        bytes_sent=4_000_000,
        reply=Reply(status=500, request_id="req-4711"),
    )
    creation.record(attempt, lost)
    return style


def stuck(now: datetime) -> dict[str, list[str]]:
    """Return the names of the styles that are stuck, by why they are."""
    ways = {way.title: [style.name for style in way.styles] for way in desk.stuck(now)}
    return {str(title): names for title, names in ways.items() if names}


class TestInDoubt:
    def test_tells_what_is_known_and_offers_the_ways_out(
        self, root: Client, make_style: MakeStyle, alice: User, key: PikzelsKey
    ) -> None:
        style = doubtful(make_style("Mars"), alice)
        html = root.get(DESK).content.decode()
        text = visible_text(html)
        assert "does not tell whether the style was made" in text
        for fact in ("req-4711", key.shown, "3.8 MB", "500", "Last byte sent", str(style.pk)):
            assert fact in text
        for way in ("paste_id", "send_again", "give_up"):
            assert f'href="/admin/styles/style/{style.pk}/settle/{way}/"' in html
        assert f'href="/admin/styles/style/{style.pk}/change/"' in html
        assert banned_words(text) == []

    def test_the_oldest_is_first_whatever_its_team(
        self, root: Client, make_style: MakeStyle, now: datetime
    ) -> None:
        elsewhere = Team.objects.create(name="Elsewhere")
        for name, days, team in (("New", 1, None), ("Old", 3, elsewhere), ("Middle", 2, None)):
            at = now - timedelta(days=days)
            make_style(name, state=State.IN_DOUBT, of=team, submitted_at=at)
        assert [style.name for style in desk.in_doubt()] == ["Old", "Middle", "New"]
        text = shown(root)
        assert text.index("Old") < text.index("Middle") < text.index("New")

    def test_one_that_a_backup_brought_back_without_its_try_is_there_too(
        self, root: Client, make_style: MakeStyle
    ) -> None:
        make_style("Mars", state=State.IN_DOUBT, reason="lost", pictures=0)
        assert "Mars" in shown(root)

    def test_many_are_shown_in_part_and_counted_up_to_a_thousand(
        self, root: Client, make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desk, "SHOWN", 2)
        monkeypatch.setattr(counting, "COUNTED", 3)
        for n in range(5):
            make_style(f"Mars {n}", state=State.IN_DOUBT, pictures=0)
        text = shown(root)
        assert "In doubt 3+" in text
        assert "The oldest 2 are shown." in text
        assert [f"Mars {n}" in text for n in range(5)].count(True) == 2


class TestHeld:
    def test_tells_why_and_how_many_wait(
        self, root: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        for n in range(3):
            make_style(f"Mars {n}", state=State.QUEUED, key=key)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        html = root.get(DESK).content.decode()
        text = visible_text(html)
        assert "The balance is too low" in text
        assert "3 styles wait" in text
        link = html.partition(f"key__id__exact={key.pk}")[0].rpartition('"')[2]
        address = (link + f"key__id__exact={key.pk}").replace("&amp;", "&")
        assert root.get(address).content.decode().count("Mars ") >= 3

    def test_resuming_lets_one_go_first(
        self,
        root: Client,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
    ) -> None:
        style = make_style("Mars", state=State.QUEUED, key=sandbox_key)
        breaker.hold(sandbox_key, Code.INSUFFICIENT_CREDITS)
        address = f"{DESK}keys/{sandbox_key.uuid}/resume/"
        page = root.post(address, follow=True)
        assert "One style goes first." in page.content.decode()
        sandbox_key.refresh_from_db()
        style.refresh_from_db()
        assert (sandbox_key.is_held, sandbox_key.on_trial) == (False, True)
        assert style.due_at
        again = root.post(address, follow=True).content.decode()
        assert "The key was not held any more." in again

    def test_a_key_that_pikzels_still_turns_away_stays_held(
        self, root: Client, sandbox: Sandbox, team: Team
    ) -> None:
        refused = PikzelsKey.seal("pkz_unknown_1", base_url=sandbox.url, team=team, name="K")
        refused.save()
        breaker.hold(refused, Code.INVALID_API_KEY)
        page = root.post(f"{DESK}keys/{refused.uuid}/resume/", follow=True).content.decode()
        assert "Pikzels still turns the key away" in page
        refused.refresh_from_db()
        assert refused.is_held

    def test_a_key_that_is_gone_is_not_found(self, root: Client, key: PikzelsKey) -> None:
        breaker.retire(key)
        assert root.post(f"{DESK}keys/{key.uuid}/resume/").status_code == 404

    def test_styles_whose_team_has_no_key_are_told_apart(
        self, root: Client, make_style: MakeStyle
    ) -> None:
        make_style("Mars", state=State.QUEUED, reason="no_key")
        text = shown(root)
        assert "Teams without a key" in text
        assert "1 style waits" in text
        assert desk.counts().waiting_for_keys == 1


class TestStuck:
    @pytest.fixture(autouse=True)
    def at_work(self, db: None) -> None:
        WorkerSign.give(desk_worker, "here")

    def test_what_moves_is_not_stuck(
        self, root: Client, make_style: MakeStyle, key: PikzelsKey, alice: User, now: datetime
    ) -> None:
        make_style("Due", state=State.QUEUED, key=key, due_at=now)
        sending = make_style("Sending")
        sending.submit(alice)
        assert creation.claim(sending.pk)
        training = {"state": State.TRAINING, "key": key, "due_at": now, "made_at": now}
        make_style("Training", pikzels_id="id-1", **training)
        make_style("Ready", state=State.READY, pikzels_id="id-2", ready_at=now)
        make_style("Copying", state=State.READY, pikzels_id="id-3", ready_at=now, due_at=now)
        assert stuck(now) == {}
        assert "Everything moves." in shown(root)

    @pytest.mark.parametrize("state", [State.SENDING, State.COMMITTED])
    def test_what_was_being_sent_by_a_worker_that_is_gone(
        self, make_style: MakeStyle, alice: User, key: PikzelsKey, now: datetime, state: State
    ) -> None:
        style = make_style("Mars")
        style.submit(alice)
        attempt = creation.claim(style.pk)
        assert attempt
        if state == State.COMMITTED:
            assert creation.commit(attempt)
        later = now + creation.LEASE + desk.QUIET + timedelta(seconds=5)
        assert stuck(now) == {}
        assert stuck(later) == {"Nobody is sending it any more": ["Mars"]}

    def test_what_is_due_while_its_key_sends_nothing(
        self, make_style: MakeStyle, key: PikzelsKey, now: datetime
    ) -> None:
        due = now - desk.QUIET - timedelta(minutes=1)
        make_style("Mars", state=State.QUEUED, key=key, due_at=due)
        expected = {"It waits, and its key sends nothing": ["Mars"]}
        assert stuck(now) == expected
        other = make_style("Venus", state=State.REFUSED)
        attempt: Any = other.attempts.create(
            number=1, key=key, lease_until=now, closed_at=now, outcome="refused"
        )
        assert stuck(now) == {}  # a long queue is no stuck one
        other.attempts.filter(pk=attempt.pk).update(opened_at=due)
        assert stuck(now) == expected
        PikzelsKey.objects.update(paused_until=now)
        assert stuck(now) == {}
        PikzelsKey.objects.update(paused_until=None, held_at=now, held_code="NOT_FOUND")
        assert stuck(now) == {}

    def test_what_trains_for_hours_or_is_not_looked_at(
        self, make_style: MakeStyle, key: PikzelsKey, now: datetime
    ) -> None:
        training = {"state": State.TRAINING, "key": key, "made_at": now - timedelta(hours=3)}
        make_style("Long", pikzels_id="id-1", due_at=now, **training)
        make_style("Never", pikzels_id="id-2", due_at=None, **training)
        make_style("Late", pikzels_id="id-3", due_at=now - timedelta(hours=1), **training)
        found = stuck(now)
        assert found["It has been training for hours"] == ["Long"]
        assert sorted(found["Nobody looks how far its training is"]) == ["Late", "Never"]

    def test_a_portrait_that_is_not_copied(self, make_style: MakeStyle, now: datetime) -> None:
        ready = {"state": State.READY, "ready_at": now - timedelta(minutes=20), "due_at": now}
        make_style("Mars", pikzels_id="id-1", **ready)
        make_style("Venus", pikzels_id="id-2", portrait="portraits/1.jpg", **ready)
        assert stuck(now) == {"Its portrait could not be copied yet": ["Mars"]}

    def test_safe_mode_and_no_worker_are_there_and_counted(self, root: Client) -> None:
        assert desk.counts().stuck == 0
        SafeMode.objects.create()
        WorkerSign.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
        text = shown(root)
        assert "Nothing is sent: a backup was restored" in text
        assert "No worker is running" in text
        assert "Stuck 2" in text
        assert desk.counts().stuck == 2
        WorkerSign.objects.all().delete()
        assert "No worker is running" in shown(root)


def queries_of(client: Client, page: str) -> int:
    client.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)


def test_costs_the_same_however_much_is_on_it(
    root: Client, make_style: MakeStyle, key: PikzelsKey, alice: User, now: datetime
) -> None:
    def fill(times: int) -> list[int]:
        for n in range(times):
            name = f"{times} {n}"
            elsewhere = Team.objects.create(name=name)
            doubtful(make_style(f"Mars {name}"), alice)
            past = {"made_at": now - timedelta(hours=9), "due_at": now, "state": State.TRAINING}
            make_style(f"Long {name}", pikzels_id=f"id-{name}", of=elsewhere, key=key, **past)
            held = PikzelsKey.seal(f"pkz_{name}", base_url="http://x", team=elsewhere, name=name)
            held.save()
            breaker.hold(held, Code.ACCOUNT_SUSPENDED)
            make_style(f"Held {name}", of=elsewhere, state=State.QUEUED, key=held)
        return [queries_of(root, DESK), queries_of(root, "/admin/")]

    assert fill(1) == fill(6)


def test_no_count_is_over_everything(root: Client) -> None:
    for page in (DESK, "/admin/"):
        with CaptureQueriesContext(connection) as queries:
            root.get(page)
        counts = [each["sql"] for each in queries if "COUNT(*)" in each["sql"]]
        assert counts
        assert [each for each in counts if "LIMIT 1001" not in each] == []


class TestSigns:
    """That a worker is there is a row that it writes every few seconds."""

    def test_a_worker_gives_one_and_writes_it_anew(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [100.0]
        monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
        busy = Worker()
        busy.look()
        first = WorkerSign.objects.get()
        assert first.is_alive
        clock[0] += 9
        busy.look()
        assert WorkerSign.objects.get().seen_at == first.seen_at
        clock[0] += 1
        busy.look()
        assert WorkerSign.objects.get().seen_at > first.seen_at

    def test_each_worker_has_its_own_and_the_newest_counts(self, db: None) -> None:
        Worker().look()
        Worker().look()
        assert WorkerSign.objects.count() == 2
        WorkerSign.objects.filter(pk=WorkerSign.objects.first().pk).update(  # type: ignore[union-attr]
            seen_at=timezone.now() - timedelta(hours=1)
        )
        latest = WorkerSign.latest()
        assert latest and latest.is_alive

    def test_those_of_workers_long_gone_are_forgotten(self, db: None) -> None:
        Worker().look()
        WorkerSign.objects.update(seen_at=timezone.now() - timedelta(days=8))
        Worker().look()
        assert WorkerSign.objects.count() == 1

    def test_one_that_a_restored_backup_lacks_is_made_again(self, db: None) -> None:
        WorkerSign.give(desk_worker, "here")
        WorkerSign.objects.all().delete()
        WorkerSign.give(desk_worker, "here")
        assert WorkerSign.objects.get().pk == desk_worker


def test_mails_that_no_server_takes_are_a_trouble(
    make_style: MakeStyle, alice: User, bob: User
) -> None:
    style = make_style(state=State.TRAINING, pikzels_id="id-1", creator=bob)
    assert style.move(State.READY, only_from=[State.TRAINING])
    titles = [str(each.title) for each in desk.troubles()]
    assert "Nobody is told: no mail server takes the mails" not in titles
    Notice.objects.update(tries=desk.MAIL_TRIES)
    titles = [str(each.title) for each in desk.troubles()]
    assert "Nobody is told: no mail server takes the mails" in titles
