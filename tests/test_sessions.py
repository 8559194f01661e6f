"""Where somebody is signed in: seen as what it is, ended one by one or all together."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from teams import people, sessions
from teams.browsers import named
from teams.models import Membership, Team, User

from .conftest import PASSWORD, browser_of
from .test_pages import problems_of
from .wording import visible_text

PAGE, LOGIN = "/accounts/sessions/", "/accounts/login/"
NEW_PASSWORD = "three slides and a lamp"
MOZILLA = "Mozilla/5.0 "
FIREFOX = f"{MOZILLA}(X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0"
WEBKIT, GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)", "Gecko/20100101"
CHROME = f"{MOZILLA}(Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"
ANDROID = f"{MOZILLA}(Linux; Android 10; K) {WEBKIT} Chrome/143.0.0.0 Mobile Safari/537.36"
MAC = f"{MOZILLA}(Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}"
PHONE = f"{MOZILLA}(iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15"


def signed_in(user: User, agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    assert client.post(LOGIN, {"login": user.email, "password": PASSWORD}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def aged(**fields: timedelta) -> None:
    UserSession.objects.update(**{name: timezone.now() - age for name, age in fields.items()})


def at_another_process(client: Client) -> Client:
    """Return the same browser, at a process that has noted nothing of it yet."""
    same = Client(HTTP_USER_AGENT=FIREFOX)
    same.cookies["sessionid"] = client.cookies["sessionid"].value
    return same


def session_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def end(client: Client, session: UserSession) -> int:
    return client.post(f"/account/sessions/{session.pk}/end/").status_code


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            f"{MOZILLA}(Android 15; Mobile; rv:147.0) Gecko/147.0 Firefox/147.0",
            "Firefox on Android",
        ),
        (CHROME, "Chrome on Windows"),
        (ANDROID, "Chrome on Android"),
        (f"{MOZILLA}(X11; CrOS x86_64) {WEBKIT} Chrome/143.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"{CHROME} Edg/143.0.0.0", "Edge on Windows"),
        (f"{CHROME} OPR/125.0.0.0", "Opera on Windows"),
        (f"{ANDROID} EdgA/143.0.0.0", "Edge on Android"),
        (f"{MAC} Version/26.0 Safari/605.1.15", "Safari on macOS"),
        (f"{PHONE} (KHTML, like Gecko) Version/26.0 Mobile Safari/604.1", "Safari on iPhone"),
        (f"{PHONE} (KHTML, like Gecko) CriOS/143.0 Mobile Safari/604.1", "Chrome on iPhone"),
        (f"{PHONE} (KHTML, like Gecko) FxiOS/147.0 Mobile Safari/605.1", "Firefox on iPhone"),
        ("curl/8.14.1", "Unknown browser"),
        ("Something (Linux)", "Unknown browser on Linux"),
        ("Opera Mini/Firefox/", "Firefox"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>", "Unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert named(user_agent) == words


class TestThePage:
    def test_says_what_each_is_where_and_when_this_one_first(self, alice: User) -> None:
        phone, here = signed_in(alice, ANDROID, "2001:db8::1"), signed_in(alice)
        UserSession.objects.filter(pk=session_of(phone).pk).update(
            last_seen_at=timezone.now() - timedelta(days=2)
        )
        html = here.get(PAGE).content.decode()
        assert problems_of(html) == []
        text = visible_text(html)
        assert text.index("Firefox on Linux This one 192.0.2.7 · in use now") < text.index(
            "Chrome on Android 2001:db8::1 · last seen"
        )
        assert "Mozilla" not in html

    def test_shows_nobody_elses(self, alice: User, bob: User) -> None:
        signed_in(bob, CHROME)
        assert "Chrome" not in signed_in(alice).get(PAGE).content.decode()

    def test_knows_sessions_that_began_with_an_invitation(self, alice: User, team: Team) -> None:
        link = people.invite(alice.memberships.get(), "dora@example.com", "member")
        dora = Client(HTTP_USER_AGENT=CHROME)
        dora.post(link.removeprefix("http://127.0.0.1:8000"), {"name": "D", "password": PASSWORD})
        assert UserSession.objects.get(user__name="D").user_agent == CHROME
        assert "Chrome on Windows" in dora.get(PAGE).content.decode()

    def test_forgets_one_that_ended_elsewhere(self, alice: User) -> None:
        other, here = signed_in(alice, CHROME), signed_in(alice)
        other.post("/accounts/logout/")
        assert "Chrome" not in here.get(PAGE).content.decode()

    def test_notes_when_each_was_last_seen_but_not_with_every_click(self, alice: User) -> None:
        here = signed_in(alice)
        here.get("/")
        UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=2))
        here.get("/")
        assert timezone.now() - session_of(here).last_seen_at > timedelta(days=1)
        fresh = Client(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.8")
        fresh.cookies["sessionid"] = here.cookies["sessionid"].value
        fresh.get("/")  # by another process, which has noted nothing yet
        assert timezone.now() - session_of(here).last_seen_at < timedelta(minutes=1)
        assert session_of(here).ip == "192.0.2.8"

    def test_remembers_no_more_than_there_is_room_for(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "MOST_REMEMBERED", 1)
        assert all(is_in(browser_of(alice)) for _ in range(3))


class TestTheirTime:
    def test_ends_where_nobody_uses_them(self, alice: User) -> None:
        here = signed_in(alice)
        aged(last_seen_at=timedelta(days=settings.SESSION_IDLE_DAYS))
        assert here.get("/").url.startswith(LOGIN)
        assert not Session.objects.filter(session_key=here.session.session_key).exists()
        assert not is_in(here)

    def test_goes_on_while_somebody_does(self, alice: User) -> None:
        here = signed_in(alice)
        for _ in range(3):
            aged(last_seen_at=timedelta(days=settings.SESSION_IDLE_DAYS, minutes=-5))
            assert is_in(at_another_process(here))
            assert timezone.now() - session_of(here).last_seen_at < timedelta(minutes=1)

    def test_ends_a_while_after_it_began_however_it_is_used(self, alice: User, team: Team) -> None:
        here = signed_in(alice)
        lasts = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        aged(created_at=lasts - timedelta(minutes=5))
        here.post("/team/switch/", {"team": team.pk})  # which is kept in the session
        assert is_in(here)
        aged(created_at=lasts)
        assert at_another_process(here).get("/").url.startswith(LOGIN)
        assert not is_in(here)

    def test_is_somebody_elses_who_signs_in_there(self, alice: User, bob: User) -> None:
        here = signed_in(alice)
        aged(created_at=timedelta(days=29))
        here.post("/accounts/logout/")
        here.post(LOGIN, {"login": bob.email, "password": PASSWORD})
        assert timezone.now() - session_of(here).created_at < timedelta(minutes=1)

    def test_is_a_month_and_a_week_without_a_click(self) -> None:
        assert settings.SESSION_COOKIE_AGE == 30 * 24 * 3600
        assert settings.SESSION_IDLE_DAYS == 7


class TestEnding:
    def test_one_puts_that_browser_out_at_the_next_click(self, alice: User) -> None:
        phone, tablet, here = (signed_in(alice) for _ in range(3))
        assert end(here, session_of(phone)) == 302
        assert "The session is ended" in here.get(PAGE).content.decode()
        assert [is_in(each) for each in (phone, tablet, here)] == [False, True, True]

    def test_ones_own_is_signing_out(self, alice: User) -> None:
        here = signed_in(alice)
        assert end(here, session_of(here)) == 302
        assert not is_in(here)

    def test_all_others_leaves_this_one(self, alice: User, bob: User) -> None:
        phone, here, his = signed_in(alice), signed_in(alice), signed_in(bob)
        assert "You are signed out everywhere else." in (
            here.post(PAGE, follow=True).content.decode()
        )
        assert [is_in(each) for each in (phone, here, his)] == [False, True, True]

    def test_nobody_elses(self, alice: User, bob: User) -> None:
        hers, his = signed_in(alice), signed_in(bob)
        assert end(his, session_of(hers)) == 404
        assert his.post("/account/sessions/99999999999999999999/end/").status_code == 404
        assert is_in(hers)

    def test_is_for_whoever_is_signed_in(self, alice: User, client: Client) -> None:
        hers = signed_in(alice)
        assert client.post(PAGE).url.startswith(LOGIN)
        assert client.post(f"/account/sessions/{session_of(hers).pk}/end/").url.startswith(LOGIN)
        assert is_in(hers)

    @pytest.mark.django_db(transaction=True)
    def test_each_other_at_the_same_moment_ends_both_and_breaks_nothing(self, alice: User) -> None:
        one, two = signed_in(alice), signed_in(alice)
        rows = {one: session_of(two), two: session_of(one)}
        together = threading.Barrier(2)

        def end_the_other(client: Client) -> int:
            try:
                together.wait()
                return end(client, rows[client])
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            assert set(pool.map(end_the_other, rows)) <= {302, 404}
        # Of two that are truly at once both get through; else the second finds itself out.
        assert sum(is_in(each) for each in rows) <= 1


class TestWhatEndsThem:
    def test_a_new_password_ends_all_others(self, alice: User) -> None:
        other, here = signed_in(alice, CHROME), signed_in(alice)
        data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        page = here.post("/accounts/password/change/", data, follow=True)
        assert "The password is changed." in page.content.decode()
        assert (is_in(other), is_in(here)) == (False, True)
        assert "Chrome" not in here.get(PAGE).content.decode()

    def test_a_new_password_by_mail_ends_all(self, alice: User) -> None:
        here = signed_in(alice)
        visitor = Client()
        visitor.post("/accounts/password/reset/", {"email": alice.email})
        link = re.search(r"8000(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
        assert link
        page: Any = visitor.get(link[1], follow=True)
        new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert visitor.post(page.redirect_chain[-1][0], new).status_code == 302
        assert not is_in(here)

    def test_being_switched_off_ends_all(self, alice: User) -> None:
        here = signed_in(alice)
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert here.get("/").url.startswith(LOGIN)

    def test_leaving_the_last_team_ends_none_and_there_is_nothing_to_see(self, bob: User) -> None:
        """The account is Bob's own, and may be invited again."""
        his = signed_in(bob)
        Membership.objects.filter(user=bob).delete()
        page = his.get("/")
        assert (page.status_code, "You are not on a team" in page.content.decode()) == (403, True)
        assert his.get(PAGE).status_code == 200
