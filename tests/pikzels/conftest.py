"""Creating styles at servers of this machine, over plain HTTP and over TLS."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from styles.pikzels.outcome import Outcome

from .loopback import Play, a_client, serving, three_pictures


@pytest.fixture
def create(tls: ssl.SSLContext | None, certificate: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Create a style at a server that plays as told; the last byte is released at once."""

    def create(
        play: Play,
        size: int = 1000,
        before_last_byte: Callable[[], bool] = lambda: True,
        stop: threading.Event | None = None,
        **limits: float,
    ) -> Outcome:
        with serving(play, tls) as server:
            return a_client(server.url, certificate, **limits).create(
                name="Neon nights",
                pictures=three_pictures(tmp_path, size),
                before_last_byte=before_last_byte,
                stop=stop,
            )

    return create
