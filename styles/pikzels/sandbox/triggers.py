"""Names that make the sandbox misbehave: `once no credits`, `always dropped unmade`, …

A failure is written down once, and its names follow from it: *once* fails the first time a key
sends that very name, *always* every time. Where the outcome is unknown to the client, the style is
made all the same, so that its ID can be pasted; with *unmade* at the end it is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum

from ..errors import FACTS, Code, Verdict

RETRY_SECONDS = 2
VERY_SLOW = 30  # times as long as a slow answer


class Ending(StrEnum):
    """What becomes of the answer, and of the connection."""

    WHOLE = "whole"
    CUT = "cut"  # the head promises the whole body, half of it comes
    SILENT = "silent"  # closed without an answer
    RESET = "reset"  # the answer, if there is one, and a reset at once


class Training(StrEnum):
    """How a style's training goes."""

    NORMAL = "normal"
    FAILS = "fails"
    SLOW = "slow"
    FOREVER = "forever"
    VANISHES_MIDWAY = "vanishes_midway"
    VANISHES_READY = "vanishes_ready"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One way of failing a create. With a `code` the body is the contract's envelope.

    `early`: as soon as half of the body is in, so that nothing can have been made. `may_make`: the
    client cannot know whether a style was made.
    """

    slug: str
    text: str
    status: int = 0
    code: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: str = ""
    ending: Ending = Ending.WHOLE
    early: bool = False
    may_make: bool = False


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A name that makes a create fail, once or always, with the style made or not."""

    name: str
    failure: Failure
    always: bool
    makes: bool


@dataclass(frozen=True, kw_only=True)
class Course:
    """A name that lets the create succeed, and what comes of it then.

    `delay` of the answer is in slow answers: 10 seconds, unless the sandbox was told otherwise.
    """

    name: str = ""
    text: str = ""
    delay: int = 0
    training: Training = Training.NORMAL


# Each code's slug, and its message: a public summary, as Pikzels' own are.
CODES: dict[Code, tuple[str, str]] = {
    Code.VALIDATION_ERROR: ("not accepted", "The request was not accepted."),
    Code.INVALID_PERSONA: ("bad persona", "The persona ID is not a UUID."),
    Code.INVALID_STYLE: ("bad style", "The style ID is not a UUID."),
    Code.INVALID_AMOUNT: ("bad amount", "The amount must be a number above zero."),
    Code.CONTENT_POLICY: ("policy", "The content policy does not allow this."),
    Code.CANNOT_DELETE_PROCESSING: ("still training", "It cannot be deleted while it trains."),
    Code.SUPPORT_IMAGE_NOT_SUPPORTED: ("support image", "This model takes no support image."),
    Code.INVALID_IMAGE: ("bad image", "An image could not be read or reached."),
    Code.IMAGE_TOO_LARGE: ("too large", "An image is larger than 10 MB."),
    Code.MISSING_API_KEY: ("no key", "The request carries no API key."),
    Code.INVALID_API_KEY_FORMAT: ("odd key", "An API key starts with pkz_."),
    Code.INVALID_API_KEY: ("unknown key", "This API key is not known."),
    Code.API_KEY_INACTIVE: ("inactive key", "This API key is switched off."),
    Code.API_KEY_DELETED: ("deleted key", "This API key was deleted."),
    Code.INSUFFICIENT_CREDITS: ("no credits", "The balance is too low."),
    Code.SMART_BALANCE_PAYMENT_FAILED: ("top-up failed", "The automatic top-up was not paid."),
    Code.API_ACCESS_NOT_ENABLED: ("no access", "This account has no access to the API."),
    Code.ACCOUNT_SUSPENDED: ("suspended", "This account is suspended."),
    Code.NOT_FOUND: ("not found", "There is nothing here."),
    Code.NAME_RESERVED: ("reserved name", "This name is reserved."),
    Code.NAME_ALREADY_EXISTS: ("name taken", "A style or persona has this name."),
    Code.CONFLICT: ("conflict", "This conflicts with something that exists."),
    Code.GENERATION_REJECTED: ("rejected", "The request could not be processed."),
    Code.CANCELLED: ("cancelled", "The generation was cancelled."),
    Code.GENERATION_FAILED: ("failed", "The generation failed."),
    Code.INTERNAL_ERROR: ("crashed", "The server failed unexpectedly."),
    Code.SERVICE_UNDER_MAINTENANCE: ("maintenance", "The service is under maintenance."),
    Code.GENERATION_TIMEOUT: ("timed out", "The generation took too long."),
    Code.SCORING_TIMEOUT: ("no score", "The scoring took too long."),
    Code.TITLE_TIMEOUT: ("no title", "The title took too long."),
    Code.TOO_MANY_REQUESTS: ("busy", "There are too many requests."),
}

# Documentation gives a refused request a list of fields; one of them may be without a field.
NOT_ACCEPTED_DETAILS = (
    {"field": "name", "message": "This name was not accepted."},
    {"field": "image_base64s[1]", "message": "This image was not accepted."},
    {"message": "Something else was not accepted."},
)


def _busy(slug: str, form: str, text: str) -> Failure:
    code = Code.TOO_MANY_REQUESTS
    return Failure(slug=slug, text=text, status=429, code=code, retry_after=form)


def _bare(status: int, text: str, *, may_make: bool = False) -> Failure:
    return Failure(
        slug=f"bare {status}",
        text=text,
        status=status,
        body=f"Error {status}\n",
        content_type="text/plain",
        may_make=may_make,
    )


def _of_code(code: Code) -> Failure:
    status, verdict = FACTS[code].status, FACTS[code].verdict
    slug, message = CODES[code]
    text = f"{status} {code}: {message}"
    may_make = verdict is Verdict.IN_DOUBT
    return Failure(slug=slug, text=text, status=status, code=code, may_make=may_make)


FAILURES: tuple[Failure, ...] = (
    *(_of_code(code) for code in Code),
    _busy("busy seconds", "seconds", f"429 with Retry-After: {RETRY_SECONDS}"),
    _busy("busy date", "date", f"429 with Retry-After as a date {RETRY_SECONDS} seconds ahead"),
    _busy("busy garbage", "garbage", "429 with a Retry-After that is neither: soon"),
    Failure(slug="new code", text="418 BRAND_NEW_CODE", status=418, code="BRAND_NEW_CODE"),
    Failure(
        slug="new crash",
        text="500 BRAND_NEW_CODE",
        status=500,
        code="BRAND_NEW_CODE",
        may_make=True,
    ),
    _bare(403, "403 in plain text, as from a proxy"),
    _bare(429, "429 in plain text"),
    _bare(500, "500 in plain text", may_make=True),
    _bare(503, "503 in plain text", may_make=True),
    Failure(
        slug="html 502",
        text="502 with a page of HTML",
        status=502,
        body="<!doctype html><title>502</title><h1>Bad gateway</h1>\n",
        content_type="text/html",
        may_make=True,
    ),
    Failure(
        slug="cut json",
        text="200 whose JSON ends half way, then the connection is closed",
        status=200,
        ending=Ending.CUT,
        may_make=True,
    ),
    Failure(
        slug="no id",
        text="200 in JSON without an ID",
        status=200,
        body='{"message": "Accepted"}',
        may_make=True,
    ),
    Failure(slug="empty", text="200 without a body", status=200, may_make=True),
    Failure(
        slug="redirect",
        text="307 to another address",
        status=307,
        headers=(("Location", "/elsewhere"),),
        may_make=True,
    ),
    Failure(
        slug="nowhere",
        text="307 to an address that is none",
        status=307,
        headers=(("Location", "http://[nowhere"),),
        may_make=True,
    ),
    Failure(
        slug="dropped",
        text="the last byte arrives, then the connection is closed without an answer",
        ending=Ending.SILENT,
        may_make=True,
    ),
    Failure(
        slug="early reset",
        text="the connection is reset when half of the body is in",
        ending=Ending.RESET,
        early=True,
    ),
    Failure(
        slug="early 413",
        text="413 IMAGE_TOO_LARGE when half of the body is in; the rest is thrown away",
        status=413,
        code=Code.IMAGE_TOO_LARGE,
        early=True,
    ),
    Failure(
        slug="early 413 reset",
        text="413 IMAGE_TOO_LARGE when half of the body is in, and a reset at once",
        status=413,
        code=Code.IMAGE_TOO_LARGE,
        ending=Ending.RESET,
        early=True,
    ),
)

COURSES: tuple[Course, ...] = (
    Course(name="slow answer", text="made at once, answered after 10 seconds", delay=1),
    Course(
        name="very slow answer",
        text="made at once, answered after 5 minutes",
        delay=VERY_SLOW,
    ),
    Course(name="training fails", text="the training fails", training=Training.FAILS),
    Course(
        name="training slow",
        text="the training takes five times as long: 30 seconds",
        training=Training.SLOW,
    ),
    Course(name="training forever", text="the training never ends", training=Training.FOREVER),
    Course(
        name="vanishes midway",
        text="404 from the middle of the training",
        training=Training.VANISHES_MIDWAY,
    ),
    Course(
        name="vanishes when ready",
        text="404 once it was seen to be ready",
        training=Training.VANISHES_READY,
    ),
)


def names_of(failure: Failure) -> list[str]:
    """Return the names that bring a failure about: once and always, and the same unmade."""
    names = [f"once {failure.slug}", f"always {failure.slug}"]
    return [*names, *(f"{name} unmade" for name in names)] if failure.may_make else names


def _every_trigger() -> Iterator[Trigger]:
    for failure in FAILURES:
        for name in names_of(failure):
            yield Trigger(
                name=name,
                failure=failure,
                always=name.startswith("always "),
                makes=failure.may_make and not name.endswith(" unmade"),
            )


TRIGGERS: dict[str, Trigger | Course] = {
    **{trigger.name: trigger for trigger in _every_trigger()},
    **{course.name: course for course in COURSES},
}
_LONGEST_FIRST = sorted(TRIGGERS.values(), key=lambda trigger: -len(trigger.name))


def find(name: str) -> Trigger | Course | None:
    """Return the trigger that `name` is or begins with, in any case; the longest one wins.

    More words may follow ("once no credits 7"), but not more letters ("training slowly").
    """
    lowered = name.lower()
    for trigger in _LONGEST_FIRST:
        rest = lowered.removeprefix(trigger.name)
        if rest != lowered and (not rest or rest[0] in " -_"):
            return trigger
    return None


def course_of(name: str) -> Course:
    """Return the course that `name` stands for; without one, the ordinary course."""
    found = find(name)
    return found if isinstance(found, Course) else Course()


def retry_after(form: str, now: float) -> str:
    """Return the header's value in one of its forms; `now` is in seconds since 1970."""
    forms = {
        "seconds": str(RETRY_SECONDS),
        "date": formatdate(now + RETRY_SECONDS, usegmt=True),
        "garbage": "soon",
    }
    return forms[form]
