"""Each of the 31 codes and the odd answers, from the sandbox to a style that is made after all.

What a person does about it is what the page offers first; nothing is entered a second time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from styles import creation
from styles.explanations import explain
from styles.models import Style
from styles.pikzels.errors import FACTS, Code, Verdict
from styles.pikzels.sandbox import Sandbox
from styles.pikzels.sandbox.triggers import CODES
from styles.states import MADE, State
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .wording import banned_words, visible_text

MakeStyle = Callable[..., Style]
NEVER = threading.Event()


def once(code: Code) -> str:
    return f"once {CODES[code][0]}"


def having(verdict: Verdict) -> list[Code]:
    return [code for code in Code if FACTS[code].verdict == verdict]


@pytest.fixture
def send(make_style: MakeStyle, sandbox_key: PikzelsKey, bob: User) -> Callable[[str], Style]:
    """Submit Bob's style of this name, and let a worker send it."""

    def submitted(name: str) -> Style:
        style = make_style(name, creator=bob)
        assert style.submit(bob)
        return work_on(style)

    return submitted


def work_on(style: Style) -> Style:
    """Do what a worker does once the style is due."""
    Style.objects.filter(pk=style.pk, due_at__isnull=False).update(due_at=timezone.now())
    PikzelsKey.objects.update(paused_until=None)
    attempt = creation.claim(style.pk)
    assert attempt, "its key does not let it go"
    creation.record(attempt, creation.send(attempt, stop=NEVER))
    style.refresh_from_db()
    return style


def press(client: Client, style: Style, label: str, data: dict[str, str] | None = None) -> None:
    """Press the button of this name on the style's page."""
    panel = client.get(style.get_absolute_url()).context["shown"].panel
    button = next(button for button in panel.actions if button.label == label)
    answer = client.post(button.url, data or {})
    assert answer.status_code == 302, answer.context["form"].errors
    style.refresh_from_db()


def assert_explained(style: Style, reason: str, *users: User) -> None:
    """Each of these people reads the reason's own words, well worded, and the kept pictures."""
    explanation = explain(reason, style.shown_state)
    for user in users:
        page = browser_of(user).get(style.get_absolute_url()).content.decode()
        text = visible_text(page)
        assert str(explanation.title) in text
        owner = user.memberships.get().is_owner
        assert str(explanation.next_owner if owner else explanation.next_member) in text
        # What came back instead of an answer is shown as it came.
        theirs = " ".join(style.last_attempt.message.split()) if style.last_attempt else ""
        assert banned_words(text.replace(theirs, "")) == []
        assert page.count("/preview/") >= 3


def assert_made_once(style: Style, sandbox: Sandbox) -> None:
    assert style.state in MADE
    made = [row["id"] for row in sandbox.ledger.account()["styles"]]
    assert made == [style.pikzels_id]
    assert style.images.count() == 3


@pytest.mark.parametrize("code", having(Verdict.REFUSED))
def test_a_refusal_is_changed_and_sent_again(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, bob: User, code: Code
) -> None:
    style = send(once(code))
    assert (style.state, style.reason) == (State.REFUSED, code)
    assert_explained(style, code, alice, bob)
    client = browser_of(bob)
    if code == Code.IMAGE_TOO_LARGE:
        press(client, style, "Shrink and send again")
    else:
        form = client.get(style.address("edit"))
        assert form.context["form"]["name"].value() == once(code)
        name = once(code)
        if code in {Code.NAME_ALREADY_EXISTS, Code.NAME_RESERVED}:
            assert client.post(style.address("edit"), {"name": name}).status_code == 422
            name = "Another name"
        client.post(style.address("edit"), {"name": name})
        style.refresh_from_db()
    assert style.state == State.QUEUED
    assert_made_once(work_on(style), sandbox)


@pytest.mark.parametrize("code", having(Verdict.KEY_HELD))
def test_a_held_key_is_resumed_by_its_owner(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, bob: User, code: Code
) -> None:
    style = send(once(code))
    assert style.shown_state == "held"
    assert_explained(style, code, alice, bob)
    press(browser_of(alice), style, "Resume")
    assert_made_once(work_on(style), sandbox)


@pytest.mark.parametrize("code", having(Verdict.LATER))
def test_later_is_tried_again_by_itself(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, bob: User, code: Code
) -> None:
    style = send(once(code))
    assert (style.state, style.reason) == (State.QUEUED, code)
    assert_explained(style, code, alice, bob)
    assert_made_once(work_on(style), sandbox)


@pytest.mark.parametrize("code", having(Verdict.IN_DOUBT))
def test_a_doubt_about_what_was_made_ends_with_its_id(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, bob: User, code: Code
) -> None:
    style = send(once(code))
    assert (style.state, style.reason) == (State.IN_DOUBT, code)
    assert_explained(style, code, alice, bob)
    found = sandbox.ledger.account()["styles"][0]["id"]
    press(browser_of(bob), style, "Paste its ID", {"pikzels_id": found})
    assert_made_once(style, sandbox)


@pytest.mark.parametrize("code", having(Verdict.IN_DOUBT))
def test_a_doubt_about_what_was_not_made_is_sent_again_knowingly(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, code: Code
) -> None:
    name = f"{once(code)} unmade"
    style = send(name)
    assert style.state == State.IN_DOUBT
    press(browser_of(alice), style, "Send again…", {"name": name})
    assert_made_once(work_on(style), sandbox)


def test_sending_again_what_was_made_leads_to_its_id(
    send: Callable[[str], Style], sandbox: Sandbox, alice: User, bob: User
) -> None:
    style = send("once crashed")
    press(browser_of(alice), style, "Send again…", {"name": "once crashed"})
    work_on(style)
    assert (style.state, style.reason) == (State.IN_DOUBT, "made_before")
    assert browser_of(bob).post(style.address("edit"), {"name": "Other"}).status_code == 302
    found = sandbox.ledger.account()["styles"][0]["id"]
    press(browser_of(bob), style, "Paste its ID", {"pikzels_id": found})
    assert_made_once(style, sandbox)


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("once busy seconds", State.QUEUED, "TOO_MANY_REQUESTS"),
        ("once busy date", State.QUEUED, "TOO_MANY_REQUESTS"),
        ("once busy garbage", State.QUEUED, "TOO_MANY_REQUESTS"),
        ("once new code", State.REFUSED, "unknown_code"),
        ("once new crash", State.IN_DOUBT, "unknown_code"),
        ("once bare 403", State.REFUSED, "not_json"),
        ("once bare 429", State.QUEUED, "not_json"),
        ("once bare 500", State.IN_DOUBT, "not_json"),
        ("once bare 503", State.IN_DOUBT, "not_json"),
        ("once html 502", State.IN_DOUBT, "not_json"),
        ("once cut json", State.IN_DOUBT, "not_json"),
        ("once no id", State.IN_DOUBT, "no_id"),
        ("once empty", State.IN_DOUBT, "not_json"),
        ("once redirect", State.IN_DOUBT, "not_json"),
        ("once nowhere", State.IN_DOUBT, "not_json"),
        ("once dropped", State.IN_DOUBT, "no_answer"),
    ],
)
def test_an_odd_answer_is_explained(
    send: Callable[[str], Style], alice: User, bob: User, name: str, state: State, reason: str
) -> None:
    style = send(name)
    assert (style.state, style.reason) == (state, reason)
    assert_explained(style, reason, alice, bob)


def test_pikzels_own_words_and_the_request_id_are_there_for_support(
    send: Callable[[str], Style], sandbox: Sandbox, bob: User
) -> None:
    style = send("once crashed")
    page = browser_of(bob).get(style.get_absolute_url())
    details = {row["label"]: row["value"] for row in page.context["shown"].details}
    attempt = style.last_attempt
    assert attempt and attempt.request_id
    assert details["Request ID"] == attempt.request_id
    assert details["What came back"] == "The server failed unexpectedly."
    assert attempt.closed_at and attempt.closed_at - attempt.opened_at < timedelta(minutes=5)
