"""What pages show of styles brought in, of special instructions, and of a deletion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from teams.models import Membership, PikzelsKey

from .attaching import Came, Found
from .changing import words_of
from .deleting import may_delete
from .explanations import BUTTONS, Action
from .instructions import INSTRUCTED
from .models import Deletion, Instructions, Style
from .models.keeping import same
from .pikzels.client import Look
from .presentation import Button, address_of
from .wording import _ as lazy

HISTORY = 50


# A style's page


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`news` is what is not settled about the instructions, `deletion` the word about deleting."""

    instructions: str
    news: str
    change: Button | None
    deletion: str
    keep: Button | None


def kept(style: Style, membership: Membership) -> Kept:
    """Return what the style's page shows of its instructions and of its deletion."""
    is_instructed = style.state in INSTRUCTED
    row = Deletion.objects.filter(style=style).select_related("who").first()
    may_keep = row is not None and row.sent_at is None and may_delete(style, membership)
    return Kept(
        instructions=style.instructions,
        news=_news(style) if is_instructed else "",
        change=_button(Action.INSTRUCTIONS, style) if is_instructed else None,
        deletion=_of_deletion(row, membership) if row else "",
        keep=_button(Action.KEEP, style, method="post") if may_keep else None,
    )


def _button(action: Action, style: Style, method: str = "get") -> Button:
    return Button(label=BUTTONS[action], url=address_of(action, style), method=method)


def _news(style: Style) -> str:
    outcomes = set(style.texts.values_list("outcome", flat=True))
    if Instructions.Outcome.ASKED in outcomes:
        return _("A change is on its way. Whether Pikzels has taken it is found out by itself.")
    if Instructions.Outcome.FOUND in outcomes:
        return _("Pikzels has other instructions than these. Open them to say which ones count.")
    return ""


def _of_deletion(row: Deletion, membership: Membership) -> str:
    if row.sent_at:
        return _(
            "It is not known yet whether Pikzels has deleted this style. That is found out by "
            "itself."
        )
    asked = _("%(name)s wants it deleted at Pikzels as soon as it is trained.") % {
        "name": row.who or _("Somebody")
    }
    if not row.reason:
        return asked
    why = words_of(row.reason, None, is_owner=membership.is_owner)
    again = _("The last try deleted nothing, and it is tried again by itself.")
    return f"{asked} {again} {why}"


# The page of the instructions


def about_instructions(style: Style, look: Look | None, membership: Membership) -> dict[str, Any]:
    """Return what Pikzels has by a look, or by what was found last, and what there was before."""
    found = style.texts.found().first()
    theirs = found.text if found else None
    problem = ""
    if look:
        theirs = look.training.special_instructions if look.training else theirs
        problem = words_of(look.reason, look.reply, is_owner=membership.is_owner)
    differs = theirs is not None and not same(theirs, style.instructions)
    return {
        "differs": differs,
        "theirs": theirs,
        "problem": problem if look and not look.training else "",
        "on_its_way": style.texts.asked().first(),
        "history": [
            {
                "pk": row.pk,
                "at": row.at,
                "who": row.who.display_name if row.who else _("Found at Pikzels"),
                "text": row.text,
                "is_current": same(row.text, style.instructions),
            }
            for row in style.texts.that_were_there().select_related("who")[:HISTORY]
        ],
    }


# Bringing styles in

ROWS: dict[Came, tuple[str, str, str]] = {
    Came.BROUGHT_IN: (lazy("Brought in"), "good", "dot"),
    Came.TRAINING: (lazy("Brought in, still training"), "info", "ring"),
    Came.FAILED: (lazy("Brought in, training failed"), "bad", "half"),
    Came.HERE: (lazy("Here already"), "quiet", "dot"),
    Came.UNKNOWN: (lazy("Not known"), "bad", "square"),
    Came.PERSONA: (lazy("A persona"), "bad", "diamond"),
    Came.DOUBTFUL: (lazy("May be one of yours"), "waiting", "diamond"),
    Came.LATER: (lazy("Not asked yet"), "waiting", "ring"),
}
TEXTS: dict[Came, str] = {
    Came.TRAINING: lazy("It is followed from now on, and its ID works once it is ready."),
    Came.FAILED: lazy("Pikzels could not train it, so that its ID cannot be used."),
    Came.PERSONA: lazy("This ID belongs to a persona, and only styles are kept here."),
    Came.DOUBTFUL: lazy(
        "A style of this name was sent from here, and how that ended is not known yet. If this is "
        "its ID, paste it on that style’s page."
    ),
}


def rows_of(found: list[Found], key: PikzelsKey, membership: Membership) -> list[dict[str, Any]]:
    """Return what the page says about each ID that was looked up."""
    return [
        {
            "id": each.pikzels_id,
            "label": ROWS[each.came][0],
            "tone": ROWS[each.came][1],
            "shape": ROWS[each.came][2],
            "text": _text_of(each, key, membership),
            "style": each.style,
        }
        for each in found
        if each.came != Came.LATER or each.look
    ]


def _text_of(each: Found, key: PikzelsKey, membership: Membership) -> str:
    if each.came == Came.UNKNOWN:
        return _("Pikzels does not know this ID under the key %(key)s.") % {"key": key.shown}
    if each.came == Came.LATER and each.look:
        why = words_of(each.look.reason, each.look.reply, is_owner=membership.is_owner)
        return f"{why} {_('The ID waits in the field below.')}"
    return str(TEXTS.get(each.came, ""))
