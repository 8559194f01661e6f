"""Rows 2 and 3: CPU and throughput of sending three pictures of 10 MB, against naive and curl.

curl is spared the making of the body, which it gets as a file, and its own start: that is measured
with a body of two bytes, and taken off.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path
from statistics import median

from tests.pikzels.loopback import make_certificate

from .figures import Figure, run
from .measuring import cpu_ms, in_turns, ratio, taken
from .parcels import Parcel, client_of, parcel, send_by_curl, send_naive, send_ours
from .sink import Sink, sink

PICTURE_BYTES = 10_000_000


def cpu_of_children_ms() -> float:
    return cpu_ms(resource.RUSAGE_CHILDREN)


def cpu(to: Sink, large: Parcel, tiny: Path) -> list[Figure]:
    client, pictures = client_of(to), large.pictures()

    def curl() -> float:
        whole = taken(lambda: send_by_curl(to, large.body), cpu_of_children_ms)
        return whole - taken(lambda: send_by_curl(to, tiny), cpu_of_children_ms)

    found = in_turns(
        {
            "ours": lambda: taken(lambda: send_ours(client, pictures), cpu_ms),
            "naive": lambda: taken(lambda: send_naive(to, large.files), cpu_ms),
            "curl": curl,
        },
        rounds=11,
    )
    ours = f"{median(found['ours']):.0f} ms"
    what = "CPU of sending 3 × 10 MB"
    against = {"naive": ("requests.post(json=…)", 0.15), "curl": ("curl, body ready", 1.3)}
    return [
        Figure(
            row=2,
            what=f"{what}, against {name}",
            ours=ours,
            baseline=f"{median(found[way]):.0f} ms: {name}",
            measured=ratio(found["ours"], found[way]),
            limit=limit,
        )
        for way, (name, limit) in against.items()
    ]


def throughput(to: Sink, large: Parcel) -> Figure:
    client, pictures = client_of(to), large.pictures()
    found = in_turns(
        {
            "ours": lambda: taken(lambda: send_ours(client, pictures)),
            "curl": lambda: send_by_curl(to, large.body),
        },
        rounds=15,
    )
    megabytes = large.body.stat().st_size / 1e6
    rates = {way: 1000 * megabytes / median(took) for way, took in found.items()}
    return Figure(
        row=3,
        what=f"throughput over {'TLS' if to.certificate else 'http'}",
        ours=f"{rates['ours']:,.0f} MB/s",
        baseline=f"{rates['curl']:,.0f} MB/s: curl --data-binary, without its start",
        measured=ratio(found["curl"], found["ours"]),
        limit=0.75,
        at_least=True,
    )


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, parcel(PICTURE_BYTES) as large:
        tiny = Path(name, "tiny.json")
        tiny.write_bytes(b"{}")
        certificate = make_certificate(Path(name))
        with sink() as plain, sink(certificate=certificate) as secured:
            return [
                *cpu(plain, large, tiny),
                throughput(plain, large),
                throughput(secured, large),
            ]


if __name__ == "__main__":
    run(measure)
