"""Two ways to start a worker and kill it: forked from a warmed process, and as the real command."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .nursery import POINTS

ROOT = Path(__file__).resolve().parents[2]
# Of ten forked workers so many die at a named point, the others at any moment.
AT_POINTS = 7


class Killer(Protocol):
    """Starts one worker after the other, and returns when each is dead.

    Every third answer takes `slow_seconds`, so that it is waited for when the end comes.
    """

    slow_seconds: float
    points: Counter[str]

    def kill_one(self, chance: random.Random) -> None: ...

    def __enter__(self) -> Killer: ...

    def __exit__(self, *_: object) -> None: ...


class Nursery:
    """Forks workers from a warmed process, most of them to die at a named point."""

    slow_seconds = 0.05

    def __init__(self) -> None:
        self.points: Counter[str] = Counter()

    def __enter__(self) -> Nursery:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def kill_one(self, chance: random.Random) -> None:
        named = chance.randrange(10) < AT_POINTS
        point = chance.choice(list(POINTS)) if named else ""
        self.points[point or "any moment"] += 1
        seconds = 0.6 if named else chance.uniform(0.02, 0.25)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{point}\t{seconds}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "dead\n"

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Commands:
    """Starts `manage.py work` and `manage.py run`, and kills them at any moment.

    Of `run` half the time only the supervisor is killed, whose children have to follow it.
    """

    slow_seconds = 0.5

    def __init__(self) -> None:
        self.points: Counter[str] = Counter()

    def __enter__(self) -> Commands:
        return self

    def kill_one(self, chance: random.Random) -> None:
        command, whole_group = chance.choice([("work", True), ("run", True), ("run", False)])
        self.points[f"{command}{'' if whole_group else ', its supervisor only'}"] += 1
        process = subprocess.Popen(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env={**os.environ, "PORT": str(free_port())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.8, 4))
        assert process.poll() is None, f"manage.py {command} ended by itself: {process.returncode}"
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        self._wait_until_empty(process.pid)

    def _wait_until_empty(self, group: int) -> None:
        """Wait for the children; one that outlives its supervisor for long is a failure."""
        give_up = time.monotonic() + 10
        with suppress(ProcessLookupError):
            while time.monotonic() < give_up:
                os.killpg(group, 0)
                time.sleep(0.02)
            os.killpg(group, signal.SIGKILL)
            raise AssertionError("a child outlived its supervisor")

    def __exit__(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
