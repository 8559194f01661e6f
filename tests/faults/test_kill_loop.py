"""Workers are killed by the hundred; nothing is paid for twice, forgotten or stuck."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = ("PATH", "TMPDIR", "TEST_DATABASE_URL")
# PostgreSQL needs a process per connection, and half as many kills take as long.
KILLS = 100 if "TEST_DATABASE_URL" in os.environ else 200


def test_nothing_is_lost_with_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.kill_loop", "--kills", str(KILLS)],
        cwd=ROOT,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 charged twice, 0 forgotten, 0 stuck, 0 untold" in done.stdout
