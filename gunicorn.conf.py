"""How gunicorn serves Pikzels UI: `gunicorn pikzels_ui.wsgi:application` reads this by itself."""

import os
import socket
import struct
import sys
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.http.unreader import SocketUnreader

# The command `gunicorn` looks for modules elsewhere until it has read this file.
sys.path.insert(0, str(Path(__file__).parent))
from pikzels_ui.logs import formatter_of

STALLED_SECONDS = 60

# Two processes, so that one image being judged does not hold up the pages of others. Each upload
# holds a thread while it comes in, also one that has stalled. Threads begin as they are needed and
# cost next to nothing; how many requests are worked on at once is in `pikzels_ui/turns.py`.
workers = 2
threads = 128
worker_class = "gthread"

# How long a process may fail to give a sign of life. With gthread its main loop gives it, not the
# threads: an upload may take as long as the line needs.
timeout = 60
# What is left of an upload when we stop has to be sent again: files that arrived are kept.
graceful_timeout = 20
keepalive = 5

# The sign of life is a file: on a slow disk, writing it can block until the process is given up.
_memory = Path("/dev", "shm")
worker_tmp_dir = str(_memory) if os.access(_memory, os.W_OK) else None
control_socket_disable = True
preload_app = False

# No access log of its own: addresses of pages carry search words, invitations and one-time links.
# The product logs requests itself, by their routes (`pikzels_ui/requests.py`).
accesslog = None
errorlog = "-"
loglevel = "warning"

# A read of up to 1 MiB allocates that much for the few KiB that a socket holds: 64 KiB reads take
# a 15 MB upload at more than twice the rate.
if hasattr(SocketUnreader, "max_body_chunk"):
    SocketUnreader.max_body_chunk = 64 * 1024


def when_ready(server: Arbiter) -> None:
    """Let no read or write wait for ever: a phone that lost its line would keep its thread.

    Connections inherit the limits from the socket they came in by.
    """
    limit = struct.pack("ll", STALLED_SECONDS, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def on_starting(server: Arbiter) -> None:
    """Have gunicorn's own lines look like all others, without secrets; its workers inherit it."""
    formatter = formatter_of(os.environ.get("LOG_FORMAT", "").strip().lower())
    for handler in server.log.error_log.handlers:
        handler.setFormatter(formatter)


on_reload = on_starting
