"""Which histories are not in the database any more, and where they went."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class HistoryArchive(models.Model):
    """One file of old histories: begun → written → finished, when its rows are deleted here.

    The row is there before the file, so that a run that was cut short is known to the next one.
    """

    # Nothing younger than this is in it.
    before = models.DateTimeField(_("before"))
    path = models.CharField(_("file"), max_length=1000)
    begun_at = models.DateTimeField(_("begun"), default=timezone.now, editable=False)
    written_at = models.DateTimeField(_("written"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    styles = models.PositiveIntegerField(_("styles"), default=0)
    rows = models.PositiveIntegerField(_("rows"), default=0)

    class Meta:
        verbose_name = _("archive of histories")
        verbose_name_plural = _("archives of histories")
        ordering = ["-before"]

    def __str__(self) -> str:
        return self.path

    @classmethod
    def horizon(cls) -> datetime | None:
        """Return the moment before which attempts may be missing here, for they are archived."""
        return cls.objects.aggregate(latest=Max("before"))["latest"]

    @classmethod
    def latest(cls) -> HistoryArchive | None:
        return cls.objects.filter(finished_at__isnull=False).first()
