"""The doctor says of each wrong thing what it is and what to do."""

from __future__ import annotations

import json
import os
import smtplib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import responses
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from pikzels_ui.environment import Problem
from styles import breaker, doctor
from styles.doctor import Check, database, folders, outside, program, secrets_kept
from styles.doctor.findings import Finding, Level
from styles.models import ReferenceImage, SafeMode, Style, WorkerSign
from styles.pikzels import rules
from styles.pikzels.errors import Code
from styles.pikzels.sandbox import Sandbox
from teams.models import PikzelsKey, Team

from .wording import banned_words

ROOT = Path(__file__).parents[1]
MakeStyle = Callable[..., Style]
Findings = Iterator[Finding]
OK, LOOK, WRONG = Level.OK, Level.LOOK, Level.WRONG


def found(check: Callable[[], Findings]) -> list[tuple[Level, str]]:
    """Return levels and words of what a check finds, all of which say what to do."""
    findings = list(check())
    for each in findings:
        assert banned_words(f"{each.says} {each.do}") == []
        assert each.do or each.level in {Level.OK, Level.SKIPPED}
    return [(each.level, each.says) for each in findings]


def levels(check: Callable[[], Findings]) -> set[Level]:
    return {level for level, _says in found(check)}


class TestSettings:
    def test_as_they_come(self) -> None:
        assert levels(program.configured) == {OK}

    def test_what_the_system_checks_find(self, settings: LazySettings) -> None:
        settings.SETTING_PROBLEMS = [Problem("PORT", "PORT is 'abc'.", "Write a number.")]
        assert (WRONG, "PORT is 'abc'.") in found(program.configured)

    def test_an_error_page_for_developers(self, settings: LazySettings) -> None:
        settings.DEBUG = True
        assert LOOK in levels(program.configured)

    def test_too_little_patience(self, settings: LazySettings) -> None:
        settings.ANSWER_SECONDS = 20
        assert LOOK in levels(program.time_limits)

    def test_how_long_the_worker_may_take_to_stop(self, settings: LazySettings) -> None:
        settings.ANSWER_SECONDS = 400
        assert any("550 s to stop" in says for _level, says in found(program.time_limits))

    @pytest.mark.parametrize("given", ["--timeout 5", "-t 5", "--workers 3 --timeout=5"])
    def test_a_gunicorn_that_gives_up_too_soon(
        self, monkeypatch: pytest.MonkeyPatch, given: str
    ) -> None:
        monkeypatch.setenv("GUNICORN_CMD_ARGS", given)
        assert WRONG in levels(program.time_limits)


class TestProgram:
    def test_versions(self) -> None:
        assert levels(program.versions) == {OK}

    @pytest.mark.parametrize(("codec", "level"), [("jpg", WRONG), ("avif", LOOK)])
    def test_a_pillow_that_lacks_something(
        self, monkeypatch: pytest.MonkeyPatch, codec: str, level: Level
    ) -> None:
        monkeypatch.setattr(program.features, "check", lambda name: name != codec)
        assert level in levels(program.versions)

    def test_static_files(self, settings: LazySettings, tmp_path: Path) -> None:
        manifest = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
        settings.STORAGES = settings.STORAGES | {"staticfiles": manifest}
        settings.STATIC_ROOT = tmp_path
        assert levels(program.static_files) == {WRONG}
        (tmp_path / "staticfiles.json").write_text('{"paths": {"a.css": "a.1.css"}}')
        assert levels(program.static_files) == {OK}
        settings.DATA_DIR.mkdir()
        (settings.DATA_DIR / "static.stamp").write_text("of yesterday")
        assert levels(program.static_files) == {WRONG}


@pytest.mark.django_db
class TestDatabase:
    def test_as_it_should_be(self) -> None:
        assert levels(database.reachable) == {OK}
        assert levels(database.migrated) == {OK}
        if connection.vendor == "sqlite":  # the tests' PostgreSQL does not wait for its disk
            assert levels(database.durable) == {OK}

    def test_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> None:
            raise OperationalError("could not connect to server\nmore")

        fake = SimpleNamespace(ensure_connection=away, vendor="postgresql")
        monkeypatch.setattr(database, "connection", fake)
        says = "The database cannot be used: could not connect to server."
        assert found(database.reachable) == [(WRONG, says)]

    def test_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection.features, "minimum_database_version", (99,))
        assert WRONG in levels(database.reachable)

    def test_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (newest,) = MigrationLoader(connection).graph.leaf_nodes("styles")
        MigrationRecorder(connection).record_unapplied(*newest)
        assert (WRONG, "The database lacks 1 migration.") in found(database.migrated)

    def test_ahead(self) -> None:
        MigrationRecorder(connection).record_applied("styles", "9999_from_the_future")
        says = "The database is newer than this program: it has styles 9999_from_the_future."
        assert found(database.migrated) == [(WRONG, says)]

    def test_without_the_table_of_tries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "_counts_tries", lambda: False)
        assert WRONG in levels(database.migrated)

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone has these")
    @pytest.mark.parametrize("told", [{"journal_mode": "delete"}, {"synchronous": 1}])
    def test_an_sqlite_that_loses_what_it_was_given(
        self, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
    ) -> None:
        answers = {"journal_mode": "wal", "synchronous": 2} | told
        monkeypatch.setattr(database, "_value", lambda sql: answers[sql.split()[1]])
        assert WRONG in levels(database.durable)

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone has these")
    def test_an_sqlite_on_a_network_drive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "file_system", lambda folder: "nfs4")
        assert WRONG in levels(database.durable)

    @pytest.mark.parametrize("name", ["fsync", "synchronous_commit"])
    def test_a_postgresql_that_does_not_wait(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(database, "_value", lambda sql: "off" if sql.endswith(name) else "on")
        assert [level for level, says in found(database._postgresql) if name in says] == [WRONG]


class TestStorage:
    @pytest.fixture(autouse=True)
    def data(self, settings: LazySettings) -> Path:
        settings.DATA_DIR.mkdir()
        return Path(settings.DATA_DIR)

    def test_as_it_should_be(self) -> None:
        for check in (folders.writable, folders.one_disk, folders.journals, folders.owned):
            assert levels(check) == {OK}

    def test_a_folder_that_is_gone(self, settings: LazySettings) -> None:
        settings.FILE_UPLOAD_TEMP_DIR.rmdir()
        assert levels(folders.writable) == {WRONG}

    def test_a_disk_that_fills_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "NEEDED", 0)
        monkeypatch.setattr(folders, "COMFORTABLE", 10**18)
        assert levels(folders.free) == {LOOK}
        monkeypatch.setattr(folders, "NEEDED", 10**18)
        assert levels(folders.free) == {WRONG}

    def test_uploads_on_another_disk(self, settings: LazySettings) -> None:
        settings.FILE_UPLOAD_TEMP_DIR = Path("/proc")
        assert levels(folders.one_disk) == {LOOK}

    def test_root_was_here(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (data / "keys").mkdir()
        owners = {data: 4711}
        real = Path.stat
        monkeypatch.setattr(
            Path,
            "stat",
            lambda path, **how: os.stat_result(
                [*real(path, **how)[:4], owners.get(path, 0), *real(path, **how)[5:]]
            ),
        )
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert levels(folders.owned) == {LOOK, WRONG}

    @pytest.mark.parametrize(("folder", "file"), [(0o755, 0o600), (0o700, 0o640)])
    def test_keys_that_others_may_read(self, data: Path, folder: int, file: int) -> None:
        keys = data / "keys"
        keys.mkdir(mode=folder)
        keys.chmod(folder)
        (keys / "secret_key").touch()
        (keys / "secret_key").chmod(file)
        assert levels(folders.secret) == {WRONG}
        keys.chmod(0o700)
        (keys / "secret_key").chmod(0o600)
        assert levels(folders.secret) == {OK}

    def test_a_journal_that_cannot_be_read(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (data / "journal").mkdir()
        (data / "journal" / "studio-2026-11.jsonl").touch()
        assert found(folders.journals) == [(OK, "1 journal can be read and written.")]
        monkeypatch.setattr(os, "access", lambda *args: False)
        assert levels(folders.journals) == {WRONG}

    def test_kinds_of_file_systems(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        mounts = tmp_path / "mounts"
        mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path} nfs4 rw 0 0\n/b /bb xfs\n")
        monkeypatch.setattr(folders, "MOUNTS", mounts)
        assert folders.file_system(tmp_path / "data") == "nfs4"
        assert folders.file_system(Path("/")) == "ext4"
        assert "nfs4" in folders.locks_problem(tmp_path)
        monkeypatch.setattr(folders, "MOUNTS", tmp_path / "none")
        assert folders.file_system(Path("/")) == ""

    def test_a_disk_without_locks(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def refuse(*args: Any) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(folders.fcntl, "lockf", refuse)
        assert "without locks" in folders.locks_problem(tmp_path)

    @pytest.mark.django_db
    def test_pictures_that_are_lost_and_files_that_are_left(
        self, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        make_style()
        assert levels(folders.orphans) == {OK}
        image = ReferenceImage.objects.first()
        assert image
        left = settings.MEDIA_ROOT / "references" / "left.jpg"
        (settings.MEDIA_ROOT / str(image.file)).rename(left)
        assert levels(folders.orphans) == {WRONG}
        old = (timezone.now() - timedelta(days=3)).timestamp()
        os.utime(left, (old, old))
        assert levels(folders.orphans) == {WRONG, LOOK}


@pytest.mark.django_db
class TestSecrets:
    def test_open(self, key: PikzelsKey) -> None:
        assert levels(secrets_kept.open_all) == {OK}

    def test_do_not_open_without_their_key(self, key: PikzelsKey, settings: LazySettings) -> None:
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        assert levels(secrets_kept.open_all) == {WRONG}

    def test_need_an_older_key(self, key: PikzelsKey, settings: LazySettings) -> None:
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
        before = bytes(key.secret)
        assert levels(secrets_kept.open_all) == {LOOK, OK}
        key.refresh_from_db()
        assert bytes(key.secret) == before

    def test_a_restored_backup(self) -> None:
        assert found(secrets_kept.safe_mode) == []
        SafeMode.objects.create(lacking=[])
        assert levels(secrets_kept.safe_mode) == {LOOK}


class TestKeys:
    @pytest.fixture
    def real(self, team: Team) -> PikzelsKey:
        key = PikzelsKey.seal("pkz_canary_1234abcd", base_url=rules.BASE_URL, team=team, name="K")
        key.save()
        return key

    def answered(self, status: int, code: str) -> set[Level]:
        url = rules.BASE_URL + rules.STYLE_PATH.format(id=rules.NOBODYS_ID)
        body = {"error": {"code": code, "message": "No."}, "request_id": "r"}
        with responses.RequestsMock() as play:
            play.get(url, json=body, status=status)
            said = found(secrets_kept.pikzels)
        assert "canary" not in str(said)
        return {level for level, _says in said}

    def test_one_that_works(self, real: PikzelsKey) -> None:
        assert self.answered(404, Code.NOT_FOUND) == {OK}

    def test_one_that_is_turned_away(self, real: PikzelsKey) -> None:
        assert self.answered(401, Code.INVALID_API_KEY) == {WRONG}

    def test_one_that_nobody_can_judge_just_now(self, real: PikzelsKey) -> None:
        assert self.answered(503, Code.SERVICE_UNDER_MAINTENANCE) == {LOOK}

    def test_one_that_works_and_is_held(self, real: PikzelsKey) -> None:
        breaker.hold(real, Code.INSUFFICIENT_CREDITS)
        assert self.answered(404, Code.NOT_FOUND) == {LOOK}

    def test_the_sandbox(self, sandbox: Sandbox, sandbox_key: PikzelsKey) -> None:
        assert levels(secrets_kept.pikzels) == {OK}

    def test_a_sandbox_that_is_off(self, sandbox_key: PikzelsKey) -> None:
        PikzelsKey.objects.update(base_url="http://127.0.0.1:9")
        assert LOOK in levels(secrets_kept.pikzels)

    def test_none(self, db: None) -> None:
        assert levels(secrets_kept.pikzels) == {OK}


@pytest.mark.django_db
class TestWorker:
    def test_is_here(self) -> None:
        WorkerSign.give(uuid.uuid4(), "studio 4711")
        assert found(outside.worker) == [(OK, "A worker is here (studio 4711).")]

    def test_was_never_here(self) -> None:
        assert levels(outside.worker) == {WRONG}

    def test_is_gone(self) -> None:
        WorkerSign.give(uuid.uuid4(), "studio 4711")
        WorkerSign.objects.update(seen_at=timezone.now() - timedelta(hours=1))
        assert levels(outside.worker) == {WRONG}


class TestMail:
    @pytest.fixture
    def server(self, settings: LazySettings) -> None:
        settings.MAIL_SERVER, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "mail.example", 587

    def test_without_a_server(self) -> None:
        assert levels(outside.mail) == {LOOK}

    def test_one_that_takes_mails(self, server: None) -> None:
        assert levels(outside.mail) == {OK}
        assert mail.outbox == []
        outside_mail = list(outside.mail("olga@example.com"))
        assert [each.level for each in outside_mail] == [OK]
        assert mail.outbox[0].to == ["olga@example.com"]

    @pytest.mark.parametrize(
        ("error", "word"),
        [
            (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
            (smtplib.SMTPAuthenticationError(535, b"canary"), "user and password"),
            (smtplib.SMTPServerDisconnected("canary"), "SMTPServerDisconnected"),
        ],
    )
    def test_one_that_does_not(
        self, server: None, monkeypatch: pytest.MonkeyPatch, error: Exception, word: str
    ) -> None:
        def broken() -> None:
            raise error

        monkeypatch.setattr(outside, "get_connection", broken)
        ((level, says),) = found(outside.mail)
        assert level is WRONG
        assert word in says
        assert "canary" not in says


class TestProxy:
    SEEN = {"scheme": "https", "host": "styles.example.com", "proxies": 1}

    @pytest.fixture(autouse=True)
    def public(self, settings: LazySettings) -> None:
        settings.PUBLIC_URL = "https://styles.example.com"
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

    def visited(self, **answer: Any) -> set[Level]:
        with responses.RequestsMock() as play:
            play.get("https://styles.example.com/readyz", **answer)
            return levels(outside.proxy)

    def test_all_as_it_should_be(self) -> None:
        assert self.visited(json={"request": self.SEEN}) == {OK}
        assert self.visited(json={"request": self.SEEN}, status=503) == {OK}

    @pytest.mark.parametrize(
        ("differs", "word"),
        [
            ({"scheme": "http"}, "arrives as http"),
            ({"host": "127.0.0.1:8000"}, "is asked for 127.0.0.1:8000"),
            ({"proxies": 0}, "0 proxies"),
            ({"proxies": 2}, "2 proxies"),
        ],
    )
    def test_what_arrives_otherwise(self, differs: dict[str, Any], word: str) -> None:
        ((level, says),) = found(lambda: outside.arrived(self.SEEN | differs))
        assert level is WRONG
        assert word in says

    @pytest.mark.parametrize(
        "answer",
        [
            {"body": "<h1>Welcome to nginx", "status": 200},
            {"body": "ready\n", "status": 200},
            {"json": [], "status": 404},
            {"status": 301, "headers": {"Location": "https://elsewhere.example"}},
        ],
    )
    def test_somebody_else_answers(self, answer: dict[str, Any]) -> None:
        assert self.visited(**answer) == {WRONG}

    def test_a_certificate_that_nobody_trusts(self) -> None:
        assert self.visited(body=requests.exceptions.SSLError("expired")) == {WRONG}

    def test_nobody_answers(self) -> None:
        assert self.visited(body=requests.exceptions.ConnectionError("refused")) == {LOOK}


class TestClock:
    def apart(self, **by: float) -> set[Level]:
        with responses.RequestsMock() as play:
            date = format_datetime(datetime.now(UTC) + timedelta(**by), usegmt=True)
            play.head(rules.BASE_URL, status=404, headers={"Date": date})
            return levels(outside.clock)

    def test_pikzels_is_not_asked_without_a_key(self, db: None) -> None:
        assert levels(outside.clock) == {Level.SKIPPED}

    def test_against_pikzels(self, key: PikzelsKey) -> None:
        assert self.apart(seconds=1) == {OK}
        assert self.apart(seconds=30) == {LOOK}
        assert self.apart(minutes=-10) == {WRONG}

    @pytest.mark.django_db
    def test_against_the_database(self) -> None:
        expected = set() if connection.vendor == "sqlite" else {OK}
        assert levels(outside.clock_of_database) == expected

    def test_apart(self) -> None:
        assert [each.level for each in outside._apart(timedelta(minutes=2), "x")] == [WRONG]

    def test_an_answer_without_a_date(self, key: PikzelsKey) -> None:
        with responses.RequestsMock() as play:
            play.head(rules.BASE_URL, body=requests.exceptions.ConnectionError("away"))
            assert levels(outside.clock) == {LOOK}


class TestTogether:
    def test_one_that_breaks_does_not_end_the_others(self) -> None:
        def breaks() -> Findings:
            yield Finding(OK, "so far")
            raise RuntimeError("pkz_canary_1234abcd")

        findings = doctor.run([Check("a", breaks), Check("b", lambda: iter([Finding(OK, "b")]))])
        assert [(each.about, each.level) for each in findings] == [("a", WRONG), ("b", OK)]
        assert "canary" not in str(findings)

    def test_without_a_database_nothing_else_asks_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the fixture that lets a test use the database, asking it breaks."""
        away = [Finding(WRONG, "away", "Start it.")]
        monkeypatch.setattr(
            doctor, "REACHABLE", Check("database", lambda: iter(away), needs_database=False)
        )
        findings = doctor.examine(offline=True)
        assert not [each for each in findings if "could not be judged" in each.says]
        assert "Not looked at: it needs the database." in {each.says for each in findings}

    def test_offline_asks_nobody(self, key: PikzelsKey, settings: LazySettings) -> None:
        settings.MAIL_SERVER = True
        with responses.RequestsMock():
            findings = doctor.examine(offline=True)
        skipped = {each.about for each in findings if each.level is Level.SKIPPED}
        assert {"keys", "mail", "proxy", "clock"} <= skipped


@pytest.mark.django_db
class TestCommand:
    def say(self, monkeypatch: pytest.MonkeyPatch, level: Level, *options: str) -> tuple[str, int]:
        finding = Finding(level, "It is so.", "Do this." if level is not OK else "", "storage")
        monkeypatch.setattr("styles.management.commands.doctor.examine", lambda **how: [finding])
        said, code = StringIO(), 0
        try:
            call_command("doctor", *options, stdout=said, no_color=True)
        except SystemExit as ended:
            code = int(str(ended.code))
        return said.getvalue(), code

    def test_says_it_line_by_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said, code = self.say(monkeypatch, WRONG)
        assert said.splitlines() == [
            "Storage",
            "  WRONG   It is so.",
            "          → Do this.",
            "",
            "Wrong: 1. Worth a look: 0. Begin with the first.",
        ]
        assert code == 1

    @pytest.mark.parametrize("level", [OK, LOOK, Level.SKIPPED])
    def test_nothing_wrong_is_no_failure(
        self, monkeypatch: pytest.MonkeyPatch, level: Level
    ) -> None:
        said, code = self.say(monkeypatch, level)
        assert code == 0
        assert "Nothing is wrong." in said

    def test_says_it_to_programs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said, code = self.say(monkeypatch, WRONG, "--json")
        assert json.loads(said) == {
            "ok": False,
            "findings": [
                {"level": "wrong", "says": "It is so.", "do": "Do this.", "about": "storage"}
            ],
        }
        assert code == 1


def test_with_wrong_settings_it_says_all_the_rest_and_no_secret(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--offline"],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "PORT": "abc",
            "DATABASE_URL": "postgres://user:canary/@host/name",
            "PIKZELS_API_KEY": "pkz_canary_1",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert "WRONG   PORT is 'abc'" in done.stdout
    assert "WRONG   The database cannot be used" in done.stdout
    assert "can be written to" in done.stdout
    assert "canary" not in done.stdout
