"""Where a secret turned up that belongs nowhere: logs, mails, journals, sessions, rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection

from styles import journal

SECRET = "pkz_canary_1234abcd"


def places(logged: str = "") -> list[str]:
    """Return the names of the places that the canary got into. `logged` is what was logged."""
    return [name for name, text in _texts(logged) if SECRET in text]


def _texts(logged: str) -> Iterator[tuple[str, str]]:
    yield "log", logged
    for message in mail.outbox:
        yield "mail", f"{message.subject}\n{message.body}\n{message.message()}"
    for file in journal.path().parent.glob("*"):
        yield f"journal {file.name}", file.read_text(errors="replace")
    for file in Path(settings.MAIL_DIR).glob("*"):
        yield f"kept mail {file.name}", file.read_text(errors="replace")
    for model in apps.get_models(include_auto_created=True):
        # Not as JSON: bytes are base64 in it, where nothing would be found in them.
        yield model._meta.label, repr([*model._default_manager.values_list()])
    for session in Session.objects.all():
        yield "session", repr(session.get_decoded())
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM cache")
        yield "cache", repr(cursor.fetchall())
