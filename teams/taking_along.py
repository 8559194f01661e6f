"""A person's data to take along: one ZIP of JSON and pictures, made while it is sent.

What is theirs, without secrets, and without what others are called or wrote.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from styles.models import Attempt, Event, Instructions, Notice, ReferenceImage, Style, Unwanted

from .models import SignIn, User
from .team_events import TeamEvent

AT_ONCE = 256 * 1024
ROWS_AT_ONCE = 500
READ_ME = """\
What this server has stored about you, and what you made on it.

account.json   your account, teams, sign-ins, sessions, tokens and notices, without anything secret
styles.json    the styles that you made, with their IDs, and where each picture is in this file
history.json   what you did, and what was sent by your word
pictures/      the pictures of your styles
"""


def parts(user: User, *, everything: bool = False) -> Iterator[bytes]:
    """Yield the parts of the ZIP. With `everything` also styles of teams that the person has left,
    which is for whoever runs the server to give."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:  # type: ignore[call-overload]
        packed.writestr("README.txt", READ_ME)
        packed.writestr("account.json", _text(account(user)))
        yield pipe.take()
        styles = styles_of(user, everything)
        for name, rows in (("styles", style_rows(styles)), ("history", history(user, everything))):
            with packed.open(f"{name}.json", "w") as file:
                for text in _array(rows):
                    file.write(text.encode())
                    yield pipe.take()
        for _written in _pictures(packed, styles):
            yield pipe.take()
    yield pipe.take()


class Pipe:
    """What a ZIP is written to: it keeps what was written until that is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: Any, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _array(rows: Iterable[Any]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + json.dumps(row, ensure_ascii=False, default=_plain)
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


# What is in it


def account(user: User) -> dict[str, Any]:
    by_user = {
        "addresses": (EmailAddress, ("email", "verified", "primary")),
        "second_factors": (Authenticator, ("type", "created_at", "last_used_at")),
        "sessions": (UserSession, ("ip", "user_agent", "created_at", "last_seen_at")),
        "sign_ins": (SignIn, ("at", "how", "worked", "address", "browser")),
        "notices": (Notice, ("kind", "team__name", "at", "outcome", "closed_at")),
        "unwanted_notices": (Unwanted, ("kind",)),
    }
    tokens = ("name", "last_four", "created_at", "last_used_at", "expires_at", "revoked_at")
    return {
        "email": user.email,
        "name": user.name,
        "joined": user.date_joined,
        "last_sign_in": user.last_login,
        "teams": list(user.memberships.values("team__name", "role", "joined_at")),
        "tokens": list(user.api_tokens.values(*tokens)),
        **{
            name: list(model._default_manager.filter(user=user).values(*fields))
            for name, (model, fields) in by_user.items()
        },
    }


def styles_of(user: User, everything: bool) -> QuerySet[Style]:
    mine = Style.objects.by(user).select_related("team").order_by("created_at", "id")
    return mine if everything else mine.filter(team__members=user)


def style_rows(styles: QuerySet[Style]) -> Iterator[dict[str, Any]]:
    for style in styles.prefetch_related("images").iterator(ROWS_AT_ONCE):
        yield {
            "id": style.pk,
            "team": style.team.name,
            "name": style.name,
            "state": style.state,
            "pikzels_id": style.pikzels_id or None,
            "sandbox": style.sandbox,
            "created_at": style.created_at,
            "submitted_at": style.submitted_at,
            "made_at": style.made_at,
            "pictures": [
                {
                    "position": image.position,
                    "name": image.original_name,
                    "link": image.source_url or None,
                    "file": name_of(image) or None,
                }
                for image in style.images.all()
            ],
        }


def history(user: User, everything: bool) -> Iterator[dict[str, Any]]:
    """Yield what the person did; a team's events without what they are about, which is others."""
    mine = {} if everything else {"style__team__in": list(user.teams.all())}
    events = Event.objects.filter(who=user, **mine)
    fields = ("at", "what", "style_id", "style__name", "from_state", "to_state", "reason", "note")
    yield from _rows("event", events.values(*fields))
    sent = Attempt.objects.filter(asked_by=user, **mine).order_by("opened_at")
    fields = ("opened_at", "style_id", "name", "number", "outcome", "code", "request_id", "price")
    yield from _rows("attempt", sent.values(*fields))
    texts = Instructions.objects.filter(who=user, **mine).order_by("at")
    yield from _rows("instructions", texts.values("at", "style_id", "text", "outcome"))
    in_teams = TeamEvent.objects.filter(who=user).order_by("at")
    yield from _rows("team", in_teams.values("at", "what", "team__name"))


def _rows(kind: str, rows: Any) -> Iterator[dict[str, Any]]:
    return ({"kind": kind, **row} for row in rows.iterator(ROWS_AT_ONCE))


# Pictures


def name_of(image: ReferenceImage) -> str:
    """Return where a picture is in the ZIP, "" for a link: its original, or what is left of it."""
    stored = str(image.preview if image.original_gone_at else image.file)
    ending = PurePosixPath(stored).suffix
    return f"pictures/{image.style_id}/{image.position}{ending}" if stored else ""


def _pictures(packed: zipfile.ZipFile, styles: QuerySet[Style]) -> Iterator[int]:
    """Write the pictures; yield how much of one was written, so that it can be passed on."""
    images = ReferenceImage.objects.filter(style__in=styles.values("pk"))
    for image in images.order_by("style", "position").iterator(ROWS_AT_ONCE):
        stored = str(image.preview if image.original_gone_at else image.file)
        if not stored or not default_storage.exists(stored):
            continue
        about = zipfile.ZipInfo(name_of(image))
        with default_storage.open(stored) as file, packed.open(about, "w") as to:
            while part := file.read(AT_ONCE):
                yield to.write(part)
