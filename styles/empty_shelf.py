"""What the library says where nothing fits: what that means, and the way on."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _g

from .filters import Wanted
from .wording import _


@dataclass(frozen=True, kw_only=True)
class Nothing:
    title: str
    text: str
    label: str
    url: str


# By the only thing that was asked for.
BY_CHIP: dict[str, tuple[str, str]] = {
    "ready": (
        _("No style is ready yet"),
        _("A style is ready once Pikzels has trained it, a few minutes after it was sent."),
    ),
    "needs": (
        _("Nothing needs you"),
        _("Good news: what was refused or declined, or whose outcome is unknown, would be here."),
    ),
    "mine": (
        _("You have not made a style yet"),
        _("Give it a name and three thumbnails that share one look."),
    ),
}
BY_STATE: dict[str, tuple[str, str]] = {
    "draft": (
        _("No drafts"),
        _("A draft keeps a name and pictures that were not sent yet, for a month."),
    ),
    "review": (
        _("Nothing to review"),
        _("Where a team reviews its styles, those that wait for a reviewer are here."),
    ),
    "waiting": (
        _("Nothing waits to be sent"),
        _("Everything that was to be sent has been, or is on its way."),
    ),
    "under_way": (
        _("Nothing is under way"),
        _("While a style is sent and trained, it is here: for a few minutes."),
    ),
    "ready": BY_CHIP["ready"],
    "change": (
        _("Nothing needs a change"),
        _("Good news: what Pikzels refused or a reviewer declined would be here."),
    ),
    "doubt": (
        _("No outcome is unknown"),
        _("Good news: of everything that was sent it is known what became of it."),
    ),
    "over": (
        _("Nothing failed, and nothing was given up"),
        _("Styles that did not come to be, or that Pikzels no longer has, would be here."),
    ),
}
ARCHIVE = (
    _("The archive is empty"),
    _("Archive a style on its page: it leaves the library, and its ID keeps working."),
)
ALL_ARCHIVED = (
    _("Everything is in the archive"),
    _("What was archived can be brought back, and its ID keeps working."),
)
DAYS = (_("No style was made in these days"), _("Choose other days, or look at all styles."))
TOGETHER = (
    _("No style fits"),
    _("There is none that fits everything you asked for. Take something off above."),
)
# Of these, one more is what helps.
NEW = {"mine", "ready"}


def nothing(wanted: Wanted) -> Nothing:
    """Return the words for a library in which nothing fits, although the team has styles."""
    title, text = _words(wanted)
    way = (_g("Show all styles"), reverse("library"))
    if not wanted.asked:
        way = (_g("Open the archive"), wanted.address(archived=True))
    elif len(wanted.asked) == 1 and NEW & {wanted.show, wanted.state}:
        way = (_g("New style"), reverse("style_new"))
    label, url = way
    return Nothing(title=title, text=text, label=label, url=url)


def _words(wanted: Wanted) -> tuple[str, str]:
    """Return a title and a text; the more exact ones where one thing was asked for."""
    match sorted(wanted.asked):
        case []:
            return ALL_ARCHIVED
        case ["show"]:
            return BY_CHIP[wanted.show]
        case ["state"]:
            return BY_STATE[wanted.state]
        case ["archived"]:
            return ARCHIVE
        case ["q"]:
            text = _g("Nothing in the library has “%(text)s” in its name or ID.")
            return _g("No style fits"), text % {"text": wanted.text}
    return DAYS if wanted.asked <= {"when", "from", "to"} else TOGETHER
