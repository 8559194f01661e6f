"""`manage.py run`, up to the point where the supervisor takes over."""

import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import OperationalError

from pikzels_ui.supervisor import Pace, Program, Supervisor, only_one
from styles.management.commands import prepare, run
from styles.management.commands.prepare import Command
from styles.management.commands.run import port_problems, programs
from styles.static import collect_static


@pytest.fixture(autouse=True)
def data(settings: LazySettings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def source(settings: LazySettings, tmp_path: Path) -> Path:
    """One static file, and nothing else to collect."""
    file = tmp_path / "source" / "page.css"
    file.parent.mkdir()
    file.write_text("body {}")
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [file.parent]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return file


def test_a_second_run_says_which_process_is_in_the_way(data: Path) -> None:
    with only_one(data / "run.lock"), pytest.raises(SystemExit) as stopped:
        call_command("run", skip_checks=True)
    message = f"Pikzels UI is running already, as process {os.getpid()}. Stop that one first."
    assert stopped.value.code == message


def test_static_files_are_collected_once(source: Path, settings: LazySettings) -> None:
    collect_static()
    collected = Path(settings.STATIC_ROOT) / "page.css"
    collected.write_text("as it was")
    collect_static()
    assert collected.read_text() == "as it was"


def change(source: Path) -> None:
    source.write_text("body { color: black }")


def add(source: Path) -> None:
    source.with_name("more.css").write_text("p {}")


def lose_the_collected(source: Path) -> None:
    for file in (source.parent.parent / "static").iterdir():
        file.unlink()
    (source.parent.parent / "static").rmdir()


@pytest.mark.parametrize("happens", [change, add, lose_the_collected])
def test_static_files_are_collected_again(
    source: Path, settings: LazySettings, happens: Callable[[Path], None]
) -> None:
    collect_static()
    happens(source)
    collect_static()
    collected = {file.name: file.read_text() for file in Path(settings.STATIC_ROOT).iterdir()}
    assert collected == {file.name: file.read_text() for file in source.parent.iterdir()}


def test_without_the_sandbox_its_port_does_not_matter(settings: LazySettings) -> None:
    settings.SANDBOX_ENABLED = False
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        settings.SANDBOX_PORT = taken.getsockname()[1]
        free.bind(("127.0.0.1", 0))
        settings.PORT = free.getsockname()[1]
        free.close()
        assert not any(port_problems())
    assert [program.name for program in programs()] == ["web", "worker"]


def test_web_and_sandbox_cannot_share_a_port(settings: LazySettings) -> None:
    settings.SANDBOX_ENABLED = True
    settings.PORT = settings.SANDBOX_PORT = 8001
    assert (
        "PORT and SANDBOX_PORT are both 8001. Choose another with SANDBOX_PORT=8011."
        in port_problems()
    )


def test_the_sandbox_outlives_the_worker(settings: LazySettings) -> None:
    settings.SANDBOX_ENABLED = True
    outlived = {program.name: program.outlives for program in programs()}
    assert outlived == {"sandbox": ("worker",), "web": (), "worker": ()}


def test_an_address_with_colons_is_put_in_brackets(settings: LazySettings) -> None:
    settings.BIND, settings.PORT = "::1", 8000
    web = next(program for program in programs() if program.name == "web")
    assert "[::1]:8000" in web.command


def test_a_database_that_is_away_is_said_in_words(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(command: Command) -> None:
        raise OperationalError("connection refused\nmore of it")

    settings.SANDBOX_ENABLED, settings.PORT = False, free_port()
    monkeypatch.setattr(Command, "migrate", away)
    with pytest.raises(SystemExit) as stopped:
        call_command("run", skip_checks=True)
    said = "The database cannot be used: connection refused.\n`manage.py doctor` says more."
    assert stopped.value.code == said


def test_lines_of_the_programs_are_json_where_the_log_is(
    settings: LazySettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SANDBOX_ENABLED, settings.PORT, settings.LOG_FORMAT = False, free_port(), "json"
    monkeypatch.setattr(Command, "migrate", lambda command: None)
    monkeypatch.setattr(prepare, "collect_static", lambda: None)
    monkeypatch.setattr(prepare, "prepare", lambda write: write("Make the first account."))
    says = "import sys; print('{\"logger\": \"styles\"}'); print('plain'); sys.exit()"
    program = Program(name="worker", command=[sys.executable, "-c", says])
    monkeypatch.setattr(run, "programs", lambda: [program])
    monkeypatch.setattr(run, "Supervisor", partial(Supervisor, pace=Pace(tries=1)))
    monkeypatch.setattr(run.connections, "close_all", lambda: None)
    with pytest.raises(SystemExit):
        call_command("run", skip_checks=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(line["logger"], line.get("message")) for line in lines]
    assert found[:3] == [
        ("run", "Make the first account."),
        ("styles", None),
        ("worker", "plain"),
    ]
    assert found[-1] == ("run", "Stopped.")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
