"""The form: a name and three images, judged by the API's rules before anything is sent."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.forms.utils import ErrorDict
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from teams.limits import TooOften

from .images import FORMATS, UPLOAD_MAX_BYTES, Accepted, ImageProblem, accept
from .images.links import Link
from .pikzels import rules

log = logging.getLogger(__name__)

POSITIONS = range(1, rules.IMAGE_COUNT + 1)
NOT_STORED = _("The picture could not be stored just now. Try again in a moment.")
ACCEPTED_TYPES = ",".join(f"image/{name.lower()}" for name in FORMATS)


def clean_style_name(text: str) -> str:
    """Return `text` as the API takes names. Raises ValidationError where it does not take it."""
    name = rules.tidy_name(text)
    if not name:
        raise forms.ValidationError(_("Enter a style name"))
    if strangers := rules.name_strangers(name):
        shown = get_text_list([f"“{one}”" for one in strangers[:5]], gettext("and"))
        raise forms.ValidationError(
            _(
                "Style name can have letters without accents, numbers, spaces, hyphens and "
                "underscores only: change %(characters)s"
            ),
            params={"characters": shown},
        )
    if len(name) > rules.NAME_MAX:
        raise forms.ValidationError(
            _("Style name must be %(most)d characters or fewer, and has %(has)d"),
            params={"most": rules.NAME_MAX, "has": len(name)},
        )
    return name


class StyleForm(forms.Form):
    """Reads a name and up to three files; `kept` are the positions that have a picture already.

    `taken` is the name that Pikzels refused last time, so that it is not sent in vain. While it is
    `unfinished` nothing is missed: only what is there is judged.

    `links` are those of them that are links for Pikzels to fetch.

    After `is_valid()`, `accepted` holds each picture that can be used by its position, whether or
    not the form as a whole is valid, for what was right is kept; `sources` holds where those came
    from that were fetched by a link, `handed` the links that Pikzels is to fetch itself. `wait` is
    for how many seconds no more is taken of this person.
    """

    name = forms.CharField(
        label=_("Style name"),
        help_text=_("Letters without accents, numbers, spaces, hyphens and underscores"),
        required=False,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                # Both are always there, whatever a script puts into the second.
                "aria-describedby": "id_name_helptext name-remarks",
            }
        ),
    )
    image_1 = forms.FileField(label=_("Image 1"), required=False, allow_empty_file=True)
    image_2 = forms.FileField(label=_("Image 2"), required=False, allow_empty_file=True)
    image_3 = forms.FileField(label=_("Image 3"), required=False, allow_empty_file=True)
    link = forms.CharField(
        label=_("Or a link"),
        help_text=_("A picture’s https address, or a YouTube video in any form"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}
        ),
    )
    rights = forms.BooleanField(label=_("I may use these pictures"), required=False)
    token = forms.UUIDField(widget=forms.HiddenInput, required=False)
    team = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        kept: frozenset[int] = frozenset(),
        links: frozenset[int] = frozenset(),
        remarks: dict[str, str] | None = None,
        taken: str = "",
        asks_for_rights: bool = False,
        unfinished: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kept = kept
        self.links = links
        self.taken = taken
        self.unfinished = unfinished
        if not asks_for_rights:
            del self.fields["rights"]
        self.remarks = remarks or {}
        self.accepted: dict[int, Accepted] = {}
        self.sources: dict[int, str] = {}
        self.handed: dict[int, Link] = {}
        self.wait = 0
        for position in POSITIONS:
            self.fields[f"image_{position}"].widget = forms.FileInput(
                attrs={"accept": ACCEPTED_TYPES}
            )

    @property
    def errors(self) -> ErrorDict:
        """What is wrong; before anything was entered, what Pikzels said about it last time."""
        if self.is_bound:
            return super().errors
        found = ErrorDict()
        for field, text in self.remarks.items():
            found[field] = self.error_class([text])
        return found

    def clean_name(self) -> str:
        if self.unfinished and not rules.tidy_name(self.cleaned_data["name"]):
            return ""
        name = clean_style_name(self.cleaned_data["name"])
        if name == self.taken:
            raise forms.ValidationError(
                _("Pikzels does not take the name “%(name)s”: enter another"), params={"name": name}
            )
        return name

    def clean_rights(self) -> bool:
        ticked = bool(self.cleaned_data["rights"])
        if not ticked and not self.unfinished:
            raise forms.ValidationError(_("Tick that you may use these pictures"))
        return ticked

    def clean(self) -> dict[str, Any]:
        for position in POSITIONS:
            self._clean_image(position, self.cleaned_data.get(f"image_{position}"))
        if not self.unfinished and not self.errors:
            self._clean_links()
        return self.cleaned_data

    def _clean_links(self) -> None:
        """Pikzels takes three pictures or three links."""
        links = self.links - self.accepted.keys()
        for position in sorted(links) if len(links) < rules.IMAGE_COUNT else []:
            text = _(
                "Image %(n)d is a link that Pikzels fetches, and others are not. "
                "Choose the picture as a file, or make all three links."
            )
            self.add_error(f"image_{position}", text % {"n": position})

    def put_off(self, problem: TooOften) -> None:
        """Say that something of this has to wait; everything else is kept as ever."""
        self.wait = problem.wait
        self.add_error(None, str(problem))

    def take(self, position: int, picture: Accepted, source: str) -> None:
        """Fill a slot with a picture that was fetched from `source`."""
        self.accepted[position] = picture
        self.sources[position] = source

    def _clean_image(self, position: int, upload: UploadedFile | None) -> None:
        field = f"image_{position}"
        if upload is None:
            missing = position not in self.kept and not self.unfinished
            if missing and field not in self.errors:
                self.add_error(field, _("Choose image %(n)d") % {"n": position})
            return
        try:
            self.accepted[position] = judge(upload)
        except ImageProblem as problem:
            self.add_error(field, problem.message)
        except OSError:
            log.exception("an upload could not be written")
            self.add_error(field, NOT_STORED)


def judge(upload: UploadedFile) -> Accepted:
    """Return the upload as it can be sent. Raises ImageProblem."""
    name = upload.name or ""
    if upload.size and upload.size > UPLOAD_MAX_BYTES:
        raise ImageProblem("too_large", name)
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    assert upload.file
    return accept(upload.file, name=name, directory=folder)
