"""A clean Debian 12 in a folder, booted with its own systemd; for root, with debootstrap."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

# What every Debian has that is more than a folder.
WITH = "adduser,ca-certificates,dbus,systemd,systemd-sysv"
OWN_CAS = Path("usr/local/share/ca-certificates")


class Machine:
    """Debian in `folder`; it shares the network of the machine that it is in, and so its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        run("debootstrap", "--variant=minbase", f"--include={WITH}", "bookworm", self.folder)
        if (Path("/") / OWN_CAS).is_dir():
            # Where the way out has a certificate authority of its own.
            shutil.copytree(Path("/") / OWN_CAS, self.folder / OWN_CAS, dirs_exist_ok=True)
            run("chroot", self.folder, "update-ca-certificates")

    def boot(self) -> None:
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"]
        self.process = subprocess.Popen(
            [*command, "--directory", str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=(self.folder.parent / "boot.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        while self._leader() is None or "running" not in self.state():
            time.sleep(0.5)

    def state(self) -> str:
        done = self.ask("systemctl is-system-running")
        # Devices and clocks that a machine in a machine has not.
        return done.replace("degraded", "running")

    def _leader(self) -> str | None:
        found = subprocess.run(
            ["pgrep", "--parent", str(self.process.pid)], capture_output=True, text=True
        )
        return found.stdout.split()[0] if found.stdout else None

    def ask(self, code: str, **environment: str) -> str:
        """Run shell code as root; return what it printed, whatever it came to."""
        return self._run(code, environment).stdout

    def do(self, code: str, **environment: str) -> str:
        """Run shell code as root, each line of which has to succeed; return what it printed."""
        done = self._run(f"set -e\n{code}", environment)
        sys.stdout.write(done.stdout)
        done.check_returncode()
        return done.stdout

    def _run(self, code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        clean = ["env", "-i", path, "HOME=/root", "DEBIAN_FRONTEND=noninteractive"]
        variables = [f"{name}={value}" for name, value in environment.items()]
        inside = ["nsenter", "--all", "--target", self._leader() or "0", *clean, *variables]
        return subprocess.run(
            [*inside, "bash", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self) -> None:
        self.ask("systemctl poweroff")
        self.process.wait(timeout=600)


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
