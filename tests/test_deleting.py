"""Deleting at Pikzels: "deleted" is said when it was, and everything is kept when it was not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses
from django.db import connections
from django.test import Client
from django.utils import timezone

from styles import deleting, following
from styles.models import Deletion, Event, SafeMode, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Worker
from teams.models import Membership, PikzelsKey, Team, User

from .conftest import browser_of
from .pikzels.sandboxes import create, look

MakeStyle = Callable[..., Style]
SANDBOX_KEY = "pkz_sandbox_1234"
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
URL = f"http://127.0.0.1:9/v2/pikzonality/{ID}"
GONE_THERE = {"status": 404, "json": {"error": {"code": "NOT_FOUND", "message": "No."}}}


@pytest.fixture
def alices(alice: User) -> Client:
    return browser_of(alice)


@pytest.fixture
def ready(make_style: MakeStyle, key: PikzelsKey) -> Style:
    return make_style(state=State.READY, key=key, pikzels_id=ID, ready_at=timezone.now())


@pytest.fixture
def training(make_style: MakeStyle, key: PikzelsKey) -> Style:
    now = timezone.now()
    return make_style(state=State.TRAINING, key=key, pikzels_id=ID, made_at=now, due_at=now)


@pytest.fixture
def pikzels() -> responses.RequestsMock:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def played(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey
) -> Callable[..., Style]:
    """Make a style that the sandbox has too, by a name that says how it goes on."""

    def make(name: str = "Mars diary", **fields: object) -> Style:
        pikzels_id = create(sandbox, name, key=SANDBOX_KEY).json["id"]
        values = {"state": State.READY, "key": sandbox_key, "ready_at": timezone.now()}
        return make_style(name, pikzels_id=pikzels_id, **{**values, **fields})

    return make


def refusal(code: str, http: int) -> dict[str, object]:
    return {"status": http, "json": {"error": {"code": code, "message": "Not this one."}}}


def delete(client: Client, style: Style, **more: object):
    return client.post(style.address("delete"), more)


def now_is(style: Style) -> str:
    style.refresh_from_db()
    return style.state


def is_there(sandbox: Sandbox, style: Style) -> bool:
    return look(sandbox, style.pikzels_id, key=SANDBOX_KEY).status == 200


class TestDeleting:
    def test_asks_first_and_says_what_ends(self, alices: Client, ready: Style) -> None:
        text = alices.get(ready.address("delete")).content.decode()
        assert "every request that uses its ID fails" in text and "cannot be brought back" in text
        assert now_is(ready) == State.READY

    @pytest.mark.parametrize("state", [State.READY, State.TRAINING_FAILED])
    def test_ends_it_there_and_keeps_its_history_here(
        self,
        alices: Client,
        played: Callable[..., Style],
        sandbox: Sandbox,
        alice: User,
        state: State,
    ) -> None:
        style = played(state=state)
        page = alices.post(style.address("delete"), follow=True)
        assert "Deleted at Pikzels" in page.content.decode()
        assert (now_is(style), is_there(sandbox, style)) == (State.GONE, False)
        event = style.events.latest("pk")
        assert (event.who, event.reason) == (alice, "deleted")
        assert "Deleted by Alice" in page.content.decode()
        assert style.filled() == {1, 2, 3} and style.pikzels_id
        assert not Deletion.objects.exists()
        assert "Mars diary" in alices.get("/?q=mars").content.decode()

    def test_of_one_that_is_gone_there_already_is_as_good(
        self, alices: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.delete(URL, **GONE_THERE)
        delete(alices, ready)
        assert now_is(ready) == State.GONE

    def test_of_one_that_is_gone_here_leads_to_its_page(
        self, alices: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.GONE, key=key, pikzels_id=ID)
        assert delete(alices, style).url == style.get_absolute_url()
        assert not Deletion.objects.exists()

    def test_is_offered_on_its_page_to_those_who_may(
        self, alices: Client, ready: Style, bob: User
    ) -> None:
        assert ready.address("delete") in alices.get(ready.get_absolute_url()).content.decode()
        bobs = browser_of(bob).get(ready.get_absolute_url()).content.decode()
        assert ready.address("delete") not in bobs


class TestWho:
    def test_owners_and_who_made_it_may(
        self, make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User, charlie: User
    ) -> None:
        style = make_style(state=State.READY, creator=bob, key=key, pikzels_id=ID)
        assert deleting.may_delete(style, alice.memberships.get())
        assert deleting.may_delete(style, bob.memberships.get())
        assert not deleting.may_delete(style, charlie.memberships.get())

    @pytest.mark.parametrize("role", ["reviewer", "member"])
    def test_others_may_not(self, ready: Style, bob: User, role: str) -> None:
        Membership.objects.filter(user=bob).update(role=role)
        browser = browser_of(bob)
        assert browser.get(ready.address("delete")).status_code == 404
        assert delete(browser, ready).status_code == 404
        assert browser.post(ready.address("keep")).status_code == 404
        assert now_is(ready) == State.READY

    def test_whoever_brought_one_in_has_not_made_it(
        self, make_style: MakeStyle, key: PikzelsKey, bob: User
    ) -> None:
        style = make_style(state=State.READY, creator=bob, key=key, pikzels_id=ID, attached=True)
        assert delete(browser_of(bob), style).status_code == 404


class TestWhatPikzelsRefuses:
    @pytest.mark.parametrize(
        ("code", "http", "words"),
        [
            ("API_KEY_DELETED", 401, "enter it on the team page"),
            ("INSUFFICIENT_CREDITS", 402, "The balance is too low"),
            ("ACCOUNT_SUSPENDED", 403, "The Pikzels account is suspended"),
            ("TOO_MANY_REQUESTS", 429, "asks for a pause"),
            ("SERVICE_UNDER_MAINTENANCE", 503, "under maintenance"),
            ("CONFLICT", 409, "Pikzels says: “Not this one.”"),
            ("BRAND_NEW", 418, "Pikzels says: “Not this one.”"),
        ],
    )
    def test_keeps_everything_and_says_what_to_do(
        self,
        alices: Client,
        ready: Style,
        pikzels: responses.RequestsMock,
        code: str,
        http: int,
        words: str,
    ) -> None:
        pikzels.delete(URL, **refusal(code, http))
        page = delete(alices, ready)
        text = page.content.decode()
        assert page.status_code == 422
        assert "Nothing was deleted." in text and words in text
        assert (now_is(ready), ready.pikzels_id) == (State.READY, ID)
        assert not Deletion.objects.exists()

    def test_and_so_does_a_pikzels_that_cannot_be_reached(
        self, alices: Client, ready: Style
    ) -> None:
        page = delete(alices, ready)
        assert (page.status_code, now_is(ready)) == (422, State.READY)
        assert "could not be reached" in page.content.decode()

    def test_while_it_trains_there_the_wish_is_offered(
        self, alices: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.delete(URL, **refusal("CANNOT_DELETE_PROCESSING", 400))
        page = delete(alices, ready)
        assert (page.status_code, now_is(ready)) == (422, State.READY)
        assert "Delete when ready" in page.content.decode()


class TestWithoutAClearEnd:
    UNCLEAR = {
        "500": refusal("INTERNAL_ERROR", 500),
        "html": {"status": 200, "body": "<html>"},
        "bare 404": {"status": 502, "body": "<html>"},
        "redirect": {"status": 308, "headers": {"Location": "https://example.com/"}},
    }

    @pytest.mark.parametrize("unclear", UNCLEAR)
    @pytest.mark.parametrize("gone", [True, False])
    def test_a_look_decides(
        self,
        alices: Client,
        ready: Style,
        pikzels: responses.RequestsMock,
        unclear: str,
        gone: bool,
    ) -> None:
        pikzels.delete(URL, **self.UNCLEAR[unclear])
        pikzels.get(URL, **(GONE_THERE if gone else {"json": {"id": ID, "status": "completed"}}))
        page = delete(alices, ready)
        assert now_is(ready) == (State.GONE if gone else State.READY)
        assert page.status_code == (302 if gone else 422)
        assert gone or "Nothing was deleted." in page.content.decode()
        assert not Deletion.objects.exists()

    def test_what_nobody_can_tell_is_said_and_found_out_later(
        self, alices: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.delete(URL, **refusal("INTERNAL_ERROR", 500))
        pikzels.get(URL, status=502, body="<html>")
        page = alices.post(ready.address("delete"), follow=True)
        text = page.content.decode()
        assert "not known yet whether Pikzels has deleted" in text
        assert "Deleted at Pikzels" not in text and "Keep it after all" not in text
        assert now_is(ready) == State.READY
        alices.post(ready.address("keep"))
        assert Deletion.objects.exists()
        Deletion.objects.update(due_at=timezone.now())
        pikzels.replace("GET", URL, **GONE_THERE)
        deleting.carry_out(ready.pk)
        assert now_is(ready) == State.GONE
        assert sum(call.request.method == "DELETE" for call in pikzels.calls) == 1

    def test_one_that_turns_out_to_be_there_is_kept(
        self, alices: Client, ready: Style, alice: User, pikzels: responses.RequestsMock
    ) -> None:
        past = timezone.now() - timedelta(minutes=1)
        Deletion.objects.create(style=ready, who=alice, sent_at=past, due_at=past)
        pikzels.get(URL, json={"id": ID, "status": "completed"})
        deleting.carry_out(ready.pk)
        assert now_is(ready) == State.READY
        assert not Deletion.objects.exists()

    @pytest.mark.parametrize(
        ("name", "gone"),
        [("delete once crashed", True), ("delete once dropped", True),
         ("delete once html 502", True), ("delete once failed unmade", False),
         ("delete once no access", False), ("delete once redirect", True)],
    )  # fmt: skip
    def test_with_a_server_that_fails_in_earnest(
        self,
        alices: Client,
        played: Callable[..., Style],
        sandbox: Sandbox,
        name: str,
        gone: bool,
    ) -> None:
        style = played(name)
        delete(alices, style)
        assert (now_is(style) == State.GONE) == gone == (not is_there(sandbox, style))
        delete(alices, style)
        assert (now_is(style), is_there(sandbox, style)) == (State.GONE, False)


class TestOnceItIsTrained:
    def test_the_word_is_stored_and_shown(
        self, alices: Client, training: Style, alice: User
    ) -> None:
        assert "Delete when ready" in alices.get(training.address("delete")).content.decode()
        page = alices.post(training.address("delete"), {"do": "when_ready"}, follow=True)
        assert "Alice wants it deleted" in page.content.decode()
        assert "Keep it after all" in page.content.decode()
        assert training.events.latest("pk").what == Event.What.DELETION
        assert now_is(training) == State.TRAINING
        alices.post(training.address("delete"), {"do": "when_ready"})
        assert Deletion.objects.get().who == alice

    def test_it_is_deleted_after_its_portrait_was_copied(
        self, alices: Client, played: Callable[..., Style], sandbox: Sandbox, alice: User
    ) -> None:
        now = timezone.now()
        style = played(state=State.TRAINING, ready_at=None, made_at=now, due_at=now)
        delete(alices, style, do="when_ready")
        assert list(deleting.due(timezone.now())) == []
        following.follow(style.pk)
        assert [each.pk for each in deleting.due(timezone.now())] == [style.pk]
        deleting.carry_out(style.pk)
        assert (now_is(style), is_there(sandbox, style)) == (State.GONE, False)
        assert style.portrait
        assert style.events.latest("pk").who == alice

    def test_the_worker_does_it(
        self, alices: Client, played: Callable[..., Style], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[object] = []
        monkeypatch.setattr(
            "styles.worker.Crew.take_up", lambda crew, kind, pk, job: taken.append((pk, job))
        )
        style = played()
        deleting.delete_when_ready(style, style.creator)
        Worker().look()
        assert (style.pk, deleting.carry_out) in taken
        taken.clear()
        SafeMode.objects.create()
        Worker().look()
        assert taken == []

    def test_it_is_taken_back(self, alices: Client, training: Style, alice: User) -> None:
        delete(alices, training, do="when_ready")
        page = alices.post(training.address("keep"), follow=True)
        assert "It is kept" in page.content.decode()
        assert not Deletion.objects.exists()
        event = training.events.latest("pk")
        assert (event.what, event.who) == (Event.What.KEPT, alice)
        assert "nothing to take back" in (
            alices.post(training.address("keep"), follow=True).content.decode()
        )

    def test_a_try_that_came_to_nothing_is_told_and_repeated(
        self, alices: Client, ready: Style, alice: User, pikzels: responses.RequestsMock
    ) -> None:
        deleting.delete_when_ready(ready, alice)
        pikzels.delete(URL, **refusal("TOO_MANY_REQUESTS", 429))
        deleting.carry_out(ready.pk)
        assert now_is(ready) == State.READY
        text = alices.get(ready.get_absolute_url()).content.decode()
        assert "tried again by itself" in text and "asks for a pause" in text
        deleting.carry_out(ready.pk)
        assert len(pikzels.calls) == 1
        Deletion.objects.update(due_at=timezone.now())
        pikzels.replace("DELETE", URL, json={"message": "Gone."})
        deleting.carry_out(ready.pk)
        assert now_is(ready) == State.GONE

    def test_nothing_is_deleted_for_somebody_who_left(
        self, training: Style, team: Team, bob: User, alice: User
    ) -> None:
        Style.objects.update(creator=bob)
        training.refresh_from_db()
        deleting.delete_when_ready(training, bob)
        Membership.objects.filter(user=bob).delete()
        Style.objects.update(state=State.READY, due_at=None)
        deleting.carry_out(training.pk)
        assert now_is(training) == State.READY
        assert not Deletion.objects.exists()
        assert "may not say so" in training.events.latest("pk").note

    def test_a_word_about_one_that_is_gone_is_forgotten(self, training: Style, alice: User) -> None:
        deleting.delete_when_ready(training, alice)
        Style.objects.update(state=State.GONE, due_at=None)
        assert [each.pk for each in deleting.due(timezone.now())] == [training.pk]
        deleting.carry_out(training.pk)
        deleting.carry_out(training.pk)
        assert not Deletion.objects.exists()


class TestAtOnce:
    @pytest.mark.django_db(transaction=True)
    def test_of_two_people_one_deletes(
        self, played: Callable[..., Style], sandbox: Sandbox, alice: User, bob: User
    ) -> None:
        style = played()
        both, late = threading.Barrier(2), []

        def press(who: User) -> None:
            both.wait()
            try:
                deleting.delete(style, who)
            except deleting.UnderWay:
                late.append(who)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=press, args=[who]) for who in (alice, bob)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert now_is(style) == State.GONE
        moves = style.events.filter(to_state=State.GONE)
        assert moves.count() == 1
        assert not Deletion.objects.exists()

    def test_somebody_who_comes_while_it_is_under_way_reads_that(
        self, alices: Client, ready: Style, bob: User
    ) -> None:
        now = timezone.now()
        later = now + timedelta(seconds=30)
        Deletion.objects.create(style=ready, who=bob, sent_at=now, due_at=later)
        page = alices.post(ready.address("delete"), follow=True)
        assert "not known yet" in page.content.decode()
        assert now_is(ready) == State.READY

    def test_of_two_workers_one_does_it(
        self, ready: Style, alice: User, pikzels: responses.RequestsMock
    ) -> None:
        deleting.delete_when_ready(ready, alice)

        def meanwhile(_request: object) -> tuple[int, dict[str, str], str]:
            deleting.carry_out(ready.pk)
            return 200, {}, '{"message": "Gone."}'

        pikzels.add_callback("DELETE", URL, meanwhile)
        deleting.carry_out(ready.pk)
        assert len(pikzels.calls) == 1
        assert now_is(ready) == State.GONE
