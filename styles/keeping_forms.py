"""Forms for bringing styles in, and for their special instructions."""

from __future__ import annotations

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from teams.models import PikzelsKey, Team

from . import pasted
from .pikzels import rules
from .wording import _ as lazy

AT_ONCE_CHARACTERS = 100_000


class KeyChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: object) -> str:
        assert isinstance(obj, PikzelsKey)
        return str(obj)


class AttachForm(forms.Form):
    """IDs in whatever people paste, and which of the team's keys may know them."""

    ids = forms.CharField(
        label=lazy("Style IDs"),
        help_text=lazy("One or many: lines, lists, addresses or rows of a table"),
        max_length=AT_ONCE_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": lazy("Enter one style ID, or a list of them"),
            "max_length": lazy("This is more than can be read at once: paste a part of it"),
        },
    )
    key = KeyChoice(
        queryset=PikzelsKey.objects.none(),
        label=lazy("API key"),
        help_text=lazy("The key of the Pikzels account that has the styles"),
        to_field_name="uuid",
        empty_label=None,
        required=False,
        error_messages={"invalid_choice": lazy("Choose a key from the list")},
    )

    def __init__(self, data: QueryDict | None, *, team: Team, ids: str = "") -> None:
        super().__init__(data, initial={"ids": ids})
        # What is too long is told, and not cut off by the browser.
        del self.fields["ids"].widget.attrs["maxlength"]
        self.keys = team.keys.in_use().preferred_first()
        key_field = self.fields["key"]
        assert isinstance(key_field, KeyChoice)
        key_field.queryset = self.keys
        if self.keys.count() < 2:
            key_field.widget = forms.HiddenInput()
        self.pasted = pasted.Pasted()

    def clean_ids(self) -> str:
        self.pasted = pasted.read(self.cleaned_data["ids"])
        if not self.pasted.ids:
            raise forms.ValidationError(
                _("There is no style ID in this. One looks like %(example)s"),
                params={"example": "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"},
            )
        return str(self.cleaned_data["ids"])

    def clean_key(self) -> PikzelsKey | None:
        return self.cleaned_data["key"] or self.keys.first()


class InstructionsForm(forms.Form):
    """A text for Pikzels, and after which change of it the form was shown."""

    text = forms.CharField(
        label=lazy("Special instructions"),
        help_text=lazy("Pikzels adds them to each prompt that uses this style"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    after = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput())

    def clean_text(self) -> str:
        text = rules.tidy_name(self.cleaned_data["text"])
        over = rules.instructions_length(text) - rules.INSTRUCTIONS_MAX
        if over > 0:
            raise forms.ValidationError(
                _("Instructions must be %(max)d characters or fewer: shorten them by %(over)d"),
                params={"max": rules.INSTRUCTIONS_MAX, "over": over},
            )
        return text
