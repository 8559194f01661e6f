"""Rows 2 and 3: CPU and throughput of sending three pictures of 10 MB, against naive and curl.

curl is spared the making of the body, which it gets as a file, and its own start: that is measured
with a body of two bytes, and taken off. The product checks each file against its checksum while it
sends it; CPU is measured with that, throughput with and without.
"""

from __future__ import annotations

import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

from tests.pikzels.loopback import make_certificate

from .figures import Figure, run
from .measuring import cpu_ms, in_turns, ratio, taken
from .parcels import Parcel, client_of, parcel, send_by_curl, send_naive, send_ours
from .sink import Sink, sink

PICTURE_BYTES = 10_000_000
WHY = (
    "curl checks nothing; about half of what this takes is sha256. A thread that hashes while "
    "another sends would take more CPU and more code, for lines of more than several Gbit/s."
)


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


def throughput(to: Sink, large: Parcel) -> list[Figure]:
    client, pictures = client_of(to), large.pictures()
    unchecked = [replace(picture, sha256="") for picture in pictures]
    found = in_turns(
        {
            "checked": lambda: taken(lambda: send_ours(client, pictures)),
            "unchecked": lambda: taken(lambda: send_ours(client, unchecked)),
            "curl": lambda: send_by_curl(to, large.body),
        },
        rounds=15,
    )
    megabytes = large.body.stat().st_size / 1e6
    rates = {way: f"{1000 * megabytes / median(took):,.0f} MB/s" for way, took in found.items()}
    kinds = {"unchecked": ("", ""), "checked": (", each file checked against its sha256", WHY)}
    return [
        Figure(
            row=3,
            what=f"throughput over {'TLS' if to.certificate else 'http'}{more}",
            ours=rates[way],
            baseline=f"{rates['curl']}: curl --data-binary, without its start",
            measured=ratio(found["curl"], found[way]),
            limit=0.75,
            at_least=True,
            why=why,
        )
        for way, (more, why) in kinds.items()
    ]


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, parcel(PICTURE_BYTES) as large:
        tiny = Path(name, "tiny.json")
        tiny.write_bytes(b"{}")
        certificate = make_certificate(Path(name))
        with sink() as plain, sink(certificate=certificate) as secured:
            return [
                *cpu(plain, large, tiny),
                *throughput(plain, large),
                *throughput(secured, large),
            ]


if __name__ == "__main__":
    run(measure)
