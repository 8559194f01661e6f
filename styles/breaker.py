"""The breaker of a key: what it would send is held, handed over, or let go, one style first."""

from __future__ import annotations

import logging
import smtplib
from functools import partial

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import Membership, PikzelsKey

from .explanations import explain
from .models import Style
from .states import State

log = logging.getLogger(__name__)


@transaction.atomic
def hold(key: PikzelsKey, code: str) -> None:
    """Hold a key and park what waits for it."""
    if key.hold(code):
        # Once per holding and not once per style; and only if it is really stored.
        transaction.on_commit(partial(tell_owners, key, code))
        log.warning("key %s is held: %s", key.shown, code)
        waiting = Style.objects.filter(key=key, state=State.QUEUED)
        waiting.update(due_at=None, reason=code, updated_at=timezone.now())


def resume(key: PikzelsKey) -> bool:
    """Say that a held key is mended: one style goes first. Return whether it was held."""
    with transaction.atomic():
        released = key.release()
        if released:
            now = timezone.now()
            waiting = Style.objects.filter(key=key, state=State.QUEUED)
            # Of all of them: those that came while it was held were shown as held, too.
            waiting.update(updated_at=now)
            waiting.filter(due_at=None).update(due_at=now, reason="")
    return released


def adopt(key: PikzelsKey) -> None:
    """Send with a team's new key what waits for one, but for what was meant for the sandbox.

    One of them goes first, for nobody knows yet that the key works.
    """
    waiting = Style.objects.filter(team=key.team, state=State.QUEUED, sandbox=False)
    with transaction.atomic():
        if waiting.exists():
            PikzelsKey.objects.filter(pk=key.pk).update(on_trial=True)
        hand_over(waiting, key)


@transaction.atomic
def retire(key: PikzelsKey) -> None:
    """Send nothing more with `key`. What waits for it waits for another one from now on."""
    PikzelsKey.objects.filter(pk=key.pk).update(removed_at=timezone.now())
    if not key.is_sandbox:
        hand_over(Style.objects.filter(key=key, state=State.QUEUED), None)


def hand_over(waiting: QuerySet[Style], key: PikzelsKey | None) -> int:
    """Let what waits wait for `key`, or for one to come; what is real never for the sandbox."""
    if key is None or key.is_sandbox:
        return waiting.update(key=None, due_at=None, reason="no_key")
    return waiting.update(key=key, due_at=timezone.now(), reason="")


def tell_owners(key: PikzelsKey, code: str) -> None:
    """Write to the team's owners why the key is held and how to mend it, by mail, once."""
    why = explain(code, "held")
    waiting = Style.objects.filter(key=key, state=State.QUEUED).count()
    lines = [
        why.next_owner,
        _("Key: %(key)s. Styles that wait for it: %(number)d.")
        % {"key": key.shown, "number": waiting},
        settings.PUBLIC_URL + reverse("team") + "#keys",
    ]
    subject = _("%(team)s: %(why)s") % {"team": key.team, "why": why.title}
    owners = key.team.memberships.filter(role=Membership.Role.OWNER).select_related("user")
    try:
        for each in owners:
            send_mail(subject, "\n\n".join(map(str, lines)), None, [each.user.email])
    except (OSError, smtplib.SMTPException):
        # The banner says the same; a mail server that is away must not hold up the worker.
        log.exception("the owners of team %s could not be told by mail", key.team_id)
