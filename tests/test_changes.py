"""When a style last changed: every change that is seen moves it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from styles import breaker
from styles.following import _note_training
from styles.models import Style
from styles.pikzels.client import Training
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import PikzelsKey, User

MakeStyle = Callable[..., Style]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def style(make_style: MakeStyle, key: PikzelsKey) -> Style:
    """One that has been training for long, as far as anybody saw."""
    return make_style(
        state=State.TRAINING, pikzels_id="id-1", key=key, progress=40, updated_at=LONG_AGO
    )


def changed(style: Style) -> bool:
    """Whether it has changed since long ago, by what its row says."""
    style.refresh_from_db()
    return style.updated_at > LONG_AGO


def look(style: Style, *, progress: int | None) -> None:
    """Note what Pikzels says of a style that trains."""
    said = {"style_id": "id-1", "name": "", "mode": "", "portrait_url": ""}
    _note_training(
        style,
        Training(status="processing", progress=progress, special_instructions="", **said),
    )


def test_a_new_style_has_just_changed(make_style: MakeStyle) -> None:
    assert timezone.now() - make_style().updated_at < timedelta(minutes=1)


def test_a_move_is_a_change(style: Style) -> None:
    style.move(State.READY, only_from=[State.TRAINING], progress=100, ready_at=timezone.now())
    assert changed(style)


def test_a_move_that_was_lost_is_none(style: Style) -> None:
    assert not style.move(State.DRAFT, only_from=[State.QUEUED])
    assert not changed(style)


def test_progress_is_a_change(style: Style) -> None:
    look(style, progress=60)
    assert changed(style)


def test_a_look_that_finds_it_where_it_was_is_none(style: Style) -> None:
    look(style, progress=40)
    assert not changed(style)
    assert style.due_at is not None


def test_a_look_that_knows_no_progress_any_more_is_one(style: Style) -> None:
    look(style, progress=None)
    assert changed(style)
    Style.objects.update(updated_at=LONG_AGO)
    look(style, progress=None)
    assert not changed(style)


def test_a_new_name_and_another_picture_are_changes(make_style: MakeStyle) -> None:
    style = make_style(updated_at=LONG_AGO)
    style.rename("Venus diary")
    assert changed(style)
    Style.objects.update(updated_at=LONG_AGO)
    style.remove_picture(1)
    assert changed(style)


def test_of_many_only_those_move_that_change(make_style: MakeStyle) -> None:
    stays, moves = make_style(reason="no_key"), make_style(reason="")
    Style.objects.update(updated_at=LONG_AGO)
    Style.objects.update(reason="no_key")
    assert (changed(stays), changed(moves)) == (False, True)


@pytest.mark.parametrize("due", [True, False])
def test_holding_and_resuming_a_key_change_what_waits_for_it(
    make_style: MakeStyle, key: PikzelsKey, due: bool
) -> None:
    """Also what came to wait after the key was held, which nothing else touches."""
    style = make_style(state=State.QUEUED, key=key, updated_at=LONG_AGO)
    for happens in (
        lambda: breaker.hold(key, Code.INSUFFICIENT_CREDITS),
        lambda: breaker.resume(key),
    ):
        Style.objects.filter(pk=style.pk).update(reason="", updated_at=LONG_AGO)
        happens()
        assert changed(style)


def test_the_time_is_taken_from_history_where_there_was_none(
    make_style: MakeStyle, alice: User
) -> None:
    style = make_style()
    style.drop(alice)
    last = style.events.get()
    Style.objects.update(updated_at=LONG_AGO)
    migration = import_module("styles.migrations.0005_updated_at")
    migration.from_history(apps, connection.schema_editor())
    style.refresh_from_db()
    assert style.updated_at == last.at
