"""How fast the worker sends what waits, with 1, 10 and 50 keys and a Pikzels that takes 2 seconds.

Run with `python -m bench.dispatch`; on loopback addresses alone. The ideal is the number of
requests that may be under way, by keys and by threads, through the time that one takes. What
answers is a server of its own (`serve`), which counts how much each key had under way at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from .figures import Figure, run
from .people import HERE, start_django

LATENCY = 2.0
PER_KEY = 4
WARM_UP, SECONDS = 5.0, 10.0
GOAL = 0.9
# So many keys, and so many threads of the worker: those that it has, and as many as the keys allow.
SIZES = ((1, 16), (10, 16), (10, 40), (50, 16), (50, 200))
# Beyond the ideal stands what two cores have to do for each style. Ten times 100,000 styles a day:
MOST_A_MINUTE = 700
WHY = "Processor time for each style is the bound here, and not how many may be under way."


@dataclass
class Far:
    """A Pikzels that makes every style, in `LATENCY` seconds, and trains in no time."""

    made_at: list[float] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    most: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        try:
            await reader.readexactly(int(lines.get("content-length", 0)))
        except asyncio.IncompleteReadError:
            writer.close()  # the worker was told to stop: nothing was made
            return
        if head.startswith("POST"):
            body = await self._made(lines["x-api-key"])
        elif "/_seen" in head:
            body = {"made_at": self.made_at, "most": self.most}
        else:
            body = {"id": head.split()[1].rpartition("/")[2], "status": "completed"}
            body |= {"name": "Bench", "mode": "style", "progress": 100}
        told = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(told) + told)
        await writer.drain()
        writer.close()

    async def _made(self, key: str) -> dict[str, object]:
        self.under_way[key] += 1
        self.most = max(self.most, self.under_way[key])
        await asyncio.sleep(LATENCY)
        self.under_way[key] -= 1
        self.made_at.append(time.monotonic())
        return {"id": str(uuid.uuid4()), "request_id": str(uuid.uuid4())}


async def serve() -> None:
    """Print a port and answer there until this is ended."""
    server = await asyncio.start_server(Far().answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def fill(keys: int, styles: int) -> None:
    """Give each of so many keys so many styles that wait, in the environment's database."""
    start_django()
    from django.conf import settings
    from django.utils import timezone

    from styles.models import Event, ReferenceImage, Style
    from styles.states import State
    from teams.models import Membership, PikzelsKey, Team, User

    picture, now = b"\xff\xd8\xff" + bytes(1000), timezone.now()
    path = Path(settings.MEDIA_ROOT, "references", "picture")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
    about = {"file": "references/picture", "original_name": "mars.jpg", "bytes": len(picture)}
    about |= {"sha256": hashlib.sha256(picture).hexdigest(), "media_type": "image/jpeg"}
    for number in range(keys):
        who = User.objects.create(email=f"person{number}@example.com")
        team = Team.objects.create(name=f"Studio {number}")
        Membership.objects.create(team=team, user=who, role="owner")
        address = settings.PIKZELS_BASE_URL
        key = PikzelsKey.seal(f"pkz_bench_{number:04}", base_url=address, team=team, name="Ours")
        key.save()
        waiting = Style.objects.bulk_create(
            Style(team=team, creator=who, name=f"Mars {n}", state=State.QUEUED, key=key,
                  due_at=now, submitted_at=now)
            for n in range(styles)
        )  # fmt: skip
        ReferenceImage.objects.bulk_create(
            ReferenceImage(style=one, position=n, **about) for one in waiting for n in (1, 2, 3)
        )
        Event.objects.bulk_create(
            Event(style=one, who=who, what=Event.What.MOVED, to_state=State.QUEUED)
            for one in waiting
        )


@contextmanager
def far_away() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.dispatch", "serve"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def sent(prepared: Path, keys: int, threads: int) -> tuple[float, int]:
    """Return how many styles were made in a minute, and the most that one key had under way."""
    with tempfile.TemporaryDirectory() as folder, far_away() as url:
        data = shutil.copytree(prepared, Path(folder, "var"))
        environment = environment_of(data, PIKZELS_BASE_URL=url, WORKER_THREADS=str(threads))
        a_minute = min(keys * PER_KEY, threads) / LATENCY * 60
        enough = int(a_minute / 60 * (WARM_UP + SECONDS) / keys * 1.5) + 2 * PER_KEY
        manage = [sys.executable, "-m", "bench.dispatch", "fill", str(keys), str(enough)]
        subprocess.run(manage, cwd=HERE, env=environment, check=True)
        work = [sys.executable, "manage.py", "work"]
        with subprocess.Popen(work, cwd=HERE, env=environment, stdout=subprocess.PIPE) as worker:
            assert worker.stdout
            worker.stdout.readline()
            time.sleep(WARM_UP)
            before = seen(url)
            time.sleep(SECONDS)
            after = seen(url)
            worker.send_signal(signal.SIGTERM)
    began, ended = before["asked_at"], after["asked_at"]
    made = sum(began < moment <= ended for moment in after["made_at"])
    return made / (ended - began) * 60, after["most"]


def seen(url: str) -> dict:
    return {"asked_at": time.monotonic(), **requests.get(f"{url}/_seen", timeout=10).json()}


def environment_of(data: Path, **settings: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = {"DATA_DIR": str(data), "SANDBOX": "off", "LOG_LEVEL": "WARNING"}
    return kept | ours | {"IN_FLIGHT_PER_KEY": str(PER_KEY), "PYTHONUNBUFFERED": "1"} | settings


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "var")
        prepare = [sys.executable, "manage.py", "prepare"]
        environment = environment_of(prepared)
        subprocess.run(prepare, cwd=HERE, env=environment, check=True, stdout=subprocess.DEVNULL)
        found = {size: sent(prepared, *size) for size in SIZES}
    figures = [_figure(keys, threads, rate) for (keys, threads), (rate, _) in found.items()]
    most = max(most for _, most in found.values())
    what = "The most that one key had under way at once"
    return [*figures, Figure(23, what, str(most), f"{PER_KEY} allowed", most, PER_KEY)]


def _figure(keys: int, threads: int, rate: float) -> Figure:
    most = min(keys * PER_KEY, threads) / LATENCY * 60
    name = "1 key" if keys == 1 else f"{keys} keys"
    what = f"Styles sent a minute with {name} and {threads} threads"
    against = f"{most:,.0f}, in flight through latency"
    if keys * PER_KEY > threads:
        against += f"; without WORKER_THREADS {keys * PER_KEY / LATENCY * 60:,.0f}"
    if most > MOST_A_MINUTE:
        return Figure(
            23, what, f"{rate:,.0f}", against, rate, MOST_A_MINUTE, at_least=True, why=WHY
        )
    what += ", against the ideal"
    return Figure(23, what, f"{rate:,.0f}", against, rate / most, GOAL, at_least=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case ["fill", keys, styles]:
            fill(int(keys), int(styles))
        case _:
            run(measure)
