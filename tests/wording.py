"""The house rules for texts that people read, for every test that has such a text at hand."""

import re
from html.parser import HTMLParser

# "aria-invalid" and INVALID_IMAGE are no words that anybody reads as such.
BANNED = re.compile(
    r"(?<![\w-])(?:invalid|please|oops|sorry|this field is required|an error occurred|failed to)"
    r"(?![\w-])|!",
    re.IGNORECASE,
)
UNREAD_ELEMENTS = {"script", "style", "template", "pre", "code"}
READ_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "aria-description"}


def banned_words(text: str) -> list[str]:
    """Return the words of `text` that this product does not use, in small letters, in order.

    For a page, give its `visible_text`; what Pikzels itself wrote is not ours to judge.
    """
    return [word.lower() for word in BANNED.findall(" ".join(text.split()))]


def visible_text(html: str) -> str:
    """Return what a person reads or hears of a page, without code samples."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return " ".join(" ".join(reader.pieces).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unread += tag in UNREAD_ELEMENTS
        self.pieces += [value for name, value in attrs if name in READ_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self.unread -= tag in UNREAD_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.pieces.append(data)
