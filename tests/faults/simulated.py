"""A Pikzels in memory: what it made and charged, and how it answers, if at all."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from styles.models import Attempt
from styles.pikzels.client import Look, Training
from styles.pikzels.errors import FACTS, Code, Silence
from styles.pikzels.outcome import Outcome, classify, read_reply, reason_of
from teams.models import PikzelsKey


@dataclass(frozen=True)
class Fault:
    """One way in which a create goes: whether a style is made, and what is heard of it."""

    makes: bool = False
    status: int | None = None
    code: str = ""
    retry_after: str = ""


def _of(code: Code, *, makes: bool = False, retry_after: str = "") -> Fault:
    return Fault(makes, FACTS[code].status, code, retry_after)


MADE = Fault(makes=True, status=200)
FAULTS = {
    "made": MADE,
    "made, answer lost": Fault(makes=True),
    "made, 500": _of(Code.INTERNAL_ERROR, makes=True),
    "made, 502": Fault(makes=True, status=502),
    "lost": Fault(),
    "500": _of(Code.INTERNAL_ERROR),
    "200 without an ID": Fault(status=200),
    "refused": _of(Code.CONTENT_POLICY),
    "name taken": _of(Code.NAME_ALREADY_EXISTS),
    "new code": Fault(status=418, code="BRAND_NEW_CODE"),
    "no credits": _of(Code.INSUFFICIENT_CREDITS),
    "key deleted": _of(Code.API_KEY_DELETED),
    "busy": _of(Code.TOO_MANY_REQUESTS, retry_after="5"),
    "maintenance": _of(Code.SERVICE_UNDER_MAINTENANCE),
}
# Before the last byte nothing can be made, whatever is answered.
EARLY_FAULTS = {
    "could not connect": Fault(),
    "too large": _of(Code.IMAGE_TOO_LARGE),
    "no credits": _of(Code.INSUFFICIENT_CREDITS),
    "500": _of(Code.INTERNAL_ERROR),
    "busy": _of(Code.TOO_MANY_REQUESTS, retry_after="5"),
}
WORD = "a person's word"


def heard(fault: Fault, style_id: str = "", *, committed: bool = True) -> Outcome:
    """Return what the client makes of a fault."""
    if fault.status is None:
        silence = Silence.NO_ANSWER if committed else Silence.COULD_NOT_CONNECT
        return Outcome(verdict=classify(committed, None, None), reason=silence, committed=committed)
    body: dict[str, Any] = {"request_id": "req-1"}
    if fault.code:
        body["error"] = {"code": fault.code, "message": "No."}
    elif fault.status == 200 and style_id:
        body["id"] = style_id
    headers = {"Retry-After": fault.retry_after}
    reply = read_reply(fault.status, headers, json.dumps(body).encode())
    return Outcome(
        verdict=classify(committed, reply.status, reply.code or None, has_id=bool(reply.style_id)),
        reason=reason_of(reply),
        committed=committed,
        reply=reply,
        bytes_total=100,
        bytes_sent=100,
    )


@dataclass(frozen=True)
class Made:
    """A style at Pikzels: paid for, by one attempt of a style of ours, with one key."""

    style: uuid.UUID
    name: str
    token: str
    key: int


@dataclass
class Pikzels:
    """What was made, and for each style of ours the order of whole requests and of a person's word.

    `says` is what the next look at a style is told.
    """

    made: dict[str, Made] = field(default_factory=dict)
    story: dict[uuid.UUID, list[str]] = field(default_factory=dict)
    says: str = "completed"

    def arrived(self, attempt: Attempt) -> None:
        """Note that a request was sent whole."""
        self.story.setdefault(attempt.style_id, []).append(str(attempt.lease_token))

    def word(self, style: uuid.UUID) -> None:
        """Note that a person wanted more to be sent, or nothing more to be known, of a style."""
        self.story.setdefault(style, []).append(WORD)

    def create(self, attempt: Attempt, fault: Fault) -> Outcome:
        style_id = str(uuid.uuid4()) if fault.makes else ""
        if fault.makes:
            self.made[style_id] = Made(
                attempt.style_id, attempt.style.name, str(attempt.lease_token), attempt.key_id
            )
        return heard(fault, style_id)

    def of(self, style: uuid.UUID) -> dict[str, Made]:
        return {style_id: made for style_id, made in self.made.items() if made.style == style}

    def paid_without_a_word(self, style: uuid.UUID) -> int:
        """Count the charges that followed another one with no person's word between them."""
        paid = {made.token for made in self.of(style).values()}
        count, free = 0, True
        for entry in self.story.get(style, []):
            if entry == WORD:
                free = True
            elif entry in paid:
                count += not free
                free = False
        return count

    def wanted_after(self, style: uuid.UUID, token: str) -> bool:
        """Whether a person gave their word after this request was sent."""
        story = self.story[style]
        return WORD in story[story.index(token) :]

    def account(self, key: PikzelsKey) -> Account:
        return Account(self, key)


@dataclass
class Account:
    """The free calls, as one key may make them."""

    pikzels: Pikzels
    key: PikzelsKey

    def get(self, style_id: str) -> Look:
        made = self.pikzels.made.get(style_id)
        if self.pikzels.says == "turned away":
            return Look(reason=Code.API_KEY_INACTIVE, reply=heard(_of(Code.API_KEY_INACTIVE)).reply)
        if self.pikzels.says == "silent":
            return Look(reason=Silence.NO_ANSWER)
        if made is None or made.key != self.key.pk or self.pikzels.says == "missing":
            return Look(reason=Code.NOT_FOUND, reply=heard(_of(Code.NOT_FOUND)).reply)
        return Look(
            training=Training(
                style_id=style_id,
                name=made.name,
                mode="style",
                status=self.pikzels.says,
                progress=50,
                portrait_url="",
                special_instructions="",
            )
        )
