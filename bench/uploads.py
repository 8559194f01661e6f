"""What people upload, and web servers that take it: gunicorn as it is configured here, and stock.

Stock is gunicorn with its own defaults but for as many processes and threads as ours has.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.e2e.product import free_port
from tests.pictures import photo
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
GUNICORN = (sys.executable, "-m", "gunicorn", "--chdir", str(ROOT))
OURS = ("--config", str(ROOT / "gunicorn.conf.py"))
STOCK = ("--config", str(ROOT / "bench" / "stock_gunicorn.py"))
BOUNDARY = "bench-7d3f0a52c1"
EMAIL, PASSWORD = "alice@example.com", "bench bench bench bench"


@dataclass(frozen=True)
class Web:
    """A running gunicorn, and the processes that it is made of."""

    url: str
    process: subprocess.Popen[bytes]

    def pids(self) -> list[int]:
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [parent, *map(int, children.split())]


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a product of its own, in which nobody uploads too often."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    often = {"STYLES_PER_HOUR", "TEAM_STYLES_PER_HOUR", "UPLOADS_PER_HOUR", "UPLOAD_MB_PER_HOUR"}
    settings = dict.fromkeys(often, "1000000")
    settings |= {"DATA_DIR": str(folder / "var"), "DJANGO_SUPERUSER_EMAIL": EMAIL}
    settings |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "LOG_LEVEL": "ERROR"}
    return kept | settings | more


@contextmanager
def web(app: str, config: Sequence[str], environment: dict[str, str]) -> Iterator[Web]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [*GUNICORN, *config, "--bind", f"127.0.0.1:{port}", app]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            wait_until(lambda: answers(url), seconds=60)
            yield Web(url, process)
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


@cache
def pictures(size: int) -> list[bytes]:
    """Return three JPEGs of 12 megapixels and about so many bytes, as a camera makes them."""
    return [photo(4000, 3000, size_bytes=size, seed=seed) for seed in range(3)]


def form_of(fields: dict[str, str], files: Sequence[bytes]) -> list[bytes]:
    """Return the pieces of the body that a browser makes of the form."""
    pieces = []
    for name, value in fields.items():
        lead = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        pieces.append(f"{lead}{value}\r\n".encode())
    for number, content in enumerate(files, start=1):
        told = f'name="image_{number}"; filename="{number}.jpg"\r\nContent-Type: image/jpeg'
        lead = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {told}\r\n\r\n"
        pieces += [lead.encode(), content, b"\r\n"]
    return [*pieces, f"--{BOUNDARY}--\r\n".encode()]


def post(url: str, body: list[bytes], cookies: str = "") -> tuple[int, bytes]:
    """Post a form over a connection of its own; return the answer's status and content."""
    to = urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=120)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(sum(map(len, body))),
        "Cookie": cookies,
        "Origin": f"{to.scheme}://{to.netloc}",
    }
    try:
        connection.request("POST", to.path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def cpu_told(url: str, body: list[bytes]) -> float:
    """Post to `upload_app` and return the milliseconds of CPU that it says it took."""
    status, content = post(url, body)
    assert status == 200, content
    told = json.loads(content)
    assert told["size"] >= sum(map(len, body)) * 0.99, told
    return told["cpu_ms"]


class Person:
    """Somebody who is signed in and fills in the form of a new style, again and again."""

    def __init__(self, url: str) -> None:
        self._page = f"{url}/styles/new/"
        self._session = requests.Session()
        answer = self._session.get(f"{url}/accounts/login/", timeout=30)
        fields = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": hidden(answer.text)}
        answer = self._session.post(f"{url}/accounts/login/", fields, timeout=30)
        assert answer.ok and "sessionid" in self._session.cookies, answer.text

    def send(self, files: Sequence[bytes]) -> None:
        """Send the form; the style is made, or this fails."""
        page = self._session.get(self._page, timeout=120).text
        names = ("csrfmiddlewaretoken", "team", "token")
        fields = {name: hidden(page, name) for name in names}
        fields["name"] = f"Bench {uuid.uuid4().hex[:12]}"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._session.cookies)
        status, content = post(self._page, form_of(fields, files), cookies)
        assert status == 302, (status, content[-3000:])


def hidden(page: str, name: str = "csrfmiddlewaretoken") -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]+)"', page)
    assert found, page
    return found[1]
