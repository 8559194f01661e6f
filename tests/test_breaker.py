"""A key that is turned away: its owners are told once, and Resume asks Pikzels first."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

import pytest
import responses
from django.core import mail
from django.urls import reverse

from styles import breaker
from styles.models import Style
from styles.pikzels import rules
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .wording import banned_words

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)
TEST_ADDRESS = f"http://127.0.0.1:9/v2/pikzonality/{rules.NOBODYS_ID}"


def test_tells_the_owners_once(
    make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User
) -> None:
    for n in range(3):
        make_style(f"Style {n}", state=State.QUEUED, key=key)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    (message,) = mail.outbox
    assert message.to == [alice.email]
    assert "The balance is too low" in message.subject
    assert "/team/#keys" in message.body
    assert "canary" not in message.body
    assert banned_words(message.subject + message.body) == []


def test_tells_them_again_when_it_is_held_again(key: PikzelsKey, alice: User) -> None:
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    breaker.resume(key)
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    assert len(mail.outbox) == 2


def test_holds_although_the_mail_server_is_away(
    key: PikzelsKey, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(breaker, "send_mail", fail)
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    key.refresh_from_db()
    assert key.is_held


@pytest.mark.parametrize(
    ("code", "status", "held"),
    [(Code.NOT_FOUND, 404, False), (Code.API_KEY_DELETED, 401, True), (None, 502, False)],
)
def test_resume_asks_pikzels_first(
    key: PikzelsKey, alice: User, code: Code | None, status: int, held: bool
) -> None:
    breaker.hold(key, Code.INVALID_API_KEY)
    answer = {"error": {"code": code, "message": "No."}, "request_id": "r"} if code else {}
    with responses.RequestsMock() as pikzels:
        pikzels.get(TEST_ADDRESS, status=status, json=answer)
        browser_of(alice).post(reverse("key_resume", args=[key.uuid]))
    key.refresh_from_db()
    assert key.is_held is held
    assert key.on_trial is not held
