"""A key that is put in through the browser is found nowhere again, whatever is done or breaks."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses
from django.conf import LazySettings
from django.contrib import messages
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils.log import AdminEmailHandler
from django.views.debug import get_exception_reporter_class

from styles import breaker, creation, following
from styles.models import Style
from styles.pikzels import rules
from styles.pikzels.client import Pikzels
from styles.pikzels.errors import Code
from styles.pikzels.sandbox import Sandbox
from styles.pikzels.wire import Line
from styles.states import State
from teams import encryption, key_forms, keys, models
from teams.models import ApiToken, PikzelsKey, Team, User
from teams.team_events import TeamEvent

from .conftest import browser_of
from .faults import canary
from .routes import all_routes
from .test_notices import tell_all
from .world import make_world

MakeStyle = Callable[..., Style]
PART = canary.SECRET.partition("_")[2]
ANOTHER = f"{canary.SECRET}_another"
PIKZELS = rules.BASE_URL + rules.STYLE_PATH.format(id=rules.NOBODYS_ID)
# Where each of the things that are done with a key can break, the earliest first.
STEPS: list[tuple[Any, str]] = [
    (key_forms, "bare"),
    (models, "encrypt"),
    (models, "fingerprint"),
    (encryption, "known_keys"),
    (PikzelsKey, "seal"),
    (keys, "check"),
    (keys, "fingerprints"),
    (PikzelsKey, "open"),
    (models, "decrypt"),
    (following, "test_key"),
    (following, "connect"),
    (creation, "Pikzels"),
    (Pikzels, "get"),
    (Pikzels, "_call"),
    (Line, "session"),
    (Pikzels, "_reply"),
    (following, "turns_away"),
    (keys, "_lock"),
    (PikzelsKey, "save"),
    (breaker, "adopt"),
    (TeamEvent, "note"),
    (messages, "success"),
]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that is logged, at every level, before it is redacted."""
    caplog.set_level(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("django", "django.request")]
    for each in loggers:
        each.addHandler(caplog.handler)
    yield caplog
    for each in loggers:
        each.removeHandler(caplog.handler)


@pytest.fixture
def mailed(settings: LazySettings) -> Iterator[None]:
    """Our own faults are mailed to whoever runs the server, with all that is known of them."""
    settings.ADMINS = [("Olga", "olga@example.com")]
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def text_of(response: Any) -> str:
    return b"".join(response).decode(errors="replace") + str(response.headers)


@pytest.mark.django_db(transaction=True)
def test_all_its_life(
    log: pytest.LogCaptureFixture,
    sandbox: Sandbox,
    settings: LazySettings,
    make_style: MakeStyle,
    alice: User,
    team: Team,
) -> None:
    """Added, renamed, tested, used, held, resumed, replaced, exported, dumped, removed."""
    settings.PIKZELS_BASE_URL = sandbox.url
    call_command("createcachetable", verbosity=0)
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    hers = browser_of(alice)
    seen: list[str] = []

    def post(address: str, **data: object) -> None:
        response = hers.post(address, {"team": team.pk, **data}, follow=True)
        assert response.status_code in {200, 422}, address
        seen.append(text_of(response))

    post("/team/keys/add/", name="", secret=canary.SECRET)
    post("/team/keys/add/", name="Main", secret=f"{canary.SECRET} x")
    post("/team/keys/add/", name="Main", secret=canary.SECRET)
    post("/team/keys/add/", name="Main", secret=canary.SECRET)
    key = team.keys.get()
    assert key.open() == canary.SECRET
    address = f"/team/keys/{key.uuid}/"
    post(address, name="Main account")
    post(f"{address}test/")
    style = make_style("Mars diary")
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt
    creation.record(attempt, creation.send(attempt, stop=threading.Event()))
    following.follow(style.pk)
    style.refresh_from_db()
    assert style.state in {State.TRAINING, State.READY}
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    tell_all()
    assert mail.outbox
    post(f"{address}resume/")
    post(f"{address}replace/", secret=ANOTHER)
    post(f"{address}remove/")
    another = team.keys.in_use().get()
    assert another.open() == ANOTHER
    world = make_world(make_style, alice, another)
    bot = Client(headers={"Authorization": f"Bearer {ApiToken.issue(alice, 'Mine')[0]}"})
    for route in all_routes():
        seen += [text_of(browser.get(world.address(route))) for browser in (hers, bot)]
    dumped = io.StringIO()
    call_command("dumpdata", stdout=dumped)
    assert "pikzelskey" in dumped.getvalue()
    assert not [text for text in [*seen, dumped.getvalue()] if "pkz_canary" in text]
    assert "pkz_canary" not in log.text
    assert canary.places(log.text) == []


@pytest.mark.parametrize("debug", [False, True], ids=["live", "debug"])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _owner, name in STEPS])
def test_whatever_breaks(
    log: pytest.LogCaptureFixture,
    mailed: None,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    alice: User,
    team: Team,
    debug: bool,
    owner: Any,
    name: str,
) -> None:
    settings.DEBUG = debug
    browser = browser_of(alice)
    browser.raise_request_exception = False

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"{name} broke")

    with responses.RequestsMock(assert_all_requests_are_fired=False) as pikzels:
        answer = {"error": {"code": Code.NOT_FOUND, "message": "No."}, "request_id": "r"}
        pikzels.get(PIKZELS, status=404, json=answer)
        monkeypatch.setattr(owner, name, broken)
        data = {"team": team.pk, "name": "Main", "secret": canary.SECRET}
        page = browser.post("/team/keys/add/", data)
    monkeypatch.undo()
    # What breaks on the way to Pikzels is as if nobody could be asked.
    expected = 422 if owner is Line else 500
    assert page.status_code == expected
    reports = "".join(str(message.alternatives) + message.body for message in mail.outbox)
    if expected == 500:
        assert f"{name} broke" in log.text and f"{name} broke" in reports
        assert ("Traceback" in page.content.decode()) is debug
    for text in (page.content.decode(), log.text, reports):
        assert PART not in text
    assert not canary.places(log.text)


def test_a_report_shows_no_part_of_a_key_that_html_writes_in_another_way(
    mailed: None, monkeypatch: pytest.MonkeyPatch, alice: User, team: Team
) -> None:
    monkeypatch.setattr(keys, "check", lambda key: 1 / 0)
    browser = browser_of(alice)
    browser.raise_request_exception = False
    # Not in one piece, for a report shows the lines of this test, too.
    secret = "&".join(("pkz_1234", PART, "5678"))
    data = {"team": team.pk, "name": "Main", "secret": secret}
    assert browser.post("/team/keys/add/", data).status_code == 500
    (message,) = mail.outbox
    assert PART not in str(message.alternatives) + message.body
    assert "ZeroDivisionError" in message.body


def test_a_report_shows_no_key_of_a_request_that_was_sent(
    mailed: None, monkeypatch: pytest.MonkeyPatch, alice: User, key: PikzelsKey, rf: Any
) -> None:
    """With the headers in it, in the variables of a library."""

    def send(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    session = requests.Session()
    try:
        session.get("http://127.0.0.1:9/", headers={"X-Api-Key": key.open()})
    except RuntimeError as error:
        reporter = get_exception_reporter_class(rf.get("/"))(
            rf.get("/"), type(error), error, error.__traceback__
        )
    html = reporter.get_traceback_html()
    assert "X-Api-Key" in html
    assert "canary_1234" not in html
