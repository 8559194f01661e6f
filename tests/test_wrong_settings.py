"""A setting that cannot be read is a message with the way out, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

from pikzels_ui.environment import Problem

from .environment import settings_of
from .wording import banned_words

ROOT = Path(__file__).parents[1]
SECRET = "canary-4711"
WRONG = {
    "ANSWER_SECONDS": ["long", "0", "-5", "12 seconds"],
    "API_CALLS_PER_MINUTE": ["0", "many"],
    "DATABASE_URL": [
        "nonsense",
        f"foo://user:{SECRET}@host/name",
        f"mysql://user:{SECRET}@host/name",
        f"postgres://user:{SECRET}/@host/name",
    ],
    "DEBUG": ["maybe"],
    "EXPORTS_PER_HOUR": ["0"],
    "EMAIL_URL": ["mail.example.com", f"smtp://user:{SECRET}/@host", "smtp://"],
    "EXECUTOR": ["crew", "redis"],
    "HSTS_SUBDOMAINS": ["sure"],
    "IN_FLIGHT_PER_KEY": ["0", "four", "1.5"],
    "WORKER_THREADS": ["0", "1001", "many"],
    "LOG_FORMAT": ["xml"],
    "LOG_LEVEL": ["loud"],
    "PIKZELS_BASE_URL": ["https://[api", "https://api.pikzels.com:port"],
    "PORT": ["abc", "0", "70000"],
    "PUBLIC_URL": ["http://[bad", "http://host:port"],
    "REDIS_URL": [
        "cache.example.com:6379",
        f"http://:{SECRET}@host",
        "redis://",
        f"redis://:{SECRET}/@host",
    ],
    "S3_ACCESS_KEY": ["AKIA1"],
    "S3_ENDPOINT": ["https://[s3"],
    "SANDBOX": ["flase"],
    "SESSION_DAYS": ["0"],
    "SESSION_IDLE_DAYS": ["-1"],
    "STYLES_PER_HOUR": ["0", "many"],
    "STYLE_PRICE_AS_OF": ["yesterday", "2026-13-01"],
    "TEAM_STYLES_PER_HOUR": ["0"],
    "TRUSTED_PROXIES": ["one", "-1"],
    "UPLOADS_PER_HOUR": ["0"],
    "UPLOAD_MB_PER_HOUR": ["0"],
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return lambda **env: settings_of(monkeypatch, tmp_path, **env)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_is_noted_and_not_what_is_secret_in_it(read: Any, name: str, value: str) -> None:
    # Without https the subdomains are not asked about.
    more = {"PUBLIC_URL": "https://x.example"} if name == "HSTS_SUBDOMAINS" else {}
    (problem,) = read(**{name: value}, **more)["SETTING_PROBLEMS"]
    assert problem.name == name
    assert name in problem.says
    assert problem.do
    assert SECRET not in problem.says + problem.do
    assert banned_words(f"{problem.says} {problem.do}") == []


def test_several_are_all_said_at_once(read: Any) -> None:
    found = read(PORT="abc", ANSWER_SECONDS="long", STYLE_PRICE_AS_OF="then")["SETTING_PROBLEMS"]
    assert {problem.name for problem in found} == {"PORT", "ANSWER_SECONDS", "STYLE_PRICE_AS_OF"}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_an_empty_one_is_one_that_is_not_set(read: Any, name: str) -> None:
    empty, unset = read(**{name: ""}), read()
    assert {each: empty[each] for each in empty if each.isupper()} == {
        each: unset[each] for each in unset if each.isupper()
    }


def test_a_wrong_address_of_a_database_is_never_another_database(read: Any) -> None:
    found = read(DATABASE_URL="postgers://user:pw@host/name")["DATABASES"]["default"]
    assert found == {"ENGINE": "django.db.backends.dummy"}


def test_a_postgresql_without_its_package_says_what_to_install(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pikzels_ui.environment.find_spec", lambda name: None)
    (problem,) = read(DATABASE_URL="postgres://user:pw@host/name")["SETTING_PROBLEMS"]
    assert "pip install 'psycopg[binary]'" in problem.do


@pytest.mark.parametrize(
    ("name", "value"), [("REDIS_URL", "redis://cache.example.com"), ("S3_BUCKET", "pictures")]
)
def test_what_several_hosts_need_says_what_to_install(
    read: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr("pikzels_ui.environment.find_spec", lambda name: None)
    (problem,) = read(**{name: value})["SETTING_PROBLEMS"]
    assert problem.name == name
    assert "requirements-scaled.txt" in problem.do


def test_a_secret_whose_file_is_missing_is_no_new_secret(
    read: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS_FILE", str(tmp_path / "missing"))
    found = read()
    (problem,) = found["SETTING_PROBLEMS"]
    assert str(tmp_path / "missing") in problem.says
    assert found["ENCRYPTION_KEYS"] == [""]


def test_a_folder_that_cannot_be_made_is_said(read: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    names = {each.name for each in read(DATA_DIR=str(tmp_path / "file"))["SETTING_PROBLEMS"]}
    assert "DATA_DIR" in names


def test_each_is_an_error_of_djangos_checks(settings: LazySettings) -> None:
    settings.SETTING_PROBLEMS = [Problem("PORT", "PORT is 'abc'.", "Write a number.")]
    (found,) = [check for check in run_checks() if check.id == "pikzels_ui.E005"]
    assert (found.msg, found.hint) == ("PORT is 'abc'.", "Write a number.")


def test_w003_a_token_that_can_be_guessed(settings: LazySettings) -> None:
    settings.HEALTH_TOKEN = "hunter2"
    (found,) = [check for check in run_checks() if str(check.id).startswith("pikzels_ui.")]
    assert found.id == "pikzels_ui.W003"
    assert "hunter2" not in f"{found.msg} {found.hint}"


@pytest.mark.parametrize(
    "program", [["manage.py", "run"], ["manage.py", "work"], ["-c", "import pikzels_ui.wsgi"]]
)
def test_nothing_starts_and_there_is_no_traceback(program: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *program],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "PORT": "abc",
            "DATABASE_URL": f"foo://user:{SECRET}@host/name",
            "DJANGO_SETTINGS_MODULE": "pikzels_ui.settings",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert "PORT is 'abc'" in done.stderr
    assert "DATABASE_URL is not the address" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
