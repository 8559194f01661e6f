"""What people and teams may do in an hour: styles, pictures, exports; waiting loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone

from styles import form_buttons
from styles.models import Style
from styles.states import State
from teams.limits import TooOften, count_pictures, count_sent
from teams.models import CallCount, PikzelsKey, Team, User

from .conftest import browser_of, form_data, upload
from .test_pages import problems_of
from .wording import banned_words, visible_text

MakeStyle = Callable[..., Style]
NEW = "/styles/new/"


def send(browser: Client, team: Team, name: str, **data: object) -> Any:
    return browser.post(NEW, {**form_data(team, name=name), **data})


def an_hour_later() -> None:
    CallCount.objects.update(since=timezone.now() - timedelta(hours=1))


def told_to_wait(page: Any) -> bool:
    text = visible_text(page.content.decode())
    assert problems_of(page.content.decode()) == []
    assert 3500 < int(page.headers["Retry-After"]) <= 3600
    return page.status_code == 429 and ("an hour" in text or "60 minutes" in text)


class TestStyles:
    def test_of_one_person_end_for_the_hour_and_nothing_is_lost(
        self, alice: User, bob: User, team: Team, key: PikzelsKey, settings: LazySettings
    ) -> None:
        settings.STYLES_PER_HOUR = 2
        hers = browser_of(alice)
        assert [send(hers, team, name).status_code for name in ("One", "Two")] == [302, 302]
        page = send(hers, team, "Three")
        assert told_to_wait(page)
        assert "Nothing is lost: wait" in page.content.decode()
        draft = Style.objects.get(name="Three")
        assert (draft.state, draft.filled()) == (State.DRAFT, {1, 2, 3})
        assert send(browser_of(bob), team, "Four").status_code == 302
        an_hour_later()
        assert hers.post(draft.address("edit"), {"name": "Three"}).status_code == 302
        draft.refresh_from_db()
        assert draft.state == State.QUEUED

    def test_of_one_team_end_for_all_of_it_and_for_no_other(
        self, alice: User, bob: User, charlie: User, team: Team, settings: LazySettings
    ) -> None:
        settings.TEAM_STYLES_PER_HOUR = 1
        assert send(browser_of(alice), team, "One").status_code == 302
        assert told_to_wait(send(browser_of(bob), team, "Two"))
        assert send(browser_of(charlie), charlie.teams.get(), "One").status_code == 302

    def test_that_are_wrong_or_asked_about_count_for_nothing(
        self, alice: User, team: Team, settings: LazySettings
    ) -> None:
        settings.STYLES_PER_HOUR = 1
        hers = browser_of(alice)
        assert send(hers, team, "Ä").status_code == 422
        assert hers.post(NEW, {**form_data(team), "do": "keep"}).status_code == 302
        assert not CallCount.objects.filter(who__startswith="sends").exists()

    @pytest.mark.parametrize("way", ["retry", "shrink"])
    def test_that_are_sent_once_more_count_too(
        self, alice: User, make_style: MakeStyle, key: PikzelsKey, settings: LazySettings, way: str
    ) -> None:
        settings.STYLES_PER_HOUR = 0
        count_sent(alice, make_style().team)
        style = make_style(state=State.REFUSED, reason="IMAGE_TOO_LARGE")
        assert told_to_wait(browser_of(alice).post(style.address(way)))
        style.refresh_from_db()
        assert style.state == State.REFUSED

    def test_that_are_sent_again_in_doubt_count_too(
        self, alice: User, make_style: MakeStyle, key: PikzelsKey, settings: LazySettings
    ) -> None:
        settings.STYLES_PER_HOUR = 0
        style = make_style(state=State.IN_DOUBT, reason="no_answer", key=key)
        count_sent(alice, style.team)
        page = browser_of(alice).post(style.address("send_again"), {"name": style.name})
        assert page.status_code == 422
        assert "Nothing is lost: wait" in page.content.decode()
        style.refresh_from_db()
        assert style.state == State.IN_DOUBT

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_no_more_go_than_may(
        self, alice: User, team: Team, settings: LazySettings
    ) -> None:
        settings.TEAM_STYLES_PER_HOUR = 3
        together = threading.Barrier(4)

        def goes(_number: int) -> bool:
            try:
                together.wait()
                count_sent(alice, team)
            except TooOften:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(4) as pool:
            went = [one for _ in range(2) for one in pool.map(goes, range(4))]
        assert sum(went) == 3


class TestPictures:
    def test_are_counted_by_number(self, alice: User, team: Team, settings: LazySettings) -> None:
        settings.UPLOADS_PER_HOUR = 4
        hers = browser_of(alice)
        assert send(hers, team, "One").status_code == 302
        page = send(hers, team, "Two")
        assert told_to_wait(page)
        assert "What was kept is safe: wait" in page.content.decode()
        assert 'value="Two"' in page.content.decode()
        two = Style.objects.get(name="Two")
        assert (two.state, two.filled()) == (State.DRAFT, frozenset())

    def test_that_were_kept_before_stay_and_can_be_sent(
        self, alice: User, team: Team, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        settings.UPLOADS_PER_HOUR = 0
        count_pictures(alice, [1])
        draft, hers = make_style(), browser_of(alice)
        page = hers.post(draft.address("edit"), {"name": "Mars 2", "image_1": upload(9)})
        assert told_to_wait(page)
        draft.refresh_from_db()
        assert (draft.name, draft.filled()) == ("Mars 2", {1, 2, 3})
        assert hers.post(draft.address("edit"), {"name": "Mars 2"}).status_code == 302
        draft.refresh_from_db()
        assert draft.state == State.QUEUED

    def test_are_counted_by_size(self, alice: User, settings: LazySettings) -> None:
        settings.UPLOAD_MB_PER_HOUR = 50
        count_pictures(alice, [25_000_000])
        count_pictures(alice, [25_000_000])
        with pytest.raises(TooOften, match="wait"):
            count_pictures(alice, [1])
        an_hour_later()
        count_pictures(alice, [25_000_000])

    def test_are_not_decoded_once_there_are_too_many(
        self, alice: User, team: Team, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.UPLOADS_PER_HOUR = 0
        count_pictures(alice, [1])
        monkeypatch.setattr("styles.forms.judge", lambda _: pytest.fail("judged"))
        assert send(browser_of(alice), team, "One").status_code == 429
        assert [*settings.FILE_UPLOAD_TEMP_DIR.iterdir()] == []

    def test_of_links_are_counted_before_they_are_fetched(
        self, alice: User, team: Team, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.UPLOADS_PER_HOUR = 0
        count_pictures(alice, [1])
        monkeypatch.setattr(form_buttons, "fetch_picture", lambda *_, **__: pytest.fail("fetched"))
        data = form_data(team, images=0) | {"link": "https://pictures.example/1.jpg", "do": "link"}
        page = browser_of(alice).post(NEW, data)
        assert told_to_wait(page)
        assert "https://pictures.example/1.jpg" in page.content.decode()

    def test_of_one_person_leave_others_alone(
        self, alice: User, bob: User, team: Team, settings: LazySettings
    ) -> None:
        settings.UPLOADS_PER_HOUR = 3
        assert send(browser_of(alice), team, "One").status_code == 302
        assert send(browser_of(bob), team, "Two").status_code == 302

    def test_put_into_the_open_page_by_a_script_say_it_there(
        self, alice: User, team: Team, settings: LazySettings
    ) -> None:
        settings.UPLOADS_PER_HOUR = 0
        count_pictures(alice, [1])
        data = form_data(team, images=1) | {"do": "keep"}
        page = browser_of(alice).post(NEW, data, headers={"X-Parts": "1"})
        assert page.status_code == 429
        assert "data-parts" in page.content.decode()
        assert "What was kept is safe" in page.content.decode()


class TestExports:
    @pytest.mark.parametrize("path", ["/export.csv", "/export.json", "/team/usage.csv"])
    def test_end_for_the_hour(
        self, alice: User, bob: User, team: Team, settings: LazySettings, path: str
    ) -> None:
        settings.EXPORTS_PER_HOUR = 1
        hers = browser_of(alice)
        assert hers.head(path).status_code == hers.get(path).status_code == 200
        assert told_to_wait(hers.get("/export.csv"))
        assert browser_of(bob).get(path).status_code == 200


def test_every_limit_is_generous_to_people_and_has_an_end(settings: LazySettings) -> None:
    assert 20 <= settings.STYLES_PER_HOUR <= settings.TEAM_STYLES_PER_HOUR <= 1_000
    assert settings.UPLOADS_PER_HOUR >= 3 * settings.STYLES_PER_HOUR
    assert settings.UPLOAD_MB_PER_HOUR >= 75
    assert settings.EXPORTS_PER_HOUR >= 10


def test_every_message_is_in_our_words(alice: User, team: Team, settings: LazySettings) -> None:
    settings.STYLES_PER_HOUR = settings.UPLOADS_PER_HOUR = 0
    texts = []
    for count in (lambda: count_sent(alice, team), lambda: count_pictures(alice, [1])):
        count()
        with pytest.raises(TooOften) as caught:
            count()
        texts.append(str(caught.value))
    assert [banned_words(text) for text in texts] == [[], []]
