"""The doubt panel in the admin: what is known, and the ways out for whoever may settle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import responses
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from styles.models import Style
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of, person

MakeStyle = Callable[..., Style]
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"


@pytest.fixture
def style(make_style: MakeStyle, key: PikzelsKey) -> Style:
    style = make_style(state=State.IN_DOUBT, reason="no_answer", key=key)
    style.attempts.create(
        number=1,
        key=key,
        lease_until=style.created_at,
        committed_at=style.created_at,
        closed_at=style.created_at,
        outcome="in_doubt",
        bytes_total=4_100_000,
        bytes_sent=4_100_000,
    )
    return style


def staff(*rights: str) -> Client:
    user = person("Dee", None)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return browser_of(User.objects.get(pk=user.pk))


def page_of(client: Client, style: Style) -> str:
    return client.get(reverse("admin:styles_style_change", args=[style.pk])).content.decode()


def settle(client: Client, style: Style, way: str, **data: str) -> int:
    address = reverse("admin:styles_style_settle", args=[style.pk, way])
    assert client.get(address).status_code in {200, 302, 403}
    status = client.post(address, data).status_code
    style.refresh_from_db()
    return status


def test_shows_what_is_known(style: Style) -> None:
    page = page_of(staff("view_style"), style)
    for fact in ("Pikzels may have made this style", "pkz_…abcd", "3.9"):
        assert fact in page
    assert "/settle/" not in page


def test_offers_the_ways_out_to_who_may_settle(style: Style) -> None:
    page = page_of(staff("view_style", "change_style"), style)
    for way in ("paste_id", "send_again", "give_up"):
        assert f"/settle/{way}/" in page


def test_takes_the_id(style: Style) -> None:
    with responses.RequestsMock() as pikzels:
        pikzels.get(
            f"http://127.0.0.1:9/v2/pikzonality/{ID}",
            json={"id": ID, "name": style.name, "mode": "style", "status": "processing"},
        )
        assert settle(staff("change_style"), style, "paste_id", pikzels_id=ID) == 302
    assert (style.state, style.pikzels_id) == (State.TRAINING, ID)


def test_sends_again_by_the_name_only(style: Style) -> None:
    client = staff("change_style")
    assert settle(client, style, "send_again", name="Mars") == 422
    assert style.state == State.IN_DOUBT
    assert settle(client, style, "send_again", name="Mars diary") == 302
    assert style.state == State.QUEUED


def test_gives_up_and_notes_who_did(style: Style) -> None:
    settle(staff("change_style"), style, "give_up")
    assert style.state == State.DROPPED
    assert str(style.events.latest("at").who) == "Dee"


@pytest.mark.parametrize("way", ["give_up", "nonsense"])
def test_is_closed_to_who_may_only_look(style: Style, way: str) -> None:
    assert settle(staff("view_style"), style, way) == 403
    assert style.state == State.IN_DOUBT


def test_does_nothing_to_what_is_not_in_doubt(style: Style) -> None:
    Style.objects.update(state=State.QUEUED)
    assert settle(staff("change_style"), style, "give_up") == 302
    assert style.state == State.QUEUED
