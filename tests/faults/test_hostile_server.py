"""Whatever a server does to a paid call: it is paid once at most, and the page says what to do.

The first request meets the hostile server; whatever follows would meet one that makes the style.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from styles import creation
from styles.images import Accepted, accept
from styles.models import Style
from styles.pikzels.client import Limits, Pikzels
from styles.pikzels.errors import FACTS, Code
from styles.presentation import show
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..conftest import browser_of
from ..pictures import photo
from ..pikzels.loopback import MADE, Server, serving
from . import canary
from .hostile import SCRIPTS, Script, after_the_body, answers, in_the_middle

NEVER = threading.Event()
PATIENT = Limits(connect=10, answer=20, total=40)
MAKES_IT = after_the_body(answers(200, MADE))
pytestmark = pytest.mark.django_db


class Scene:
    """Alice's style, and a server that plays one thing to it and behaves from then on."""

    def __init__(self, server: Server, style: Style, people: tuple[User, ...]) -> None:
        self.server, self.style, self.people = server, style, people

    def work(self) -> tuple[str, str]:
        """Do what a worker does when the style is due; return its state and the reason."""
        Style.objects.filter(pk=self.style.pk, due_at__isnull=False).update(due_at=timezone.now())
        PikzelsKey.objects.update(paused_until=None)
        if attempt := creation.claim(self.style.pk):
            creation.record(attempt, creation.send(attempt, stop=NEVER))
        self.style.refresh_from_db()
        return self.style.state, self.style.reason

    def whole_requests(self) -> int:
        return sum(visit.is_whole for visit in self.server.visits)

    def pages(self) -> Iterator[str]:
        """Yield what each of them sees, and make sure that it says how to go on."""
        for person in self.people:
            shown = show(self.style, person.memberships.get())
            assert shown.next_step or (shown.panel and shown.panel.actions), "no next step"
            page = browser_of(person).get(self.style.get_absolute_url())
            assert page.status_code == 200
            yield page.content.decode()

    def assert_nothing_leaked(self, log: pytest.LogCaptureFixture) -> None:
        assert canary.places(log.text) == []
        assert not any(canary.SECRET in page for page in self.pages())


Play = Callable[..., Scene]


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int | None], Accepted]:
    """Return a judged picture of so many bytes, or a small one; to be copied, for it is kept."""
    folder = tmp_path_factory.mktemp("accepted")

    @cache
    def judged(size: int | None) -> Accepted:
        content = photo(1600, 1200, size_bytes=size) if size else photo(320, 180)
        return accept(BytesIO(content), name="m.jpg", directory=folder)

    return judged


@pytest.fixture
def play(
    accepted: Callable[[int | None], Accepted],
    team: Team,
    alice: User,
    bob: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    certificate: Path,
) -> Iterator[Play]:
    """Start a server that plays a script, and submit a style to it."""

    def play(script: Script, tls: ssl.SSLContext | None = None) -> Scene:
        impatience = iter([dict(script.limits)])

        def connect(key: PikzelsKey) -> Pikzels:
            limits = replace(PATIENT, **next(impatience, {}))
            verify = str(certificate)
            return Pikzels(api_key=key.open(), base_url=key.base_url, limits=limits, verify=verify)

        monkeypatch.setattr(creation, "connect", connect)
        turns = itertools.chain([script.play], itertools.repeat(MAKES_IT))
        server = servers.enter_context(serving(lambda visit: next(turns)(visit), tls))
        PikzelsKey.seal(canary.SECRET, base_url=server.url, team=team, name="K").save()
        style = Style.objects.create(team=team, creator=alice, name="Mars diary")
        judged = accepted(script.picture_bytes)
        for position in (1, 2, 3):
            path = settings.FILE_UPLOAD_TEMP_DIR / f"{position}{judged.path.suffix}"
            shutil.copyfile(judged.path, path)
            style.keep_picture(position, replace(judged, path=path), alice)
        assert style.submit(alice)
        return Scene(server, style, (alice, bob))

    with ExitStack() as servers:
        yield play


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name.replace(" ", "_"))
def test_each_ends_in_a_state_with_a_way_out(
    play: Play, tls: ssl.SSLContext | None, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scene = play(script, tls)
    assert scene.work() == (script.state, script.reason)
    scene.assert_nothing_leaked(caplog)
    after = scene.work()
    if script.state == State.QUEUED:
        assert after == (State.TRAINING, "")
        assert scene.whole_requests() == 1
    else:
        assert after == (script.state, script.reason)
        assert len(scene.server.visits) == 1


def test_a_redirect_does_not_carry_the_key_to_another_host(
    play: Play, tls: ssl.SSLContext | None
) -> None:
    with serving(MAKES_IT, tls) as elsewhere:
        redirect = answers(307, b"", f"Location: {elsewhere.url}/v2/pikzonality/style")
        scene = play(Script("307", after_the_body(redirect), State.IN_DOUBT, "not_json"), tls)
        assert scene.work() == (State.IN_DOUBT, "not_json")
        scene.work()
        assert elsewhere.visits == []


def test_nobody_listens(play: Play) -> None:
    scene = play(Script("nobody", MAKES_IT, State.QUEUED, "could_not_connect"))
    scene.server.close()
    assert scene.work() == (State.QUEUED, "could_not_connect")
    assert list(scene.pages())


# The codes


def envelope(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "No."}, "request_id": "req-1"}


def may_have_charged(status: int, *, with_envelope: bool) -> bool:
    """As a careful reader of the contract would say: only a refusal in so many words is one."""
    return status in {408, 425, 499} or (status >= 500 and not (status == 503 and with_envelope))


@pytest.mark.parametrize("early", [False, True], ids=["after_the_body", "early"])
@pytest.mark.parametrize("with_envelope", [True, False], ids=["envelope", "bare"])
@pytest.mark.parametrize("code", list(Code))
def test_each_code(
    play: Play,
    code: Code,
    with_envelope: bool,
    early: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    status = FACTS[code].status
    answer = answers(status, envelope(code) if with_envelope else b"No.")
    when = in_the_middle if early else after_the_body
    size = 2_500_000 if early else None
    scene = play(Script(code, when(answer), State.DRAFT, "", size))
    state, _reason = scene.work()
    scene.assert_nothing_leaked(caplog)
    if not early and may_have_charged(status, with_envelope=with_envelope):
        assert state == State.IN_DOUBT
        assert scene.work()[0] == State.IN_DOUBT
        assert scene.whole_requests() == 1
        return
    assert state in {State.QUEUED, State.REFUSED}
    made = scene.work()[0] == State.TRAINING
    # What waits for a person or for a key is not sent; all else is, and is made once.
    assert made == (state == State.QUEUED and not scene.style.key.is_held)
    assert len(scene.server.visits) == 1 + made


# How long to wait

FORMS = {
    "7": 7,
    "0": 1,
    "-5": None,
    "1.5": 1.5,
    "999999": 3600,
    "soon": None,
    "": None,
    "in 90 seconds": 90,
    "in 3 days": 3600,
    "yesterday": 1,
}


def as_header(form: str, now: datetime) -> str:
    dates = {"in 90 seconds": 90, "in 3 days": 3 * 86400, "yesterday": -86400}
    if form not in dates:
        return form
    return format_datetime(now + timedelta(seconds=dates[form]), usegmt=True)


@pytest.mark.parametrize("code", [Code.TOO_MANY_REQUESTS, Code.SERVICE_UNDER_MAINTENANCE])
@pytest.mark.parametrize("form", FORMS)
def test_waits_as_long_as_it_was_asked_to(play: Play, form: str, code: Code) -> None:
    header = f"Retry-After: {as_header(form, datetime.now(UTC))}"
    answer = answers(FACTS[code].status, envelope(code), header)
    scene = play(Script(form, after_the_body(answer), State.QUEUED, code))
    before = timezone.now()
    assert scene.work() == (State.QUEUED, code)
    assert scene.style.due_at
    waits = (scene.style.due_at - before).total_seconds()
    asked = FORMS[form]
    if asked is None:
        assert 1 <= waits < 20
    else:
        assert asked - 1 <= waits <= asked + 5
    key = PikzelsKey.objects.get()
    assert key.paused_until and key.paused_until <= scene.style.due_at
    assert scene.work() == (State.TRAINING, "")
