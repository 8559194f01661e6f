"""Alive and ready: one word for strangers, all that was found for who may know."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.core import signing
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from styles import doctor
from styles.doctor import folders
from styles.doctor.visit import SALT, WHO, pass_for_doctor
from styles.models import WorkerSign
from styles.readiness import readiness
from teams.models import User

from .conftest import browser_of
from .wording import banned_words

TOKEN = "canary-token-of-20-signs"


@pytest.fixture(autouse=True)
def anew(settings: LazySettings) -> Iterator[None]:
    settings.DATA_DIR.mkdir()
    readiness.forget()
    yield
    readiness.forget()


@pytest.fixture
def well(db: None) -> None:
    """Everything is as it should be: what is looked at last is the worker."""
    WorkerSign.give(uuid.uuid4(), "studio 4711")


def watcher(token: str = TOKEN) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


def wrong(client: Client) -> dict[str, str]:
    """Return what somebody reads who may know, by what it is about."""
    found = client.get("/readyz").json()["findings"]
    for each in found:
        assert banned_words(f"{each['says']} {each['do']}") == []
    return {each["about"]: each["says"] for each in found if each["level"] == "wrong"}


def test_alive_is_the_process_alone(client: Client) -> None:
    """Without the fixture that lets a test use the database, asking it fails."""
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_ready_is_one_word(well: None, client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (200, b"ready\n")


def test_a_stranger_reads_no_more_when_something_is_wrong(
    db: None, client: Client, bob: User
) -> None:
    for each in (client, browser_of(bob), watcher("wrong"), watcher("")):
        response = each.get("/readyz")
        assert (response.status_code, response.content) == (503, b"not ready\n")


def test_no_cache_keeps_it(well: None, client: Client) -> None:
    assert "no-store" in client.get("/readyz").headers["Cache-Control"]


def test_a_superuser_reads_what_was_found(db: None, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    response = browser_of(alice).get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert wrong(browser_of(alice)) == {"worker": "No worker has ever been here: nothing is sent."}


def test_so_does_who_has_the_token(well: None, settings: LazySettings) -> None:
    settings.HEALTH_TOKEN = TOKEN
    response = watcher().get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert TOKEN not in response.content.decode()


def test_without_a_token_set_none_opens_anything(well: None, settings: LazySettings) -> None:
    settings.HEALTH_TOKEN = ""
    assert watcher().get("/readyz").content == b"ready\n"


def test_the_doctors_pass_is_good_for_a_minute(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pass_for_doctor()
    assert watcher(given).get("/readyz").json()["request"]["proxies"] == 0
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 61)
    assert watcher(given).get("/readyz").content == b"ready\n"
    assert watcher(signing.TimestampSigner(salt="other").sign(WHO)).get("/readyz").content
    assert SALT != "other"


def test_a_pass_from_elsewhere_is_none(well: None, settings: LazySettings) -> None:
    given = pass_for_doctor()
    settings.SECRET_KEY = "another"
    assert watcher(given).get("/readyz").content == b"ready\n"


@pytest.fixture
def told(well: None, settings: LazySettings) -> Client:
    settings.HEALTH_TOKEN = TOKEN
    return watcher()


def test_a_worker_that_is_gone(told: Client) -> None:
    WorkerSign.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert wrong(told)["worker"].startswith("No worker is here since")


def test_a_folder_that_cannot_be_written_to(
    told: Client, settings: LazySettings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "gone"
    assert str(tmp_path / "gone") in wrong(told)["storage"]


def test_a_disk_that_is_full(told: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "NEEDED", 10**18)
    assert "which is too little" in wrong(told)["storage"]


def test_a_database_that_lacks_a_migration(told: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = "styles.doctor.database.MigrationExecutor.migration_plan"
    monkeypatch.setattr(leave, lambda *args: [("styles", "0001")])
    assert wrong(told) == {"database": "The database lacks 1 migration."}


def test_a_database_that_is_away_and_shows_no_password(
    told: Client, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("connection refused\nfor pkz_canary")

    fake = SimpleNamespace(ensure_connection=away, vendor="postgresql")
    monkeypatch.setattr("styles.doctor.database.connection", fake)
    assert wrong(told) == {"database": "The database cannot be used: connection refused."}
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (503, b"not ready\n")
    assert client.get("/healthz").status_code == 200


def test_asking_often_looks_once(
    well: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(doctor, "run", lambda checks: looks.append(1) or [])
    for _ in range(5):
        assert client.get("/readyz").status_code == 200
    assert len(looks) == 1


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_only_looked_at(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
