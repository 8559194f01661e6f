"""Portraits: their addresses are what an answer says, and lead into nobody's network."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import responses
from django.conf import LazySettings
from django.utils import timezone

from styles import following, portraits
from styles.images import fetching
from styles.images.fetching import INTERNET, Network
from styles.models import Style
from styles.pikzels import rules
from styles.states import State
from teams.models import PikzelsKey, Team

from .far_away import FarAway, by_path, leading_to, sending
from .pictures import blobs, encoded, photo
from .test_network import SPECIAL

MakeStyle = Callable[..., Style]
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
PORTRAIT = "https://pictures.example/portraits/1.jpg?signature=secret"


@pytest.fixture
def real_key(team: Team) -> PikzelsKey:
    key = PikzelsKey.seal("pkz_real_1234", base_url=rules.BASE_URL, team=team, name="Real")
    key.save()
    return key


@pytest.fixture
def training(make_style: MakeStyle, real_key: PikzelsKey) -> Style:
    now = timezone.now()
    return make_style(state=State.TRAINING, key=real_key, pikzels_id=ID, made_at=now, due_at=now)


@pytest.fixture
def pikzels() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Callable[[Network], None]:
    """Have the portrait fetched from a network of this machine."""

    def use(network: Network) -> None:
        fetch = partial(fetching.fetch_picture, network=network)
        monkeypatch.setattr(portraits, "fetch_picture", fetch)

    return use


def ready(style: Style, mock: responses.RequestsMock, portrait: str) -> Style:
    """Follow a style of which Pikzels says that it is trained and looks like `portrait`."""
    base_url = style.key.base_url if style.key else ""
    said = {"id": ID, "name": style.name, "mode": "style", "progress": 100}
    said |= {"status": "completed", "portrait_url": portrait}
    mock.get(base_url + rules.STYLE_PATH.format(id=ID), json=said)
    following.follow(style.pk)
    style.refresh_from_db()
    assert style.state == State.READY
    return style


def nothing_left(settings: LazySettings) -> bool:
    return list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == []


def test_is_copied_from_wherever_it_is_on_the_internet(
    training, pikzels, place, through, settings
) -> None:
    there: FarAway = place(
        by_path(**{"1": leading_to("https://elsewhere.example/2.jpg"), "2": sending(200, photo())})
    )
    through(there.network)
    style = ready(training, pikzels, PORTRAIT)
    assert (Path(style.portrait.path).read_bytes(), style.due_at) == (photo(), None)
    assert there.greeted == ["pictures.example", "elsewhere.example"]
    assert not any(b"pkz_" in visit.head for visit in there.server.visits)
    assert nothing_left(settings)


@pytest.mark.parametrize("address", SPECIAL)
def test_is_not_fetched_from_a_network_of_our_own(
    training, pikzels, through, monkeypatch, address
) -> None:
    through(replace(INTERNET, resolve=lambda host: [address]))
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    style = ready(training, pikzels, PORTRAIT)
    assert not style.portrait and style.due_at


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/1.jpg",
        "https://127.0.0.1/1.jpg",
        "https://[::1]/1.jpg",
        "https://[::ffff:10.0.0.1]/1.jpg",
        "https://169.254.169.254/latest/meta-data/",
        "https://2130706433/1.jpg",
        "https://0177.0.0.1/1.jpg",
        "https://0x7f.1/1.jpg",
        "https://127.1/1.jpg",
        "https://localhost/1.jpg",
        "https://database/1.jpg",
        "https://pictures.example:8443/1.jpg",
        "https://alice:secret@pictures.example/1.jpg",
        "http://127.0.0.1:8001/portraits/1.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://youtu.be/dQw4w9WgXcQ",
    ],
)
def test_is_not_fetched_from_what_no_link_may_be(
    training, pikzels, through, monkeypatch, url
) -> None:
    through(replace(INTERNET, resolve=lambda host: []))
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    style = ready(training, pikzels, url)
    assert not style.portrait and style.due_at


def test_that_leads_inside_ends_before_anybody_connects_to_it(
    training, pikzels, place, through
) -> None:
    there: FarAway = place(leading_to("https://inside.example/1.jpg"))
    through(there.network)
    assert not ready(training, pikzels, PORTRAIT).portrait
    assert there.greeted == ["pictures.example"]


def test_of_a_name_that_changes_its_address_is_fetched_from_the_one_that_was_looked_at(
    training, pikzels, place, through
) -> None:
    there: FarAway = place(sending(200, photo()))
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    through(replace(there.network, resolve=lambda host: next(answers)))
    assert ready(training, pikzels, PORTRAIT).portrait
    assert next(answers) == ["10.0.0.1"]


@pytest.mark.parametrize(
    "content", [b"<html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", photo()[:-99], b""]
)
def test_that_is_no_picture_is_not_kept(
    training, pikzels, place, through, settings, content
) -> None:
    through(place(sending(200, content, "Content-Type: image/png")).network)
    assert not ready(training, pikzels, PORTRAIT).portrait
    assert nothing_left(settings)


def test_is_stored_as_what_its_bytes_are(training, pikzels, place, through) -> None:
    content = encoded(blobs(320, 180), "PNG")
    through(place(sending(200, content, "Content-Type: image/webp")).network)
    assert ready(training, pikzels, PORTRAIT).portrait.name.endswith(".png")


def test_of_an_api_on_this_machine_comes_from_that_alone(
    make_style, key, pikzels, monkeypatch
) -> None:
    now = timezone.now()
    style = make_style(state=State.TRAINING, key=key, pikzels_id=ID, made_at=now, due_at=now)
    monkeypatch.setattr(portraits, "fetch_picture", lambda *_, **__: pytest.fail("fetched"))
    for url in ("http://127.0.0.1:8/1.png", PORTRAIT):
        Style.objects.filter(pk=style.pk).update(state=State.TRAINING, due_at=timezone.now())
        assert not ready(style, pikzels, url).portrait


def test_a_log_gets_nothing_of_its_address(training, pikzels, place, through, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    through(place(sending(403)).network)
    assert not ready(training, pikzels, PORTRAIT).portrait
    assert f"portrait of style {training.pk} not copied: forbidden" in caplog.text
    assert "secret" not in caplog.text


def test_of_this_machine_a_log_gets_nothing_of_its_address_either(
    make_style, key, pikzels, caplog
) -> None:
    now = timezone.now()
    style = make_style(state=State.TRAINING, key=key, pikzels_id=ID, made_at=now, due_at=now)
    caplog.set_level(logging.WARNING)
    pikzels.get(f"{key.base_url}/1.png", body=ConnectionError("/1.png?signature=secret"))
    assert not ready(style, pikzels, f"{key.base_url}/1.png?signature=secret").portrait
    assert "not copied: DownloadFailed" in caplog.text
    assert "secret" not in caplog.text
