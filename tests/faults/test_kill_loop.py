"""Two hundred workers are killed; nothing is paid for twice, forgotten or stuck."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_two_hundred_kills() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.kill_loop", "--kills", "200"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 charged twice, 0 forgotten, 0 stuck" in done.stdout
