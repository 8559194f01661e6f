"""API tokens: made, shown once, used, limited, revoked, and nowhere to be found."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views.debug import ExceptionReporter

from pikzels_ui.redaction import RedactingFormatter
from styles.api import tokens, views
from styles.api.tokens import BearerToken
from styles.models import Style
from teams.models import ApiToken, ApiTokenQuerySet, CallCount, PikzelsKey, User

from .conftest import browser_of
from .routes import all_routes
from .wording import banned_words, visible_text
from .world import make_world

MakeStyle = Callable[..., Style]
STYLES = "/api/v1/styles"
PAGE = "/account/tokens/"
BOT = {"name": "Thumbnail bot", "days": "90"}
CANARY = "pzu_canary-0123456789_abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def hers(alice: User) -> Client:
    return browser_of(alice)


def shown(response: HttpResponse) -> str:
    """Return the token that a page shows, or ""."""
    found = set(re.findall(r"pzu_[A-Za-z0-9_-]{43}", response.content.decode()))
    assert len(found) <= 1
    return found.pop() if found else ""


def ask(token: str, *, scheme: str = "Bearer", **headers: str) -> HttpResponse:
    return Client().get(STYLES, headers={"Authorization": f"{scheme} {token}", **headers})


def made_for(user: User, name: str = "Bot") -> str:
    return ApiToken.issue(user, name)[0]


class TestThePage:
    def test_makes_one_that_works(self, hers: Client, alice: User) -> None:
        response = hers.post(PAGE, BOT)
        assert response.status_code == 200
        assert "not shown again" in visible_text(response.content.decode())
        assert ask(shown(response)).status_code == 200
        row = alice.api_tokens.get()
        assert row.name == "Thumbnail bot"
        assert row.expires_at and row.expires_at - timezone.now() > timedelta(days=89)

    def test_shows_it_once_and_its_last_four_from_then_on(self, hers: Client, alice: User) -> None:
        token = shown(hers.post(PAGE, BOT))
        page = hers.get(PAGE)
        assert shown(page) == ""
        assert f"pzu_…{token[-4:]}" in page.content.decode()

    def test_is_kept_by_no_cache(self, hers: Client) -> None:
        for page in (hers.post(PAGE, BOT), hers.get(PAGE)):
            assert "no-store" in page.headers["Cache-Control"]

    def test_sent_twice_makes_one(self, hers: Client, alice: User) -> None:
        hers.post(PAGE, BOT)
        again = hers.post(PAGE, BOT)
        assert again.status_code == 422
        assert "You have a token with this name" in visible_text(again.content.decode())
        assert alice.api_tokens.count() == 1

    def test_never_is_never(self, hers: Client, alice: User) -> None:
        hers.post(PAGE, BOT | {"days": "0"})
        assert alice.api_tokens.get().expires_at is None

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"name": ""}, "Enter a name for the token"),
            ({"name": "A" * 61}, "Name of the token must be 60 characters or fewer"),
            ({"days": "7"}, "Choose one of the options"),
            ({"days": ""}, "Choose when the token expires"),
        ],
    )
    def test_says_what_is_wrong(self, hers: Client, data: dict[str, str], words: str) -> None:
        response = hers.post(PAGE, BOT | data)
        text = visible_text(response.content.decode())
        assert (response.status_code, banned_words(text)) == (422, [])
        assert words in text
        assert not ApiToken.objects.exists()

    def test_gives_no_more_than_twenty(self, hers: Client, alice: User) -> None:
        for n in range(ApiToken.MOST):
            made_for(alice, f"Bot {n}")
        response = hers.post(PAGE, BOT)
        assert "You have 20 tokens" in visible_text(response.content.decode())
        alice.api_tokens.earliest("created_at").revoke()
        assert shown(hers.post(PAGE, BOT))

    def test_lists_ones_own_alone(self, hers: Client, bob: User) -> None:
        made_for(bob, "Bobs bot")
        assert "Bobs bot" not in hers.get(PAGE).content.decode()

    def test_revokes_one_at_once(self, hers: Client, alice: User) -> None:
        token = made_for(alice)
        assert ask(token).status_code == 200
        hers.post(f"{PAGE}{alice.api_tokens.get().pk}/revoke/")
        assert ask(token).status_code == 401
        page = hers.get(PAGE, follow=True).content.decode()
        assert "The token is revoked" in page
        assert "pzu_…" not in page.partition("Make a token")[0]

    def test_revokes_nobody_elses(self, hers: Client, bob: User) -> None:
        token = made_for(bob)
        assert hers.post(f"{PAGE}{bob.api_tokens.get().pk}/revoke/").status_code == 404
        assert ask(token).status_code == 200

    def test_a_name_is_free_again_when_its_token_is_revoked(
        self, hers: Client, alice: User
    ) -> None:
        hers.post(PAGE, BOT)
        alice.api_tokens.get().revoke()
        assert shown(hers.post(PAGE, BOT))


class TestAToken:
    def test_is_new_each_time_and_long_enough(self, alice: User) -> None:
        made = {made_for(alice, str(n)) for n in range(20)}
        assert len(made) == 20
        assert {len(token) for token in made} == {len("pzu_") + 43}

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_comes_in_the_header(self, alice: User, scheme: str) -> None:
        assert ask(made_for(alice), scheme=scheme).status_code == 200

    def test_comes_in_nothing_else(self, alice: User) -> None:
        token = made_for(alice)
        client = browser_of(alice)
        client.cookies["token"] = client.cookies["Authorization"] = token
        ways = [
            client.get(STYLES),
            client.get(f"{STYLES}?token={token}&access_token={token}"),
            client.get(STYLES, headers={"X-Api-Key": token}),
            ask(token, scheme="Basic"),
            ask(token, scheme=""),
            ask(f"{token} {token}"),
            ask(f"{token},"),
            ask(f" {token[:-1]}"),
            ask(token.upper()),
        ]
        assert {response.status_code for response in ways} == {401}
        for response in ways:
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert response.json()["error"]["code"] == "unauthorized"

    def test_ends_when_its_person_is_switched_off_and_comes_back_with_them(
        self, alice: User
    ) -> None:
        token = made_for(alice)
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert ask(token).status_code == 401
        User.objects.filter(pk=alice.pk).update(is_active=True)
        assert ask(token).status_code == 200

    def test_ends_with_its_person(self, alice: User) -> None:
        token = made_for(alice)
        alice.delete()
        assert ask(token).status_code == 401

    def test_ends_when_it_expires(self, alice: User) -> None:
        token = made_for(alice)
        soon = timezone.now() + timedelta(minutes=1)
        ApiToken.objects.update(expires_at=soon)
        assert ask(token).status_code == 200
        ApiToken.objects.update(expires_at=timezone.now())
        assert ask(token).status_code == 401
        page = browser_of(alice).get(PAGE)
        assert "Expired" in visible_text(page.content.decode())

    def test_brings_no_cookie_and_no_session(self, alice: User) -> None:
        assert not ask(made_for(alice)).cookies

    def test_is_noted_as_used_once_a_minute(self, alice: User) -> None:
        token = made_for(alice)
        ask(token)
        first = alice.api_tokens.get().last_used_at
        ask(token)
        assert first and alice.api_tokens.get().last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(minutes=1))
        ask(token)
        assert alice.api_tokens.get().last_used_at > first


class TestTheLimit:
    @pytest.fixture(autouse=True)
    def of_three(self, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.API_CALLS_PER_MINUTE = 3
        monkeypatch.setattr(tokens, "MOST_UNKNOWN", 2)

    def test_says_when_to_come_back(self, alice: User) -> None:
        token = made_for(alice)
        responses = [ask(token) for _ in range(5)]
        assert [each.status_code for each in responses] == [200, 200, 200, 429, 429]
        assert 0 < int(responses[-1].headers["Retry-After"]) <= 60
        assert responses[-1].json()["error"]["code"] == "too_many_requests"

    def test_is_over_after_a_minute(self, alice: User) -> None:
        token = made_for(alice)
        for _ in range(4):
            ask(token)
        CallCount.objects.update(since=timezone.now() - timedelta(minutes=1))
        assert [ask(token).status_code for _ in range(4)] == [200, 200, 200, 429]

    def test_is_each_tokens_own(self, alice: User, bob: User) -> None:
        first, second, bobs = made_for(alice, "1"), made_for(alice, "2"), made_for(bob)
        for _ in range(4):
            ask(first)
        assert [ask(each).status_code for each in (first, second, bobs)] == [429, 200, 200]

    def test_goes_for_wrong_calls_too(self, alice: User) -> None:
        client = Client(headers={"Authorization": f"Bearer {made_for(alice)}"})
        found = [client.get(f"{STYLES}?limit=x").status_code for _ in range(4)]
        assert found == [422, 422, 422, 429]

    def test_of_unknown_tokens_is_their_addresses_and_stops_no_token_that_is_in_use(
        self, alice: User
    ) -> None:
        found = [ask(f"pzu_{n}").status_code for n in range(4)]
        assert found == [401, 401, 429, 429]
        assert ask(made_for(alice)).status_code == 200
        elsewhere = Client(REMOTE_ADDR="192.0.2.7")
        unknown = {"Authorization": "Bearer pzu_1"}
        assert elsewhere.get(STYLES, headers=unknown).status_code == 401

    def test_takes_all_addresses_of_one_ipv6_network_for_one(self, db: None) -> None:
        unknown = {"Authorization": "Bearer pzu_1"}
        found = [
            Client(REMOTE_ADDR=f"2001:db8::{n}").get(STYLES, headers=unknown).status_code
            for n in range(1, 4)
        ]
        assert found == [401, 401, 429]

    def test_believes_no_address_that_the_caller_made_up(self, db: None) -> None:
        found = [ask("pzu_1", **{"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(3)]
        assert found == [401, 401, 429]

    def test_is_not_used_up_by_calls_without_a_token(self, db: None) -> None:
        assert {Client().get(STYLES).status_code for _ in range(5)} == {401}
        assert not CallCount.objects.exists()

    def test_forgets_who_called_long_ago(self, alice: User) -> None:
        ask("pzu_1")
        CallCount.objects.update(since=timezone.now() - timedelta(hours=2))
        ask(made_for(alice))
        assert CallCount.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_counts_every_call_of_many_at_the_same_time(self, alice: User) -> None:
        token = made_for(alice)

        def call(_number: int) -> int:
            try:
                return ask(token).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            found = Counter(pool.map(call, range(24)))
        assert found == {200: 3, 429: 21}
        assert CallCount.objects.get().calls == 3

    @pytest.mark.django_db(transaction=True)
    def test_counts_every_call_of_many_who_begin_to_count(self) -> None:
        together = threading.Barrier(8)

        def call(number: int) -> bool:
            try:
                together.wait()
                return CallCount.wait(f"token {number // 8}", most=3) == 0
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            let_in = [*pool.map(call, range(80))]
        assert [sum(let_in[n : n + 8]) for n in range(0, 80, 8)] == [3] * 10

    @pytest.mark.django_db(transaction=True)
    def test_revoking_while_it_is_used_lets_nothing_in_afterwards(
        self, alice: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.API_CALLS_PER_MINUTE = 100
        monkeypatch.setattr(tokens, "MOST_UNKNOWN", 100)
        token = made_for(alice)

        def call(number: int) -> int:
            try:
                if number == 4:
                    alice.api_tokens.get().revoke()
                return ask(token).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(call, range(12)))
        assert found <= {200, 401}
        assert ask(token).status_code == 401


class TestNoToken:
    @pytest.fixture
    def canary(self, alice: User) -> str:
        """A token of Alice's that is known here alone."""
        row = ApiToken.issue(alice, "Canary")[1]
        ApiToken.objects.filter(pk=row.pk).update(
            token_hash=ApiToken.hash_token(CANARY), last_four=CANARY[-4:]
        )
        return CANARY

    def test_is_in_the_database(self, hers: Client, alice: User) -> None:
        token = shown(hers.post(PAGE, BOT))
        ask(token)
        for model in apps.get_models(include_auto_created=True):
            assert token not in repr([*model.objects.values()]), model
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM cache")
            assert token not in repr(cursor.fetchall())

    def test_is_on_a_page(
        self, make_style: MakeStyle, alice: User, key: PikzelsKey, canary: str
    ) -> None:
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        world = make_world(make_style, alice, key)
        browser = browser_of(alice)
        bot = Client(headers={"Authorization": f"Bearer {canary}"})
        for route in all_routes():
            for client in (browser, bot):
                with transaction.atomic():
                    text = b"".join(client.get(world.address(route))).decode(errors="replace")
                    transaction.set_rollback(True)
                assert "canary-0123" not in text, route
                assert ApiToken.hash_token(canary) not in text, route

    @pytest.mark.parametrize("debug", [False, True])
    def test_is_in_a_log(
        self,
        canary: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
        debug: bool,
    ) -> None:
        """Not even before what goes to the terminal is redacted."""
        settings.DEBUG = debug
        caplog.set_level(logging.DEBUG)
        client = Client(headers={"Authorization": f"Bearer {canary}"})
        client.raise_request_exception = False
        statuses = [
            client.get(STYLES).status_code,
            client.get(f"{STYLES}?limit=x").status_code,
            client.get("/api/nowhere").status_code,
            client.post(STYLES).status_code,
            ask(canary, scheme="Token").status_code,
            ask(f"{canary}x").status_code,
        ]
        monkeypatch.setattr(views, "seen_by", lambda user: 1 / 0)
        assert [*statuses, client.get(STYLES).status_code] == [200, 422, 404, 405, 401, 401, 500]
        assert "Traceback" in caplog.text
        assert "canary" not in caplog.text

    def test_is_in_a_log_that_somebody_writes_it_to(self) -> None:
        lines = io.StringIO()
        handler = logging.StreamHandler(lines)
        handler.setFormatter(RedactingFormatter("%(message)s"))
        log = logging.Logger("test")
        log.addHandler(handler)
        log.warning("Authorization: Bearer %s", CANARY)
        assert lines.getvalue() == "Authorization: Bearer pzu_[redacted]\n"

    def test_is_in_a_report_of_an_error_with_all_its_variables(
        self, canary: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Such as the page that DEBUG shows, or a mail to who runs the server."""

        request = RequestFactory().get(STYLES, headers={"Authorization": f"Bearer {canary}"})
        for model, broken in ((hashlib, "sha256"), (ApiTokenQuerySet, "that_open")):
            with monkeypatch.context() as patch:
                patch.setattr(model, broken, None)
                with pytest.raises(TypeError) as caught:
                    BearerToken()(request)
            # Without the frame of this test, which knows the token.
            frames = caught.tb.tb_next
            reporter = ExceptionReporter(request, caught.type, caught.value, frames)
            html = reporter.get_traceback_html()
            assert "HTTP_AUTHORIZATION" in html
            assert "canary-0123" not in html
