"""The log as JSON: one object a line, about what it was, and with nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.test import Client, RequestFactory

from pikzels_ui import logs
from pikzels_ui.logs import JsonFormatter, as_json_line, logging_config
from pikzels_ui.requests import id_of
from styles import following, views, worker
from styles.models import Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Worker
from teams.mails import KeptMails
from teams.models import ApiToken, PikzelsKey, User

from .conftest import browser_of
from .waiting import wait_until

MakeStyle = Callable[..., Style]
KEY = "pkz_canary_1234abcd"
LOGGERS = ("", "django", "pikzels_ui.requests")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What would be written with LOG_FORMAT=json."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("", "django")]
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for logger in loggers:
        logger.addHandler(handler)
    logging.getLogger("").setLevel("INFO")
    logging.getLogger("pikzels_ui.requests").setLevel("NOTSET")
    yield stream
    for logger in loggers:
        logger.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(stream: io.StringIO, logger: str = "") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["logger"].startswith(logger)]


class TestLines:
    def test_say_when_how_who_and_what(self, stream: io.StringIO) -> None:
        logging.getLogger("styles.x").warning("%d “files”\nof two lines", 3)
        (line,) = lines(stream)
        assert line.pop("time").endswith("+00:00")
        assert line == {
            "level": "WARNING",
            "logger": "styles.x",
            "message": "3 “files”\nof two lines",
        }

    def test_hold_no_secret_whether_in_words_or_in_what_broke(self, stream: io.StringIO) -> None:
        try:
            raise ValueError(f'{{"key": "{KEY}"}} data:image/png;base64,{"A" * 300}')
        except ValueError:
            with logs.about(style=KEY):
                logging.getLogger("x").exception("Refused %s at /join/canary/", {"key": KEY})
        (line,) = lines(stream)
        assert "Traceback" in line["exception"]
        assert "ValueError" in line["exception"]
        assert "canary" not in stream.getvalue()
        assert "AAAA" not in stream.getvalue()

    def test_say_what_they_are_about_and_only_inside(self, stream: io.StringIO) -> None:
        log = logging.getLogger("x")
        with logs.about(style="s"):
            logs.note(attempt=7, pikzels_request_id="")
            log.warning("in")
            with logs.about(attempt=8):
                log.warning("deeper")
        logs.note(attempt=9)
        log.warning("out")
        found = [{name: line.get(name) for name in ("style", "attempt")} for line in lines(stream)]
        assert found == [
            {"style": "s", "attempt": 7},
            {"style": "s", "attempt": 8},
            {"style": None, "attempt": None},
        ]
        assert "pikzels_request_id" not in stream.getvalue()

    def test_each_thread_has_its_own(self, stream: io.StringIO) -> None:
        with logs.about(style="s"):
            thread = threading.Thread(target=logging.getLogger("x").warning, args=("there",))
            thread.start()
            thread.join()
        assert "style" not in lines(stream)[0]


class TestRequests:
    def test_one_line_each_by_route_person_and_team(
        self, stream: io.StringIO, alice: User, make_style: MakeStyle
    ) -> None:
        style = make_style()
        response = browser_of(alice).get(f"{style.get_absolute_url()}?q=secret-search")
        (line,) = lines(stream, "pikzels_ui.requests")
        assert line["request_id"] == response.headers["X-Request-ID"]
        assert (line["method"], line["status"]) == ("GET", 200)
        assert line["route"] == "/styles/<uuid:style_id>/"
        assert (line["user"], line["team"]) == (alice.pk, style.team_id)
        assert line["style"] == str(style.pk)
        assert line["duration_ms"] > 0
        assert "secret-search" not in stream.getvalue()
        assert alice.email not in stream.getvalue()

    @pytest.mark.django_db
    @pytest.mark.parametrize("path", ["/join/canary/", "/nowhere/canary/", "/setup/canary/"])
    def test_no_address_that_opens_something(
        self, stream: io.StringIO, client: Client, path: str
    ) -> None:
        client.get(path)
        (line,) = lines(stream, "pikzels_ui.requests")
        assert line["status"] == 404
        assert "canary" not in json.dumps(line)
        if "nowhere" not in path:
            assert "canary" not in stream.getvalue()

    def test_a_bot_is_its_person(self, stream: io.StringIO, alice: User) -> None:
        token, _row = ApiToken.issue(alice, "Bot")
        Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/styles")
        (line,) = lines(stream, "pikzels_ui.requests")
        assert line["user"] == alice.pk
        assert token not in stream.getvalue()

    def test_what_a_page_logs_has_the_request(
        self, stream: io.StringIO, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "shelf", lambda *args: 1 / 0)
        browser = browser_of(alice)
        browser.raise_request_exception = False
        response = browser.get("/")
        (broke,) = lines(stream, "django.request")
        assert broke["request_id"] == response.headers["X-Request-ID"]
        assert "ZeroDivisionError" in broke["exception"]

    @pytest.mark.parametrize("path", ["/healthz", "/static/nothing.css"])
    def test_whoever_asks_all_the_time_fills_no_log(
        self, stream: io.StringIO, client: Client, path: str, db: None
    ) -> None:
        response = client.get(path)
        assert len(lines(stream, "pikzels_ui.requests")) == (response.status_code >= 400)

    def test_in_a_terminal_there_is_no_line_for_each(self) -> None:
        config = logging_config("plain", "DEBUG")["loggers"]["pikzels_ui.requests"]
        assert config["level"] == "WARNING"


class TestIds:
    @pytest.fixture
    def request_with(self) -> Callable[[str], HttpRequest]:
        return lambda given: RequestFactory().get("/", headers={"X-Request-ID": given})

    def test_one_from_outside_is_not_taken(
        self, settings: LazySettings, request_with: Callable[[str], HttpRequest]
    ) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
        assert id_of(request_with("0123456789abcdef")) != "0123456789abcdef"

    def test_one_of_a_proxy_of_ours_is(
        self, settings: LazySettings, request_with: Callable[[str], HttpRequest]
    ) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        assert id_of(request_with("0123456789abcdef")) == "0123456789abcdef"

    @pytest.mark.parametrize(
        "odd", ["", "short", "a" * 101, "with spaces", "ümläut-ümläut", '"{}"']
    )
    def test_but_no_odd_one(
        self, settings: LazySettings, request_with: Callable[[str], HttpRequest], odd: str
    ) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        found = id_of(request_with(odd))
        assert found != odd
        assert uuid.UUID(found)


@pytest.mark.django_db(transaction=True)
class TestWorker:
    def test_says_style_attempt_and_pikzels_request(
        self,
        stream: io.StringIO,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = make_style()
        style.submit(alice)
        busy = Worker()
        thread = threading.Thread(target=busy.run)
        thread.start()
        wait_until(lambda: Style.objects.filter(pk=style.pk, state=State.READY).exists())
        busy.stop()
        thread.join()
        attempt = style.attempts.get()
        (line,) = lines(stream, "styles.creation")
        assert (line["style"], line["attempt"]) == (str(style.pk), attempt.pk)
        assert line["team"] == style.team_id
        assert line["pikzels_request_id"] == attempt.request_id

    def test_what_breaks_names_its_row(
        self,
        stream: io.StringIO,
        make_style: MakeStyle,
        alice: User,
        sandbox_key: PikzelsKey,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        style = make_style(state=State.TRAINING, pikzels_id="x", key=sandbox_key)

        def broken(*args: object) -> None:
            raise RuntimeError("broken")

        crew = worker.Crew(1, "tester")
        crew.take_up("style", style.pk, broken)
        crew.finish()
        (line,) = lines(stream, "styles.worker")
        assert line["style"] == str(style.pk)
        assert "RuntimeError: broken" in line["exception"]

    def test_a_free_call_leaves_its_request_id(
        self, sandbox: Sandbox, sandbox_key: PikzelsKey, stream: io.StringIO
    ) -> None:
        with logs.about(style="s"):
            following.ask(sandbox_key, "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234")
            logging.getLogger("x").warning("then")
        assert lines(stream, "x")[0]["pikzels_request_id"]


class TestPrinted:
    def test_a_line_that_is_json_already_stays(self) -> None:
        assert as_json_line('{"level": "INFO"}', "web") == '{"level": "INFO"}'

    def test_another_becomes_one(self) -> None:
        line = json.loads(as_json_line('Working "hard".', "worker"))
        assert (line["logger"], line["message"]) == ("worker", 'Working "hard".')

    def test_mails_are_no_lines(
        self, settings: LazySettings, capsys: pytest.CaptureFixture[str], stream: io.StringIO
    ) -> None:
        settings.LOG_FORMAT = "json"
        mail = EmailMessage("Hello", "https://x.example/join/canary/", to=["dora@example.com"])
        assert KeptMails().send_messages([mail]) == 1
        assert capsys.readouterr().out == ""
        (line,) = lines(stream, "teams.mails")
        assert "dora" not in line["message"]
