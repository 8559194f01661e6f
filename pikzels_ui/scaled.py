"""What takes the place of files and threads where several hosts share the work.

A Redis has the cache and the queue, a bucket has the pictures. Without them, which is how it comes,
none of their packages is imported.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

POSTGRESQL = "django.db.backends.postgresql"
THREADS, REDIS = EXECUTORS = ("threads", "redis")
# Of tasks, one each, so that answers that take long hold up nothing else.
QUEUES = ("senders", "followers", "tellers")
# Longer than any task takes: after it, RQ calls a task lost whose worker is gone.
BEYOND_ANSWER_SECONDS = 600
# For a Redis or a bucket that is away: people wait for a page meanwhile.
CONNECT_SECONDS, TALK_SECONDS = 2, 5


def watch_connections(database: dict[str, Any]) -> None:
    """Have a PostgreSQL's connections given up that are dead, and none kept between requests.

    Each of a web server's many threads would keep its own, and PostgreSQL lets a hundred in. What
    DATABASE_URL itself says in its query goes before: `CONN_MAX_AGE`, and libpq's own, such as
    `sslmode`.
    """
    if database["ENGINE"] != POSTGRESQL:
        return  # where the address was none
    database.setdefault("CONN_HEALTH_CHECKS", True)
    # A server that vanished without a word would be waited for, for hours.
    limits = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10}
    database["OPTIONS"] = {**limits, "keepalives_count": 3, **database.get("OPTIONS", {})}


def caches(redis_url: str) -> dict[str, Any]:
    """Return Django's caches. They hold the limits of tries, so all processes share them.

    A counter that is culled has forgotten its tries, so that there have to be more places in the
    database's than anybody can fill while they count.
    """
    in_database = {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
    if not redis_url:
        return {"default": in_database}
    in_redis = {
        "BACKEND": "pikzels_ui.redis_cache.RedisOrDatabase",
        "LOCATION": redis_url,
        "KEY_PREFIX": "pikzels-ui",
        "OPTIONS": {
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": TALK_SECONDS,
        },
    }
    return {"default": in_redis, "database": in_database}


def tasks() -> dict[str, Any]:
    """Return the settings of Django's tasks, which nobody looks at but for EXECUTOR=redis."""
    return {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": [*QUEUES]}}


def queues(redis_url: str, answer_seconds: float) -> dict[str, Any]:
    """Return those of RQ, which runs them."""
    queue = {
        "URL": patient(redis_url),
        "DEFAULT_TIMEOUT": int(answer_seconds) + BEYOND_ANSWER_SECONDS,
        # Its usual one could hold a program.
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    return dict.fromkeys(QUEUES, queue)


def patient(redis_url: str) -> str:
    """Return the address with the limits of waiting that it does not name itself."""
    parts = urlsplit(redis_url)
    limits = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": TALK_SECONDS}
    return parts._replace(query=urlencode(limits | dict(parse_qsl(parts.query)))).geturl()


def bucket(name: str, **known: str) -> dict[str, Any]:
    """Return the storage in a bucket, by what is known of it: endpoint_url, region_name, …

    It stays private: pictures go through the view that asks whose they are.
    """
    return {
        "BACKEND": "pikzels_ui.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": name,
            **{each: value for each, value in known.items() if value},
            "default_acl": None,
            "querystring_auth": False,
            "file_overwrite": False,
        },
    }
