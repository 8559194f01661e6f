"""How often somebody may try, counted by all processes together, and what they are told then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from allauth.core.internal import ratelimit
from django.conf import LazySettings
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory

from teams import limits, people
from teams.models import CallCount, Team, User

from .conftest import PASSWORD, browser_of
from .pages import Page
from .test_pages import problems_of

LOGIN, RESET = "/accounts/login/", "/accounts/password/reset/"
ROOT = Path(__file__).parents[1]
# A process that tries ten times with one address, by five threads.
A_PROCESS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from allauth.core.internal import ratelimit
from django.db import connection
from django.test import RequestFactory

def try_once(number):
    try:
        known = {"app": "allauth.account", "action": "login_failed"}
        request = RequestFactory().post("/", REMOTE_ADDR=f"127.{sys.argv[1]}.0.{number}")
        return bool(ratelimit.consume(request, key="alice@example.com", **known))
    finally:
        connection.close()

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(5) as pool:
    print(sum(pool.map(try_once, range(10))))
"""


def started(number: str, env: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", A_PROCESS, number]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True)


def sign_in(client: Client, email: str = "alice@example.com", password: str = "wrong") -> int:
    return client.post(LOGIN, {"login": email, "password": password}).status_code


class TestDjangoAllauthsCount:
    @pytest.mark.django_db(transaction=True)
    def test_loses_nothing_when_many_try_at_once(self) -> None:
        def try_once(number: int) -> bool:
            request = RequestFactory().post("/", REMOTE_ADDR=f"127.0.0.{number}")
            known = {"app": "allauth.account", "action": "login_failed"}
            return bool(ratelimit.consume(request, key="alice@example.com", **known))

        def try_with_others(number: int) -> bool:
            try:
                together.wait()
                return try_once(number)
            finally:
                connection.close()

        together = threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            let_in = [*pool.map(try_with_others, range(40))]
        # Whoever does not get the counter in time is turned away, and not counted.
        afterwards = [try_once(number) for number in range(100, 110)]
        assert sum(let_in) + sum(afterwards) == 5
        assert sum(let_in) > 0

    @pytest.mark.faults
    def test_is_one_for_all_processes(self, tmp_path: Path) -> None:
        own = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "pikzels_ui.settings"}
        env = {"PATH": os.environ["PATH"], **own}
        manage = [sys.executable, "manage.py"]
        for command in (["migrate", "--verbosity=0"], ["createcachetable"]):
            subprocess.run([*manage, *command], cwd=ROOT, env=env, check=True)
        with ExitStack() as stack:
            both = [stack.enter_context(started(str(number), env)) for number in (1, 2)]
            ready = [each.stdout.readline() for each in both if each.stdout]
            let_in = [int(each.communicate("\n")[0]) for each in both]
        assert (ready, sum(let_in)) == (["ready\n"] * 2, 5)

    def test_is_not_culled_by_many_other_counters(self, alice: User) -> None:
        for _ in range(5):
            sign_in(Client())
        for number in range(400):
            cache.set(f"other-{number}", 1, 300)
        assert sign_in(Client(), password=PASSWORD) == 429


class TestTooManyTries:
    def test_of_a_password_say_how_long_to_wait(self, alice: User, client: Client) -> None:
        assert {sign_in(client) for _ in range(5)} == {422}
        page = client.post(LOGIN, {"login": alice.email, "password": PASSWORD})
        assert (page.status_code, page.headers["Retry-After"]) == (429, "300")
        assert "Wait five minutes" in page.content.decode()
        assert problems_of(page.content.decode()) == []

    def test_of_one_person_leave_others_alone(self, alice: User, bob: User) -> None:
        for number in range(5):
            Client(REMOTE_ADDR=f"127.0.0.{number}").post(
                LOGIN, {"login": alice.email, "password": "wrong"}
            )
        assert sign_in(Client(REMOTE_ADDR="127.0.1.1"), alice.email, PASSWORD) == 429
        assert sign_in(Client(REMOTE_ADDR="127.0.1.1"), bob.email, PASSWORD) == 302

    def test_to_get_a_reset_are_told_by_a_page_and_in_seconds(
        self, alice: User, client: Client
    ) -> None:
        for email in (alice.email, "nobody@example.com"):
            for _ in range(5):
                assert client.post(RESET, {"email": email}).status_code == 302
            page = client.post(RESET, {"email": email.upper()})
            assert page.status_code == 429
            assert 3500 < int(page.headers["Retry-After"]) <= 3600
            assert "Wait 60 minutes" in page.content.decode() or "Wait an hour" in (
                page.content.decode()
            )
            assert problems_of(page.content.decode()) == []
        assert len(mail.outbox) == 10

    @pytest.mark.parametrize(
        ("path", "most"),
        [
            ("/accounts/password/change/", 5),
            ("/accounts/email/", 10),
            ("/accounts/reauthenticate/", 10),
        ],
    )
    def test_of_somebody_signed_in_are_counted_by_person(
        self, alice: User, bob: User, path: str, most: int
    ) -> None:
        browser = browser_of(alice)
        before = [browser.post(path, {}).status_code for _ in range(most)]
        assert 429 not in before
        page = browser_of(alice).post(path, {})
        assert page.status_code == 429
        assert 1 <= int(page.headers["Retry-After"]) <= 60
        assert Page(page.content.decode()).title.startswith("Too many tries")
        assert browser_of(bob).post(path, {}).status_code != 429

    @pytest.mark.parametrize(
        ("path", "most"), [("/accounts/2fa/webauthn/login/", 10), ("/accounts/login/", 30)]
    )
    def test_of_strangers_are_counted_by_network(self, db: None, path: str, most: int) -> None:
        found = [Client().post(path, {}).status_code for _ in range(most + 1)]
        assert (found.count(429), found[-1]) == (1, 429)
        assert Client(REMOTE_ADDR="10.0.0.1").post(path, {}).status_code != 429

    def test_of_a_link_to_a_new_password_are_counted(self, db: None, client: Client) -> None:
        path = f"{RESET}key/1-set-password/"
        found = [client.post(path, {}).status_code for _ in range(21)]
        assert (found.count(429), found[-1]) == (1, 429)

    def test_are_counted_by_the_address_before_the_proxy(
        self, alice: User, settings: LazySettings
    ) -> None:
        """Whoever makes up earlier addresses is known by the one that the proxy saw."""
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        found = [
            Client(headers={"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.1"})
            .post("/accounts/2fa/webauthn/login/", {})
            .status_code
            for n in range(11)
        ]
        assert found[-1] == 429

    def test_never_show_what_is_not_text(self, settings: LazySettings) -> None:
        assert limits.in_words(1) == "1 second"
        assert limits.in_words(59) == "59 seconds"
        assert limits.in_words(60) == "1 minute"
        assert limits.in_words(61) == "2 minutes"
        assert limits.in_words(3600) == "an hour"


class TestInvitations:
    def test_cannot_be_tried_without_end(self, db: None) -> None:
        found = [Client().post(f"/join/{n}/", {}) for n in range(21)]
        assert {each.status_code for each in found[:-1]} == {404}
        assert found[-1].status_code == 429
        assert 1 <= int(found[-1].headers["Retry-After"]) <= 60
        assert Client().get("/join/x/").status_code == 404  # looking is not trying

    def test_do_not_flood_a_mailbox(self, alice: User, team: Team, charlie: User) -> None:
        """Neither of somebody who has an account, nor of somebody who has none."""
        browser = browser_of(alice)
        for email in ("dora@example.com", charlie.email):
            data = {"team": team.pk, "email": email, "role": "member"}
            for _ in range(people.MOST_GOTTEN):
                assert browser.post("/team/invite/", data).status_code == 200
            page = browser.post("/team/invite/", data | {"email": email.upper()})
            assert page.status_code == 429
            assert 3500 < int(page.headers["Retry-After"]) <= 3600
        assert len(mail.outbox) == 2 * people.MOST_GOTTEN
        assert browser.post("/team/invite/", data | {"email": "e@example.com"}).status_code == 200

    def test_are_not_sent_without_end_by_one_person(
        self, alice: User, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "MOST_SENT", 2)
        browser = browser_of(alice)
        found = [
            browser.post(
                "/team/invite/", {"team": team.pk, "email": f"{n}@example.com", "role": "member"}
            ).status_code
            for n in range(3)
        ]
        assert found == [200, 200, 429]

    def test_are_counted_without_keeping_whose_address_it_is(self, alice: User) -> None:
        people.must_wait(alice, "dora@example.com")
        assert "dora" not in json.dumps([*CallCount.objects.values_list("who", flat=True)])
