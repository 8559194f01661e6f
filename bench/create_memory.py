"""How much memory sending three pictures of 10 MB takes: ours against `requests.post(json=...)`.

Run with `python -m bench.create_memory`; Linux only. Each way runs in a fresh process, warmed by a
small create, against a server in a process of its own that throws everything away.
"""

import base64
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import requests

from styles.pikzels.client import Picture, Pikzels
from styles.pikzels.errors import Verdict

PICTURE_BYTES = 10_000_000
GOAL_KIB = 2048
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"id":"abc"}'


def serve() -> None:
    """Print a port; then take requests in, one after the other, and keep nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                drain(connection)
                connection.sendall(ANSWER)


def drain(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, start = received.partition(b"\r\n\r\n")
    left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(start)
    room = bytearray(1 << 20)
    while left:
        left -= connection.recv_into(room, min(left, len(room)))


def send_ours(url: str, path: Path, size: int) -> None:
    picture = Picture(path=path, media_type="image/jpeg", size=size)
    outcome = Pikzels(api_key="pkz_bench", base_url=url).create(
        name="Bench", pictures=[picture] * 3, before_last_byte=lambda: True
    )
    assert outcome.verdict is Verdict.MADE, outcome


def send_naive(url: str, path: Path, size: int) -> None:
    images = [
        "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode() for _ in range(3)
    ]
    answer = requests.post(
        f"{url}/v2/pikzonality/style",
        json={"name": "Bench", "image_base64s": images},
        headers={"X-Api-Key": "pkz_bench"},
        timeout=60,
    )
    assert answer.json() == {"id": "abc"}


WAYS: dict[str, Callable[[str, Path, int], None]] = {"ours": send_ours, "naive": send_naive}


def peak_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def measure(way: str, url: str) -> None:
    """Print by how many KiB this process has grown at its peak."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        small.write_bytes(b"\xff" * 1000)
        WAYS[way](url, small, 1000)
        with large.open("wb") as file:
            for _ in range(PICTURE_BYTES // 10_000):
                file.write(b"\xff" * 10_000)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = peak_kib()
        WAYS[way](url, large, PICTURE_BYTES)
        print(peak_kib() - before)


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.create_memory", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def main() -> int:
    """Print both, and fail where ours is above the goal."""
    with run("serve") as server:
        try:
            url = f"http://127.0.0.1:{first_line(server)}"
            grown = {}
            for way in WAYS:
                with run("measure", way, url) as process:
                    grown[way] = int(first_line(process))
        finally:
            server.terminate()
    print(f"3 x {PICTURE_BYTES / 1e6:.0f} MB sent, growth at the peak in KiB (goal {GOAL_KIB}):")
    for way, kib in grown.items():
        print(f"  {way:<6}{kib:>8,}")
    return int(grown["ours"] > GOAL_KIB)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["measure", way, url]:
            measure(way, url)
        case _:
            sys.exit(main())
