"""A web application that only takes uploads: `/read` reads the body, all else parses the form.

It parses as Django does for the product, with the product's settings: into files, in its folder for
what comes in. The answer tells how much CPU that took.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import django
from django.core.handlers.wsgi import WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")
django.setup()

# As Django's parser reads.
CHUNK_BYTES = 64 * 1024


def read(environ: dict[str, Any]) -> int:
    left = int(environ.get("CONTENT_LENGTH") or 0)
    size = 0
    while chunk := environ["wsgi.input"].read(min(CHUNK_BYTES, left - size)):
        size += len(chunk)
    return size


def parse(environ: dict[str, Any]) -> int:
    request = WSGIRequest(environ)
    size = sum(file.size or 0 for file in request.FILES.values())
    request.close()
    return size


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    before = time.thread_time()
    size = (read if environ["PATH_INFO"] == "/read" else parse)(environ)
    content = json.dumps({"size": size, "cpu_ms": 1000 * (time.thread_time() - before)}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response("200 OK", headers)
    return [content]
