"""What the API accepts, in numbers and patterns.

Source: the OpenAPI document of "Create style" (Pikzels Public API v2), which a test holds these
against, but for the limits marked *documentation*, which the document itself leaves out.
"""

import re

BASE_URL = "https://api.pikzels.com"
CREATE_PATH = "/v2/pikzonality/style"
STYLE_PATH = "/v2/pikzonality/{id}"
# Documentation of the thumbnail calls, as public clients use them.
THUMBNAIL_PATH = "/v2/thumbnail/text"
# Documentation: styles work with these models only, the newest last.
STYLE_MODELS = ("pkz_4", "pkz_4_5")
KEY_HEADER = "X-Api-Key"
KEY_PREFIX = "pkz_"
# The all-zero UUID: nobody's style, so asking for it tells whether a key works, for free.
NOBODYS_ID = "00000000-0000-0000-0000-000000000000"

NAME_MIN = 1
NAME_MAX = 25
# The document's ECMAScript pattern, narrowed: its \s also admits line breaks and Unicode spaces.
NAME = re.compile(r"[a-zA-Z0-9 \-_]+")
IMAGE_COUNT = 3
IMAGE_URL = re.compile(r"https://\S+")
DATA_URL_START = re.compile(r"data:image/[a-zA-Z0-9.+-]+;base64,")
# Documentation: "10 MB", without saying whether decoded or encoded, 10^6 or 2^20.
# 7,000,000 bytes stay below 10,000,000 even when they are counted as base64.
IMAGE_MAX_BYTES = 7_000_000
# Documentation: JPEG and PNG are the two formats that were ever promised.
IMAGE_TYPES = ("image/jpeg", "image/png")
INSTRUCTIONS_MAX = 300

ERROR_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 499, 500, 503, 504)


def tidy_name(text: str) -> str:
    """Return `text` with every run of Unicode white space as one plain space, and trimmed."""
    return " ".join(text.split())


def instructions_length(text: str) -> int:
    """Return how long the API finds `text` at most: it may count as JavaScript does, in UTF-16."""
    return len(text.encode("utf-16-le", "replace")) // 2


def name_strangers(name: str) -> list[str]:
    """Return the characters of `name` that the API does not accept, each once, in order."""
    return list(dict.fromkeys(character for character in name if not NAME.fullmatch(character)))
