"""A worker, stopped, suspended or killed at the worst moment: paid once, and nobody waits long.

It is `manage.py work`, and beside one that hands out by a Redis, `manage.py work --tasks`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from styles.images import accept
from styles.models import Attempt, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, Team, User

from ..own_redis import OwnRedis, needs_redis
from ..pictures import photo
from ..waiting import wait_until
from .valve import Valve, valve_before

ROOT = Path(__file__).resolve().parents[2]
PICTURE_BYTES = 2_500_000
MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_folder(settings: LazySettings, own_folders: None) -> None:
    """Pictures where a process of its own looks for them."""
    settings.MEDIA_ROOT = settings.DATA_DIR / "media"
    settings.FILE_UPLOAD_TEMP_DIR = settings.MEDIA_ROOT / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)


@pytest.fixture
def pikzels(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox in which every whole request is paid for, and a slow answer waits for its end."""
    folder = tmp_path / "pikzels"
    with Sandbox(folder, train_seconds=0, slow_seconds=3600, unique_names=False) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def valve(pikzels: Sandbox) -> Iterator[Valve]:
    with valve_before(pikzels.url) as valve:
        yield valve


@pytest.fixture
def submit(
    valve: Valve, team: Team, alice: User, make_style: MakeStyle, settings: LazySettings
) -> Callable[[str], Style]:
    """Submit a style whose pictures take a while to send."""
    key = PikzelsKey.seal("pkz_canary_1234", base_url=valve.url, team=team, name="K")
    key.save()

    def submit(name: str) -> Style:
        style = make_style(name, pictures=0)
        for position in (1, 2, 3):
            large = BytesIO(photo(1600, 1200, size_bytes=PICTURE_BYTES))
            folder = settings.FILE_UPLOAD_TEMP_DIR
            style.keep_picture(position, accept(large, name="m.jpg", directory=folder), alice)
        assert style.submit(alice)
        return style

    return submit


def database_url() -> str:
    """Return where the test's own database is, for another process."""
    name = connection.settings_dict["NAME"]
    if server := os.environ.get("TEST_DATABASE_URL"):
        return urlsplit(server)._replace(path=f"/{name}").geturl()
    return f"sqlite:///{name}"


@pytest.fixture(params=["threads", pytest.param("redis", marks=needs_redis)], autouse=True)
def executor(
    request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path, transactional_db: None
) -> Iterator[OwnRedis | None]:
    """Have `worker` do the work by itself, or what another one hands out through a Redis."""
    settings.EXECUTOR = request.param
    if request.param == "threads":
        yield None
        return
    redis = OwnRedis(tmp_path)
    redis.start()
    settings.REDIS_URL = redis.url
    try:
        with started(settings):
            yield redis
    finally:
        redis.stop()


@contextmanager
def worker(settings: LazySettings) -> Iterator[subprocess.Popen[bytes]]:
    with started(settings, *(["--tasks"] if settings.EXECUTOR == "redis" else [])) as process:
        yield process


@contextmanager
def started(settings: LazySettings, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real thing on the test's own database; kill it if the test fails."""
    environment = {
        "EXECUTOR": settings.EXECUTOR,
        "REDIS_URL": settings.REDIS_URL,
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": database_url(),
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "SECRET_KEY": settings.SECRET_KEY,
        "LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "work", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_in(style: Style, *states: str) -> bool:
    style.refresh_from_db()
    return style.state in states


def is_being_sent(style: Style, valve: Valve) -> bool:
    return valve.passed > 0 and is_in(style, State.SENDING)


def requests_to(pikzels: Sandbox) -> list[dict[str, object]]:
    return [entry for entry in pikzels.ledger.account()["requests"] if entry["method"] == "POST"]


def test_stopping_gives_up_what_is_being_sent(
    submit: Callable[[str], Style], valve: Valve, pikzels: Sandbox, settings: LazySettings
) -> None:
    style = submit("Mars diary")
    with worker(settings) as process:
        wait_until(lambda: is_being_sent(style, valve))
        process.terminate()
        assert process.wait(timeout=10) == 0
    attempt = style.attempts.get()
    assert (attempt.outcome, attempt.reason) == ("not_sent", "stopped")
    assert 0 < attempt.bytes_sent < attempt.bytes_total
    style.refresh_from_db()
    assert style.state == State.QUEUED
    assert style.due_at and style.due_at <= timezone.now()
    assert pikzels.ledger.account()["charged"] == 0


def test_stopping_waits_for_the_answer_to_what_was_sent(
    submit: Callable[[str], Style], valve: Valve, pikzels: Sandbox, settings: LazySettings
) -> None:
    style = submit("slow answer")
    valve.open()
    with worker(settings) as process:
        wait_until(lambda: pikzels.ledger.account()["charged"])
        assert is_in(style, State.COMMITTED)
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        pikzels.stopping.set()  # lets go of the answer
        assert process.wait(timeout=10) == 0
    assert is_in(style, State.TRAINING)
    assert style.pikzels_id == pikzels.ledger.account()["styles"][0]["id"]


def test_a_suspended_worker_that_comes_back_holds_its_last_byte(
    submit: Callable[[str], Style], valve: Valve, pikzels: Sandbox, settings: LazySettings
) -> None:
    style = submit("Mars diary")
    with worker(settings) as suspended:
        wait_until(lambda: is_being_sent(style, valve))
        suspended.send_signal(signal.SIGSTOP)
        Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        with worker(settings):
            wait_until(lambda: is_in(style, State.READY))
        suspended.send_signal(signal.SIGCONT)
        valve.open()
        wait_until(lambda: requests_to(pikzels)[0]["received"])
        suspended.terminate()
        assert suspended.wait(timeout=10) == 0
    given_up, whole = requests_to(pikzels)
    assert given_up["received"] == int(str(given_up["expected"])) - 1
    assert (given_up["complete"], whole["complete"]) == (False, True)
    assert pikzels.ledger.account()["charged"] == 1


def test_what_a_killed_worker_was_sending_is_sent_by_another_and_paid_for_once(
    submit: Callable[[str], Style],
    valve: Valve,
    pikzels: Sandbox,
    settings: LazySettings,
    executor: OwnRedis | None,
) -> None:
    style = submit("Mars diary")
    with worker(settings) as killed:
        wait_until(lambda: is_being_sent(style, valve))
        killed.kill()
        killed.wait()
    if executor:
        executor.client.flushall()
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    with worker(settings):
        wait_until(lambda: is_in(style, State.READY))
    assert pikzels.ledger.account()["charged"] == 1
