"""The cache that several hosts share: in a Redis, and in the database while that is away.

It holds the limits of tries. Were nobody counted while Redis is away, passwords could be guessed;
were everybody turned away, nobody could sign in. So the database goes on counting. A Redis that
was emptied, or a change from one to the other, lets somebody try as often once more, and no row
that is paid for depends on it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Before Redis is tried again: each try may take as long as its connection may.
PASSED_OVER_SECONDS = 5.0


class AsJson:
    """Values as JSON. Django's own way would run what somebody else writes into the Redis."""

    def dumps(self, value: Any) -> str | int:
        return value if type(value) is int else json.dumps(value)

    def loads(self, stored: bytes) -> Any:
        return json.loads(stored)


def _or_database(name: str) -> Callable[..., Any]:
    in_redis = getattr(RedisCache, name)

    @wraps(in_redis)
    def either(self: RedisOrDatabase, *args: Any, **kwargs: Any) -> Any:
        if not self.is_passed_over():
            try:
                return in_redis(self, *args, **kwargs)
            except RedisError as error:
                self.pass_over(error)
        return getattr(caches["database"], name)(*args, **kwargs)

    return either


class RedisOrDatabase(RedisCache):
    """Django's cache in a Redis, with "database" in its place while that does not answer."""

    # One for all threads of the process: each has a cache of its own.
    _passed_over_until = 0.0
    _lock = threading.Lock()

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        params["OPTIONS"] = {"serializer": AsJson, **params.get("OPTIONS", {})}
        super().__init__(server, params)

    def is_passed_over(self) -> bool:
        return time.monotonic() < RedisOrDatabase._passed_over_until

    def pass_over(self, error: RedisError) -> None:
        with self._lock:
            first = not self.is_passed_over()
            RedisOrDatabase._passed_over_until = time.monotonic() + PASSED_OVER_SECONDS
        if first:
            log.warning("Redis does not answer (%s): the database counts", type(error).__name__)

    add = _or_database("add")
    get = _or_database("get")
    set = _or_database("set")
    touch = _or_database("touch")
    delete = _or_database("delete")
    get_many = _or_database("get_many")
    has_key = _or_database("has_key")
    incr = _or_database("incr")
    set_many = _or_database("set_many")
    delete_many = _or_database("delete_many")
    clear = _or_database("clear")
