"""Telling people by mail what concerns them: at least once, whatever crashes, and soon one mail.

A row of `Notice` waits until the mail server took its mail. Nothing here touches a style.
"""

from __future__ import annotations

import logging
import smtplib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from teams.models import Membership

from .letters import letter
from .models import Notice, Unwanted
from .models.notice import OWNERS, REVIEWERS, NoticeQuerySet

log = logging.getLogger(__name__)

# How long a mail may take before its worker is taken for dead. Longer than a slow mail server, for
# what is taken from a worker that lives is told twice.
LEASE = timedelta(minutes=5)
# Fourteen tries are a little more than a day.
TRIES = 14
BACK_OFF_FIRST, BACK_OFF_MOST = timedelta(minutes=1), timedelta(hours=4)
MOST_IN_A_MAIL = 50
# Those that ask for something are not worth a mail once it is settled.
ASKING = {Notice.Kind.REFUSED, Notice.Kind.DECLINED, Notice.Kind.IN_DOUBT, Notice.Kind.REVIEW}
ROLES: dict[str, Sequence[str]] = {Notice.Kind.HELD: OWNERS, Notice.Kind.REVIEW: REVIEWERS}


def tell(notice_id: uuid.UUID) -> None:
    """Write to the person of a due notice about all that waits for them in that team."""
    notices = claim(notice_id)
    if not notices:
        return
    membership = membership_of(notices[0])
    wanted = wanted_by(membership, notices) if membership else []
    close([notice for notice in notices if notice not in wanted], Notice.Outcome.PASSED)
    if not wanted or membership is None:
        return
    try:
        letter(wanted, membership).send()
    except (OSError, smtplib.SMTPException, ValueError):
        # A ValueError is an address or a header that no mail can have.
        log.exception("user %s could not be told by mail", membership.user_id)
        put_off(wanted)
    else:
        note_told(wanted)


def claim(notice_id: uuid.UUID) -> list[Notice]:
    """Take a due notice in hand, with what else waits for this person; [] if another did.

    The lease fences off a worker that was suspended and came back after it was taken for dead.
    """
    now, lease = timezone.now(), uuid.uuid4()
    give_up_worn_out(now)
    first = Notice.objects.due(now).filter(pk=notice_id).first()
    if first is None:
        return []
    free = Notice.objects.free(now)
    theirs = free.filter(user=first.user_id, team=first.team_id).order_by("at", "id")
    some = list(theirs.values_list("pk", flat=True)[:MOST_IN_A_MAIL])
    free.filter(pk__in=some).update(lease=lease, due_at=now + LEASE, tries=F("tries") + 1)
    mine = Notice.objects.filter(lease=lease).order_by("at", "id")
    return list(mine.select_related("user", "team", "key", "event__who", "event__style__creator"))


def give_up_worn_out(now: datetime) -> None:
    """Let go what ended its worker each time."""
    worn_out = Notice.objects.due(now).filter(tries__gte=TRIES)
    worn_out.update(outcome=Notice.Outcome.GIVEN_UP, due_at=None, closed_at=now)


def membership_of(notice: Notice) -> Membership | None:
    theirs = Membership.objects.filter(user=notice.user_id, team=notice.team_id)
    return theirs.filter(user__is_active=True).select_related("user", "team").first()


def wanted_by(membership: Membership, notices: Sequence[Notice]) -> list[Notice]:
    """Return those that this person is still to be told, by what is known now."""
    unwanted = Unwanted.of(membership.user)
    return [
        notice
        for notice in notices
        if notice.kind not in unwanted
        and membership.role in ROLES.get(notice.kind, Membership.Role.values)
        and still_so(notice)
    ]


def still_so(notice: Notice) -> bool:
    if notice.key:
        return notice.key.held_at == notice.held_at
    assert notice.event
    return notice.kind not in ASKING or notice.event.style.state == notice.event.to_state


def in_hand(notices: Sequence[Notice]) -> NoticeQuerySet:
    """Return the rows of notices that were claimed, as far as nobody took them since."""
    leases = {notice.lease for notice in notices}
    return Notice.objects.waiting().filter(pk__in=[n.pk for n in notices], lease__in=leases)


def note_told(notices: Sequence[Notice]) -> None:
    """Note that a mail was taken, which is so even if its worker was taken for dead meanwhile."""
    theirs = Notice.objects.waiting().filter(pk__in=[notice.pk for notice in notices])
    theirs.update(outcome=Notice.Outcome.TOLD, due_at=None, closed_at=timezone.now())


def close(notices: Sequence[Notice], outcome: Notice.Outcome) -> None:
    """Note that nobody is told any more of notices that are in hand."""
    in_hand(notices).update(outcome=outcome, due_at=None, closed_at=timezone.now())


def put_off(notices: Sequence[Notice]) -> None:
    """Try again later, each time after a longer while; in the end give it up."""
    for tries in {notice.tries for notice in notices}:
        some = [notice for notice in notices if notice.tries == tries]
        if tries < TRIES:
            in_hand(some).update(due_at=timezone.now() + back_off(tries))
        else:
            log.error("%d notices are given up after %d tries", len(some), tries)
            close(some, Notice.Outcome.GIVEN_UP)


def back_off(tries: int) -> timedelta:
    return min(BACK_OFF_FIRST * 2 ** (tries - 1), BACK_OFF_MOST)
