"""Through the whole product with everything logged: no secret is in what a log says."""

from __future__ import annotations

import base64
import io
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import UploadedFile
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from pikzels_ui.redaction import RedactingFormatter
from styles import creation, following
from styles.models import Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import Team, User
from teams.setup import setup_link

from .conftest import form_data
from .pictures import photo
from .routes import all_routes
from .test_account import code_of

ALICES, DORAS, WRONG = "a canary under the lamp", "a canary on the slide", "a canary astray again"
NEW = "a canary in the new frame"
EMAIL = {"email": "alice@example.com"}
KEY = "pkz_canary_1234abcd"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Return what goes to the terminal with LOG_LEVEL=DEBUG, under which Django keeps its own."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    root, django = logging.getLogger(), logging.getLogger("django")
    level = root.level
    root.setLevel(logging.DEBUG)
    for each in (root, django):  # the second passes nothing on
        each.addHandler(handler)
    yield lines
    root.setLevel(level)
    for each in (root, django):
        each.removeHandler(handler)


class Walk:
    """A browser, and the secrets that have gone through it."""

    def __init__(self) -> None:
        self.secrets: set[str] = {ALICES, DORAS, WRONG, NEW, KEY}
        self.browser = Client()

    def post(self, path: str, **data: object) -> Any:
        response = self.browser.post(path, data)
        assert response.status_code < 500, path
        self.note_cookies()
        return response

    def note_cookies(self) -> None:
        values = [cookie.value for cookie in self.browser.cookies.values()]
        self.secrets |= {value for value in values if len(value) > 20}

    def follow(self, link: str) -> HttpResponse:
        """Open a link that lets somebody in, having noted its secret."""
        path = re.sub(r"^https?://[^/]+", "", link)
        self.secrets.add(max(path.split("/"), key=len))
        return self.browser.get(path, follow=True)


def set_up(walk: Walk) -> None:
    link = setup_link()
    walk.follow(link)
    path = link.removeprefix(settings.PUBLIC_URL)
    mine = {**EMAIL, "team_name": "Studio North", "name": "Alice"}
    assert walk.post(path, **mine, password="too short").status_code == 422
    assert walk.post(path, **mine, password=ALICES).status_code == 302
    assert walk.follow(link).status_code == 404


def sign_in(walk: Walk) -> None:
    walk.post("/accounts/logout/")
    login = {"login": EMAIL["email"]}
    assert walk.post("/accounts/login/", **login, password=WRONG).status_code == 422
    # In the wrong field, as it happens.
    assert walk.post("/accounts/login/", login=WRONG, password=WRONG).status_code == 422
    assert walk.post("/accounts/login/", **login, password=ALICES).status_code == 302


def reset(walk: Walk) -> None:
    walk.post("/accounts/password/reset/", **EMAIL)
    link = re.search(r"https?://\S+/key/\S+", str(mail.outbox[-1].body))
    assert link
    page: Any = walk.follow(link[0])
    where = page.redirect_chain[-1][0]
    walk.post(where, password1=NEW, password2=WRONG)
    walk.post(where, password1=NEW, password2=NEW)
    assert walk.follow(link[0]).status_code == 200


def invite(walk: Walk, team: Team) -> None:
    invited = walk.post("/team/invite/", team=team.pk, email="dora@example.com", role="member")
    link = invited.context["link"]
    hers = walk.browser
    walk.browser = Client()
    walk.follow(link)
    path = re.sub(r"^https?://[^/]+", "", link)
    assert walk.post(path, name="Dora", password="too short").status_code == 422
    assert walk.post(path, name="Dora", password=DORAS).status_code == 302
    walk.browser = Client()
    assert walk.follow(link).status_code == 404
    walk.browser = hers


def second_factor(walk: Walk, alice: User) -> None:
    walk.post("/accounts/reauthenticate/", password=ALICES)
    secret = walk.browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    walk.post("/accounts/2fa/totp/activate/", code="000000")
    walk.post("/accounts/2fa/totp/activate/", code=code_of(secret))
    codes = RecoveryCodes(Authenticator.objects.get(user=alice, type="recovery_codes"))
    walk.secrets |= {secret, *codes.get_unused_codes()}
    assert TOTP(Authenticator.objects.get(user=alice, type="totp"))


def bot(walk: Walk) -> Client:
    page = walk.post("/account/tokens/", name="Bot", days=30)
    token = page.context["token"]
    walk.secrets.add(token)
    for tried in (token, f"{token}x"):
        Client(headers={"Authorization": f"Bearer {tried}"}).get("/api/v1/styles")
    return Client(headers={"Authorization": f"Bearer {token}"})


def make_a_style(walk: Walk, team: Team) -> Style:
    page = walk.post("/styles/new/", **form_data(team))
    style = Style.objects.get(pk=page.url.split("/")[2])
    attempt = creation.claim(style.pk)
    assert attempt
    creation.record(attempt, creation.send(attempt, stop=threading.Event()))
    following.follow(style.pk)
    style.refresh_from_db()
    assert style.state in {State.TRAINING, State.READY}
    return style


@pytest.mark.django_db(transaction=True)
def test_no_secret_and_no_picture_is_written(
    written: io.StringIO, sandbox: Sandbox, settings: Any
) -> None:
    call_command("createcachetable", verbosity=0)
    settings.PIKZELS_BASE_URL = sandbox.url
    User.objects.all().delete()
    Team.objects.all().delete()
    walk = Walk()
    set_up(walk)
    alice, team = User.objects.get(), Team.objects.get()
    sign_in(walk)
    walk.post("/team/keys/add/", team=team.pk, name="Main", secret=KEY)
    assert team.keys.in_use().filter(name="Main").exists()
    style = make_a_style(walk, team)
    invite(walk, team)
    bots = bot(walk)
    second_factor(walk, alice)
    for client in (walk.browser, bots):
        visit_everything(client, style)
    reset(walk)
    text = written.getvalue()
    assert "DEBUG" in text and "Not Found: /setup/[redacted]/" in text
    assert "Unprocessable Entity: /join/[redacted]/" in text
    assert [secret for secret in walk.secrets if secret in text] == []
    for number in (1, 2, 3):
        picture = base64.b64encode(photo(320, 180, seed=number)).decode()
        assert picture[:60] not in text and picture[300:360] not in text


def visit_everything(client: Client, style: Style) -> None:
    for route in all_routes():
        values = dict.fromkeys(route.names_of_arguments, 1) | {"style_id": style.pk}
        response: Any = client.get(route.path(values))
        b"".join(response)
        assert response.status_code < 500 or route.name == "readyz"


def test_what_is_checked_would_be_found(written: io.StringIO) -> None:
    """Without being redacted a one-time link, say, would be in what is written."""
    logging.getLogger("django.request").warning("Not Found: %s", "/team/a-canary/")
    logging.getLogger("teams").debug("%s", WRONG)
    assert "a-canary" in written.getvalue() and WRONG in written.getvalue()


def test_djangos_own_lines_do_not_become_more() -> None:
    """On DEBUG its templates write down all that a page knows, with its session and its form."""
    assert settings.LOGGING["loggers"]["django"]["level"] == "INFO"
    assert not logging.getLogger("django.template").isEnabledFor(logging.DEBUG)


def test_uploads_are_no_words(written: io.StringIO) -> None:
    """Whoever logs an upload by mistake logs its name, and no byte of it."""
    logging.getLogger("styles").warning("%s", UploadedFile(io.BytesIO(photo()), "mars.jpg"))
    assert "mars.jpg" in written.getvalue() and "JFIF" not in written.getvalue()
