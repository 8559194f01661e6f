"""The free calls: a training followed, an ID checked, and no time-out called a failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import responses
from django.utils import timezone

from styles import following
from styles.models import Event, Style
from styles.pikzels.errors import Code, Verdict
from styles.schedule import first_look, next_look
from styles.states import State
from teams.models import PikzelsKey, User

from .pictures import photo

MakeStyle = Callable[..., Style]
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
PORTRAIT = "http://127.0.0.1:9/portraits/1.png"


@pytest.fixture
def training(make_style: MakeStyle, key: PikzelsKey) -> Style:
    now = timezone.now()
    return make_style(state=State.TRAINING, key=key, pikzels_id=ID, made_at=now, due_at=now)


@pytest.fixture
def doubtful(make_style: MakeStyle, key: PikzelsKey) -> Style:
    return make_style(state=State.IN_DOUBT, key=key, reason="no_answer")


@pytest.fixture
def pikzels() -> responses.RequestsMock:
    with responses.RequestsMock() as mock:
        yield mock


def says(mock: responses.RequestsMock, *, http: int = 200, **body: object) -> None:
    about = {"id": ID, "name": "Mars diary", "mode": "style", "progress": 40, "portrait_url": None}
    mock.get(f"http://127.0.0.1:9/v2/pikzonality/{ID}", status=http, json={**about, **body})


def refuses(mock: responses.RequestsMock, code: Code, http: int, **headers: str) -> None:
    mock.get(
        f"http://127.0.0.1:9/v2/pikzonality/{ID}",
        status=http,
        json={"error": {"code": code, "message": "No."}, "request_id": "r"},
        headers=headers,
    )


def look_at(style: Style) -> Style:
    following.follow(style.pk)
    style.refresh_from_db()
    return style


class TestFollow:
    def test_shows_true_progress(self, training: Style, pikzels: responses.RequestsMock) -> None:
        says(pikzels, status="processing")
        style = look_at(training)
        assert (style.state, style.progress) == (State.TRAINING, 40)
        assert style.due_at and style.due_at > timezone.now()

    def test_does_not_take_a_hundred_percent_for_the_end(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="processing", progress=100)
        assert look_at(training).state == State.TRAINING

    def test_notes_when_it_is_ready(self, training: Style, pikzels: responses.RequestsMock) -> None:
        says(pikzels, status="completed", progress=100)
        style = look_at(training)
        assert (style.state, style.due_at) == (State.READY, None)
        assert style.ready_at

    def test_keeps_a_copy_of_the_portrait(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="completed", portrait_url=PORTRAIT)
        pikzels.get(PORTRAIT, body=photo(320, 180), content_type="image/png")
        style = look_at(training)
        with style.portrait.open() as portrait:
            assert portrait.read() == photo(320, 180)
        sent = pikzels.calls[-1].request.headers
        assert "X-Api-Key" not in sent

    def test_is_ready_without_its_portrait_and_tries_that_again(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="completed", portrait_url=PORTRAIT)
        pikzels.get(PORTRAIT, status=503)
        style = look_at(training)
        assert style.state == State.READY
        assert style.due_at and not style.portrait

    def test_tells_that_training_failed(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="failed")
        style = look_at(training)
        assert (style.state, style.pikzels_id) == (State.TRAINING_FAILED, ID)

    def test_one_404_means_nothing(self, training: Style, pikzels: responses.RequestsMock) -> None:
        refuses(pikzels, Code.NOT_FOUND, 404)
        style = look_at(training)
        assert (style.state, style.due_at is None) == (State.TRAINING, False)

    def test_ten_minutes_of_them_mean_gone(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        refuses(pikzels, Code.NOT_FOUND, 404)
        training.missing_since = timezone.now() - timedelta(minutes=10)
        training.save(update_fields=["missing_since"])
        style = look_at(training)
        assert (style.state, style.pikzels_id) == (State.GONE, ID)

    def test_an_answer_in_between_starts_the_ten_minutes_anew(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        training.missing_since = timezone.now() - timedelta(minutes=9)
        training.save(update_fields=["missing_since"])
        says(pikzels, status="processing")
        assert look_at(training).missing_since is None

    @pytest.mark.parametrize(
        ("code", "http"), [(Code.INTERNAL_ERROR, 500), (Code.TOO_MANY_REQUESTS, 429)]
    )
    def test_an_error_is_never_a_failed_training(
        self, training: Style, pikzels: responses.RequestsMock, code: Code, http: int
    ) -> None:
        refuses(pikzels, code, http, **{"Retry-After": "90"})
        style = look_at(training)
        assert style.state == State.TRAINING
        assert style.due_at and style.due_at > timezone.now() + timedelta(seconds=80)

    def test_a_key_that_is_turned_away_is_held(
        self, training: Style, pikzels: responses.RequestsMock, key: PikzelsKey
    ) -> None:
        refuses(pikzels, Code.API_KEY_DELETED, 401)
        assert look_at(training).state == State.TRAINING
        key.refresh_from_db()
        assert key.held_code == Code.API_KEY_DELETED

    def test_asks_once_when_two_workers_look(
        self, training: Style, pikzels: responses.RequestsMock
    ) -> None:
        says(pikzels, status="processing")
        stale = Style.objects.get(pk=training.pk)
        look_at(training)
        Style.objects.filter(pk=stale.pk).update(due_at=timezone.now() + timedelta(minutes=1))
        assert len(pikzels.calls) == 1


class TestSchedule:
    def test_looks_first_after_half_of_the_usual_time(
        self, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        now = timezone.now()
        for n, minutes in enumerate((2, 4, 9)):
            make_style(
                state=State.READY,
                key=key,
                pikzels_id=f"id-{n}",
                made_at=now - timedelta(minutes=minutes),
                ready_at=now,
            )
        wait = first_look(key) - timezone.now()
        assert timedelta(seconds=115) < wait <= timedelta(seconds=120)

    def test_looks_after_three_seconds_while_nothing_is_known(self, key: PikzelsKey) -> None:
        assert first_look(key) - timezone.now() <= timedelta(seconds=3)

    @pytest.mark.parametrize(
        ("age", "least", "most"), [(1, 2.6, 3.4), (100, 13, 17), (9000, 53, 67)]
    )
    def test_looks_again_after_15_percent_of_its_age(
        self, training: Style, age: int, least: float, most: float
    ) -> None:
        training.made_at = timezone.now() - timedelta(seconds=age)
        wait = (next_look(training) - timezone.now()).total_seconds()
        assert least <= wait <= most


class TestPasteId:
    def test_settles_the_doubt(
        self, doubtful: Style, pikzels: responses.RequestsMock, bob: User
    ) -> None:
        says(pikzels, status="processing")
        following.paste_id(doubtful, f" {ID} ", bob)
        doubtful.refresh_from_db()
        assert (doubtful.state, doubtful.pikzels_id) == (State.TRAINING, ID)
        event = doubtful.events.latest("at")
        assert (event.who, event.what) == (bob, Event.What.MOVED)

    @pytest.mark.parametrize(
        ("about", "words"),
        [
            ({"mode": "persona"}, "persona"),
            ({"name": "Another"}, "“Another”"),
        ],
    )
    def test_refuses_what_is_not_this_style(
        self,
        doubtful: Style,
        pikzels: responses.RequestsMock,
        bob: User,
        about: dict[str, str],
        words: str,
    ) -> None:
        says(pikzels, status="processing", **about)
        with pytest.raises(following.NotThisOne, match=words):
            following.paste_id(doubtful, ID, bob)
        doubtful.refresh_from_db()
        assert doubtful.state == State.IN_DOUBT

    def test_refuses_an_id_that_pikzels_does_not_know(
        self, doubtful: Style, pikzels: responses.RequestsMock, bob: User
    ) -> None:
        refuses(pikzels, Code.NOT_FOUND, 404)
        with pytest.raises(following.NotThisOne, match="does not know"):
            following.paste_id(doubtful, ID, bob)

    def test_says_when_pikzels_cannot_be_asked(
        self, doubtful: Style, pikzels: responses.RequestsMock, bob: User
    ) -> None:
        refuses(pikzels, Code.INTERNAL_ERROR, 500)
        with pytest.raises(following.NotThisOne, match="in a minute"):
            following.paste_id(doubtful, ID, bob)

    def test_refuses_an_id_of_another_style_here(
        self, doubtful: Style, training: Style, bob: User
    ) -> None:
        with pytest.raises(following.NotThisOne, match="Another style"):
            following.paste_id(doubtful, ID, bob)

    @pytest.mark.parametrize("text", ["", ".", "..", "a" * 201, "a\x00b", "Mars diary"])
    def test_refuses_what_cannot_be_an_id(self, doubtful: Style, bob: User, text: str) -> None:
        with pytest.raises(following.NotThisOne, match="Enter the style ID"):
            following.paste_id(doubtful, text, bob)

    def test_takes_an_id_after_the_doubt_was_given_up(
        self, doubtful: Style, pikzels: responses.RequestsMock, bob: User, key: PikzelsKey
    ) -> None:
        says(pikzels, status="processing")
        now = timezone.now()
        doubtful.attempts.create(
            number=1, key=key, lease_until=now, closed_at=now, outcome=Verdict.IN_DOUBT
        )
        assert doubtful.drop(bob)
        following.paste_id(doubtful, ID, bob)
        doubtful.refresh_from_db()
        assert doubtful.state == State.TRAINING
