"""Settings from the environment, secrets that are made once, and checks that say what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.checks import run_checks

from pikzels_ui.secrets import kept_secret, read_secret

from .environment import settings_of
from .wording import banned_words

ROOT = Path(__file__).parents[1]


class TestEnvironment:
    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
        return lambda **env: settings_of(monkeypatch, tmp_path, **env)

    def test_none_is_needed(self, read: Any, tmp_path: Path) -> None:
        found = read()
        assert (found["DEBUG"], found["BIND"]) == (False, "127.0.0.1")
        assert found["PUBLIC_URL"] == "http://127.0.0.1:8000"
        assert found["SANDBOX_ENABLED"]
        assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "data" / "db.sqlite3")
        assert found["EMAIL_BACKEND"] == "teams.mails.KeptMails"
        assert found["MEDIA_ROOT"] == tmp_path / "data" / "media"

    def test_secrets_are_made_once(self, read: Any, tmp_path: Path) -> None:
        first, second = read(), read()
        for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
            assert first[name] == second[name]
            file = tmp_path / "data" / "keys" / name.lower()
            assert file.stat().st_mode & 0o777 == 0o600
        assert first["SECRET_KEY"] not in first["ENCRYPTION_KEYS"]

    def test_with_an_api_key_the_sandbox_is_off_unless_it_is_wanted(self, read: Any) -> None:
        assert not read(PIKZELS_API_KEY="pkz_1")["SANDBOX_ENABLED"]
        assert read(PIKZELS_API_KEY="pkz_1", SANDBOX="true")["SANDBOX_ENABLED"]
        assert not read(SANDBOX="false")["SANDBOX_ENABLED"]

    def test_the_api_key_may_be_in_a_file(self, read: Any, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("pkz_from_a_file\n")
        found = read(PIKZELS_API_KEY_FILE=str(tmp_path / "secret"))
        assert found["PIKZELS_API_KEY"] == "pkz_from_a_file"

    def test_https_makes_everything_stricter(self, read: Any) -> None:
        found = read(PUBLIC_URL="https://styles.example.com/")
        assert found["PUBLIC_URL"] == "https://styles.example.com"
        assert found["SESSION_COOKIE_NAME"] == "__Host-sessionid"
        assert found["CSRF_COOKIE_NAME"] == "__Host-csrftoken"
        assert found["SESSION_COOKIE_SECURE"] and found["CSRF_COOKIE_SECURE"]
        assert found["SECURE_SSL_REDIRECT"]
        assert found["SECURE_HSTS_SECONDS"] == 31536000
        assert not found["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
        assert found["CSRF_TRUSTED_ORIGINS"] == ["https://styles.example.com"]
        assert "styles.example.com" in found["ALLOWED_HOSTS"]
        assert "*" not in found["ALLOWED_HOSTS"]
        assert found["ACCOUNT_DEFAULT_HTTP_PROTOCOL"] == "https"
        assert read(PUBLIC_URL="https://x.example", HSTS_SUBDOMAINS="1")[
            "SECURE_HSTS_INCLUDE_SUBDOMAINS"
        ]

    def test_http_does_without(self, read: Any) -> None:
        found = read(PUBLIC_URL="http://styles.lan:8080")
        assert "SESSION_COOKIE_NAME" not in found
        assert "SECURE_SSL_REDIRECT" not in found
        assert found["CSRF_TRUSTED_ORIGINS"] == ["http://styles.lan:8080"]

    def test_the_address_follows_the_port(self, read: Any) -> None:
        assert read(PORT="8010")["PUBLIC_URL"] == "http://127.0.0.1:8010"

    def test_a_mail_server_is_used_where_there_is_one(self, read: Any) -> None:
        found = read(EMAIL_URL="smtp+tls://user:secret@mail.example.com:587")
        assert (found["EMAIL_HOST"], found["EMAIL_USE_TLS"]) == ("mail.example.com", True)
        assert found["MAIL_SERVER"]

    def test_another_database_gets_nothing_of_sqlites(self, read: Any) -> None:
        found = read(DATABASE_URL="postgres://user:secret@db.example.com/styles")
        assert found["DATABASES"]["default"]["HOST"] == "db.example.com"
        assert "init_command" not in found["DATABASES"]["default"].get("OPTIONS", {})

    def test_connections_to_a_postgresql_are_kept_only_on_demand(self, read: Any) -> None:
        url = "postgres://user:secret@db.example.com/styles"
        usual = read(DATABASE_URL=url)["DATABASES"]["default"]
        assert (usual.get("CONN_MAX_AGE", 0), usual["CONN_HEALTH_CHECKS"]) == (0, True)
        assert usual["OPTIONS"]["connect_timeout"] == 10
        own = read(DATABASE_URL=f"{url}?CONN_MAX_AGE=30&connect_timeout=3&sslmode=require")
        assert own["DATABASES"]["default"]["CONN_MAX_AGE"] == 30
        assert own["DATABASES"]["default"]["OPTIONS"]["connect_timeout"] == 3
        assert own["DATABASES"]["default"]["OPTIONS"]["sslmode"] == "require"
        assert "CONN_HEALTH_CHECKS" not in read()["DATABASES"]["default"]

    def test_a_redis_has_the_cache_and_the_database_stands_by(self, read: Any) -> None:
        found = read(REDIS_URL="redis://:secret@cache.example.com:6379/0")
        assert found["CACHES"]["default"]["LOCATION"] == "redis://:secret@cache.example.com:6379/0"
        assert found["CACHES"]["database"] == read()["CACHES"]["default"]
        assert found["EXECUTOR"] == "threads"

    def test_a_redis_is_not_waited_for_without_an_end(self, read: Any) -> None:
        url = "rediss://cache.example.com:6380/1?socket_timeout=9"
        found = read(REDIS_URL=url, EXECUTOR="redis", ANSWER_SECONDS="300")
        assert {*found["RQ_QUEUES"]} == {*found["TASKS"]["default"]["QUEUES"]}
        queue = found["RQ_QUEUES"]["senders"]
        assert queue["URL"].endswith("6380/1?socket_connect_timeout=2&socket_timeout=9")
        assert queue["DEFAULT_TIMEOUT"] > 300

    def test_pictures_go_into_a_private_bucket(self, read: Any) -> None:
        found = read(S3_BUCKET="pictures", S3_ENDPOINT="https://s3.example.com", S3_REGION="eu")
        options = found["STORAGES"]["default"]["OPTIONS"]
        assert (options["bucket_name"], options["region_name"]) == ("pictures", "eu")
        assert not options["querystring_auth"]
        assert "access_key" not in options
        assert "FileSystemStorage" in read()["STORAGES"]["default"]["BACKEND"]

    def test_encryption_keys_are_told_apart_by_commas(self, read: Any) -> None:
        assert read(ENCRYPTION_KEYS="new,old")["ENCRYPTION_KEYS"] == ["new", "old"]

    def test_the_date_of_the_price_is_a_date(self, read: Any) -> None:
        assert read()["STYLE_PRICE_AS_OF"] is None
        assert read(STYLE_PRICE_AS_OF="2026-05-01")["STYLE_PRICE_AS_OF"].month == 5


class TestSecrets:
    def test_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANARY", " value\n")
        assert read_secret("CANARY") == "value"

    def test_are_empty_where_there_is_none(self) -> None:
        assert read_secret("CANARY") == ""

    def test_a_file_goes_before_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text("from the file\n")
        monkeypatch.setenv("CANARY", "from the variable")
        monkeypatch.setenv("CANARY_FILE", str(tmp_path / "secret"))
        assert read_secret("CANARY") == "from the file"

    def test_a_file_that_is_named_has_to_be_there(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Else a typing error would start the server with new keys, and none of the old secrets."""
        monkeypatch.setenv("CANARY_FILE", str(tmp_path / "missing"))
        with pytest.raises(OSError, match="missing"):
            kept_secret("CANARY", made_by=lambda: "new", kept_in=tmp_path / "kept")
        assert not (tmp_path / "kept").exists()

    def test_one_is_made_and_kept_where_there_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "kept"
        values = [kept_secret("CANARY", made_by=lambda v=v: v, kept_in=path) for v in "ab"]
        assert values == ["a", "a"]
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert [*path.parent.iterdir()] == [path]

    def test_what_is_given_is_not_kept(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CANARY", "given")
        assert kept_secret("CANARY", made_by=str, kept_in=tmp_path / "kept") == "given"
        assert not (tmp_path / "kept").exists()

    def test_one_that_another_process_made_a_moment_ago_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "kept"

        def made_too_late() -> str:
            path.parent.mkdir()
            path.write_text("theirs")
            return "ours"

        assert kept_secret("CANARY", made_by=made_too_late, kept_in=path) == "theirs"
        assert [*path.parent.iterdir()] == [path]

    def test_processes_that_start_at_the_same_time_read_the_same(self, tmp_path: Path) -> None:
        program = (
            "import os, sys; from pathlib import Path; from pikzels_ui.secrets import kept_secret\n"
            "sys.stdin.read()\n"
            "print(kept_secret('CANARY', made_by=lambda: os.urandom(9).hex(), "
            "kept_in=Path(sys.argv[1])))"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path / "keys" / "kept")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                text=True,
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.close()
            process.stdin = None
        said = {process.communicate(timeout=30)[0].strip() for process in processes}
        assert len(said) == 1
        assert said != {""}


class TestChecks:
    def found(self) -> dict[str, str]:
        checks = [check for check in run_checks() if str(check.id).startswith("pikzels_ui.")]
        for check in checks:
            assert banned_words(f"{check.msg} {check.hint}") == []
            assert check.hint
        return {str(check.id): check.msg for check in checks}

    def test_find_nothing_as_it_comes(self) -> None:
        assert self.found() == {}

    @pytest.mark.parametrize(
        "url", ["styles.example.com", "ftp://x.example", "https://", "https://x.example/styles", ""]
    )
    def test_e001_a_public_url_that_is_none(self, settings: LazySettings, url: str) -> None:
        settings.PUBLIC_URL = url
        assert "pikzels_ui.E001" in self.found()

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.pikzels.com",
            "http://192.168.0.5:8001",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "http://localhost.evil.example",
            "api.pikzels.com",
            "",
        ],
    )
    def test_e002_a_key_that_would_go_unencrypted(self, settings: LazySettings, url: str) -> None:
        settings.PIKZELS_BASE_URL = url
        assert [*self.found()] == ["pikzels_ui.E002"]

    @pytest.mark.parametrize(
        "url",
        ["https://api.pikzels.com", "http://127.0.0.2:9", "http://[::1]:9", "http://localhost"],
    )
    def test_plain_http_is_for_this_machine(self, settings: LazySettings, url: str) -> None:
        settings.PIKZELS_BASE_URL = url
        assert self.found() == {}

    @pytest.mark.parametrize("keys", [[""], ["short"], [Fernet.generate_key().decode(), "x"]])
    def test_e003_an_encryption_key_that_is_none(
        self, settings: LazySettings, keys: list[str]
    ) -> None:
        settings.ENCRYPTION_KEYS = keys
        assert [*self.found()] == ["pikzels_ui.E003"]

    @pytest.mark.parametrize("key", ["sk_live_1", '"pkz_1"', "PKZ_1"])
    def test_e004_an_api_key_that_is_none_and_is_not_repeated(
        self, settings: LazySettings, key: str
    ) -> None:
        settings.PIKZELS_API_KEY = key
        found = self.found()
        assert [*found] == ["pikzels_ui.E004"]
        assert key not in found["pikzels_ui.E004"]

    @pytest.mark.parametrize("name", ["s3://pictures", "pictures/of-ours", "p"])
    def test_e006_a_bucket_that_cannot_be_called_so(
        self, settings: LazySettings, name: str
    ) -> None:
        settings.S3_BUCKET = name
        assert [*self.found()] == ["pikzels_ui.E006"]

    @pytest.mark.parametrize("url", ["s3.example.com", "ftp://s3.example.com", "https://"])
    def test_e007_an_endpoint_that_is_none(self, settings: LazySettings, url: str) -> None:
        settings.S3_BUCKET, settings.S3_ENDPOINT = "pictures", url
        assert [*self.found()] == ["pikzels_ui.E007"]

    def test_w001_a_server_that_others_reach_by_no_name(self, settings: LazySettings) -> None:
        settings.BIND = "192.168.0.5"
        assert [*self.found()] == ["pikzels_ui.W001"]
        settings.PUBLIC_URL = "https://styles.example.com"
        assert self.found() == {}

    @pytest.mark.parametrize("price", ["a dollar", "US$ 0.38 (20% off)"])
    def test_w002_a_price_of_which_no_sums_can_be_made(
        self, settings: LazySettings, price: str
    ) -> None:
        settings.STYLE_PRICE = price
        assert [*self.found()] == ["pikzels_ui.W002"]
        settings.STYLE_PRICE = "US$ 0.38"
        assert self.found() == {}


def test_a_wrong_setting_keeps_the_server_from_starting_with_a_hint(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "PUBLIC_URL": "https://styles.example.com",
            "HSTS_SUBDOMAINS": "true",
            "PIKZELS_BASE_URL": "http://api.pikzels.com",
            "PIKZELS_API_KEY": "pkz_canary_1",
            "DJANGO_SETTINGS_MODULE": "pikzels_ui.settings",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pikzels_ui.E002" in done.stderr
    assert "HINT: Use https://." in done.stderr
    assert "identified 1 issue" in done.stderr
    assert "canary" not in done.stdout + done.stderr
