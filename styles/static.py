"""The static files: collected once, and again when any of them has changed."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect_static() -> None:
    """Collect the static files, unless those of the last time are still the same."""
    stamp = settings.DATA_DIR / "static.stamp"
    current = static_fingerprint()
    collected = Path(settings.STATIC_ROOT).is_dir() and stamp.is_file()
    if not collected or stamp.read_text() != current:
        # Cleared, for a file that replaces a newer one would not be copied.
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(current)


def static_fingerprint() -> str:
    """Return a hash over what collecting depends on: where to, how, and each file's name and age.

    A package that is upgraded brings files of another age or size, so versions need no mention.
    """
    storage = settings.STORAGES["staticfiles"]["BACKEND"]
    about = [f"{settings.STATIC_ROOT} {storage}"]
    for finder in get_finders():
        for name, source in finder.list([]):
            facts = Path(source.path(name)).stat()
            about.append(f"{name} {facts.st_mtime_ns} {facts.st_size}")
    return hashlib.sha256("\n".join(sorted(about)).encode()).hexdigest()
