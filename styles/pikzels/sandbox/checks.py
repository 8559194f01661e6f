"""Checks of a request by the contract, written by hand: key, schema, images."""

import base64
import binascii
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from PIL import Image, UnidentifiedImageError

from .. import rules
from ..errors import Code
from .answers import ApiError
from .portrait import Palette, palette_of_image, palette_of_text

# What the API takes; what we send stays well below it (rules.IMAGE_MAX_BYTES).
IMAGE_MAX_BYTES = 10_000_000
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")
RESERVED_NAMES = {"admin", "default", "pikzels", "system"}
IMAGE_FIELDS = ("image_urls", "image_base64s")
# The contract's own pattern, with ECMAScript's idea of white space: Python's differs.
NAME = re.compile(
    r"[a-zA-Z0-9\-_ \t\n\v\f\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+"
)
# A key that begins like this is answered with the code; all others that begin with pkz_ work.
KEYS = {
    "pkz_unknown": Code.INVALID_API_KEY,
    "pkz_inactive": Code.API_KEY_INACTIVE,
    "pkz_deleted": Code.API_KEY_DELETED,
    "pkz_noaccess": Code.API_ACCESS_NOT_ENABLED,
    "pkz_suspended": Code.ACCOUNT_SUSPENDED,
}
UNPAID_KEYS = {
    "pkz_empty": Code.INSUFFICIENT_CREDITS,
    "pkz_unpaid": Code.SMART_BALANCE_PAYMENT_FAILED,
}

Problem = dict[str, str]


@dataclass(frozen=True)
class Key:
    """Whose request it is. The key itself is not kept."""

    fingerprint: str
    last_four: str


@dataclass(frozen=True)
class Reference:
    """One of a style's three images: a digest of its bytes, or of its address, and its colours."""

    sha256: str
    palette: Palette


@dataclass(frozen=True)
class Creation:
    """A request to create a style that keeps to the contract."""

    name: str
    references: tuple[Reference, ...]


def key_of(headers: Message, *, paid: bool) -> Key:
    """Return the request's key. Raise ApiError with a 401, 403 or, when `paid`, a 402."""
    text = headers.get(rules.KEY_HEADER, "").strip()
    if not text:
        raise ApiError(Code.MISSING_API_KEY)
    if not text.startswith(rules.KEY_PREFIX):
        raise ApiError(Code.INVALID_API_KEY_FORMAT)
    for start, code in (KEYS | UNPAID_KEYS if paid else KEYS).items():
        if text.startswith(start):
            raise ApiError(code)
    return Key(hashlib.sha256(text.encode()).hexdigest(), text[-4:])


def creation_of(body: bytes | bytearray, headers: Message) -> Creation:
    """Return what a create asks for. Raise ApiError for all that the contract refuses."""
    data = json_object(body, headers)
    refuse(
        [
            *unknown_fields(data, {"name", *IMAGE_FIELDS}),
            *_name_problems(data),
            *_image_problems(data),
        ]
    )
    if data["name"].strip().lower() in RESERVED_NAMES:
        raise ApiError(Code.NAME_RESERVED)
    if "image_urls" in data:
        # There is no network here: an address stands for the picture behind it.
        references = [_reference_of_address(url) for url in data["image_urls"]]
    else:
        references = [_reference_of_image(url) for url in data["image_base64s"]]
    return Creation(data["name"], tuple(references))


def instructions_of(body: bytes | bytearray, headers: Message) -> str | None:
    """Return what a PATCH sets. Raise ApiError VALIDATION_ERROR otherwise."""
    data = json_object(body, headers)
    field = "special_instructions"
    refuse(list(unknown_fields(data, {field})))
    text = data.get(field, 0)
    if text is not None and not isinstance(text, str):
        refuse([problem(field, "Give a text, or null.")])
    if text is not None and len(text) > rules.INSTRUCTIONS_MAX:
        refuse([problem(field, f"At most {rules.INSTRUCTIONS_MAX} characters.")])
    return text


def json_object(body: bytes | bytearray, headers: Message) -> dict[str, Any]:
    """Return the body as an object. Raise ApiError VALIDATION_ERROR if it is not one in JSON."""
    if headers.get_content_type() != "application/json":
        refuse([{"message": "The content type is not application/json."}])
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        refuse([{"message": "The body is not a JSON object."}])
    return data


def unknown_fields(data: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    """Yield a problem for each key of `data` that is not `known`."""
    for field in data:
        if field not in known:
            yield problem(field, "This field is not known.")


def refuse(problems: list[Problem]) -> None:
    if problems:
        raise ApiError(Code.VALIDATION_ERROR, problems)


def problem(field: str, message: str) -> Problem:
    return {"field": field, "message": message}


def _name_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    name = data.get("name")
    if not isinstance(name, str):
        yield problem("name", "Give a name.")
    elif not rules.NAME_MIN <= len(name) <= rules.NAME_MAX:
        yield problem("name", f"From {rules.NAME_MIN} to {rules.NAME_MAX} characters.")
    elif not NAME.fullmatch(name):
        yield problem("name", "Letters, numbers, spaces, hyphens, and underscores only.")


def _image_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    given = [field for field in IMAGE_FIELDS if field in data]
    if len(given) != 1:
        yield problem("image_base64s", "Give either image_urls or image_base64s.")
        return
    field, images = given[0], data[given[0]]
    if not isinstance(images, list) or len(images) != rules.IMAGE_COUNT:
        yield problem(field, f"Exactly {rules.IMAGE_COUNT} images.")
        return
    pattern = rules.DATA_URL_START if field == "image_base64s" else rules.IMAGE_URL
    for index, image in enumerate(images):
        if not isinstance(image, str) or not pattern.match(image):
            yield problem(f"{field}[{index}]", "Does not match the pattern of an image.")


def _reference_of_address(url: str) -> Reference:
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    return Reference(digest, palette_of_text(digest))


def _reference_of_image(url: str) -> Reference:
    head, _, encoded = url.partition(",")
    try:
        image = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(Code.INVALID_IMAGE) from error
    if len(image) > IMAGE_MAX_BYTES:
        raise ApiError(Code.IMAGE_TOO_LARGE)
    declared = head.removeprefix("data:").removesuffix(";base64").lower()
    if declared != _type_of(image):
        raise ApiError(Code.INVALID_IMAGE)
    return Reference(hashlib.sha256(image).hexdigest(), palette_of_image(image))


def _type_of(image: bytes) -> str:
    try:
        with Image.open(io.BytesIO(image), formats=IMAGE_FORMATS) as picture:
            return Image.MIME[picture.format or ""]
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ApiError(Code.INVALID_IMAGE) from error
