"""A style's portrait: copied once it is ready, for Pikzels' link to it may not live for ever.

The address is what an answer says, and is trusted no more than one that a person pastes: fetched
from public addresses only, and judged by its bytes. A Pikzels on this machine, as the sandbox is,
has its own handed out by itself and by nobody else.
"""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from tempfile import TemporaryFile

from django.conf import settings
from django.core.files import File

from .images import UPLOAD_MAX_BYTES, Accepted, ImageProblem, accept
from .images.fetching import fetch_picture
from .images.links import Link, LinkProblem, read_address
from .models import Style
from .pikzels.client import DownloadFailed, Pikzels

log = logging.getLogger(__name__)

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}


def copy_portrait(style: Style, url: str, pikzels: Pikzels) -> bool:
    """Keep a copy of what is at `url`. Return whether that worked."""
    try:
        picture = _fetched(url, pikzels)
        try:
            _store(style, picture)
        finally:
            picture.path.unlink(missing_ok=True)
    except (LinkProblem, ImageProblem) as problem:
        # The code alone: a link may hold a signature that lets anybody in.
        log.warning("portrait of style %s not copied: %s", style.pk, problem.code)
        return False
    except (DownloadFailed, OSError) as error:
        log.warning("portrait of style %s not copied: %s", style.pk, type(error).__name__)
        return False
    return True


def _fetched(url: str, pikzels: Pikzels) -> Accepted:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    if not pikzels.is_on_this_machine:
        address = read_address(url)
        link = Link(url=address, candidates=(address,), video_id="", label="portrait")
        return fetch_picture(link, directory=folder)
    with TemporaryFile(dir=folder) as file:
        pikzels.download(url, to=file, max_bytes=UPLOAD_MAX_BYTES)
        return accept(file, name="portrait", directory=folder)


def _store(style: Style, picture: Accepted) -> None:
    name = f"{uuid.uuid4().hex}{ENDINGS[picture.media_type]}"
    with picture.path.open("rb") as file:
        style.portrait.save(name, File(file), save=False)
    Style.objects.filter(pk=style.pk).update(portrait=style.portrait.name)
