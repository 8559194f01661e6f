"""Row 5: uploading three pictures of 5 MB through gunicorn, as it is configured here and stock.

The application behind both is `upload_app`: Django's parser and the product's upload handler, and
nothing of what the product then does with pictures, which is the same behind any server (row 7).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from .figures import Figure, run
from .measuring import in_turns, ratio, taken
from .uploads import OURS, STOCK, cpu_told, environment_of, form_of, pictures, web

PICTURE_BYTES = 5_000_000
APP = "bench.upload_app:application"
AGAINST = "stock gunicorn, as many processes and threads"
ROUNDS = 21


def figures(rates: dict[str, list[float]], cpu: dict[str, list[float]]) -> list[Figure]:
    per_second = {way: 1000 / median(took) for way, took in rates.items()}
    return [
        Figure(
            row=5,
            what="uploads of 3 × 5 MB a second, parsed into files",
            ours=f"{per_second['ours']:.1f} a second",
            baseline=f"{per_second['stock']:.1f} a second: {AGAINST}",
            measured=ratio(rates["stock"], rates["ours"]),
            limit=2,
            at_least=True,
        ),
        Figure(
            row=5,
            what="CPU of reading the body of 3 × 5 MB",
            ours=f"{median(cpu['ours']):.1f} ms",
            baseline=f"{median(cpu['stock']):.1f} ms: {AGAINST}",
            measured=ratio(cpu["ours"], cpu["stock"]),
            limit=0.25,
        ),
    ]


def measure() -> list[Figure]:
    body = form_of({"name": "Bench"}, pictures(PICTURE_BYTES))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = environment_of(Path(folder))
        with web(APP, OURS, environment) as ours, web(APP, STOCK, environment) as stock:
            urls = {"ours": ours.url, "stock": stock.url}
            rates = in_turns(
                {way: lambda u=url: taken(lambda: cpu_told(u, body)) for way, url in urls.items()},
                rounds=ROUNDS,
            )
            cpu = in_turns(
                {way: lambda u=url: cpu_told(f"{u}/read", body) for way, url in urls.items()},
                rounds=ROUNDS,
            )
    return figures(rates, cpu)


if __name__ == "__main__":
    run(measure)
