"""The 31 error codes of the API, and what each says about a paid call.

The codes are the contract's; a test holds them against its document. Status, certainty and
whether a code can come from creating a style: Pikzels' documentation.
"""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What an attempt to create a style came to; each is one thing the caller does next."""

    MADE = "made"
    NOT_SENT = "not_sent"
    LATER = "later"
    KEY_HELD = "key_held"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class Code(StrEnum):
    """`error.code` of an answer, as the contract lists them."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    INVALID_PERSONA = "INVALID_PERSONA"
    INVALID_STYLE = "INVALID_STYLE"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    CONTENT_POLICY = "CONTENT_POLICY"
    CANNOT_DELETE_PROCESSING = "CANNOT_DELETE_PROCESSING"
    SUPPORT_IMAGE_NOT_SUPPORTED = "SUPPORT_IMAGE_NOT_SUPPORTED"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    MISSING_API_KEY = "MISSING_API_KEY"
    INVALID_API_KEY_FORMAT = "INVALID_API_KEY_FORMAT"
    INVALID_API_KEY = "INVALID_API_KEY"
    API_KEY_INACTIVE = "API_KEY_INACTIVE"
    API_KEY_DELETED = "API_KEY_DELETED"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"
    SMART_BALANCE_PAYMENT_FAILED = "SMART_BALANCE_PAYMENT_FAILED"
    API_ACCESS_NOT_ENABLED = "API_ACCESS_NOT_ENABLED"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    NOT_FOUND = "NOT_FOUND"
    NAME_RESERVED = "NAME_RESERVED"
    NAME_ALREADY_EXISTS = "NAME_ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    GENERATION_REJECTED = "GENERATION_REJECTED"
    CANCELLED = "CANCELLED"
    GENERATION_FAILED = "GENERATION_FAILED"
    INVALID_IMAGE = "INVALID_IMAGE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SERVICE_UNDER_MAINTENANCE = "SERVICE_UNDER_MAINTENANCE"
    GENERATION_TIMEOUT = "GENERATION_TIMEOUT"
    SCORING_TIMEOUT = "SCORING_TIMEOUT"
    TITLE_TIMEOUT = "TITLE_TIMEOUT"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"


class Facts(NamedTuple):
    """The HTTP status a code comes with, its verdict, and whether creating can cause it."""

    status: int
    verdict: Verdict
    on_create: bool = True


FACTS: dict[Code, Facts] = {
    Code.VALIDATION_ERROR: Facts(400, Verdict.REFUSED),
    Code.INVALID_PERSONA: Facts(400, Verdict.REFUSED, on_create=False),
    Code.INVALID_STYLE: Facts(400, Verdict.REFUSED, on_create=False),
    Code.INVALID_AMOUNT: Facts(400, Verdict.REFUSED, on_create=False),
    Code.CONTENT_POLICY: Facts(400, Verdict.REFUSED),
    Code.CANNOT_DELETE_PROCESSING: Facts(400, Verdict.REFUSED, on_create=False),
    Code.SUPPORT_IMAGE_NOT_SUPPORTED: Facts(400, Verdict.REFUSED, on_create=False),
    Code.INVALID_IMAGE: Facts(400, Verdict.REFUSED),
    Code.IMAGE_TOO_LARGE: Facts(413, Verdict.REFUSED),
    Code.MISSING_API_KEY: Facts(401, Verdict.KEY_HELD),
    Code.INVALID_API_KEY_FORMAT: Facts(401, Verdict.KEY_HELD),
    Code.INVALID_API_KEY: Facts(401, Verdict.KEY_HELD),
    Code.API_KEY_INACTIVE: Facts(401, Verdict.KEY_HELD),
    Code.API_KEY_DELETED: Facts(401, Verdict.KEY_HELD),
    Code.INSUFFICIENT_CREDITS: Facts(402, Verdict.KEY_HELD),
    Code.SMART_BALANCE_PAYMENT_FAILED: Facts(402, Verdict.KEY_HELD),
    Code.API_ACCESS_NOT_ENABLED: Facts(403, Verdict.KEY_HELD),
    Code.ACCOUNT_SUSPENDED: Facts(403, Verdict.KEY_HELD),
    Code.NOT_FOUND: Facts(404, Verdict.REFUSED, on_create=False),
    Code.NAME_RESERVED: Facts(409, Verdict.REFUSED),
    Code.NAME_ALREADY_EXISTS: Facts(409, Verdict.REFUSED),
    Code.CONFLICT: Facts(409, Verdict.REFUSED),
    Code.GENERATION_REJECTED: Facts(422, Verdict.REFUSED),
    Code.CANCELLED: Facts(499, Verdict.IN_DOUBT),
    Code.GENERATION_FAILED: Facts(500, Verdict.IN_DOUBT),
    Code.INTERNAL_ERROR: Facts(500, Verdict.IN_DOUBT),
    Code.SERVICE_UNDER_MAINTENANCE: Facts(503, Verdict.LATER),
    Code.GENERATION_TIMEOUT: Facts(504, Verdict.IN_DOUBT),
    Code.SCORING_TIMEOUT: Facts(504, Verdict.IN_DOUBT, on_create=False),
    Code.TITLE_TIMEOUT: Facts(504, Verdict.IN_DOUBT, on_create=False),
    Code.TOO_MANY_REQUESTS: Facts(429, Verdict.LATER),
}


class Silence(StrEnum):
    """Why there is no code: what came instead of an answer by the contract."""

    COULD_NOT_CONNECT = "could_not_connect"  # nothing was taken: no address, refused, reset early
    STOPPED = "stopped"  # we stopped before the last byte ourselves
    PICTURE_LOST = "picture_lost"  # a picture's file is missing, unreadable or no longer the same
    NO_ANSWER = "no_answer"  # everything was sent, then the line broke or the time was up
    NOT_JSON = "not_json"  # an answer that is not the API's: HTML, truncated, empty
    NO_ID = "no_id"  # a success that names no style
    UNKNOWN_CODE = "unknown_code"  # the API's envelope with a code, or a status, that is new
