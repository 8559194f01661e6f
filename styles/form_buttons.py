"""What a button of the form asks for, besides sending it: to remove, to move, to mend a picture.

A button's value is a verb and what it is about: `remove 2`, `later 1`, `swap 1 3`, `name Mars 2`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _

from teams.models import User

from . import storage
from .forms import NOT_STORED, POSITIONS, StyleForm
from .images import ImageProblem
from .images.check import advise, cut
from .images.fetching import fetch_picture
from .images.links import LinkProblem, read_link
from .models import ReferenceImage, Style

log = logging.getLogger(__name__)

# Of this process's threads so many may wait for other people's servers, ten seconds each.
MOST_FETCHES = 4
fetching: set[int] = set()
fetching_lock = threading.Lock()


class NotDone(Exception):
    """What was asked for did not work; `field` is where the message belongs."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Button:
    """One that was pressed: its verb, and what follows it."""

    verb: str
    rest: str = ""

    @property
    def slots(self) -> list[int]:
        return [int(word) for word in self.rest.split() if word in {"1", "2", "3"}]


def pressed(data: QueryDict) -> Button | None:
    """Return the button that was pressed, or None where the form is to be sent.

    A link that was typed and not yet added is added first: Enter in its field sends nothing.
    """
    verb, _space, rest = data.get("do", "").partition(" ")
    if verb in VERBS or verb in OF_THE_FORM:
        return Button(verb, rest)
    return Button("link") if data.get("link", "").strip() else None


# Before the draft is kept


def typed(button: Button | None, data: QueryDict) -> QueryDict:
    """Return what was typed, with the name that the button stands for in its place."""
    if button is None or button.verb != "name":
        return data
    chosen = data.copy()
    chosen["name"] = button.rest
    return chosen


def add_link(button: Button, form: StyleForm, style: Style | None, who: User) -> str:
    """Bring the picture at the link into the form, or the link itself; return what to tell of it.

    Raises NotDone.
    """
    slot = _slot_for_link(button, form, style)
    try:
        link = read_link(form.cleaned_data.get("link", ""))
        if button.verb == "hand-over" or not settings.FETCH_LINKS:
            form.handed[slot] = link
            return _kept_text(slot)
        with _place_to_fetch(who):
            picture = fetch_picture(link, directory=Path(settings.FILE_UPLOAD_TEMP_DIR))
    except (LinkProblem, ImageProblem) as problem:
        raise NotDone("link", problem.message) from problem
    except OSError as error:
        log.exception("a picture from a link could not be stored")
        raise NotDone("link", str(NOT_STORED)) from error
    try:
        # Uploads may have come meanwhile; what they brought is not to be replaced.
        slot = _slot_for_link(button, form, style)
    except NotDone:
        picture.path.unlink(missing_ok=True)
        raise
    # What follows the question mark may be somebody's key.
    form.take(slot, picture, link.url.partition("?")[0])
    return _kept_text(slot)


def _kept_text(slot: int) -> str:
    return _("Image %(n)d is kept.") % {"n": slot}


def _slot_for_link(button: Button, form: StyleForm, style: Style | None) -> int:
    if button.slots:
        return button.slots[0]
    full = {*form.accepted, *(style.filled() if style else ())}
    empty = [position for position in POSITIONS if position not in full]
    if not empty:
        raise NotDone("link", _("All three slots are full. Remove a picture, then add it."))
    return empty[0]


@contextmanager
def _place_to_fetch(who: User) -> Iterator[None]:
    """Let a person wait for one link at a time, and few people at once. Raises NotDone."""
    with fetching_lock:
        if who.pk in fetching or len(fetching) >= MOST_FETCHES:
            raise NotDone("link", _("Other links are being fetched. Try again in a moment."))
        fetching.add(who.pk)
    try:
        yield
    finally:
        with fetching_lock:
            fetching.discard(who.pk)


# After it


def carry_out(button: Button, style: Style, who: User) -> str:
    """Do what the button says; return what to tell of it, "" for nothing. Raises NotDone."""
    if button.verb == "keep":
        return _("Saved. It waits in the library, and on the form for a new style.")
    count, act = VERBS.get(button.verb, (0, None))
    if act is None or len(button.slots) != count:
        return ""
    field = f"image_{button.slots[0]}"
    try:
        return act(style, who, *button.slots)
    except ImageProblem as problem:
        raise NotDone(field, problem.message) from problem
    except ReferenceImage.DoesNotExist:
        return ""  # removed in another tab meanwhile
    except (OSError, ValueError) as error:
        text = _("The picture could not be changed just now. Try again in a moment.")
        raise NotDone(field, text) from error


def _remove(style: Style, who: User, slot: int) -> str:
    style.remove_picture(slot)
    return _("Image %(n)d removed.") % {"n": slot}


def _earlier(style: Style, who: User, slot: int) -> str:
    return _swap(style, who, slot, slot - 1)


def _later(style: Style, who: User, slot: int) -> str:
    return _swap(style, who, slot, slot + 1)


def _swap(style: Style, who: User, one: int, other: int) -> str:
    if other not in POSITIONS or one == other:
        return ""
    style.move_picture(one, other)
    return _("Image %(one)d is now image %(other)d.") % {"one": one, "other": other}


def _crop(style: Style, who: User, slot: int) -> str:
    if not _cut(style, who, slot, "bars"):
        return ""
    return _("The black bars of image %(n)d are cropped.") % {"n": slot}


def _frame(style: Style, who: User, slot: int) -> str:
    if not _cut(style, who, slot, "shape"):
        return ""
    return _("Image %(n)d is cropped to 16:9.") % {"n": slot}


def _cut(style: Style, who: User, slot: int, kind: str) -> bool:
    """Cut a picture as this kind of advice proposes; return whether there was such advice."""
    image = style.images.get(position=slot)
    boxes = [one.box for one in advise({slot: image.measured()}) if one.kind == kind and one.box]
    if not boxes:
        return False
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    with storage.on_disk(str(image.file.name)) as path:
        picture = cut(path, boxes[0], name=image.original_name, directory=folder)
    return style.keep_picture(slot, picture, who, image.source_url, made_from=image)


LINKING = {"link", "hand-over"}
OF_THE_FORM = {"keep", "name", *LINKING}
VERBS: dict[str, tuple[int, Callable[..., str]]] = {
    "remove": (1, _remove),
    "earlier": (1, _earlier),
    "later": (1, _later),
    "swap": (2, _swap),
    "crop": (1, _crop),
    "frame": (1, _frame),
}
