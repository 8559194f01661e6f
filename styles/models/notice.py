"""That somebody is concerned by what happened, and has to be told by mail."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styles.states import State
from teams.models import Membership, PikzelsKey, Team, User

from .history import Event

# So long a mail waits for others to the same person: ten styles ready at once are one mail.
GATHER = timedelta(minutes=1)
OWNERS = (Membership.Role.OWNER,)
REVIEWERS = (Membership.Role.OWNER, Membership.Role.REVIEWER)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now).order_by("due_at")

    def waiting(self) -> Self:
        return self.filter(due_at__isnull=False)

    def free(self, now: datetime) -> Self:
        """Those that can be told now: due, or so new that nobody has tried them yet."""
        return self.waiting().filter(Q(due_at__lte=now) | Q(tries=0))

    def for_event(self, event: Event) -> None:
        """Write a row for everybody whom an event concerns, but for who did it themselves.

        In the transaction that writes the event. Once written, a second time changes nothing.
        """
        gives_back = event.reason == "changes_wanted"
        kind = Notice.Kind.DECLINED if gives_back else Notice.KINDS.get(event.to_state)
        if kind is None:
            return
        people = {user_id for user_id in concerned(event, kind) if user_id}
        rows = [
            Notice(user_id=user_id, team_id=event.style.team_id, event=event, kind=kind)
            for user_id in sorted(people - {event.who_id})
        ]
        Notice.objects.bulk_create(rows, ignore_conflicts=True)

    def for_holding(self, key: PikzelsKey) -> None:
        """Write a row for each owner of a key that was held just now, once per holding."""
        key.refresh_from_db(fields=["held_at", "held_code"])
        rows = [
            Notice(
                user_id=owner.user_id,
                team_id=key.team_id,
                key=key,
                kind=Notice.Kind.HELD,
                held_at=key.held_at,
                held_code=key.held_code,
            )
            for owner in Membership.objects.filter(team=key.team_id, role__in=OWNERS)
        ]
        Notice.objects.bulk_create(rows, ignore_conflicts=True)


def concerned(event: Event, kind: str) -> set[int | None]:
    """Return the people whom an event concerns: who wants the style, and who can do something.

    Whoever approved a style is not one of those who want it.
    """
    style = event.style
    in_team = Membership.objects.filter(team=style.team_id)
    if kind == Notice.Kind.REVIEW:
        reviewers = in_team.filter(role__in=REVIEWERS).select_related("team", "user")
        made_by, sent_by = style.creator, style.submitter()
        return {each.user_id for each in reviewers if each.may_review(made_by, sent_by)}
    sent = style.events.filter(
        to_state__in=[State.IN_REVIEW, State.QUEUED], who__isnull=False
    ).exclude(from_state=State.IN_REVIEW)
    people = {style.creator_id, sent.values_list("who", flat=True).last()}
    if kind == Notice.Kind.IN_DOUBT:
        # For they alone may send it again.
        people |= {*in_team.filter(role__in=OWNERS).values_list("user", flat=True)}
    return people


def soon() -> datetime:
    return timezone.now() + GATHER


class Notice(models.Model):
    """One person, told of one event or of one holding of a key, at least once.

    waiting ─claim→ in hand ─the mail server took it→ told
       ↑               ├─ not any more: they left, do not want it, or it is settled → passed
       │               ├─ fourteen tries, over a day → given up
       └───────────────┴─ the mail server is away, or the worker died: later

    `due_at` is when the row is looked at again, and for one in hand when its worker is taken for
    dead. It tells whom something concerns; whether they want to know is asked when it goes out.
    """

    class Kind(models.TextChoices):
        READY = "ready", _("Ready")
        FAILED = "failed", _("Training failed")
        REFUSED = "refused", _("Needs a change")
        DECLINED = "declined", _("Declined")
        IN_DOUBT = "in_doubt", _("Outcome unknown")
        REVIEW = "review", _("Waits for a review")
        HELD = "held", _("A key is held")

    class Outcome(models.TextChoices):
        TOLD = "told", _("Told")
        PASSED = "passed", _("Not needed any more")
        GIVEN_UP = "given_up", _("Given up: no mail server took it")

    KINDS: dict[str, Kind] = {
        State.READY: Kind.READY,
        State.TRAINING_FAILED: Kind.FAILED,
        State.REFUSED: Kind.REFUSED,
        State.DECLINED: Kind.DECLINED,
        State.IN_DOUBT: Kind.IN_DOUBT,
        State.IN_REVIEW: Kind.REVIEW,
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="notices", verbose_name=_("who"))
    team = models.ForeignKey(Team, models.CASCADE, related_name="+", verbose_name=_("team"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    event = models.ForeignKey(Event, models.CASCADE, null=True, blank=True, related_name="notices")
    key = models.ForeignKey(PikzelsKey, models.CASCADE, null=True, blank=True, related_name="+")
    held_at = models.DateTimeField(_("held since"), null=True, blank=True)
    held_code = models.CharField(_("held because of"), max_length=100, blank=True)
    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True, default=soon)
    lease = models.UUIDField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "user"], name="notice_once_per_event"),
            models.UniqueConstraint(fields=["key", "held_at", "user"], name="notice_once_per_hold"),
            models.CheckConstraint(
                condition=Q(event__isnull=False, key=None)
                | Q(event=None, key__isnull=False, held_at__isnull=False),
                name="notice_of_event_or_key",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", due_at__isnull=False)
                | (~Q(outcome="") & Q(due_at=None, closed_at__isnull=False)),
                name="notice_waits_or_is_over",
            ),
        ]
        indexes = [
            # The worker: what is due, and what else waits for that person; told ones are not in it.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="notice_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.user}"


class Unwanted(models.Model):
    """A kind of notices that a person does not want; all others come."""

    user = models.ForeignKey(User, models.CASCADE, related_name="unwanted_notices")
    kind = models.CharField(_("kind"), max_length=10, choices=Notice.Kind)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="unwanted_once_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_kind_display()}"

    @classmethod
    def of(cls, user: User) -> set[str]:
        return {*cls.objects.filter(user=user).values_list("kind", flat=True)}

    @classmethod
    def choose(cls, user: User, unwanted: Collection[str]) -> None:
        """Let these kinds be what the person does not want from now on."""
        rows = [Unwanted(user=user, kind=kind) for kind in sorted(unwanted)]
        with transaction.atomic():
            Unwanted.objects.filter(user=user).exclude(kind__in=unwanted).delete()
            Unwanted.objects.bulk_create(rows, ignore_conflicts=True)
