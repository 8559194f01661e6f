"""What a call may ask for: every value that the description allows is one that is understood."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from styles.states import State

from .errors import Refused

MOST = 100
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Cursor:
    """A place in the list: below the style of this ID that changed at this time.

    Written as 8 bytes of microseconds and the ID's 16, which makes 32 signs of base64; all such
    texts are places.
    """

    at: datetime
    style_id: uuid.UUID

    def text(self) -> str:
        micros = (self.at - EPOCH) // timedelta(microseconds=1)
        raw = micros.to_bytes(8, signed=True) + self.style_id.bytes
        return base64.urlsafe_b64encode(raw).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError for what is no cursor."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{32}", text):
            raise ValueError("no cursor")
        raw = base64.urlsafe_b64decode(text)
        micros = int.from_bytes(raw[:8], signed=True)
        try:
            at = EPOCH + timedelta(microseconds=micros)
        except OverflowError:
            at = LATEST if micros > 0 else EARLIEST
        return cls(at, uuid.UUID(bytes=raw[8:]))


def read_time(text: str) -> datetime:
    """Return an RFC 3339 time in UTC. Raises ValueError for anything else."""
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError("no time")
    day, minute, second, fraction, zone = found.groups()
    # Python knows neither leap seconds, nor the year 0, nor times that UTC has in the year 10000.
    if day.startswith("0000"):
        return EARLIEST
    last = second == "60"
    try:
        at = datetime.fromisoformat(
            f"{day}T{minute}{'59' if last else second}{fraction or ''}{zone.upper()}"
        )
        return at.astimezone(UTC)
    except OverflowError:
        return LATEST if day > "5000" else EARLIEST


def read_number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError("no number")
    return int(text)


class Filters(Schema):
    """The list's parameters, each in the form in which it arrives and in which it is described."""

    state: Annotated[State | None, WithJsonSchema({"type": "string", "enum": State.values})] = (
        Field(None, description="Only styles in this state.")
    )
    updated_since: Annotated[
        datetime | None,
        BeforeValidator(read_time),
        WithJsonSchema({"type": "string", "format": "date-time"}),
    ] = Field(None, description="Only styles that changed then or later (RFC 3339).")
    limit: Annotated[int, BeforeValidator(read_number)] = Field(
        50, ge=1, le=MOST, description="How many to answer at once."
    )
    cursor: Annotated[
        Cursor | None,
        PlainValidator(Cursor.read),
        WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"}),
    ] = Field(None, description="Where to go on: part of the address in `next`.")


def what_is_wrong(names: Iterable[str]) -> str:
    """Return a sentence for each parameter that could not be understood."""
    words = {
        "state": _("state must be one of: %s.") % ", ".join(State.values),
        "updated_since": _(
            "updated_since must be a time such as 2026-11-22T10:00:00Z; write + as %%2B."
        )
        % (),
        "limit": _("limit must be a whole number from 1 to %d.") % MOST,
        "cursor": _("cursor must be taken from an address in next, unchanged."),
    }
    return " ".join(words[name] for name in dict.fromkeys(names))


def only_known(request: HttpRequest, known: Iterable[str] = ()) -> None:
    """Raise Refused for a parameter that there is not, or twice: the list would be another one."""
    allowed = list(known)
    given: dict[str, list[Any]] = dict(request.GET.lists())
    unknown = [name for name in given if name not in allowed]
    if unknown:
        raise Refused(422, _("There is no parameter %s.") % ", ".join(map(repr, unknown)))
    if twice := [name for name, values in given.items() if len(values) > 1]:
        raise Refused(422, _("%s is given more than once.") % ", ".join(twice))
