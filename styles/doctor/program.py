"""Is the program set up: its settings, its time limits, its files, and what it is built on?"""

from __future__ import annotations

import json
import os
import re
import runpy
import sqlite3
import sys
from pathlib import Path

import django
import PIL
from django.conf import settings
from django.core import checks
from PIL import features

from styles import following
from styles.static import static_fingerprint

from .findings import Findings, look, ok, wrong

ROOT = Path(__file__).resolve().parents[2]
# What the worker adds to ANSWER_SECONDS for a whole call, and a little for the database.
STOPPING_TAKES = 150
SHORT_PATIENCE = 60
CODECS = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF"}
NEEDED_CODECS = {"jpg", "zlib"}


def configured() -> Findings:
    """What Django's system checks say; with https also those for deployments."""
    found = checks.run_checks(include_deployment_checks=settings.HTTPS and not settings.DEBUG)
    told = [each for each in found if each.id not in _as_wanted() and not each.is_silenced()]
    for each in told:
        says, do = each.msg, each.hint or f"See {each.id} in Django's documentation."
        yield (wrong if each.level >= checks.ERROR else look)(says, do)
    if settings.DEBUG:
        yield look("DEBUG is on: pages of errors show how the server works.", "Leave DEBUG out.")
    if not any(each.level >= checks.ERROR for each in told):
        yield ok("The settings can be used.")


def _as_wanted() -> set[str]:
    """Return the checks that ask for what HSTS_SUBDOMAINS decides, and only its person can."""
    return set() if getattr(settings, "SECURE_HSTS_PRELOAD", False) else HSTS_CHECKS


HSTS_CHECKS = {"security.W005", "security.W021"}


def time_limits() -> Findings:
    patience = settings.ANSWER_SECONDS
    if patience < SHORT_PATIENCE:
        yield look(
            f"ANSWER_SECONDS is {patience:g}: answers that take longer leave styles in doubt.",
            "Leave it out, for 180 seconds.",
        )
    web = _gunicorn_timeout()
    if web <= following.QUICK.total:
        yield wrong(
            f"gunicorn gives a process up after {web:g} seconds, and a page may wait for Pikzels "
            f"for {following.QUICK.total:g}.",
            "Take --timeout out of GUNICORN_CMD_ARGS.",
        )
    else:
        yield ok(f"Pages wait {following.QUICK.total:g} s for Pikzels at most, gunicorn {web:g} s.")
    yield ok(
        f"The worker may take {patience + STOPPING_TAKES:g} s to stop, for an answer that was paid "
        "for: give it that long (TimeoutStopSec, stop_grace_period)."
    )


def _gunicorn_timeout() -> float:
    given = re.search(r"(?:--timeout|-t)[ =](\d+)", os.environ.get("GUNICORN_CMD_ARGS", ""))
    if given:
        return float(given[1])
    return float(runpy.run_path(str(ROOT / "gunicorn.conf.py"))["timeout"])


def static_files() -> Findings:
    root = Path(settings.STATIC_ROOT)
    stamp = Path(settings.DATA_DIR) / "static.stamp"
    do = "Run manage.py collectstatic, or manage.py run, which does it."
    if "Manifest" in settings.STORAGES["staticfiles"]["BACKEND"] and not _manifest(root):
        yield wrong("The static files are not collected: pages would break.", do)
    elif stamp.is_file() and stamp.read_text() != static_fingerprint():
        yield wrong("The static files are those of another version.", do)
    else:
        yield ok("The static files are collected.")


def _manifest(root: Path) -> bool:
    try:
        return bool(json.loads((root / "staticfiles.json").read_text())["paths"])
    except (OSError, ValueError, KeyError):
        return False


def versions() -> Findings:
    python = ".".join(map(str, sys.version_info[:3]))
    yield ok(
        f"Python {python}, Django {django.get_version()}, SQLite {sqlite3.sqlite_version}, "
        f"Pillow {PIL.__version__}."
    )
    lacking = {name for name in CODECS if not features.check(name)}
    for name in sorted(lacking):
        says = f"Pillow was built without {CODECS[name]}."
        do = "Install the pinned package anew: make run, after rm .venv/run.stamp."
        if name in NEEDED_CODECS:
            yield wrong(says, do)
        else:
            yield look(f"{says} Such pictures are turned away.", do)
