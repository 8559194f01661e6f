"""What several hosts share besides the database: the Redis and the bucket, where there are any."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from pikzels_ui import scaled

from .findings import Findings, look, ok, wrong

BUCKET_DO = (
    "Look at S3_BUCKET, S3_ENDPOINT, S3_REGION and the keys, and whether they may list the bucket "
    "and get, put and delete what is in it."
)

REDIS_DO = "Look at REDIS_URL, whether the Redis runs, and whether this host may connect to it."
TASKS_DO = "Start manage.py work --tasks on one host or more, and read its last words in the log."


def redis() -> Findings:
    """Whether the Redis answers, and whether somebody does what is handed out there."""
    if not settings.REDIS_URL:
        return
    # Its package is there only where somebody wants it.
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(scaled.patient(settings.REDIS_URL)) as client:
            client.ping()
            idle = _without_takers(client) if _hands_out() else []
    except RedisError as error:
        yield _away(type(error).__name__)
        return
    if idle:
        yield wrong(f"Nobody does what waits in the Redis for {' and '.join(idle)}.", TASKS_DO)
    else:
        yield ok("The Redis answers.")


def _hands_out() -> bool:
    return bool(settings.EXECUTOR == scaled.REDIS)


def _without_takers(client: Any) -> list[str]:
    from rq import Queue, Worker

    queues = [Queue(name, connection=client) for name in scaled.QUEUES]
    return [queue.name for queue in queues if not Worker.all(queue=queue)]


def _away(why: str) -> Any:
    if _hands_out():
        return wrong(f"The Redis does not answer ({why}): nothing is sent.", REDIS_DO)
    says = f"The Redis does not answer ({why}): the database counts tries in its stead."
    return look(says, REDIS_DO)


def bucket_there() -> Findings:
    """One question, cheap enough for whatever watches the server."""
    if not settings.S3_BUCKET:
        return
    storage: Any = default_storage
    try:
        there = storage.is_there()
    except OSError as error:
        yield _not_used(error)
        return
    if there:
        yield ok(f"The bucket {settings.S3_BUCKET} is there.")
    else:
        yield wrong(f"The bucket {settings.S3_BUCKET} is not there.", BUCKET_DO)


def bucket_takes() -> Findings:
    """Whether it takes, gives, lists and deletes; what is not in it has to be known not to be."""
    if not settings.S3_BUCKET:
        return
    name, content = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(16)
    try:
        default_storage.exists(name)
        default_storage.save(name, ContentFile(content))
        with default_storage.open(name) as file:
            same = file.read() == content
        default_storage.listdir("doctor")
        default_storage.delete(name)
    except OSError as error:
        yield _not_used(error)
        return
    if same:
        yield ok(f"The bucket {settings.S3_BUCKET} takes pictures and gives them back.")
    else:
        yield wrong(f"The bucket {settings.S3_BUCKET} gives back something else.", BUCKET_DO)


def _not_used(error: OSError) -> Any:
    why = error.strerror or type(error).__name__
    return wrong(f"The bucket {settings.S3_BUCKET} cannot be used: {why}.", BUCKET_DO)
