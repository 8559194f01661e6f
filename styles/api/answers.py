"""What the API answers: these classes make the answers and describe them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from django.conf import settings
from ninja import Schema
from pydantic import Field, PlainSerializer, WithJsonSchema

from styles.models import Style
from styles.presentation import label_of, reason_of
from styles.states import State


def rfc3339(at: datetime) -> str:
    """Return a time in UTC, whole: `updated_since` is compared with what was answered."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class TeamAnswer(Schema):
    id: int
    name: str


class StyleAnswer(Schema):
    id: uuid.UUID = Field(description="Names the style here.")
    name: str = Field(description="Empty for a draft without a name.")
    state: State
    state_label: str = Field(description="The state in words, as the pages show it.")
    reason: str | None = Field(description="A code for why it is in its state, where one is known.")
    pikzels_id: str | None = Field(
        description="The ID at Pikzels: null until known, and to be used once the state is `ready`."
    )
    progress: int | None = Field(description="How far the training is, in per cent.")
    team: TeamAnswer
    created_by: str | None = Field(description="The name of who made it, or brought it in.")
    created_at: Moment
    submitted_at: Moment | None
    ready_at: Moment | None
    updated_at: Moment = Field(description="When anything of this last changed.")
    archived: bool = Field(description="Put away: out of the library and of the list.")
    note: str = Field(description="What the team wrote to it.")
    sandbox: bool = Field(description="Made in the sandbox: Pikzels knows nothing of it.")
    url: Annotated[str, WithJsonSchema({"type": "string", "format": "uri"})] = Field(
        description="The style's page, for people."
    )


class StylesAnswer(Schema):
    styles: list[StyleAnswer]
    next: Annotated[str | None, WithJsonSchema({"type": ["string", "null"], "format": "uri"})] = (
        Field(description="Where the list goes on; null at its end.")
    )


class ErrorDetail(Schema):
    code: str = Field(description="For programs; it stays the same.")
    message: str = Field(description="For people.")


class ErrorAnswer(Schema):
    error: ErrorDetail


def answer_of(style: Style) -> StyleAnswer:
    """Return what the API says of a style; its team, creator and key have to be loaded."""
    return StyleAnswer(
        id=style.pk,
        name=style.name,
        state=State(style.state),
        state_label=str(label_of(style)),
        reason=reason_of(style) or None,
        pikzels_id=style.pikzels_id or None,
        progress=style.progress,
        team=TeamAnswer(id=style.team_id, name=style.team.name),
        created_by=style.creator.display_name if style.creator else None,
        created_at=style.created_at,
        submitted_at=style.submitted_at,
        ready_at=style.ready_at,
        updated_at=style.updated_at,
        archived=style.archived_at is not None,
        note=style.note,
        sandbox=style.sandbox,
        url=settings.PUBLIC_URL + style.get_absolute_url(),
    )
