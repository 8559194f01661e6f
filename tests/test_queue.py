"""What is sent next: what has waited longest, key by key, as far as each key may send."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from styles import creation
from styles.models import Style
from styles.states import State
from teams.models import PikzelsKey, Team

MakeStyle = Callable[..., Style]
Wait = Callable[..., list[Style]]


@pytest.fixture
def other(team: Team) -> PikzelsKey:
    key = PikzelsKey.seal("pkz_other_1234", base_url="http://127.0.0.1:9", team=team, name="O")
    key.save()
    return key


@pytest.fixture
def waiting(make_style: MakeStyle) -> Wait:
    """Let as many wait as there are minutes, each for so long."""

    def wait(key: PikzelsKey, *minutes: int) -> list[Style]:
        now = timezone.now()
        return [
            make_style(f"Waits {n}", state=State.QUEUED, key=key, due_at=now - timedelta(minutes=n))
            for n in minutes
        ]

    return wait


def next_ones(places: int = 16, but: Sequence[Style] = ()) -> list[uuid.UUID]:
    taken = [style.pk for style in but]
    return creation.next_to_send(timezone.now(), places, but=taken)


def test_what_is_sent_next_is_what_has_waited_longest_key_by_key(
    waiting: Wait, key: PikzelsKey, other: PikzelsKey
) -> None:
    fourth, third = waiting(other, 1, 4)
    second, first = waiting(key, 2, 5)
    assert next_ones() == [first.pk, second.pk, third.pk, fourth.pk]


def test_what_is_sent_next_is_no_more_than_there_are_places_for(
    waiting: Wait, key: PikzelsKey, other: PikzelsKey
) -> None:
    waiting(other, 1)
    (second, first) = waiting(key, 2, 5)
    assert next_ones(places=2) == [first.pk, second.pk]
    assert next_ones(places=0) == []


def test_one_key_leaves_places_for_other_keys(
    waiting: Wait,
    key: PikzelsKey,
    other: PikzelsKey,
    settings: LazySettings,
) -> None:
    settings.IN_FLIGHT_PER_KEY = 2
    many, (one,) = waiting(key, 9, 8, 7, 6, 5), waiting(other, 1)
    assert next_ones() == [many[0].pk, many[1].pk, one.pk]


def test_what_is_sent_next_is_nothing_that_a_thread_has_already(
    waiting: Wait, key: PikzelsKey
) -> None:
    first, second = waiting(key, 2, 1)
    assert next_ones(but=[first]) == [second.pk]


def test_what_is_sent_next_is_nothing_of_a_key_that_has_in_flight_what_it_may(
    waiting: Wait,
    key: PikzelsKey,
    other: PikzelsKey,
    settings: LazySettings,
) -> None:
    settings.IN_FLIGHT_PER_KEY = 1
    flying, *_rest = waiting(key, 9, 8)
    (one,) = waiting(other, 1)
    assert creation.claim(flying.pk)
    assert next_ones() == [one.pk]


def test_a_key_on_trial_has_one_place(
    waiting: Wait,
    key: PikzelsKey,
) -> None:
    first, *_rest = waiting(key, 9, 8)
    PikzelsKey.objects.update(on_trial=True)
    assert next_ones() == [first.pk]
    assert creation.claim(first.pk)
    assert next_ones() == []


def test_what_is_sent_next_is_nothing_that_is_not_due_or_not_to_be_sent(
    waiting: Wait, make_style: MakeStyle, key: PikzelsKey
) -> None:
    waiting(key, -1)
    now = timezone.now()
    make_style("Trains", state=State.TRAINING, key=key, pikzels_id="id-1", due_at=now)
    make_style("Held", state=State.QUEUED, key=key)
    assert next_ones() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole")
def test_what_waits_is_gone_through_for_none_of_it(key: PikzelsKey) -> None:
    now = timezone.now()
    assert "style_to_follow" in Style.objects.to_follow(now)[:16].explain()
    assert "style_to_send" in Style.objects.to_send(now).filter(key=key)[:4].explain()
    assert "SCAN styles_style" not in creation.keys_with_work(now, {})[:16].explain()
    assert "style_to_send" in creation.keys_with_work(now, {})[:16].explain()
