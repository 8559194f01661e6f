"""This installation, by its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connection

from teams.encryption import known_keys

from . import databases, postgresql, secrets
from .databases import Facts
from .making import Source
from .places import Place


def engine_here() -> str:
    return str(connection.vendor)


def place_here() -> Place:
    sqlite = connection.vendor == "sqlite"
    return Place(
        data=Path(settings.DATA_DIR),
        media=Path(settings.MEDIA_ROOT),
        sqlite=Path(connection.settings_dict["NAME"]) if sqlite else None,
    )


def source_here() -> Source:
    place = place_here()
    copy: Callable[[Path], Facts] = (
        partial(databases.copy_sqlite, place.sqlite) if place.sqlite else postgresql.copy
    )
    if settings.S3_BUCKET:
        copy = partial(_without_pictures, copy)
    return Source(
        place=place,
        database=engine_here(),
        copy_database=copy,
        keys=secrets.traces(known_keys()),
    )


def _without_pictures(copy: Callable[[Path], Facts], to: Path) -> Facts:
    """What a bucket has is not fetched from there: it has ways of its own to keep copies."""
    return replace(copy(to), pictures={})


def keys_here() -> dict[str, str]:
    return {"SECRET_KEY": settings.SECRET_KEY, "ENCRYPTION_KEYS": ",".join(known_keys())}


def no_restore_cut_short(**_kwargs: Any) -> list[CheckMessage]:
    """Without it a new and empty database would be made where the restored one belongs."""
    if not place_here().unfinished.exists():
        return []
    return [
        Error(
            "A restore was cut short: some of what it moves is in its new place.",
            hint="Run the same restore again, with --replace. Nothing of before was deleted.",
            id="pikzels_ui.E020",
        )
    ]
