"""Sending three pictures to the API: our way, the usual way, and what curl does with it ready.

Ours is the product's own client, with everything that it does: it checks each file against its
checksum while it sends, holds the last byte back, and watches over the call's time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from styles.pikzels import rules
from styles.pikzels.body import StyleBody
from styles.pikzels.client import Picture, Pikzels
from styles.pikzels.errors import Verdict

from .sink import Sink

API_KEY = "pkz_bench_0123456789"
MEDIA_TYPE = "image/jpeg"
# What is compared sends the same headers, and does not wait to be told that it may go on.
CURL = ("curl", "-sS", "-o", "/dev/null", "--http1.1", "-H", "Expect:")


@dataclass(frozen=True)
class Parcel:
    """Three files of `size` bytes each, and the request's body made of them."""

    files: tuple[Path, ...]
    size: int
    body: Path

    def pictures(self) -> list[Picture]:
        return [
            Picture(
                path=path,
                media_type=MEDIA_TYPE,
                size=self.size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in self.files
        ]


@contextmanager
def parcel(size: int) -> Iterator[Parcel]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        files = tuple(folder / f"{number}.jpg" for number in range(rules.IMAGE_COUNT))
        for file in files:
            file.write_bytes(os.urandom(size))
        made = Parcel(files, size, folder / "body.json")
        with made.body.open("wb") as body:
            body.writelines(
                StyleBody(name="Bench", pictures=made.pictures(), before_last_byte=lambda: True)
            )
        yield made


def client_of(to: Sink) -> Pikzels:
    return Pikzels(api_key=API_KEY, base_url=to.url, verify=to.certificate or True)


def send_ours(client: Pikzels, pictures: list[Picture]) -> None:
    outcome = client.create(name="Bench", pictures=pictures, before_last_byte=lambda: True)
    assert outcome.verdict is Verdict.MADE, outcome


def send_naive(to: Sink, files: tuple[Path, ...]) -> None:
    """Send them as one does who reads the API's documentation and has requests at hand."""
    images = [
        f"data:{MEDIA_TYPE};base64,{base64.b64encode(file.read_bytes()).decode()}" for file in files
    ]
    answer = requests.post(
        to.url + rules.CREATE_PATH,
        json={"name": "Bench", "image_base64s": images},
        headers={rules.KEY_HEADER: API_KEY},
        timeout=60,
        verify=to.certificate or True,
    )
    assert answer.json()["id"]


def send_by_curl(to: Sink, body: Path) -> float:
    """Post a body that is ready; return the milliseconds of the transfer itself."""
    headers = ["-H", "Content-Type: application/json", "-H", f"{rules.KEY_HEADER}: {API_KEY}"]
    trust = ["--cacert", to.certificate] if to.certificate else []
    asked = ["-w", "%{http_code} %{time_total}", "--data-binary", f"@{body}"]
    command = [*CURL, *headers, *trust, *asked, to.url + rules.CREATE_PATH]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    status, seconds = told.split()
    assert status == "200", told
    return 1000 * float(seconds)
