"""From what came back to what it means: the answer to a paid call, and its verdict."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

from .errors import FACTS, Code, Silence, Verdict

# These three 4xx speak of a request that the server gave up on or did not want yet.
UNSURE_STATUSES = {408, 425, 499}
KEY_STATUSES = {401, 402, 403}

ID_CHARACTERS = 200
CODE_CHARACTERS = 100
MESSAGE_CHARACTERS = 2_000
FIELD_CHARACTERS = 200
REQUEST_ID_CHARACTERS = 200
RETRY_AFTER_CHARACTERS = 100
EXCERPT_CHARACTERS = 500
DETAILS = 50
RETRY_SECONDS = (1.0, 3_600.0)


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One of `error.details[]`: what was wrong, and with which field, where the API says."""

    message: str
    field: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer, read: what the contract defines of it, and nothing else of its body.

    `envelope` tells whether the body was the API's own error object, `is_json` whether it was JSON
    at all, `excerpt` is the start of a body that was not the contract's.
    """

    status: int
    style_id: str = ""
    is_json: bool = False
    envelope: bool = False
    code: str = ""
    message: str = ""
    details: tuple[Detail, ...] = ()
    request_id: str = ""
    retry_after: str = ""
    excerpt: str = ""
    body: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an attempt to create a style came to.

    `reason` is the API's code, or a `Silence` where there is none that is known.
    """

    verdict: Verdict
    reason: str
    committed: bool
    reply: Reply | None = None
    bytes_total: int = 0
    bytes_sent: int = 0
    error: str = ""

    def as_record(self) -> dict[str, Any]:
        """Return it as JSON can keep it, without the answer's body."""
        record = asdict(self)
        if self.reply:
            record["reply"].pop("body")
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return what `as_record` made a record of. Raises KeyError, TypeError, ValueError."""
        values = {**record, "verdict": Verdict(record["verdict"])}
        if reply := record["reply"]:
            details = tuple(Detail(**detail) for detail in reply["details"])
            values["reply"] = Reply(**{**reply, "details": details})
        return cls(**values)


def known_code(code: str) -> Code | None:
    """Return the code as the enum's member, or None for one that the contract does not list."""
    try:
        return Code(code)
    except ValueError:
        return None


def classify(
    committed: bool, status: int | None, code: str | None, *, has_id: bool = False
) -> Verdict:
    """Decide what an attempt came to. `status` is None without an answer, `code` without envelope.

    The order of the lines is the table: the first that fits decides. What the exception was never
    counts, for the same one comes from a line that broke before the last byte and after it.
    """
    if status is None:
        return Verdict.IN_DOUBT if committed else Verdict.NOT_SENT
    if 200 <= status < 300 and has_id:
        return Verdict.MADE
    verdict = _of_answer(status, code)
    # Nobody can have parsed a body whose last byte never left.
    return Verdict.NOT_SENT if verdict is Verdict.IN_DOUBT and not committed else verdict


def _of_answer(status: int, code: str | None) -> Verdict:
    known = known_code(code) if code and status >= 400 else None
    if known:
        return FACTS[known].verdict
    if status == 429 or (status == 503 and code):
        return Verdict.LATER
    if status in KEY_STATUSES and code:
        return Verdict.KEY_HELD
    if 400 <= status < 500 and status not in UNSURE_STATUSES:
        return Verdict.REFUSED
    return Verdict.IN_DOUBT


def reason_of(reply: Reply) -> str:
    """Return the reply's code where it is known, else the `Silence` that tells what came instead.

    Empty for a success that names a style.
    """
    if 200 <= reply.status < 300:
        if reply.style_id:
            return ""
        return Silence.NO_ID if reply.is_json else Silence.NOT_JSON
    if reply.status >= 400 and known_code(reply.code):
        return reply.code
    return Silence.UNKNOWN_CODE if reply.is_json else Silence.NOT_JSON


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Read an answer of which nothing can be trusted; raise nothing.

    Look-ups in `headers` must ignore case. An answer that was cut off needs no telling: half a
    JSON object is not JSON.
    """
    text = body.decode("utf-8-sig", "replace")
    parsed = _parse(text)
    answer = parsed if isinstance(parsed, dict) else {}
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    code = plain_text(error.get("code"), CODE_CHARACTERS)
    style_id = _id(answer.get("id"))
    by_contract = bool(style_id) if status < 300 else bool(code)
    return Reply(
        status=status,
        style_id=style_id,
        is_json=parsed is not None,
        envelope=bool(code),
        code=code,
        message=plain_text(error.get("message"), MESSAGE_CHARACTERS),
        details=_details(error.get("details")),
        request_id=plain_text(answer.get("request_id"), REQUEST_ID_CHARACTERS)
        or plain_text(headers.get("X-Request-Id"), REQUEST_ID_CHARACTERS),
        retry_after=plain_text(headers.get("Retry-After"), RETRY_AFTER_CHARACTERS),
        excerpt="" if by_contract else _excerpt(text),
        body=answer,
    )


def retry_after_seconds(text: str, *, now: datetime) -> float | None:
    """Return how long `Retry-After` asks to wait, within a second and an hour.

    It comes as seconds or as an HTTP date, which is read against `now` (with a time zone).
    None for a text that is neither.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        # "-0000" makes a time without a zone; the header's times are GMT.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        seconds -= now.timestamp()
    shortest, longest = RETRY_SECONDS
    return min(max(seconds, shortest), longest)


def _parse(text: str) -> Any:
    """Return what the JSON text holds, and None for a text that is not JSON (or is `null`)."""
    try:
        # As int, a number of 5,000 digits raises, and would cost us the ID beside it.
        return json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return None


def _id(value: object) -> str:
    """Return an ID that can be stored and put into a URL, else nothing."""
    if not isinstance(value, str) or len(value) > ID_CHARACTERS:
        return ""
    text = value.strip()
    return text if value.isascii() and value.isprintable() and " " not in text else ""


def _details(value: object) -> tuple[Detail, ...]:
    entries = value[:DETAILS] if isinstance(value, list) else []
    return tuple(
        Detail(
            message=plain_text(entry.get("message"), MESSAGE_CHARACTERS),
            field=plain_text(entry.get("field"), FIELD_CHARACTERS),
        )
        for entry in entries
        if isinstance(entry, dict)
    )


def plain_text(value: object, longest: int) -> str:
    """Return a text that every database takes: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    return value[:longest].replace("\0", "").encode("utf-8", "replace").decode()


def _excerpt(text: str) -> str:
    plain = " ".join(text[: 4 * EXCERPT_CHARACTERS].split())
    return "".join(filter(str.isprintable, plain))[:EXCERPT_CHARACTERS]
