"""Where a secret turned up that belongs nowhere: logs, mails, journals, rows."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.core import mail, serializers

from styles import journal

SECRET = "pkz_canary_1234abcd"


def places(logged: str = "") -> list[str]:
    """Return the names of the places that the canary got into. `logged` is what was logged."""
    return [name for name, text in _texts(logged) if SECRET in text]


def _texts(logged: str) -> Iterator[tuple[str, str]]:
    yield "log", logged
    for message in mail.outbox:
        yield "mail", f"{message.subject}\n{message.body}\n{message.alternatives}"
    for file in journal.path().parent.glob("*"):
        yield f"journal {file.name}", file.read_text(errors="replace")
    for model in apps.get_models():
        yield model._meta.label, serializers.serialize("json", model._default_manager.all())
