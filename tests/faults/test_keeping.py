"""Bringing in, instructing, deleting: each durable step fails once, and nothing differs unsaid."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import DatabaseError
from django.utils import timezone

from styles import attaching, deleting, instructions
from styles.changing import NotDone, NotKnown
from styles.models import Deletion, Instructions, Style
from styles.pikzels import rules
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..pikzels.sandboxes import ask, create, look
from .test_fail_the_nth import (
    Setting,
    Trap,
    a_commit,
    a_commit_that_happened_all_the_same,
    a_write_to_the_database,
)

MakeStyle = Callable[..., Style]
KEY = "pkz_sandbox_1234"
T = TypeVar("T")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize(
        "setting", [a_write_to_the_database, a_commit, a_commit_that_happened_all_the_same]
    ),
]


def a_minute_later() -> None:
    """What the worker finds then."""
    past = timezone.now() - timedelta(minutes=1)
    Deletion.objects.update(due_at=past)
    Instructions.objects.asked().update(due_at=past)
    for style in list(deleting.due(timezone.now())):
        deleting.carry_out(style.pk)
    for style in list(instructions.due(timezone.now())):
        instructions.find_out(style.pk)


@pytest.fixture
def ready(
    make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey
) -> Callable[[int], Style]:
    """Make a style that the sandbox has too."""

    def make(nth: int) -> Style:
        pikzels_id = at_pikzels(sandbox, nth)
        return make_style(f"Mars {nth}", state=State.READY, key=sandbox_key, pikzels_id=pikzels_id)

    return make


def at_pikzels(sandbox: Sandbox, nth: int) -> str:
    return str(create(sandbox, f"Mars {nth}", key=KEY).json["id"])


def is_there(sandbox: Sandbox, style: Style) -> bool:
    return look(sandbox, style.pikzels_id, key=KEY).status == 200


def with_traps(
    setting: Setting,
    prepare: Callable[[int], T],
    act: Callable[[T], object],
    check: Callable[[T], object],
) -> None:
    """Do it again and again, each time with the next step failing, until none is left."""
    for nth in itertools.count(1):
        thing, trap = prepare(nth), Trap(nth)
        # The person sees an error.
        with setting(trap), suppress(DatabaseError):
            act(thing)
        check(thing)
        if not trap.went_off:
            break
    assert nth > 1


def test_bringing_in(
    setting: Setting, team: Team, alice: User, sandbox: Sandbox, sandbox_key: PikzelsKey
) -> None:
    def bring_in(pikzels_id: str) -> None:
        attaching.bring_in(team, sandbox_key, [pikzels_id], alice)

    def it_is_here_once_with_its_event(pikzels_id: str) -> None:
        half = [each for each in Style.objects.all() if each.events.count() != 1]
        assert half == []
        bring_in(pikzels_id)
        assert Style.objects.get(pikzels_id=pikzels_id).state == State.READY

    with_traps(
        setting, lambda nth: at_pikzels(sandbox, nth), bring_in, it_is_here_once_with_its_event
    )


def test_instructing(
    setting: Setting, ready: Callable[[int], Style], sandbox: Sandbox, alice: User
) -> None:
    def save(style: Style) -> None:
        with suppress(NotDone, NotKnown):
            instructions.save(style, "More neon", alice)

    def both_sides_agree(style: Style) -> None:
        path = rules.STYLE_PATH.format(id=style.pikzels_id)
        there = ask(sandbox, "GET", path, key=KEY).json["special_instructions"] or ""
        style.refresh_from_db()
        # What differs is known to be unsettled, and is settled without anybody's doing.
        assert style.instructions == there or style.texts.asked().exists()
        a_minute_later()
        style.refresh_from_db()
        assert style.instructions == there
        assert not style.texts.asked().exists()

    with_traps(setting, ready, save, both_sides_agree)


def test_deleting(
    setting: Setting, ready: Callable[[int], Style], sandbox: Sandbox, alice: User
) -> None:
    def both_sides_agree(style: Style) -> None:
        there = is_there(sandbox, style)
        style.refresh_from_db()
        waits = Deletion.objects.filter(style=style)
        assert there == (style.state != State.GONE) or waits.exists()
        a_minute_later()
        style.refresh_from_db()
        assert there == (style.state != State.GONE)
        assert not waits.exists()

    with_traps(setting, ready, lambda style: deleting.delete(style, alice), both_sides_agree)


def test_the_word_that_waits(
    setting: Setting, ready: Callable[[int], Style], sandbox: Sandbox, alice: User
) -> None:
    def wanted(nth: int) -> Style:
        style = ready(nth)
        deleting.delete_when_ready(style, alice)
        return style

    def it_is_gone_on_both_sides(style: Style) -> None:
        a_minute_later()
        a_minute_later()
        style.refresh_from_db()
        assert (style.state, is_there(sandbox, style)) == (State.GONE, False)
        assert not Deletion.objects.exists()

    with_traps(
        setting, wanted, lambda style: deleting.carry_out(style.pk), it_is_gone_on_both_sides
    )
