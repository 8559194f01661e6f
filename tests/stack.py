"""Room on the interpreter's stack for what a test calls.

CPython keeps frames in chunks of 16 KiB: a call that goes over the end of one asks the kernel for
the next, and its return gives that back. Below pytest's own frames each page that is rendered did
so some hundred times, which was a tenth of the suite's time. A frame that needs more than a chunk
gets one as large as that, and the frames above it lie in the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
# Of 160 KiB, so that the chunk has 256.
SLOTS = 20_000


def with_room(function: Callable[P, T]) -> Callable[P, T]:
    """Return what does the same, with a hundred KiB for the frames of all that it calls."""

    @wraps(function)
    def roomy(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=SLOTS)
    return roomy
