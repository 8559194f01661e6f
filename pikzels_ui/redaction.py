"""Keep keys and pictures out of every log line and traceback."""

import logging
import re

# Pikzels' keys and our own tokens, up to what ends a word in code, JSON and headers: nobody says
# what signs keys may have.
KEY = re.compile(r"""(pkz|pzu)_[^\s"'`<>,;:()\[\]{}\\]+""")
PICTURE = re.compile(r"data:image/[a-zA-Z0-9.+-]+;base64,[A-Za-z0-9+/=]*")
# Links that let somebody in.
LINK = re.compile(r"(/setup/|/join/|/reset/key/|/confirm-email/)[^\s\"'/]+")
# Base64 without its header, as a cut-off body has it; an ID or a path is far shorter.
LONG_RUN = re.compile(r"[A-Za-z0-9+/=]{200,}")


def redact(text: str) -> str:
    """Return `text` with API keys and tokens, data URLs and long runs of base64 blotted out."""
    text = KEY.sub(r"\1_[redacted]", text)
    text = PICTURE.sub("data:image/[redacted]", text)
    text = LINK.sub(r"\1[redacted]", text)
    return LONG_RUN.sub("[redacted]", text)


class RedactingFormatter(logging.Formatter):
    """A formatter rather than a filter, for a filter never sees the traceback's text."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
