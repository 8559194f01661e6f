"""Two web hosts and two worker hosts, and the parts that they share.

Each host has a DATA_DIR of its own, as if it were another machine; what they must have in common
comes from the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from cryptography.fernet import Fernet

from ..faults.kill_loop import Figures, count
from ..own_redis import OwnRedis
from ..pictures import photo
from ..pikzels.sandboxes import running
from ..visitor import Visitor
from ..waiting import wait_until
from .parts import BUCKET, S3, Postgres, Program, answers, free_port

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
# What a key may have under way in the tests that are not about that: a worker that was killed has
# its share until its leases end.
MANY = "40"
# Those that a test reaches, and those that none may.
LIMITS = {"EXPORTS_PER_HOUR": "6", "API_CALLS_PER_MINUTE": "8"}
OTHER_LIMITS = (
    "STYLES_PER_HOUR",
    "TEAM_STYLES_PER_HOUR",
    "UPLOADS_PER_HOUR",
    "UPLOAD_MB_PER_HOUR",
)
# How long slow answers take; very slow ones take a minute.
SLOW = 2.0
MOVING = ["queued", "sending", "committed", "training"]


class Host:
    """A machine with programs of ours, which share its DATA_DIR."""

    def __init__(
        self, name: str, folder: Path, shared: dict[str, str], *commands: list[str]
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.data = folder / name
        self.data.mkdir()
        self.environment = {**shared, "DATA_DIR": str(self.data)}
        self.programs = [Program(command, self.log, self.environment) for command in commands]

    def start(self) -> None:
        for program in self.programs:
            if not program.is_running():
                program.start()

    def tell_to_stop(self) -> None:
        for program in self.programs:
            program.tell_to_stop()

    def stop(self) -> None:
        self.tell_to_stop()
        for program in self.programs:
            program.stop()

    def kill(self) -> None:
        for program in self.programs:
            program.kill()

    def pids(self) -> list[int]:
        return [each.process.pid for each in self.programs if each.process and each.is_running()]

    def run(self, *command: str) -> str:
        """Run a command on this host; return what it printed."""
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def journal(self) -> str:
        return "".join(file.read_text() for file in self.data.glob("journal/*.jsonl"))


class Web(Host):
    """gunicorn, with the product's own configuration."""

    def __init__(self, name: str, folder: Path, shared: dict[str, str]) -> None:
        bind = f"127.0.0.1:{free_port()}"
        self.url = f"http://{bind}"
        gunicorn = [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT), "--bind", bind]
        configured = ["--config", str(ROOT / "gunicorn.conf.py"), "pikzels_ui.wsgi:application"]
        super().__init__(name, folder, shared, [*gunicorn, *configured])


class Worker(Host):
    """One program that finds what is due, and one that does what either host has found."""

    def __init__(self, name: str, folder: Path, shared: dict[str, str]) -> None:
        work = [*MANAGE, "work"]
        super().__init__(name, folder, shared, work, [*work, "--tasks"])


class World:
    """The whole installation, with a sandbox in this process that plays Pikzels."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.pikzels = stack.enter_context(
            running(folder / "pikzels", slow_seconds=SLOW, unique_names=False)
        )
        self.postgres = Postgres(folder / "postgres")
        stack.callback(self.postgres.stop)
        assert shutil.which("redis-server"), "There is no redis-server."
        self.redis = OwnRedis(folder)
        self.redis.start()
        stack.callback(self.redis.stop)
        self.s3 = S3(folder / "s3")
        stack.callback(self.s3.kill)
        shared = self._environment(folder)
        self.webs = [Web(f"web-{n}", folder, shared) for n in (1, 2)]
        self.workers = [Worker(f"worker-{n}", folder, shared) for n in (1, 2)]
        for host in self.hosts():
            stack.callback(host.kill)
        self.api_token = ""

    def hosts(self) -> list[Host]:
        return [*self.webs, *self.workers]

    def _environment(self, folder: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            **dict.fromkeys(OTHER_LIMITS, "1000000"),
            **LIMITS,
            "IN_FLIGHT_PER_KEY": MANY,
            "DJANGO_SETTINGS_MODULE": "pikzels_ui.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "EXECUTOR": "redis",
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT": self.s3.url,
            "S3_REGION": "us-east-1",
            "S3_ACCESS_KEY": "anybody",
            "S3_SECRET_KEY": token_urlsafe(20),
            "SECRET_KEY": token_urlsafe(50),
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "SANDBOX": "false",
            "PIKZELS_BASE_URL": self.pikzels.url,
            # A mail server that takes everything.
            "EMAIL_URL": "dummymail://",
            "LOG_LEVEL": "WARNING",
        }

    def begin(self) -> None:
        """Do as whoever installs it: prepare one web host, then the other."""
        first, second = self.webs
        first.run(*MANAGE, "prepare")
        for host in (first, *self.workers):
            host.start()
        self.api_token = first.run(sys.executable, "-m", "tests.scaled.cast")
        second.run(*MANAGE, "prepare")
        second.start()
        self.wait_for_webs()

    def wait_for_webs(self) -> None:
        for web in self.webs:
            wait_until(answers(f"{web.url}/healthz"), seconds=60)

    # What people do, and what came of it

    def visitor(self, email: str = "alice@example.com", web: int = 0) -> Visitor:
        visitor = Visitor(self.webs[web].url)
        visitor.sign_in(email)
        return visitor

    def send(self, visitor: Visitor, *names: str) -> None:
        """Ask for styles of these names, each web host in turn."""
        for turn, name in enumerate(names):
            new = f"{self.webs[turn % 2].url}/styles/new/"
            answer = visitor.fill_in(new, {"name": name}, pictures())
            assert answer.history and "/edit/" not in answer.url, answer.text

    def pids(self) -> dict[str, list[int]]:
        """Return the processes that run now, of all hosts."""
        return {host.name: host.pids() for host in self.hosts()}

    def styles(self, about: str) -> list:
        """Return the rows of the styles with these words in their names."""
        query = "SELECT id, name, state, reason, pikzels_id FROM styles_style WHERE name LIKE %s"
        return self.postgres.rows(query, f"%{about}%")

    def states(self, about: str) -> Counter[str]:
        return Counter(style.state for style in self.styles(about))

    def settle(self, about: str, seconds: float = 90) -> Counter[str]:
        """Wait until nothing of these moves by itself any more; return their states."""
        wait_until(lambda: not set(MOVING) & self.states(about).keys(), seconds=seconds)
        return self.states(about)

    def ledger(self) -> dict[str, Any]:
        return self.pikzels.ledger.account()

    def posts(self, about: str = "") -> list[dict[str, Any]]:
        """Return the paid requests for these, in their order; without words all that came."""
        asked = self.ledger()["requests"]
        return [row for row in asked if row["method"] == "POST" and about in (row["name"] or "")]

    def figures(self, about: str) -> Figures:
        """Hold what was made at Pikzels against what the installation knows."""
        figures = Figures()
        styles = self.styles(about)
        count(figures, styles, self.ledger()["styles"], told={style.id for style in styles})
        return figures

    @contextmanager
    def workers_with(self, **environment: str) -> Iterator[None]:
        """Have the workers run with other settings for a while."""
        before = {name: self.workers[0].environment[name] for name in environment}
        try:
            self._restart_workers(environment)
            yield
        finally:
            self._restart_workers(before)

    def _restart_workers(self, environment: dict[str, str]) -> None:
        for worker in self.workers:
            worker.tell_to_stop()
        for worker in self.workers:
            worker.stop()
            worker.environment.update(environment)
            worker.start()


def pictures() -> dict[str, tuple[str, bytes, str]]:
    """Return three small pictures as a form has them."""
    return {
        f"image_{n}": (f"mars-{n}.jpg", photo(320, 180, seed=n), "image/jpeg") for n in (1, 2, 3)
    }
