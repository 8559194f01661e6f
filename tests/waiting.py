"""Wait for something that another thread or process does."""

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], object], *, seconds: float = 20) -> None:
    """Return as soon as `happened()` is true. Raises AssertionError when it never is."""
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)
