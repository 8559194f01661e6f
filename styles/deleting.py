"""Deleting a style at Pikzels: once and for all, so never shown before it is certain.

The word is stored before the DELETE leaves: whatever crashes then, the row is found by the worker,
which asks Pikzels what became of it. A style in training cannot be deleted, so the word waits.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import Membership, User

from .changing import NotDone, NotKnown, call
from .following import QUICK, ask
from .models import Deletion, Event, SafeMode, Style, StyleQuerySet
from .pikzels.client import Change, Look
from .pikzels.errors import Code
from .schedule import after_a_miss
from .states import State

DELETABLE = (State.READY, State.TRAINING_FAILED)
# Longer than the DELETE and the look after it take together.
TAKEN_FOR = timedelta(seconds=45)
AGAIN_AFTER = timedelta(minutes=5)
PORTRAIT_WAITED_FOR = timedelta(minutes=2)


class Came(StrEnum):
    """What a try came to."""

    GONE = "gone"
    KEPT = "kept"
    TRAINING = "training"
    UNKNOWN = "unknown"


class StillTraining(Exception):
    """Pikzels deletes no style while it trains."""


class UnderWay(Exception):
    """Somebody else is just deleting it."""


def may_delete(style: Style, membership: Membership) -> bool:
    """Whether a person may: the owners, and who made it; bringing it in is not making it."""
    is_maker = style.creator_id == membership.user_id and not style.attached
    return membership.team_id == style.team_id and (membership.is_owner or is_maker)


def delete(style: Style, who: User) -> None:
    """Delete it now. Raises NotDone, NotKnown, StillTraining and UnderWay."""
    row = _take(style, who)
    came, what = _send(row)
    if came == Came.GONE:
        _finish(row)
        return
    if came == Came.UNKNOWN:
        raise NotKnown(what)
    _let_go(row, what.reason)
    if came == Came.TRAINING:
        raise StillTraining
    raise NotDone(what)


def _take(style: Style, who: User) -> Deletion:
    """Write down that a DELETE is about to leave, if none is under way."""
    now = timezone.now()
    with transaction.atomic():
        Style.objects.select_for_update().get(pk=style.pk)
        row, _is_new = Deletion.objects.get_or_create(style=style, defaults={"who": who})
        free = Deletion.objects.filter(Q(sent_at=None) | Q(due_at__lte=now), pk=row.pk)
        if not free.update(sent_at=now, due_at=now + TAKEN_FOR, who=who):
            raise UnderWay
    row.refresh_from_db()
    return row


def _send(row: Deletion) -> tuple[Came, Change | Look]:
    """Have Pikzels delete it; where that has no clear end, see whether it is still there."""
    style = row.style
    change = call(style.key, lambda pikzels: pikzels.delete(style_id=style.pikzels_id))
    if change.done or change.reason == Code.NOT_FOUND:
        return Came.GONE, change
    if change.reason == Code.CANNOT_DELETE_PROCESSING:
        return Came.TRAINING, change
    return (Came.KEPT, change) if change.is_sure else _see(style)


def _see(style: Style) -> tuple[Came, Change | Look]:
    if style.key is None:
        return Came.KEPT, Look(reason="no_key")
    look = ask(style.key, style.pikzels_id, QUICK)
    if look.reason == Code.NOT_FOUND:
        return Came.GONE, look
    return (Came.KEPT if look.training else Came.UNKNOWN), look


def _finish(row: Deletion) -> bool:
    """Note that Pikzels no longer has it, and who wanted that."""
    made = (State.TRAINING, *DELETABLE)
    with transaction.atomic():
        won = row.style.move(State.GONE, only_from=made, who=row.who, reason="deleted")
        Deletion.objects.filter(pk=row.pk).delete()
    return won


def _let_go(row: Deletion, reason: str) -> None:
    """Nothing was deleted: forget the word, unless it waits for the end of the training."""
    mine = Deletion.objects.filter(pk=row.pk, sent_at__isnull=False)
    if row.when_ready:
        mine.update(sent_at=None, due_at=timezone.now() + AGAIN_AFTER, reason=reason[:100])
    else:
        mine.delete()


# Once it is trained


def delete_when_ready(style: Style, who: User) -> bool:
    """Store the word for a style in training; return whether it is new."""
    with transaction.atomic():
        row = Style.objects.select_for_update().get(pk=style.pk)
        if row.state == State.GONE:
            return False
        values = {"who": who, "when_ready": True}
        _row, is_new = Deletion.objects.get_or_create(style=style, defaults=values)
        if is_new:
            style.events.create(who=who, what=Event.What.DELETION)
    return is_new


def take_back(style: Style, who: User | None, note: str = "") -> bool:
    """Keep it after all; return whether that was in time."""
    with transaction.atomic():
        waiting, _by_model = Deletion.objects.filter(style=style, sent_at=None).delete()
        if waiting:
            style.events.create(who=who, what=Event.What.KEPT, note=note)
    return bool(waiting)


# The worker


def due(now: datetime) -> StyleQuerySet:
    """Return the styles of which a deletion is due, with their portrait or after waiting for it."""
    settled = Q(due_at=None) | Q(ready_at__lt=now - PORTRAIT_WAITED_FOR)
    over = Style.objects.filter(state__in=[*DELETABLE, State.GONE])
    return over.filter(settled | Q(deletion__sent_at__isnull=False), deletion__due_at__lte=now)


def carry_out(style_id: uuid.UUID) -> None:
    """Do what was asked for, or find out what became of a DELETE that had no clear end."""
    rows = Deletion.objects.select_related("style__key", "style__team", "who")
    row = rows.filter(style=style_id).first()
    # Asked here, too: this may come late, and a backup may have been restored meanwhile.
    if row is None or SafeMode.is_on():
        return
    now = timezone.now()
    was_sent = row.sent_at is not None
    if row.style.state == State.GONE:
        row.delete()
        return
    if not was_sent and not _is_wanted(row):
        take_back(row.style, None, str(_("Who wanted it deleted may not say so any more")))
        return
    mine = Deletion.objects.due(now).filter(pk=row.pk, sent_at=row.sent_at)
    if not mine.update(sent_at=row.sent_at or now, due_at=now + TAKEN_FOR):
        return
    came, what = _see(row.style) if was_sent else _send(row)
    if came == Came.GONE:
        _finish(row)
    elif came == Came.UNKNOWN:
        Deletion.objects.filter(pk=row.pk).update(due_at=after_a_miss(None))
    else:
        _let_go(row, what.reason)


def _is_wanted(row: Deletion) -> bool:
    """Whether whoever asked for it still may: nothing is done for somebody who has left."""
    if row.who is None or not row.who.is_active:
        return False
    membership = row.style.team.memberships.filter(user=row.who).first()
    return membership is not None and may_delete(row.style, membership)
