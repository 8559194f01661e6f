"""Mails of an installation without a mail server: in the terminal, and kept for the owner.

Notices are kept apart, and fewer of them: however many come, no link to pass on is lost for them.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.console import EmailBackend as ConsoleBackend

log = logging.getLogger(__name__)

KEPT, KEPT_NOTICES = 50, 10


class Mail(NamedTuple):
    sent_at: datetime
    to: str
    subject: str
    body: str


class KeptMails(ConsoleBackend):
    """Writes each mail to the terminal and to a file of its own under MAIL_DIR."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            _keep(message)
        if settings.LOG_FORMAT == "json":
            # What is in a mail is no line of a log, and its links are for one person.
            log.info("%d mails are kept for the superuser, under Team", len(email_messages))
            return len(email_messages)
        return super().send_messages(email_messages) or 0


def _keep(message: EmailMessage) -> None:
    content = message.message().as_bytes()
    is_notice = "Auto-Submitted" in message.extra_headers
    folder, most = (_notices(), KEPT_NOTICES) if is_notice else (_folder(), KEPT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.eml"
    path.touch(mode=0o600)
    path.write_bytes(content)
    for old in _newest_first(folder)[most:]:
        old.unlink(missing_ok=True)


def kept_mails() -> list[Mail]:
    """Return the mails that were kept, newest first, without notices."""
    return [_read(path) for path in _newest_first(_folder())[:KEPT]]


def kept_notices() -> list[Mail]:
    """Return the mails that only tell something, newest first."""
    return [_read(path) for path in _newest_first(_notices())[:KEPT_NOTICES]]


def _folder() -> Path:
    return Path(settings.MAIL_DIR)


def _notices() -> Path:
    return _folder() / "notices"


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.eml"), reverse=True)


def _read(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    sent_at = datetime.strptime(path.stem, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    text = body.get_content() if body else ""
    return Mail(sent_at, str(message["To"]), str(message["Subject"]), text)
