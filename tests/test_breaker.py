"""A key that is turned away: its owners are told once, and Resume asks Pikzels first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import responses
from django.core import mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from styles import breaker, telling
from styles.models import Notice, Style
from styles.pikzels import rules
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .wording import banned_words

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)
TEST_ADDRESS = f"http://127.0.0.1:9/v2/pikzonality/{rules.NOBODYS_ID}"


def tell_all() -> None:
    Notice.objects.waiting().update(due_at=timezone.now())
    for notice in Notice.objects.due(timezone.now()):
        telling.tell(notice.pk)


def test_tells_the_owners_once(
    make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User
) -> None:
    for n in range(3):
        make_style(f"Style {n}", state=State.QUEUED, key=key)
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    tell_all()
    (message,) = mail.outbox
    assert message.to == [alice.email]
    assert "The balance is too low" in message.subject
    assert "Styles that wait for it: 3" in message.body
    assert "/team/#keys" in message.body
    assert "canary" not in message.body
    assert banned_words(message.subject + message.body) == []


def test_tells_them_again_when_it_is_held_again(key: PikzelsKey, alice: User) -> None:
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    tell_all()
    breaker.resume(key)
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    tell_all()
    assert len(mail.outbox) == 2


def test_tells_nobody_of_what_is_mended_already(key: PikzelsKey, alice: User) -> None:
    breaker.hold(key, Code.INSUFFICIENT_CREDITS)
    breaker.resume(key)
    tell_all()
    assert mail.outbox == []


def test_nothing_is_told_of_a_holding_that_was_not_stored(key: PikzelsKey, alice: User) -> None:
    with transaction.atomic():
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


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
