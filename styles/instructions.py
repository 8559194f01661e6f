"""Special instructions: what Pikzels adds to each prompt that uses the style.

What Pikzels has is what a look at it says. A text is noted before it is sent and settled by a look
afterwards, so that no crash and no lost answer leaves another text here than there.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import User

from .changing import NotDone, NotKnown, call
from .following import QUICK, ask, note_if_missing
from .models import Instructions, Style, StyleQuerySet
from .models.keeping import same
from .pikzels.client import Change, Look
from .schedule import after_a_miss
from .states import State

# Of a style that is trained or may become so; Pikzels says if it does not want that yet.
INSTRUCTED = (State.TRAINING, State.READY)
# By then both calls are over for certain, or their process is.
SETTLED_AFTER = timedelta(seconds=30)
Outcome = Instructions.Outcome


class ChangedMeanwhile(Exception):
    """Somebody else has changed them, or is just doing it; the message says so."""


def look_at(style: Style) -> Look:
    """Ask Pikzels what it has, and change nothing: this is for looking at the page."""
    if style.key is None:
        return Look(reason="no_key")
    return ask(style.key, style.pikzels_id, QUICK)


def newest(style: Style) -> int:
    """Return what names the latest change, so that a form can say what it was filled in after."""
    return style.texts.order_by("-pk").values_list("pk", flat=True).first() or 0


def save(style: Style, text: str, who: User, *, after: int | None = None) -> None:
    """Have Pikzels take a text, "" for none.

    Raises ChangedMeanwhile, NotDone and NotKnown; after each of them the old text counts here.
    """
    mine = _open(style, text, who, after)
    change = call(
        style.key,
        lambda pikzels: pikzels.update(
            style_id=style.pikzels_id, special_instructions=text or None
        ),
    )
    if change.is_sure and not change.done:
        _close(mine, Outcome.NOT_THERE)
        note_if_missing(style, change)
        raise NotDone(change)
    _settle(style, mine, change)


def _open(style: Style, text: str, who: User, after: int | None) -> Instructions:
    now = timezone.now()
    with transaction.atomic():
        row = Style.objects.select_for_update().get(pk=style.pk)
        if row.state not in INSTRUCTED:
            raise ChangedMeanwhile(_("This style was deleted or its training has ended badly."))
        if row.texts.asked().exists():
            raise ChangedMeanwhile(
                _("Another change is on its way. Look again in half a minute, then try again.")
            )
        if after is not None and newest(row) != after:
            raise ChangedMeanwhile(
                _("The instructions were changed in the meantime. Compare, then save again.")
            )
        return row.texts.create(
            text=text, who=who, outcome=Outcome.ASKED, due_at=now + SETTLED_AFTER
        )


def _close(mine: Instructions, outcome: Instructions.Outcome) -> None:
    with transaction.atomic():
        Style.objects.select_for_update().get(pk=mine.style_id)
        mine.close(outcome)


def _settle(style: Style, mine: Instructions, change: Change) -> None:
    """See which text is there now; where that cannot be seen, the answer to the change counts."""
    looked_at = timezone.now()
    look = look_at(style)
    if look.training and look.training.special_instructions is not None:
        Instructions.note(style, look.training.special_instructions, looked_at=looked_at, mine=mine)
    elif change.done:
        _close(mine, Outcome.THERE)
    mine.refresh_from_db()
    if mine.outcome == Outcome.ASKED:
        raise NotKnown(look)
    if mine.outcome == Outcome.NOT_THERE:
        raise NotDone(change)


def take_over(style: Style, who: User) -> bool:
    """Take the text that Pikzels has for ours, whatever it is by now. Raises NotDone.

    Return whether it did; not so while a change of ours is on its way.
    """
    looked_at = timezone.now()
    look = look_at(style)
    if look.training is None or look.training.special_instructions is None:
        note_if_missing(style, look)
        raise NotDone(look)
    text = look.training.special_instructions
    Instructions.note(style, text, looked_at=looked_at)
    with transaction.atomic():
        row = Style.objects.select_for_update().get(pk=style.pk)
        taken = row.texts.found().filter(text=text)
        if taken.update(outcome=Outcome.THERE, who=who, at=looked_at, changed_at=timezone.now()):
            Style.objects.filter(pk=style.pk).update(instructions=text)
        else:
            return same(text, row.instructions)
    return True


# The worker


def due(now: datetime) -> StyleQuerySet:
    """Return the styles of which nobody knows whether a text has reached Pikzels."""
    return Style.objects.filter(pk__in=Instructions.objects.due(now).values("style"))


def find_out(style_id: uuid.UUID) -> None:
    """Look at what Pikzels has after a change without a clear end, such as a crash."""
    style = Style.objects.select_related("key").get(pk=style_id)
    now = timezone.now()
    # Put off first: of two workers one asks.
    mine = style.texts.due(now).first()
    taken = Instructions.objects.due(now).filter(pk=mine.pk) if mine else None
    if mine is None or not taken or not taken.update(due_at=after_a_miss(None)):
        return
    look = look_at(style)
    text = look.training.special_instructions if look.training else None
    Instructions.note(style, text, looked_at=now, mine=mine)
    note_if_missing(style, look)
    if style.state not in INSTRUCTED or (look.training and text is None):
        # Nothing will ever tell: what is known for certain is the old text.
        _close(mine, Outcome.NOT_THERE)
