"""The archive: out of the library, and nothing else. An archived style is followed as before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from teams.models import User

from .models import Event, Style, StyleQuerySet
from .states import AT_REST, State


def archive(style: Style, who: User) -> bool:
    """Take a style that is at rest out of the library; return whether it was there."""
    in_sight = Style.objects.filter(archived_at=None, state__in=AT_REST)
    return _put(style, in_sight, timezone.now(), who, Event.What.ARCHIVED)


def bring_back(style: Style, who: User) -> bool:
    """Take a style back into the library; return whether it was in the archive."""
    put_away = Style.objects.filter(archived_at__isnull=False)
    return _put(style, put_away, None, who, Event.What.BROUGHT_BACK)


def _put(
    style: Style, only: StyleQuerySet, at: datetime | None, who: User, what: Event.What
) -> bool:
    with transaction.atomic():
        if not only.filter(pk=style.pk).update(archived_at=at):
            return False
        style.events.create(who=who, what=what)
    style.archived_at = at
    return True


def place_of(style: Style) -> dict[str, Any]:
    """Return what the style's page says of the archive, and the button that it offers."""
    if style.archived_at is None:
        return {"url": style.address("archive") if style.state in AT_REST else ""}
    event = style.events.filter(what=Event.What.ARCHIVED).select_related("who").last()
    return {
        "at": style.archived_at,
        "who": event.who if event else None,
        "is_ready": style.state == State.READY,
        "url": style.address("bring_back"),
    }
