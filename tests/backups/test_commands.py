"""The commands: while the product runs, then elsewhere and in place, with nothing paid twice."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection

from pikzels_ui.backups import databases, durable, secrets
from pikzels_ui.backups.here import no_restore_cut_short, place_here
from pikzels_ui.supervisor import only_one
from styles.models import ReferenceImage, SafeMode, Style
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from styles.worker import Worker
from teams.models import PikzelsKey, Team, User

from ..conftest import browser_of
from ..waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
MakeStyle = Callable[..., Style]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture(autouse=True)
def one_folder(settings: LazySettings, own_folders: None) -> None:
    """Pictures where a process of its own looks for them."""
    settings.MEDIA_ROOT = settings.DATA_DIR / "media"
    settings.FILE_UPLOAD_TEMP_DIR = settings.MEDIA_ROOT / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have left a connection open; `test_restoring` tries that."""
    monkeypatch.setattr(databases, "check_unused", lambda file: None)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "apart" / "keys.json"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@contextmanager
def working() -> Iterator[None]:
    worker = Worker(threads=2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def manage(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as on another machine, whose data are in `data`."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    known |= {"DJANGO_SETTINGS_MODULE": "pikzels_ui.settings", "DATA_DIR": str(data)}
    for name in ("DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS"):
        known.pop(name, None)
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=known | environment, capture_output=True, text=True, check=False
    )


def paid(sandbox: Sandbox) -> int:
    return len(sandbox.ledger.account()["styles"])


QUESTION = """
from styles.models import *; from teams.models import *
print(sorted(Style.objects.values_list("name", "state", "pikzels_id")))
print(SafeMode.is_on(), SafeMode.objects.get().backup_of is not None)
print([key.open() for key in PikzelsKey.objects.all()])
print(all(image.is_intact() for image in ReferenceImage.objects.all()))
"""
sqlite_only = pytest.mark.skipif(
    bool(os.environ.get("TEST_DATABASE_URL")), reason="the file of SQLite"
)


@sqlite_only
def test_a_backup_made_while_all_runs_is_whole_elsewhere(
    make_style: MakeStyle,
    alice: User,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    shelf: Path,
    keys: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    first = make_style("Mars diary")
    first.submit(alice)
    with working():
        wait_until(lambda: Style.objects.filter(state=State.READY).exists())
        call_command("backup", str(shelf), keys=keys)
        later = make_style("Venus diary")
        later.submit(alice)
        wait_until(lambda: Style.objects.filter(state=State.READY).count() == 2)
    said = capfd.readouterr()
    assert "Backed up to" in said.out
    assert "Keep that file in another place" in said.err
    assert keys.stat().st_mode & 0o077 == 0
    first.refresh_from_db()

    other = tmp_path / "another machine"
    done = manage(other, "restore", str(shelf), "--keys", str(keys))
    assert done.returncode == 0, done.stderr
    assert "Nothing is sent until" in done.stdout
    assert done.stderr == ""
    answer = manage(other, "shell", "--no-imports", "-c", QUESTION)
    assert answer.stdout.splitlines() == [
        f"[('Mars diary', 'ready', '{first.pikzels_id}')]",
        "True True",
        "['pkz_sandbox_1234']",
        "True",
    ]
    again = manage(other, "restore", str(shelf))
    assert "With --replace it is moved aside" in again.stderr
    assert paid(sandbox) == 2


@sqlite_only
def test_without_the_keys_it_says_what_has_to_be_entered_again(
    key: PikzelsKey, shelf: Path, tmp_path: Path
) -> None:
    call_command("backup", str(shelf))
    done = manage(tmp_path / "other", "restore", str(shelf))
    assert done.returncode == 0, done.stderr
    assert "entered again" in done.stderr.replace("\n", " ")


def test_keys_of_another_backup_are_refused(
    key: PikzelsKey, shelf: Path, keys: Path, settings: LazySettings
) -> None:
    call_command("backup", str(shelf))
    secrets.write(keys, {"SECRET_KEY": "other", "ENCRYPTION_KEYS": "other"})
    with pytest.raises(CommandError, match="are not those of this backup"):
        call_command("restore", str(shelf), keys=keys, replace=True)


def test_the_backup_has_no_key(key: PikzelsKey, shelf: Path, settings: LazySettings) -> None:
    call_command("backup", str(shelf))
    content = b"".join(path.read_bytes() for path in shelf.rglob("*") if path.is_file())
    assert content
    for secret in ("pkz_canary_1234abcd", settings.SECRET_KEY, *settings.ENCRYPTION_KEYS):
        assert secret.encode() not in content


def test_keys_beside_the_backup_are_refused(shelf: Path, db: None) -> None:
    for place in (shelf / "keys", shelf / "deep" / "keys"):
        with pytest.raises(CommandError, match="must not be in the folder"):
            call_command("backup", str(shelf), keys=place)


def test_numbers_that_make_no_sense_are_refused(shelf: Path, db: None) -> None:
    with pytest.raises(CommandError, match="how many backups"):
        call_command("backup", str(shelf), keep=-1)
    with pytest.raises(CommandError, match="how many backups"):
        call_command("backup", f"{shelf}/x.tar", keep=2)


def test_among_the_pictures_there_is_no_backup(settings: LazySettings, db: None) -> None:
    with pytest.raises(CommandError, match="Choose another place"):
        call_command("backup", str(Path(settings.MEDIA_ROOT) / "backups"))


def test_a_full_disk_is_said_in_words(
    shelf: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(CommandError, match="There is no room left"):
        call_command("backup", str(shelf))
    assert [path.name for path in shelf.iterdir()] == ["backup.lock"]


def test_nothing_is_restored_while_it_runs(shelf: Path, settings: LazySettings, db: None) -> None:
    call_command("backup", str(shelf))
    with (
        only_one(Path(settings.DATA_DIR) / "run.lock"),
        pytest.raises(CommandError, match="Stop it first"),
    ):
        call_command("restore", str(shelf), replace=True)


def test_what_was_cut_short_lets_nothing_start(settings: LazySettings, db: None) -> None:
    assert no_restore_cut_short() == []
    place_here().unfinished.write_text("")
    (error,) = no_restore_cut_short()
    assert "--replace" in str(error.hint)


def restore_in_place(shelf: Path) -> None:
    if connection.vendor == "postgresql":
        # A new and empty database by the old one's name.
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    call_command("restore", str(shelf), replace=True)


def test_restored_in_place_nothing_is_paid_twice(
    make_style: MakeStyle,
    alice: User,
    team: Team,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    shelf: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The journal stays, so what was made after the backup has its ID again."""
    waiting = make_style("Venus diary")
    call_command("backup", str(shelf))
    waiting.submit(alice)
    with working():
        wait_until(lambda: Style.objects.filter(state=State.READY).exists())
    made = Style.objects.get(name="Venus diary").pikzels_id
    restore_in_place(shelf)
    style = Style.objects.get(name="Venus diary")
    assert (style.state, style.pikzels_id) == (State.DRAFT, "")
    assert all(image.is_intact() for image in ReferenceImage.objects.all())
    User.objects.update(is_superuser=True)
    browser = browser_of(User.objects.get(name="Alice"))
    assert "The backup was made on" in browser.get("/").content.decode()
    with working():
        wait_until(lambda: Style.objects.filter(state=State.READY, pikzels_id=made).exists())
        mode = SafeMode.objects.on().get()
        assert [row["name"] for row in mode.lacking] == ["Venus diary"]
        browser.post("/team/go-on/")
        other = make_style("Moon diary", creator=User.objects.get(name="Alice"))
        other.submit(User.objects.get(name="Alice"))
        wait_until(lambda: Style.objects.filter(state=State.READY).count() == 2)
    assert not SafeMode.is_on()
    assert paid(sandbox) == 2


def test_what_waits_in_a_restored_database_waits_until_somebody_says_go_on(
    make_style: MakeStyle,
    alice: User,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    shelf: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """From another machine, whose journal is lost, nobody knows what was sent after the backup."""
    make_style("Venus diary").submit(alice)
    call_command("backup", str(shelf))
    restore_in_place(shelf)
    worker = Worker(threads=1)
    for _ in range(5):
        worker.look()
    assert paid(sandbox) == 0
    assert Style.objects.get().state == State.QUEUED
