"""A bucket to keep pictures in, on a server of this process that plays Amazon's S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

from pikzels_ui import scaled

NAME = "pictures"
KEYS = {"access_key": "canary-access", "secret_key": "canary-secret"}


@contextmanager
def store() -> Iterator[str]:
    """Run the server; its address is given."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(address: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
    )


def emptied(address: str) -> dict[str, Any]:
    """Make the bucket anew; return the storage that is in it."""
    requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
    client(address).create_bucket(Bucket=NAME)
    return scaled.bucket(NAME, endpoint_url=address, region_name="us-east-1", **KEYS)
