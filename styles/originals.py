"""Originals of pictures that are not needed any more: they go, their previews stay.

Off unless `KEEP_ORIGINALS_DAYS` is set. A style that is finished is sent no more; but one that is
made from it by a variant needs its pictures again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from . import storage
from .images import ImageProblem
from .models import ReferenceImage, Style
from .states import State

log = logging.getLogger(__name__)

# None of these is ever sent again as it is.
OVER = (State.READY, State.TRAINING_FAILED, State.GONE)


def old(before: datetime) -> Iterable[Any]:
    """Yield the primary keys of the pictures of styles that were finished before then."""
    return _stored().filter(style__updated_at__lt=before).values_list("pk", flat=True).iterator()


def _stored() -> Any:
    others = ReferenceImage.objects.filter(file=OuterRef("file"), original_gone_at=None)
    wanted = Exists(others.exclude(style__state__in=OVER))
    mine = ReferenceImage.objects.filter(original_gone_at=None, style__state__in=OVER)
    return mine.exclude(file="").exclude(wanted)


def forget(keys: Sequence[Any]) -> int:
    """Delete the originals of these pictures, where there are previews; return how many went."""
    return sum(map(_forget, ReferenceImage.objects.filter(pk__in=keys)))


def _forget(image: ReferenceImage) -> bool:
    try:
        image.ensure_preview()
    except (ImageProblem, OSError):
        log.warning("picture %s has no preview, so its original is kept", image.pk)
        return False
    with transaction.atomic():
        # Locked, so that no variant is made of it between looking and writing.
        Style.objects.select_for_update().get(pk=image.style_id)
        gone = _stored().filter(pk=image.pk).update(original_gone_at=timezone.now())
        others = ReferenceImage.objects.filter(file=image.file.name, original_gone_at=None)
        last = not others.exists()
    if gone and last:
        storage.forget(str(image.file.name))
    return bool(gone)
