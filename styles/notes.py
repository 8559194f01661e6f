"""A note to a style, which anybody on its team may write; Pikzels never sees it."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.db import transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from teams.models import User

from .models import Event, Style

MOST = 2000
LINE_SHOWN = 90


class NoteField(forms.CharField):
    """Several lines. Nothing of what is pasted is cut off: what is too long is said to be."""

    def to_python(self, value: object) -> str:
        # Browsers send a line break as two signs.
        return str(super().to_python(value)).replace("\r\n", "\n")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}


class NoteForm(forms.Form):
    """The note as somebody wants it, and a mark of the one that they had before their eyes."""

    note = NoteField(
        label=_("Note"),
        help_text=_("For your team: what it is good for, and what not. Pikzels never sees it."),
        max_length=MOST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"max_length": _("Note must be 2,000 characters or fewer")},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    @classmethod
    def of(cls, style: Style) -> NoteForm:
        return cls(initial={"note": style.note, "seen": mark_of(style.note)})

    def write(self, style: Style, who: User) -> bool:
        """Write the note; return whether that was done, else the form says what is in the way.

        What was typed stays in it, and sending it once more replaces what came in between.
        """
        if not self.is_valid():
            return False
        if write(style, self.cleaned_data["note"], who, seen=self.cleaned_data["seen"]):
            return True
        style.refresh_from_db(fields=["note"])
        self.data = {"note": self.cleaned_data["note"], "seen": mark_of(style.note)}
        self.add_error("note", _changed_by(style))
        return False


def write(style: Style, note: str, who: User, *, seen: str) -> bool:
    """Write a note in the place of the one whose mark is `seen`; return whether that was it."""
    mine = Style.objects.filter(pk=style.pk)
    before = mine.values_list("note", flat=True).get()
    if mark_of(before) != seen:
        return False
    with transaction.atomic():
        if not mine.filter(note=before).update(note=note):
            return False
        if note != before:
            style.events.create(who=who, what=Event.What.NOTED)
    style.note = note
    return True


def first_line(note: str) -> str:
    """Return what a card has room for."""
    return Truncator(note.partition("\n")[0]).chars(LINE_SHOWN)


def mark_of(note: str) -> str:
    return hashlib.sha256(note.encode()).hexdigest()[:16]


def last_noted(style: Style) -> Event | None:
    return style.events.filter(what=Event.What.NOTED).select_related("who").last()


def note_of(style: Style) -> dict[str, Any]:
    """Return the note as the style's page shows it, with who wrote it last and when."""
    event = last_noted(style) if style.note else None
    return {
        "text": style.note,
        "who": event.who if event else None,
        "at": event.at if event else None,
    }


def _changed_by(style: Style) -> str:
    event = last_noted(style)
    name = event.who.display_name if event and event.who else _g("Somebody")
    if style.note:
        text = _g(
            "%(name)s changed the note while you wrote. What it says now stands above, and what"
            " you typed is still here. Save again to replace it."
        )
    else:
        text = _g(
            "%(name)s took the note away while you wrote. What you typed is still here. Save"
            " again to put it there."
        )
    return text % {"name": name}
