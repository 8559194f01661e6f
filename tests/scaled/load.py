"""People who go on asking for styles while something happens."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import requests

from ..waiting import wait_until
from .world import World, pictures

# One who presses again gives up after so long.
PATIENCE = 60
EVERY, AGAIN_AFTER = 0.1, 0.2
PAGE_OF_A_STYLE = re.compile(r"/styles/[0-9a-f-]{36}/")


class Load:
    """Somebody who asks for one style after the other, at each web host in turn.

    Where no answer comes, or one that says nothing, they press again, at the other host. `sent` are
    the names that were taken, `tries` says how often something was sent.
    """

    def __init__(self, world: World, prefix: str) -> None:
        self.sent: list[str] = []
        self.tries = 0
        self._world, self._prefix = world, prefix
        self._visitor = world.visitor()
        self._over = threading.Event()
        self._problem: BaseException | None = None

    def until_sent(self, number: int) -> None:
        """Wait until so many more were taken."""
        wanted = len(self.sent) + number
        self._until(lambda: len(self.sent) >= wanted)

    def until_tried(self, number: int) -> None:
        """Wait until something was sent so many more times."""
        wanted = self.tries + number
        self._until(lambda: self.tries >= wanted)

    def _until(self, happened: Callable[[], bool]) -> None:
        wait_until(lambda: happened() or self._problem, seconds=PATIENCE)
        self.raise_problem()

    def raise_problem(self) -> None:
        """Raise what went wrong in the thread."""
        if self._problem:
            raise self._problem

    def run(self) -> None:
        try:
            for number in count(1):
                if self._over.wait(EVERY):
                    return
                self._ask_for(number)
        except BaseException as problem:  # noqa: BLE001 - raised in the thread that waits
            self._problem = problem

    def stop(self) -> None:
        self._over.set()

    def _ask_for(self, number: int) -> None:
        # Most are waited for when something happens.
        slow = "slow answer " if number % 3 else ""
        name = f"{slow}{self._prefix} {number}"
        fields: dict[str, str] = {}
        give_up = time.monotonic() + PATIENCE
        while not self._is_taken(self._next_web(), name, fields):
            assert time.monotonic() < give_up, f"{name} is not taken"
            time.sleep(AGAIN_AFTER)
        self.sent.append(name)

    def _next_web(self) -> str:
        self.tries += 1
        return self._world.webs[self.tries % 2].url

    def _is_taken(self, web: str, name: str, fields: dict[str, str]) -> bool:
        """Send the form, with the same token as before where it was sent before."""
        address = f"{web}/styles/new/"
        try:
            fields.update(fields or self._visitor.hidden(address))
            fields["name"] = name
            files = pictures()
            answer = self._visitor.post(
                address, fields, files=files, allow_redirects=False, timeout=30
            )
        except requests.RequestException:
            return False
        if answer.status_code >= 500:
            return False
        assert answer.status_code == 302, answer.text
        return bool(PAGE_OF_A_STYLE.fullmatch(answer.headers["Location"]))


@contextmanager
def load(world: World, prefix: str) -> Iterator[Load]:
    somebody = Load(world, prefix)
    thread = threading.Thread(target=somebody.run)
    thread.start()
    try:
        yield somebody
    finally:
        somebody.stop()
        thread.join()
    somebody.raise_problem()
