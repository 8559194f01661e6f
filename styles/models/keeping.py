"""What is changed of a style after it was made: its special instructions, and its deletion.

Both are written down before Pikzels is told, so that a crash leaves a row that says what to find
out, and never a style here that is not as it is there without anybody knowing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styles.pikzels import rules
from teams.models import User

from .style import Style


class InstructionsQuerySet(models.QuerySet["Instructions"]):
    def asked(self) -> Self:
        return self.filter(outcome=Instructions.Outcome.ASKED)

    def found(self) -> Self:
        return self.filter(outcome=Instructions.Outcome.FOUND)

    def that_were_there(self) -> Self:
        """The history: what Pikzels had, the latest first."""
        return self.filter(outcome=Instructions.Outcome.THERE).order_by("-at", "-id")

    def due(self, now: datetime) -> Self:
        """Those whose call is over for certain, so that a look tells what came of it."""
        return self.asked().filter(due_at__lte=now)


class Instructions(models.Model):
    """Special instructions of a style, in the course of time. "" stands for none.

    asked → there | not_there, by what a look at Pikzels says. `found` is what Pikzels has without
    our doing, until somebody here takes it over or puts ours there.
    """

    class Outcome(models.TextChoices):
        ASKED = "asked", _("On its way")
        THERE = "there", _("At Pikzels")
        NOT_THERE = "not_there", _("Not taken")
        FOUND = "found", _("Found at Pikzels")

    style = models.ForeignKey(Style, models.CASCADE, related_name="texts")
    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    who = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    text = models.TextField(_("text"), blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)

    objects = InstructionsQuerySet.as_manager()

    class Meta:
        verbose_name = _("special instructions")
        verbose_name_plural = _("special instructions")
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["asked", "there", "not_there", "found"]),
                name="instructions_outcome_known",
            ),
            models.UniqueConstraint(
                fields=["style"], condition=Q(outcome="asked"), name="instructions_one_on_its_way"
            ),
            models.UniqueConstraint(
                fields=["style"], condition=Q(outcome="found"), name="instructions_one_found"
            ),
        ]
        indexes = [
            # The worker: what it has to find out, which is almost never anything.
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="instructions_due"
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def close(self, outcome: Outcome) -> bool:
        """Say what became of it; return whether nobody else had. One that is there is the style's.

        Of a style that was locked, or alone in its transaction.
        """
        now = timezone.now()
        mine = Instructions.objects.asked().filter(pk=self.pk)
        if not mine.update(outcome=outcome, changed_at=now, due_at=None):
            return False
        if outcome == self.Outcome.THERE:
            Style.objects.filter(pk=self.style_id).update(instructions=self.text)
            Instructions.objects.found().filter(style=self.style_id).delete()
        return True

    @classmethod
    def note(
        cls,
        style: Style,
        text: str | None,
        *,
        looked_at: datetime,
        mine: Instructions | None = None,
    ) -> None:
        """Note what Pikzels has by a look that began at `looked_at`; None where it did not say.

        An old look tells nothing about what was changed since, nor about a text that may be on
        its way, but for `mine`, whose call is over.
        """
        if text is None or not cls._is_news(style, text):
            return
        with transaction.atomic():
            row = Style.objects.select_for_update().get(pk=style.pk)
            asked = row.texts.asked().first()
            if asked and asked != mine and (asked.due_at or looked_at) > looked_at:
                return
            if row.texts.filter(changed_at__gt=looked_at).exists():
                return
            if asked:
                there = same(asked.text, text)
                asked.close(cls.Outcome.THERE if there else cls.Outcome.NOT_THERE)
                row.refresh_from_db(fields=["instructions"])
            cls._note_found(row, text)

    @classmethod
    def _is_news(cls, style: Style, text: str) -> bool:
        """Whether a look has anything to settle; nearly all have not."""
        known = Style.objects.filter(pk=style.pk, instructions=text).exists()
        outcomes = [cls.Outcome.ASKED, cls.Outcome.FOUND]
        return not known or style.texts.filter(outcome__in=outcomes).exists()

    @classmethod
    def _note_found(cls, style: Style, text: str) -> None:
        if same(text, style.instructions):
            style.texts.found().delete()
        elif not style.texts.found().filter(text=text).exists():
            style.texts.found().delete()
            style.texts.create(text=text, outcome=cls.Outcome.FOUND)


def same(one: str, other: str) -> bool:
    """Whether two texts say the same: what came back may have lost a space or a line break."""
    return rules.tidy_name(one) == rules.tidy_name(other)


class DeletionQuerySet(models.QuerySet["Deletion"]):
    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)


class Deletion(models.Model):
    """Somebody's word that a style be deleted at Pikzels, until that is done or taken back.

    `sent_at` is set while a DELETE is under way, and as long as nobody knows what came of it.
    """

    style = models.OneToOneField(Style, models.CASCADE, related_name="deletion")
    who = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    when_ready = models.BooleanField(_("once it is trained"), default=False)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # Why the last try did nothing: a code of the API's, or what came instead of one.
    reason = models.CharField(_("reason"), max_length=100, blank=True)

    objects = DeletionQuerySet.as_manager()

    class Meta:
        verbose_name = _("deletion")
        verbose_name_plural = _("deletions")
        # The worker: what is due. A row goes when its style does.
        indexes = [models.Index(fields=["due_at"], name="deletion_due")]

    def __str__(self) -> str:
        return str(self.style)
