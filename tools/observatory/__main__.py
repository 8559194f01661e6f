"""Scan the running product with Mozilla's HTTP Observatory, over https and without a network.

`make run` as it is deployed: behind a proxy that ends TLS, here with a certificate made for this
scan. Nothing leaves this machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pikzels_ui.supervisor import answers
from tests.pikzels.loopback import make_certificate

from .front import Front

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NODE_AT_LEAST = 20
LEAST_SCORE = 130
START_SECONDS = 60


def main() -> int:
    if problem := node_problem():
        sys.exit(problem)
    with TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder), ["localhost"])
        port = free_port()
        with Front(certificate, to_port=port) as front:
            threading.Thread(target=front.serve_forever, daemon=True).start()
            product = start(Path(folder) / "data", f"https://localhost:{front.port}", port)
            try:
                wait_for(product, port)
                return scan(front.port, certificate)
            finally:
                product.terminate()
                product.wait()
                front.shutdown()


def node_problem() -> str:
    """Return why the scanner cannot run here, or ""."""
    if not shutil.which("node"):
        return "The scanner needs Node.js, which is not here."
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().lstrip("v").partition(".")[0]) < NODE_AT_LEAST:
        return f"The scanner needs Node.js {NODE_AT_LEAST}, and this is {version.stdout.strip()}."
    return ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


def start(data: Path, public_url: str, port: int) -> subprocess.Popen[bytes]:
    """Start the product with nothing of this machine's own settings."""
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "PUBLIC_URL": public_url}
    env |= {"PORT": str(port), "SANDBOX": "false"}
    command = [sys.executable, "manage.py", "run"]
    # Its words hold the link that makes the first account.
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)


def wait_for(product: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while not answers("127.0.0.1", port, "/healthz"):
        if product.poll() is not None or time.monotonic() > end:
            sys.exit("The product did not start.")
        time.sleep(0.2)


def scan(port: int, certificate: Path) -> int:
    env = {**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate)}
    command = ["node", str(HERE / "scan.js"), f"localhost:{port}", str(LEAST_SCORE)]
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
