"""Special instructions: what is here and what Pikzels has never differ without saying so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses
from django.db import connections
from django.test import Client
from django.utils import timezone

from styles import following, instructions
from styles.models import Instructions, Style
from styles.pikzels import rules
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .pikzels.sandboxes import ask, create

MakeStyle = Callable[..., Style]
Outcome = Instructions.Outcome
SANDBOX_KEY = "pkz_sandbox_1234"
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
URL = f"http://127.0.0.1:9/v2/pikzonality/{ID}"


@pytest.fixture
def bobs(bob: User) -> Client:
    return browser_of(bob)


@pytest.fixture
def ready(make_style: MakeStyle, key: PikzelsKey) -> Style:
    now = timezone.now()
    return make_style(state=State.READY, key=key, pikzels_id=ID, ready_at=now, made_at=now)


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


def has(mock: responses.RequestsMock, text: str | None) -> None:
    about = {"id": ID, "name": "Mars diary", "mode": "style", "status": "completed"}
    mock.get(URL, json={**about, "special_instructions": text})


def refuses(
    mock: responses.RequestsMock, method: str, code: str = "INTERNAL_ERROR", http: int = 500
) -> None:
    error = {"code": code, "message": "Too neon."}
    mock.add(method, URL, status=http, json={"error": error, "request_id": "r"})


def at_pikzels(sandbox: Sandbox, style: Style) -> str | None:
    path = rules.STYLE_PATH.format(id=style.pikzels_id)
    return ask(sandbox, "GET", path, key=SANDBOX_KEY).json["special_instructions"]


def change_there(sandbox: Sandbox, style: Style, text: str | None) -> None:
    path = rules.STYLE_PATH.format(id=style.pikzels_id)
    body = {"special_instructions": text}
    assert ask(sandbox, "PATCH", path, body, key=SANDBOX_KEY).status == 200


def save(client: Client, style: Style, text: str = "", **more: object):
    return client.post(style.address("instructions"), {"text": text, **more})


def here(style: Style) -> str:
    style.refresh_from_db()
    return style.instructions


def outcomes(style: Style) -> list[str]:
    return list(style.texts.order_by("pk").values_list("outcome", flat=True))


class TestSaving:
    @pytest.mark.parametrize("state", [State.READY, State.TRAINING])
    def test_pikzels_has_it_and_the_page_shows_it(
        self,
        bobs: Client,
        played: Callable[..., Style],
        sandbox: Sandbox,
        bob: User,
        state: State,
    ) -> None:
        style = played(state=state)
        assert save(bobs, style, "More neon").status_code == 302
        assert (here(style), at_pikzels(sandbox, style)) == ("More neon", "More neon")
        assert "More neon" in bobs.get(style.get_absolute_url()).content.decode()
        assert (style.texts.get().who, outcomes(style)) == (bob, [Outcome.THERE])

    def test_nothing_clears_them(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox
    ) -> None:
        style = played()
        save(bobs, style, "More neon")
        save(bobs, style, "  ")
        assert (here(style), at_pikzels(sandbox, style)) == ("", None)

    @pytest.mark.parametrize(
        "text", ["Ünïcode 🌋 “quotes” <b>", "a\r\nb", "  a \n\n  b  ", "x" * 300]
    )
    def test_any_words_are_taken_as_one_paragraph(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox, text: str
    ) -> None:
        style = played()
        save(bobs, style, text)
        assert at_pikzels(sandbox, style) == here(style) == " ".join(text.split())
        page = bobs.get(style.get_absolute_url())
        assert "<b>" not in page.content.decode().partition("special-instructions")[2][:300]

    @pytest.mark.parametrize(
        ("text", "over"), [("x" * 301, 1), ("🌋" * 151, 2), ("x" * 5000, 4700)]
    )
    def test_too_many_are_counted_as_pikzels_may_and_kept(
        self, bobs: Client, ready: Style, text: str, over: int
    ) -> None:
        """An emoji is two characters to a server that counts as JavaScript does."""
        page = save(bobs, ready, text)
        assert page.status_code == 422
        assert f"shorten them by {over}" in page.content.decode()
        assert page.context["form"]["text"].value() == text
        assert not ready.texts.exists()

    def test_a_sign_that_no_text_has_is_refused(self, bobs: Client, ready: Style) -> None:
        assert save(bobs, ready, "a\0b").status_code == 422

    def test_of_a_style_that_is_not_made_there_are_none(
        self, bobs: Client, make_style: MakeStyle
    ) -> None:
        for state, pikzels_id in ((State.DRAFT, ""), (State.GONE, ID)):
            style = make_style(state=state, pikzels_id=pikzels_id)
            assert save(bobs, style, "More neon").url == style.get_absolute_url()
            assert not style.texts.exists()


class TestWhatPikzelsRefuses:
    @pytest.mark.parametrize(
        ("code", "http", "words"),
        [
            ("VALIDATION_ERROR", 400, "Pikzels says: “Too neon.”"),
            ("CONTENT_POLICY", 400, "Pikzels says: “Too neon.”"),
            ("INSUFFICIENT_CREDITS", 402, "The balance is too low"),
            ("API_KEY_DELETED", 401, "Ask a team owner to enter a new API key"),
            ("TOO_MANY_REQUESTS", 429, "asks for a pause"),
            ("SERVICE_UNDER_MAINTENANCE", 503, "under maintenance"),
            ("NOT_FOUND", 404, "does not know this style"),
            ("BRAND_NEW", 418, "Pikzels says: “Too neon.”"),
        ],
    )
    def test_changes_nothing_and_keeps_what_was_typed(
        self,
        bobs: Client,
        ready: Style,
        pikzels: responses.RequestsMock,
        key: PikzelsKey,
        code: str,
        http: int,
        words: str,
    ) -> None:
        refuses(pikzels, "PATCH", code, http)
        page = save(bobs, ready, "More neon")
        text = page.content.decode()
        assert page.status_code == 422
        assert "Nothing was changed." in text and words in text
        assert page.context["form"]["text"].value() == "More neon"
        assert (here(ready), outcomes(ready)) == ("", [Outcome.NOT_THERE])
        key.refresh_from_db()
        assert key.is_held == (http in {401, 402})

    def test_can_be_saved_again_from_the_same_page(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        refuses(pikzels, "PATCH", "CONTENT_POLICY", 400)
        page = save(bobs, ready, "More neon", after=0)
        pikzels.replace("PATCH", URL, json={"id": ID})
        has(pikzels, "Less neon")
        again = save(bobs, ready, "Less neon", after=page.context["form"]["after"].value())
        assert again.status_code == 302

    def test_a_style_that_pikzels_no_longer_has_is_looked_for_until_that_is_sure(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        Style.objects.update(ready_at=timezone.now() - timedelta(days=30))
        refuses(pikzels, "PATCH", "NOT_FOUND", 404)
        save(bobs, ready, "More neon")
        ready.refresh_from_db()
        assert ready.missing_since and ready.due_at
        refuses(pikzels, "GET", "NOT_FOUND", 404)
        long_ago = timezone.now() - timedelta(minutes=11)
        Style.objects.update(missing_since=long_ago, due_at=long_ago)
        following.follow(ready.pk)
        ready.refresh_from_db()
        assert ready.state == State.GONE

    def test_one_404_of_an_old_style_means_nothing(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        long_ago = timezone.now() - timedelta(days=30)
        Style.objects.update(ready_at=long_ago, missing_since=long_ago, due_at=long_ago)
        has(pikzels, "")
        following.follow(ready.pk)
        ready.refresh_from_db()
        assert (ready.state, ready.missing_since, ready.due_at) == (State.READY, None, None)


class TestWithoutAClearEnd:
    @pytest.mark.parametrize(
        "unclear",
        [
            {"status": 500, "json": {"error": {"code": "INTERNAL_ERROR", "message": "?"}}},
            {"status": 200, "body": "<html>"},
            {"status": 307, "headers": {"Location": "https://example.com/"}},
        ],
        ids=["500", "html", "redirect"],
    )
    @pytest.mark.parametrize("taken", [True, False])
    def test_a_look_tells_which_text_is_there(
        self,
        bobs: Client,
        ready: Style,
        pikzels: responses.RequestsMock,
        unclear: dict[str, object],
        taken: bool,
    ) -> None:
        pikzels.add("PATCH", URL, **unclear)
        has(pikzels, "More neon" if taken else None)
        page = save(bobs, ready, "More neon")
        assert page.status_code == (302 if taken else 422)
        assert here(ready) == ("More neon" if taken else "")
        assert taken or "Nothing was changed." in page.content.decode()

    def test_where_nothing_could_be_sent_nobody_looks(self, bobs: Client, ready: Style) -> None:
        page = save(bobs, ready, "More neon")
        assert page.status_code == 422
        assert "Pikzels could not be reached" in page.content.decode()
        assert outcomes(ready) == [Outcome.NOT_THERE]

    def test_what_nobody_can_tell_is_said_and_found_out_later(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        refuses(pikzels, "PATCH")
        refuses(pikzels, "GET")
        page = save(bobs, ready, "More neon")
        assert "may have taken this or not" in page.content.decode()
        assert page.context["form"]["text"].value() == "More neon"
        assert "found out by itself" in bobs.get(ready.get_absolute_url()).content.decode()
        assert list(instructions.due(timezone.now())) == []
        ready.texts.update(due_at=timezone.now())
        pikzels.replace(
            "GET", URL, json={"status": "completed", "special_instructions": "More neon"}
        )
        instructions.find_out(ready.pk)
        assert (here(ready), outcomes(ready)) == ("More neon", [Outcome.THERE])

    def test_an_answer_that_names_no_instructions_leaves_the_word_to_the_change(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.patch(URL, json={"message": "Done."})
        pikzels.get(URL, json={"id": ID, "status": "completed"})
        assert save(bobs, ready, "More neon").status_code == 302
        assert here(ready) == "More neon"

    def test_a_change_that_was_said_to_be_done_and_was_not_is_not_shown_as_done(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        pikzels.patch(URL, json={"message": "Done."})
        has(pikzels, "Something else")
        assert save(bobs, ready, "More neon").status_code == 422
        assert here(ready) == ""
        assert outcomes(ready) == [Outcome.NOT_THERE, Outcome.FOUND]

    @pytest.mark.parametrize(
        ("name", "taken"),
        [("instruct once crashed", True), ("instruct once dropped", True),
         ("instruct once redirect", True), ("instruct once no access", False)],
    )  # fmt: skip
    def test_with_a_server_that_fails_in_earnest(
        self,
        bobs: Client,
        played: Callable[..., Style],
        sandbox: Sandbox,
        name: str,
        taken: bool,
    ) -> None:
        style = played(name)
        answer = save(bobs, style, "More neon")
        assert answer.status_code == (302 if taken else 422)
        assert here(style) == (at_pikzels(sandbox, style) or "")


class TestChangedElsewhere:
    def test_the_page_says_so_and_changes_nothing_by_being_looked_at(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox
    ) -> None:
        style = played()
        change_there(sandbox, style, "From the website")
        text = bobs.get(style.address("instructions")).content.decode()
        assert "Pikzels has other instructions" in text and "From the website" in text
        assert (here(style), outcomes(style)) == ("", [])

    def test_it_is_taken_over(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox, bob: User
    ) -> None:
        style = played()
        change_there(sandbox, style, "From the website")
        save(bobs, style, do="theirs")
        assert here(style) == at_pikzels(sandbox, style) == "From the website"
        assert (style.texts.get().who, outcomes(style)) == (bob, [Outcome.THERE])

    def test_or_ours_is_put_there(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox
    ) -> None:
        style = played()
        save(bobs, style, "Ours")
        change_there(sandbox, style, "From the website")
        save(bobs, style, do="ours")
        assert here(style) == at_pikzels(sandbox, style) == "Ours"

    def test_a_look_at_the_training_notices_it(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        Style.objects.update(due_at=timezone.now())
        has(pikzels, "From the website")
        following.follow(ready.pk)
        assert (here(ready), outcomes(ready)) == ("", [Outcome.FOUND])
        assert "has other instructions" in bobs.get(ready.get_absolute_url()).content.decode()
        Style.objects.update(due_at=timezone.now())
        pikzels.replace("GET", URL, json={"status": "completed", "special_instructions": None})
        following.follow(ready.pk)
        assert outcomes(ready) == []

    def test_longer_ones_than_we_may_send_are_taken_over_whole(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        has(pikzels, "x\n" * 400)
        save(bobs, ready, do="theirs")
        assert here(ready) == "x\n" * 400
        assert bobs.get(ready.address("instructions")).status_code == 200

    def test_a_space_more_or_less_is_no_difference(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        Style.objects.update(instructions="More neon")
        has(pikzels, " More\nneon ")
        assert not bobs.get(ready.address("instructions")).context["differs"]

    def test_an_old_look_tells_nothing_about_what_was_saved_since(
        self, bobs: Client, played: Callable[..., Style]
    ) -> None:
        style = played()
        before = timezone.now()
        save(bobs, style, "More neon")
        Instructions.note(style, "", looked_at=before)
        assert (here(style), outcomes(style)) == ("More neon", [Outcome.THERE])

    def test_a_look_tells_nothing_about_a_change_that_is_on_its_way(
        self, ready: Style, alice: User
    ) -> None:
        due = timezone.now() + timedelta(seconds=20)
        ready.texts.create(text="New", who=alice, outcome=Outcome.ASKED, due_at=due)
        Instructions.note(ready, "From the website", looked_at=timezone.now())
        assert (here(ready), outcomes(ready)) == ("", [Outcome.ASKED])

    def test_pikzels_that_cannot_be_asked_is_told_and_the_form_is_there(
        self, bobs: Client, ready: Style, pikzels: responses.RequestsMock
    ) -> None:
        refuses(pikzels, "GET", "API_KEY_INACTIVE", 401)
        page = bobs.get(ready.address("instructions"))
        assert "could not be asked" in page.content.decode()
        assert "Save at Pikzels" in page.content.decode()
        answer = save(bobs, ready, do="theirs")
        assert (answer.status_code, here(ready)) == (302, "")


class TestTheHistory:
    def test_tells_who_and_when_and_brings_back(
        self,
        bobs: Client,
        played: Callable[..., Style],
        sandbox: Sandbox,
        alice: User,
    ) -> None:
        style = played()
        for client, text in ((bobs, "First"), (browser_of(alice), "Second")):
            save(client, style, text)
        page = bobs.get(style.address("instructions"))
        history = page.context["history"]
        assert [(row["text"], row["who"]) for row in history] == [
            ("Second", "Alice"),
            ("First", "Bob"),
        ]
        save(bobs, style, do=f"restore {history[1]['pk']}")
        assert here(style) == at_pikzels(sandbox, style) == "First"
        assert style.texts.count() == 3

    @pytest.mark.parametrize("do", ["restore", "restore x", "restore 0", "restore " + "9" * 30])
    def test_brings_back_nothing_that_was_not_there(
        self, bobs: Client, ready: Style, do: str
    ) -> None:
        assert save(bobs, ready, do=do).status_code == 404

    def test_of_another_style_is_not_this_ones(
        self, bobs: Client, ready: Style, make_style: MakeStyle
    ) -> None:
        other = make_style().texts.create(text="Secret", outcome=Outcome.THERE)
        assert save(bobs, ready, do=f"restore {other.pk}").status_code == 404


class TestTwoPeople:
    def test_the_second_reads_what_the_first_saved_meanwhile(
        self, bobs: Client, played: Callable[..., Style], sandbox: Sandbox, alice: User
    ) -> None:
        style = played()
        alices = browser_of(alice)
        opened = alices.get(style.address("instructions")).context["form"]["after"].value()
        save(bobs, style, "Bob's")
        page = save(alices, style, "Alice's", after=opened)
        assert (page.status_code, at_pikzels(sandbox, style)) == (422, "Bob's")
        text = page.content.decode()
        assert "changed in the meantime" in text and "Alice&#x27;s" in text
        again = save(alices, style, "Alice's", after=page.context["form"]["after"].value())
        assert (again.status_code, at_pikzels(sandbox, style)) == (302, "Alice's")

    def test_one_waits_while_the_other_is_at_it(
        self, bobs: Client, ready: Style, alice: User
    ) -> None:
        due = timezone.now() + timedelta(seconds=20)
        ready.texts.create(text="x", who=alice, outcome=Outcome.ASKED, due_at=due)
        page = save(bobs, ready, "More neon")
        assert "Another change is on its way" in page.content.decode()

    @pytest.mark.django_db(transaction=True)
    def test_at_once_one_wins_and_both_sides_agree(
        self, played: Callable[..., Style], sandbox: Sandbox, alice: User, bob: User
    ) -> None:
        style = played()
        both, lost = threading.Barrier(2), []

        def saved(who: User) -> None:
            both.wait()
            try:
                instructions.save(style, who.display_name, who, after=0)
            except instructions.ChangedMeanwhile:
                lost.append(who)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=saved, args=[who]) for who in (alice, bob)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lost) == 1
        assert here(style) == at_pikzels(sandbox, style) != ""


def test_the_patch_holds_null_for_none(
    bobs: Client, ready: Style, pikzels: responses.RequestsMock
) -> None:
    Style.objects.update(instructions="Old")
    pikzels.patch(URL, json={})
    has(pikzels, None)
    save(bobs, ready, "")
    assert json.loads(pikzels.calls[0].request.body) == {"special_instructions": None}
