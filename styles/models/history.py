"""What happened: paid calls, events, and times in which nothing is sent."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styles.pikzels.errors import Verdict
from styles.states import State
from teams.models import PikzelsKey, User


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)

    def unanswered(self) -> Self:
        """Those that an answer may still close: open, or given up as in doubt."""
        return self.filter(Q(closed_at=None) | Q(outcome=Verdict.IN_DOUBT, answered_at=None))

    def abandoned(self, now: datetime) -> Self:
        """Those whose worker has not been heard of for as long as its lease was."""
        return self.open().filter(lease_until__lt=now)


class Attempt(models.Model):
    """One paid call: written before it, closed after it, never edited again.

    Two things may still be written to it later: while it is open, its worker's signs of life; and
    after it was closed as in doubt, once, the answer that came late after all.
    """

    style = models.ForeignKey("styles.Style", models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField(_("number"))
    # As it was sent: the style may have another by now. "" for those from before it was noted.
    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    key = models.ForeignKey(PikzelsKey, models.PROTECT, related_name="attempts")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    lease_token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lease_until = models.DateTimeField(_("lease until"))
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    committed_at = models.DateTimeField(_("last byte sent"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    # What a style cost by the settings when this was opened: later prices do not change history.
    # "" for those from before it was noted, where the settings say nothing, and in the sandbox.
    price = models.CharField(_("price"), max_length=100, blank=True, default="")
    bytes_total = models.PositiveBigIntegerField(_("bytes in all"), default=0)
    bytes_sent = models.PositiveBigIntegerField(_("bytes given to the network"), default=0)
    outcome = models.CharField(
        _("outcome"), max_length=10, blank=True, choices=[(v.value, v.value) for v in Verdict]
    )
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    code = models.CharField(_("code"), max_length=100, blank=True)
    message = models.TextField(_("message"), blank=True)
    details = models.JSONField(_("details"), default=list, blank=True)
    request_id = models.CharField(_("request ID"), max_length=200, blank=True)
    pikzels_id = models.CharField(_("style ID"), max_length=200, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["style"], condition=Q(closed_at=None), name="attempt_one_open_per_style"
            ),
            models.UniqueConstraint(fields=["style", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | ~Q(outcome=""), name="attempt_closed_with_outcome"
            ),
        ]
        indexes = [
            # In flight per key, and those whose worker is gone: always few.
            models.Index(
                fields=["key", "lease_until"], condition=Q(closed_at=None), name="attempt_open"
            ),
            models.Index(fields=["request_id"], name="attempt_request_id"),
            # The admin's list, the state of health, and the chart of codes: the latest of all.
            models.Index(F("opened_at").desc(), F("id").desc(), name="attempt_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.style} · {self.number}"


class Event(models.Model):
    """What happened to a style, when and by whom: the time line, the notices and the audit."""

    class What(models.TextChoices):
        MOVED = "moved", _("Changed its state")
        PICTURE = "picture", _("Changed a picture")
        ASKED_SUPPORT = "asked_support", _("Asked for help")
        LATE_ANSWER = "late_answer", _("An answer came late")
        NOTED = "noted", _("Noted")
        ARCHIVED = "archived", _("Archived")
        BROUGHT_BACK = "brought_back", _("Brought back from the archive")
        BROUGHT_IN = "brought_in", _("Brought in by its ID")
        DELETION = "deletion", _("To be deleted once it is trained")
        KEPT = "kept", _("Not deleted")

    style = models.ForeignKey("styles.Style", models.CASCADE, related_name="events")
    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    who = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    what = models.CharField(_("what"), max_length=20, choices=What)
    from_state = models.CharField(_("from"), max_length=15, choices=State, blank=True)
    to_state = models.CharField(_("to"), max_length=15, choices=State, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    note = models.TextField(_("note"), blank=True)
    attempt = models.ForeignKey(Attempt, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["style", "at"], name="event_time_line"),
            # The admin's list: the latest of all.
            models.Index(F("at").desc(), F("id").desc(), name="event_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.style}: {self.get_to_state_display() or self.get_what_display()}"


class SafeModeQuerySet(models.QuerySet["SafeMode"]):
    def on(self) -> Self:
        return self.filter(ended_at=None)


class SafeMode(models.Model):
    """Nothing is sent, for the database is older than what was sent, until a person says go on.

    `lacking` is what only the journal knew: each with `token`, `name` and what became of it.
    """

    since = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    lacking = models.JSONField(_("what the database lacked"), default=list)
    # When the backup was made; NULL where only the journal tells that one was restored.
    backup_of = models.DateTimeField(_("backup made"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = SafeModeQuerySet.as_manager()

    class Meta:
        verbose_name = _("safe mode")
        verbose_name_plural = _("safe modes")
        ordering = ["-since"]

    def __str__(self) -> str:
        return str(self.since)

    @classmethod
    def is_on(cls) -> bool:
        return cls.objects.on().exists()

    @classmethod
    def note(cls, lacking: list[dict[str, str]]) -> None:
        """Begin one for what the database lacks, or add that to one that a restore began."""
        begun = cls.objects.on().filter(backup_of__isnull=False).first()
        if begun is None:
            cls.objects.create(lacking=lacking)
        else:
            cls.objects.filter(pk=begun.pk).update(lacking=begun.lacking + lacking)

    @classmethod
    def end(cls, who: User) -> bool:
        """Let things be sent again. Return whether nothing was."""
        return bool(cls.objects.on().update(ended_at=timezone.now(), ended_by=who))
