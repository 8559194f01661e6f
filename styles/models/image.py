"""One of a style's three pictures, and its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styles import storage
from styles.images import NAME_MAX, Accepted, make_preview
from styles.images.check import Measures, measure
from styles.pikzels import rules
from styles.pikzels.body import Picture


class ReferenceImage(models.Model):
    """One of a style's three pictures, as it is sent.

    `note` tells what was done to bring it there; `source_url` where it came from, if by a link.
    Without a file it is the link itself that is sent, and Pikzels fetches the picture.
    """

    style = models.ForeignKey("styles.Style", models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField(_("position"))
    file = models.FileField(_("file"), upload_to="references", max_length=200, blank=True)
    preview = models.FileField(_("preview"), upload_to="previews", max_length=200, blank=True)
    original_name = models.CharField(_("original name"), max_length=100)
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(_("type"), max_length=20, blank=True)
    width = models.PositiveIntegerField(_("width"), default=0)
    height = models.PositiveIntegerField(_("height"), default=0)
    bytes = models.PositiveIntegerField(_("bytes"), default=0)
    note = models.CharField(_("what was done"), max_length=20, blank=True)
    source_url = models.URLField(_("link"), max_length=2000, blank=True)
    # What the reference check measured, made when it is first asked for.
    measures = models.JSONField(_("measures"), null=True, blank=True, editable=False)
    fingerprint = models.BigIntegerField(_("fingerprint"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)
    # Since when the file is not there any more, by `originals.py`; its preview is.
    original_gone_at = models.DateTimeField(_("original deleted"), null=True, blank=True)

    class Meta:
        verbose_name = _("reference image")
        verbose_name_plural = _("reference images")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["style", "position"], name="image_once_per_position"),
            models.CheckConstraint(
                condition=Q(position__gte=1, position__lte=rules.IMAGE_COUNT),
                name="image_position_1_to_3",
            ),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def is_link(self) -> bool:
        return not self.file

    def is_intact(self) -> bool:
        """Whether its file is there and is what was stored."""
        if self.is_link or self.original_gone_at:
            return self.is_link
        try:
            with default_storage.open(str(self.file.name)) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            # Where not even the folder is there, it is the storage that is away, and not a picture.
            return not storage.is_there()
        except OSError:
            return True  # a disk that stumbles is no reason to ask for the picture again

    @contextmanager
    def to_send(self) -> Iterator[Picture]:
        """Give it as the client sends it, on this disk as long as the block lasts. Raises OSError.

        Sending compares its checksum: what came from elsewhere may be another, or a part.
        """
        with storage.on_disk(str(self.file.name)) as path:
            yield Picture(
                path=path, media_type=self.media_type, size=self.bytes, sha256=self.sha256
            )

    @staticmethod
    def as_link(url: str, label: str) -> dict[str, Any]:
        """Return the fields of a picture that Pikzels is to fetch itself."""
        checksum = hashlib.sha256(url.encode()).hexdigest()
        return {"source_url": url, "original_name": label[:NAME_MAX], "sha256": checksum}

    @staticmethod
    def store(pictures: Mapping[int, Accepted]) -> dict[int, dict[str, Any]]:
        """Move judged pictures into the storage; return by position the fields that describe them.

        All have their place before the first is made durable: a disk then writes its journal once.
        """
        rows = {position: ReferenceImage._moved(each) for position, each in pictures.items()}
        for row in rows.values():
            storage.make_durable(row["file"])
        return rows

    @staticmethod
    def _moved(picture: Accepted) -> dict[str, Any]:
        name = f"references/{picture.path.name[:2]}/{picture.path.name}"
        return {
            "file": storage.move_in(picture.path, name),
            "original_name": picture.original_name,
            "sha256": picture.sha256,
            "media_type": picture.media_type,
            "width": picture.width,
            "height": picture.height,
            "bytes": picture.size,
            "note": picture.note,
        }

    def ensure_preview(self) -> str:
        """Return the name of the small picture for cards, made when it is first asked for.

        Outside the upload's request, which would have to wait for it. Raises ImageProblem, OSError.
        """
        # One that a variant shared may have been deleted with it, in the very moment it was made.
        if not self.preview or not default_storage.exists(str(self.preview.name)):
            stored = Path(str(self.file.name))
            name = f"previews/{stored.parent.name}/{stored.stem}.jpg"
            with storage.on_disk(str(self.file.name)) as path, storage.written(name) as to:
                make_preview(path, to)
            ReferenceImage.objects.filter(pk=self.pk, file=self.file.name).update(preview=name)
            self.preview.name = name
            # So that later styles are compared with this one, whoever looked at its form.
            with suppress(OSError, ValueError):
                self.measured()
        return str(self.preview.name)

    def measured(self) -> Measures:
        """Return what the reference check goes by, measured when it is first asked for.

        Outside the upload's request, which would have to wait for it. Raises OSError, ValueError:
        that for a link, too, for its picture is not here.
        """
        if self.measures is None:
            with storage.on_disk(str(self.file.name)) as path:
                found = measure(path)
            self.measures, self.fingerprint = found.as_record(), found.fingerprint
            ReferenceImage.objects.filter(pk=self.pk, file=self.file.name).update(
                measures=self.measures, fingerprint=self.fingerprint
            )
        return Measures.from_record(self.measures)

    def forget_file(self) -> None:
        """Delete the files of a row that is gone, unless a variant shares them.

        What the storage does not delete just now is swept, for no row names it.
        """
        for name in filter(None, (self.file.name, self.preview.name)):
            if not ReferenceImage.is_named(name):
                storage.forget(name)

    @staticmethod
    def is_named(name: str) -> bool:
        """Whether any row has this stored file, and wants it kept."""
        wanted = Q(file=name, original_gone_at=None) | Q(preview=name)
        return ReferenceImage.objects.filter(wanted).exists()
