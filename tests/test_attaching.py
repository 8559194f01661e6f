"""Bringing in styles by their IDs: what is there is brought in once, and what is not is told."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable

import pytest
import responses
from django.db import connection, connections
from django.test import Client

from styles import attaching, following
from styles.attaching import Came
from styles.models import Event, Instructions, Style
from styles.pikzels.sandbox import Sandbox
from styles.schedule import first_look
from styles.states import State
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of
from .pikzels.sandboxes import create

MakeStyle = Callable[..., Style]
SANDBOX_KEY = "pkz_sandbox_1234"
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
OTHER = "5f0c8f7e-91c1-4a35-8d3e-0b1c2d3e4f50"


@pytest.fixture
def bobs(bob: User) -> Client:
    return browser_of(bob)


@pytest.fixture
def pikzels() -> responses.RequestsMock:
    with responses.RequestsMock() as mock:
        yield mock


def at_pikzels(sandbox: Sandbox, name: str = "Mars diary") -> str:
    """Make a style elsewhere than here; return its ID."""
    return str(create(sandbox, name, key=SANDBOX_KEY).json["id"])


def bring_in(client: Client, team: Team, ids: str, **more: object):
    return client.post("/styles/bring-in/", {"team": team.pk, "ids": ids, **more})


def says(
    mock: responses.RequestsMock, pikzels_id: str = ID, http: int = 200, **body: object
) -> None:
    about = {"id": pikzels_id, "name": "Mars diary", "mode": "style", "status": "completed"}
    mock.get(f"http://127.0.0.1:9/v2/pikzonality/{pikzels_id}", status=http, json={**about, **body})


def refuses(mock: responses.RequestsMock, code: str, http: int, pikzels_id: str = ID) -> None:
    mock.get(
        f"http://127.0.0.1:9/v2/pikzonality/{pikzels_id}",
        status=http,
        json={"error": {"code": code, "message": "No."}},
    )


def labels(response) -> list[str]:
    return [str(row["label"]) for row in response.context["rows"]]


class TestOne:
    def test_is_brought_in_with_its_name_and_followed_for_its_portrait(
        self, bobs: Client, team: Team, sandbox: Sandbox, sandbox_key: PikzelsKey, bob: User
    ) -> None:
        pikzels_id = at_pikzels(sandbox)
        page = bring_in(bobs, team, pikzels_id)
        assert labels(page) == ["Brought in"]
        style = Style.objects.get()
        assert (style.name, style.state, style.attached) == ("Mars diary", State.READY, True)
        assert (style.pikzels_id, style.key, style.creator) == (pikzels_id, sandbox_key, bob)
        assert style.sandbox
        assert not style.attempts.exists()
        event = style.events.get()
        assert (event.what, event.who) == (Event.What.BROUGHT_IN, bob)
        following.follow(style.pk)
        style.refresh_from_db()
        assert style.portrait and style.due_at is None

    def test_that_still_trains_is_followed(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="processing", progress=40)
        assert labels(bring_in(bobs, team, ID)) == ["Brought in, still training"]
        style = Style.objects.get()
        assert (style.state, style.progress, style.due_at is None) == (State.TRAINING, 40, False)

    def test_whose_training_failed_is_brought_in_as_that(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="failed")
        assert labels(bring_in(bobs, team, ID)) == ["Brought in, training failed"]
        assert Style.objects.get().state == State.TRAINING_FAILED

    def test_brings_its_instructions_along(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, special_instructions="More neon")
        bring_in(bobs, team, ID)
        style = Style.objects.get()
        assert style.instructions == "More neon"
        assert style.texts.get().outcome == Instructions.Outcome.THERE

    @pytest.mark.parametrize(
        ("name", "stored"),
        [
            ("  Neon \n nights ", "Neon nights"),
            ("N" * 99, "N" * 25),
            ("Ünï🌋", "Ünï🌋"),
            ("a\u202eb\0c", "a bc"),
            ("", "Style 18b2ad5e"),
            (None, "Style 18b2ad5e"),
            (7, "Style 18b2ad5e"),
        ],
    )
    def test_may_have_any_name_at_pikzels(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        name: object,
        stored: str,
    ) -> None:
        says(pikzels, name=name)
        bring_in(bobs, team, ID)
        assert Style.objects.get().name == stored
        assert bobs.get("/").status_code == 200

    def test_does_not_count_for_how_long_trainings_take(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels)
        bring_in(bobs, team, ID)
        Style.objects.update(made_at="2020-01-01T00:00:00Z")
        assert (first_look(key) - Style.objects.get().created_at).total_seconds() < 60


class TestWhatIsNotBroughtIn:
    def test_one_that_pikzels_does_not_know(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        refuses(pikzels, "NOT_FOUND", 404)
        page = bring_in(bobs, team, ID)
        assert labels(page) == ["Not known"]
        assert "under the key pkz_…abcd" in page.content.decode()
        assert page.context["form"]["ids"].value() == ""

    def test_a_persona(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, mode="persona")
        assert labels(bring_in(bobs, team, ID)) == ["A persona"]
        assert not Style.objects.exists()

    def test_one_that_is_here_already_and_nobody_asks_pikzels_about_it(
        self, bobs: Client, team: Team, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        style = make_style(state=State.READY, pikzels_id=ID, key=key)
        page = bring_in(bobs, team, ID.upper())
        assert labels(page) == ["Here already"]
        assert style.get_absolute_url() in page.content.decode()

    def test_one_that_is_here_under_another_key_of_the_team(
        self, bobs: Client, team: Team, key: PikzelsKey, make_style: MakeStyle
    ) -> None:
        old = PikzelsKey.seal("pkz_old_1234", base_url=key.base_url, team=team, name="Old")
        old.save()
        make_style(state=State.READY, pikzels_id=ID, key=old)
        assert labels(bring_in(bobs, team, ID)) == ["Here already"]

    def test_one_that_may_be_a_style_of_unknown_outcome(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        make_style: MakeStyle,
    ) -> None:
        lacking = make_style(state=State.IN_DOUBT, key=key, reason="no_answer")
        says(pikzels)
        page = bring_in(bobs, team, ID)
        assert labels(page) == ["May be one of yours"]
        assert lacking.get_absolute_url() in page.content.decode()
        assert Style.objects.count() == 1

    @pytest.mark.parametrize(
        ("code", "http", "words"),
        [
            ("INTERNAL_ERROR", 500, "Try again in a minute"),
            ("TOO_MANY_REQUESTS", 429, "asks for a pause"),
            ("API_KEY_DELETED", 401, "The API key was deleted at Pikzels"),
        ],
    )
    def test_one_that_pikzels_cannot_be_asked_about_stays_in_the_field(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        code: str,
        http: int,
        words: str,
    ) -> None:
        refuses(pikzels, code, http)
        page = bring_in(bobs, team, ID)
        assert labels(page) == ["Not asked yet"]
        assert words in page.content.decode()
        assert page.context["form"]["ids"].value() == ID
        key.refresh_from_db()
        assert key.held_code == ("API_KEY_DELETED" if http == 401 else "")


class TestMany:
    def test_each_is_told_and_what_was_left_out_too(
        self, bobs: Client, team: Team, sandbox: Sandbox, sandbox_key: PikzelsKey
    ) -> None:
        ids = [at_pikzels(sandbox, name) for name in ("Mars diary", "Deep blue")]
        text = f"name,id\nMars,{ids[0]}\nBlue,{ids[1]}\nNobody,{OTHER}"
        page = bring_in(bobs, team, text)
        assert labels(page) == ["Brought in", "Brought in", "Not known"]
        assert page.context["summary"] == "2 styles were brought in"
        assert page.context["ignored"] == ["name,id"]
        assert {style.name for style in Style.objects.all()} == {"Mars diary", "Deep blue"}

    def test_a_second_submit_brings_in_nothing_twice(
        self, bobs: Client, team: Team, sandbox: Sandbox, sandbox_key: PikzelsKey
    ) -> None:
        pikzels_id = at_pikzels(sandbox)
        bring_in(bobs, team, pikzels_id)
        assert labels(bring_in(bobs, team, pikzels_id)) == ["Here already"]
        assert Style.objects.count() == 1

    def test_what_is_too_much_at_once_waits_in_the_field(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(attaching, "AT_ONCE", 1)
        says(pikzels)
        page = bring_in(bobs, team, f"{ID}\n{OTHER}")
        assert labels(page) == ["Brought in"]
        assert "1 was not looked up yet" in page.content.decode()
        assert page.context["form"]["ids"].value() == OTHER

    def test_nothing_more_is_asked_when_the_time_is_up_or_the_key_is_turned_away(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(attaching, "THREADS", 1)
        refuses(pikzels, "API_KEY_DELETED", 401)
        page = bring_in(bobs, team, f"{ID}\n{OTHER}")
        assert page.context["form"]["ids"].value() == f"{ID}\n{OTHER}"
        assert len(pikzels.calls) == 1
        monkeypatch.setattr(attaching, "SECONDS", -1)
        page = bring_in(bobs, team, ID)
        assert (labels(page), page.context["waiting"]) == ([], 1)
        assert len(pikzels.calls) == 1

    def test_a_whole_table_at_once_is_no_burden(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        pikzels: responses.RequestsMock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(attaching, "AT_ONCE", 1)
        says(pikzels)
        many = "\n".join([ID, *(str(uuid.uuid4()) for _ in range(2500))])
        page = bring_in(bobs, team, many)
        assert (len(labels(page)), page.context["waiting"]) == (1, 2500)


class TestTheForm:
    @pytest.mark.parametrize(
        ("ids", "words"),
        [
            ("", "Enter one style ID"),
            ("Mars diary", "There is no style ID in this"),
            ("\0", "Enter one style ID"),
            ("x" * 100_001, "more than can be read at once"),
        ],
    )
    def test_says_what_to_enter_and_keeps_what_was(
        self, bobs: Client, team: Team, key: PikzelsKey, ids: str, words: str
    ) -> None:
        page = bring_in(bobs, team, ids)
        assert page.status_code == 422
        if ids != "\0":
            assert words in page.content.decode()
        assert page.context["form"]["ids"].value() == ids

    def test_without_a_key_says_what_to_do(self, bobs: Client, alice: User, team: Team) -> None:
        assert "Ask a team owner" in bobs.get("/styles/bring-in/").content.decode()
        assert "/team/#keys" in browser_of(alice).get("/styles/bring-in/").content.decode()
        page = bring_in(bobs, team, ID)
        assert (page.status_code, page.context["form"]["ids"].value()) == (422, ID)

    def test_offers_the_teams_keys_where_it_has_several(
        self, bobs: Client, team: Team, sandbox: Sandbox, sandbox_key: PikzelsKey, key: PikzelsKey
    ) -> None:
        page = bobs.get("/styles/bring-in/").content.decode()
        assert "pkz_…abcd" in page and "pkz_…1234" in page
        pikzels_id = at_pikzels(sandbox)
        bring_in(bobs, team, pikzels_id, key=str(sandbox_key.uuid))
        assert Style.objects.get().key == sandbox_key

    @pytest.mark.parametrize("wrong", ["x", "1", OTHER, "\0"])
    def test_takes_no_other_key(
        self, bobs: Client, team: Team, key: PikzelsKey, wrong: str
    ) -> None:
        assert bring_in(bobs, team, ID, key=wrong).status_code == 422

    def test_takes_no_key_of_another_team(
        self, bobs: Client, team: Team, key: PikzelsKey, charlie: User
    ) -> None:
        theirs = PikzelsKey.seal(
            "pkz_charlie_1234", base_url=key.base_url, team=charlie.teams.get(), name="C"
        )
        theirs.save()
        assert bring_in(bobs, team, ID, key=str(theirs.uuid)).status_code == 422

    def test_of_another_team_is_not_there(self, bobs: Client, charlie: User) -> None:
        assert bring_in(bobs, charlie.teams.get(), ID).status_code == 404


class TestOtherTeams:
    def test_one_that_another_team_has_here_is_nobodys_business(
        self,
        team: Team,
        key: PikzelsKey,
        charlie: User,
        make_style: MakeStyle,
        pikzels: responses.RequestsMock,
    ) -> None:
        make_style("Secret", state=State.READY, pikzels_id=ID, key=key)
        theirs = charlie.teams.get()
        PikzelsKey.seal("pkz_c_12345", base_url=key.base_url, team=theirs, name="C").save()
        refuses(pikzels, "NOT_FOUND", 404)
        page = bring_in(browser_of(charlie), theirs, ID)
        assert labels(page) == ["Not known"]
        assert "Secret" not in page.content.decode()

    def test_two_teams_of_one_account_each_have_it(
        self,
        bobs: Client,
        team: Team,
        key: PikzelsKey,
        charlie: User,
        pikzels: responses.RequestsMock,
    ) -> None:
        theirs = charlie.teams.get()
        PikzelsKey.seal("pkz_c_12345", base_url=key.base_url, team=theirs, name="C").save()
        says(pikzels)
        assert labels(bring_in(bobs, team, ID)) == ["Brought in"]
        assert labels(bring_in(browser_of(charlie), theirs, ID)) == ["Brought in"]


@pytest.mark.django_db(transaction=True)
def test_two_who_bring_in_the_same_at_once_have_it_once(
    team: Team, alice: User, bob: User, sandbox: Sandbox, sandbox_key: PikzelsKey
) -> None:
    ids = [at_pikzels(sandbox, f"Style {n}") for n in range(4)]
    came: list[Came] = []
    both = threading.Barrier(2)

    def bring(who: User) -> None:
        both.wait()
        try:
            found = attaching.bring_in(team, sandbox_key, ids, who)
            came.extend(each.came for each in found)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=bring, args=[who]) for who in (alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [Came.BROUGHT_IN] * 4 + [Came.HERE] * 4
    assert Style.objects.count() == 4


def test_one_that_was_thought_gone_is_followed_again(
    bobs: Client, team: Team, sandbox: Sandbox, sandbox_key: PikzelsKey, make_style: MakeStyle
) -> None:
    """Such as while the team's key was one of another account."""
    pikzels_id = at_pikzels(sandbox)
    style = make_style(state=State.GONE, pikzels_id=pikzels_id, key=sandbox_key)
    assert labels(bring_in(bobs, team, pikzels_id)) == ["Brought in"]
    following.follow(style.pk)
    style.refresh_from_db()
    assert style.state == State.READY
    assert Style.objects.count() == 1


def test_no_transaction_is_open_while_pikzels_is_asked(
    bobs: Client, team: Team, key: PikzelsKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []
    outside = len(connection.savepoint_ids)

    def look_up(*_: object) -> dict[str, object]:
        depths.append(len(connection.savepoint_ids) - outside)
        return {}

    monkeypatch.setattr(attaching, "_look_up", look_up)
    bring_in(bobs, team, ID)
    assert depths == [0]


class TestWhatPagesShow:
    @pytest.fixture
    def style(
        self, bobs: Client, team: Team, key: PikzelsKey, pikzels: responses.RequestsMock
    ) -> Style:
        says(pikzels)
        bring_in(bobs, team, ID)
        return Style.objects.get()

    def test_its_page_tells_no_story_of_saving_and_sending(
        self, bobs: Client, style: Style, settings: object
    ) -> None:
        settings.STYLE_PRICE = "US$ 0.38"  # type: ignore[attr-defined]
        page = bobs.get(style.get_absolute_url())
        steps = [str(step.label) for step in page.context["shown"].steps]
        assert steps == ["Brought in by Bob", "Ready"]
        text = page.content.decode()
        assert "This style cost" not in text and "New style from these pictures" not in text
        assert "reference images are at Pikzels only" in text

    @pytest.mark.parametrize("state", [State.GONE, State.TRAINING_FAILED])
    def test_no_page_promises_pictures_that_are_not_here(
        self, bobs: Client, style: Style, state: State
    ) -> None:
        for reason in ("", "deleted"):
            Style.objects.update(state=state, reason=reason)
            text = bobs.get(style.get_absolute_url()).content.decode()
            assert "pictures" not in text.partition("What happened")[0].partition("<main")[2]

    def test_its_card_says_who_brought_it_in(self, bobs: Client, style: Style) -> None:
        assert "Brought in by Bob" in bobs.get("/").content.decode()

    def test_the_export_claims_no_maker(self, bobs: Client, style: Style) -> None:
        row = json.loads(b"".join(bobs.get("/export.json")))[0]
        assert (row["attached"], row["made_by"]) == (True, None)

    def test_the_library_leads_there(self, bobs: Client, style: Style, charlie: User) -> None:
        for client in (bobs, browser_of(charlie)):
            assert "/styles/bring-in/" in client.get("/").content.decode()
