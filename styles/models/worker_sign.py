"""That a worker is there: nothing is sent without one, and nobody would notice."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WorkerSign(models.Model):
    """A worker's sign of life, one row for each, written anew every few seconds.

    The rows of those that are gone stay for a while: the newest says since when there is none.
    """

    EVERY = timedelta(seconds=10)
    # Some that were missed are no reason yet to call anybody.
    ALIVE = timedelta(seconds=45)
    KEPT = timedelta(days=7)

    id = models.UUIDField(primary_key=True, editable=False)
    place = models.CharField(_("where"), max_length=100)
    seen_at = models.DateTimeField(_("last heard of"))

    class Meta:
        verbose_name = _("sign of a worker")
        verbose_name_plural = _("signs of workers")

    def __str__(self) -> str:
        return self.place

    @classmethod
    def give(cls, worker: uuid.UUID, place: str) -> None:
        now = timezone.now()
        if not cls.objects.filter(pk=worker).update(seen_at=now):
            cls.objects.filter(seen_at__lt=now - cls.KEPT).delete()
            cls.objects.create(pk=worker, place=place[:100], seen_at=now)

    @classmethod
    def latest(cls) -> WorkerSign | None:
        return cls.objects.order_by("-seen_at").first()

    @property
    def is_alive(self) -> bool:
        return timezone.now() - self.seen_at < self.ALIVE
