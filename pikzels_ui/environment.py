"""The environment, read so that a wrong value is a message with the way out and no traceback.

Whatever is wrong is noted and another value taken in its stead, so that everything wrong can be
said at once. Nothing is done with such a value: `styles/checks.py` makes an error of each problem,
which ends every command, and `wsgi.py` ends the web server. No value is repeated that may hold a
password.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

TRUE = {"true", "on", "ok", "y", "yes", "1"}
FALSE = {"false", "off", "n", "no", "0"}
SQLITE = "django.db.backends.sqlite3"
ENGINES = {SQLITE, "django.db.backends.postgresql"}
REDIS_SCHEMES = {"redis", "rediss"}
# With it everything that asks the database says so: a wrong address must never mean another one.
NO_DATABASE = {"ENGINE": "django.db.backends.dummy"}


class Problem(NamedTuple):
    """A setting that cannot be used: what is wrong with it, and what to write instead."""

    name: str
    says: str
    do: str


class Environment:
    """Reads settings by their names; an empty one counts as one that is not set."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, name: str, says: str, do: str) -> None:
        self.problems.append(Problem(name, says, do))

    def text(self, name: str, *, default: str) -> str:
        return os.environ.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        word = self.text(name, default="").lower()
        if word and word not in TRUE | FALSE:
            self._wrong(name, word, "neither true nor false", "Write true or false.")
            return default
        return word in TRUE if word else default

    def whole(self, name: str, *, default: int, least: int = 0, most: int = 10**9) -> int:
        return self._read(name, int, default, (least, most))

    def number(self, name: str, *, default: float, least: float = 0, most: float = 1e9) -> float:
        return self._read(name, float, default, (least, most))

    def _read(
        self, name: str, read: Callable[[str], Any], default: Any, limits: tuple[Any, Any]
    ) -> Any:
        word = self.text(name, default="")
        try:
            number = read(word) if word else default
        except ValueError:
            number = None
        least, most = limits
        if number is None or not least <= number <= most:
            kind = "a whole number" if read is int else "a number"
            wanted = f"{kind} from {least:,}" + (f" to {most:,}" if most < 10**9 else "")
            self._wrong(name, word, f"not {wanted}", f"Write {wanted}, such as {default:g}.")
            return default
        return number

    def day(self, name: str) -> date | None:
        word = self.text(name, default="")
        try:
            return date.fromisoformat(word) if word else None
        except ValueError:
            self._wrong(name, word, "not a date", "Write year, month and day, such as 2026-05-11.")
            return None

    def choice(self, name: str, *, default: str, of: tuple[str, ...]) -> str:
        word = self.text(name, default=default)
        known = next((each for each in of if each.lower() == word.lower()), None)
        if known is None:
            self._wrong(name, word, "none of those that there are", f"Write {' or '.join(of)}.")
        return known or default

    def address(self, name: str, *, default: str) -> str:
        """Return a URL that can be taken apart; whether it fits is for the system checks."""
        url = self.text(name, default=default)
        try:
            _ = urlsplit(url).port
        except ValueError:
            self._wrong(name, url, "not an address", f"Write one such as {default}.")
            return default
        return url

    def secret(self, name: str, read: Callable[[], str]) -> str:
        """Return what `read` returns; "" where its file cannot be read, with which nothing goes."""
        try:
            return read()
        except OSError as error:
            file = error.filename or "its file"
            self.note(
                name,
                f"{name} cannot be read from {file}: {error.strerror}.",
                "Name a file that is there and that the server's user may read, or give it back.",
            )
            return ""

    def folder(self, name: str, path: Path) -> Path:
        """Return the folder, which is made where it is missing."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.note(
                name,
                f"The folder {path} is not there and cannot be made: {error.strerror}.",
                f"Make it and give it to the server's user, or set {name} to another one.",
            )
        return path

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = Env.db_url_config(self.text(name, default=default))
        except (ValueError, ImproperlyConfigured):
            found = {}
        if found.get("ENGINE") not in ENGINES:
            self.note(
                name,
                f"{name} is not the address of a database of ours (it may hold a password, and is "
                "not shown).",
                "Write postgres://user:password@host:5432/name, each sign like @ : / # in the "
                "password as %40 %3A %2F %23, or leave it out for SQLite.",
            )
            return dict(NO_DATABASE)
        if found["ENGINE"] != SQLITE and not find_spec("psycopg"):
            self.note(
                name,
                f"{name} names a PostgreSQL, and the package for that is not installed.",
                "Run .venv/bin/pip install 'psycopg[binary]'.",
            )
            return dict(NO_DATABASE)
        return found

    def redis(self, name: str) -> str:
        """Return the address of a Redis, "" without one."""
        url = self.text(name, default="")
        try:
            parts = urlsplit(url)
            right = parts.scheme in REDIS_SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            right = False
        if url and not right:
            self.note(
                name,
                f"{name} is not the address of a Redis (it may hold a password, and is not shown).",
                "Write redis://:password@host:6379/0, or rediss://… for one with TLS, each sign "
                "like @ : / # in the password as %40 %3A %2F %23.",
            )
            return ""
        return url if self.package(name, url, "redis") else ""

    def package(self, name: str, value: str, module: str) -> bool:
        """Return whether what a setting asks for is installed."""
        if value and not find_spec(module):
            self.note(
                name,
                f"{name} is set, and the packages for that are not installed.",
                "Run .venv/bin/pip install --require-hashes -r requirements-scaled.txt.",
            )
            return False
        return True

    def need(self, name: str, wanted: bool, other: str, value: str) -> None:
        """Note a setting that needs another one, unless that is what is wrong already."""
        known = {problem.name for problem in self.problems}
        if wanted and not value and other not in known:
            self.note(name, f"{name} needs {other}, which is not set.", f"Set {other}, too.")

    def mail(self, name: str) -> dict[str, Any]:
        """Return Django's settings of a mail server, or {} without one."""
        url = self.text(name, default="")
        try:
            found = Env.email_url_config(url) if url else {}
        except (ValueError, ImproperlyConfigured):
            found = {}
        if url and (not found or ("smtp" in found["EMAIL_BACKEND"] and not found["EMAIL_HOST"])):
            self.note(
                name,
                f"{name} is not the address of a mail server (it may hold a password, and is not "
                "shown).",
                "Write smtp+tls://user:password@mail.example.com:587, or smtp+ssl://… with port "
                "465, each sign like @ : / # in the password as %40 %3A %2F %23.",
            )
            return {}
        return found

    def _wrong(self, name: str, value: str, why: str, do: str) -> None:
        self.note(name, f"{name} is {value[:100]!r}, which is {why}.", do)
