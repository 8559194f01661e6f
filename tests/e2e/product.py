"""The whole product, as `make run` starts it, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from ..waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Product:
    """A running `manage.py run`; `output` is what it printed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.sandbox = f"http://127.0.0.1:{(sandbox_port := free_port())}"
        self.log = folder / "run.log"
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        settings = {"DATA_DIR": str(folder / "var"), "PORT": str(port)}
        settings |= {"SANDBOX_PORT": str(sandbox_port), "SANDBOX_TRAIN_SECONDS": "2"}
        # What owners bring goes there, too.
        settings["PIKZELS_BASE_URL"] = self.sandbox
        self.environment = kept | settings | environment
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: "is ready at" in self.output or self._ended(), seconds=90)

    def _ended(self) -> bool:
        assert self.process.poll() is None, self.output
        return False

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def setup_link(self) -> str:
        found = re.search(r"http\S+/setup/\S+/", self.output)
        assert found, self.output
        return found[0]

    def ledger(self) -> dict[str, Any]:
        return requests.get(f"{self.sandbox}/_sandbox/ledger", timeout=10).json()

    def command(self, *words: str) -> str:
        """Run another command of `manage.py` beside it; return what that printed."""
        words = (sys.executable, "manage.py", *words)
        done = subprocess.run(
            words, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)
