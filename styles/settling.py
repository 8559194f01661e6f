"""Settling a doubt: a form for each way out, on the style's pages and in the admin alike."""

from __future__ import annotations

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from teams.limits import TooOften, count_sent
from teams.models import User

from . import following
from .models import Style
from .pikzels import rules
from .states import State
from .wording import _ as lazy


class SettlingForm(forms.Form):
    """A way out of a doubt. `done` is said afterwards, `label` stands on its button."""

    name_of_page = ""
    label = ""
    done = ""

    def __init__(self, data: QueryDict | None, *, style: Style) -> None:
        super().__init__(data)
        self.style = style

    @classmethod
    def fits(cls, style: Style) -> bool:
        """Whether the style is in a state that this settles."""
        return style.state == State.IN_DOUBT

    def settle(self, who: User) -> bool | None:
        """Do it. Return whether it won, or None where the form is not filled in rightly."""
        if not self.is_valid():
            return None
        try:
            return self.act(who)
        except TooOften as problem:
            self.add_error(None, str(problem))
            return None
        except following.NotThisOne as problem:
            self.add_error(None if not self.fields else next(iter(self.fields)), str(problem))
            return None

    def act(self, who: User) -> bool:
        raise NotImplementedError


class PasteForm(SettlingForm):
    name_of_page = "paste_id"
    label = lazy("Paste its ID")
    done = lazy("That is it. The style has its ID.")

    pikzels_id = forms.CharField(
        label=lazy("Style ID"),
        help_text=lazy("Such as 18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": lazy("Enter the style ID")},
    )

    @classmethod
    def fits(cls, style: Style) -> bool:
        return style.may_exist()

    def act(self, who: User) -> bool:
        following.paste_id(self.style, self.cleaned_data["pikzels_id"], who)
        return True


class SendAgainForm(SettlingForm):
    name_of_page = "send_again"
    label = lazy("Send again, knowingly")
    done = lazy("It is sent again.")

    after = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        label=lazy("Name of the style"),
        help_text=lazy("Type it to say that you want to send it again"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": lazy("Enter the name of the style")},
    )

    def clean_name(self) -> str:
        typed = rules.tidy_name(self.cleaned_data["name"])
        if typed != self.style.name:
            raise forms.ValidationError(
                _("This is not its name. Type “%(name)s”."), params={"name": self.style.name}
            )
        return typed

    def __init__(self, data: QueryDict | None, *, style: Style) -> None:
        super().__init__(data, style=style)
        self.newest = style.attempts.count()
        self.fields["after"].initial = self.newest

    def clean(self) -> dict[str, object]:
        # The word was given about the tries that there were then, and not about a later one.
        if self.cleaned_data.get("after") not in {None, self.newest}:
            raise forms.ValidationError(
                _("This style was sent again in the meantime. Look at how it stands first.")
            )
        return self.cleaned_data

    def act(self, who: User) -> bool:
        count_sent(who, self.style.team)
        return self.style.send_again(who)


class GiveUpForm(SettlingForm):
    name_of_page = "give_up"
    label = lazy("Give up")
    done = lazy("Given up. Nothing is sent for it.")

    def act(self, who: User) -> bool:
        return self.style.drop(who)


SETTLING = {form.name_of_page: form for form in (PasteForm, SendAgainForm, GiveUpForm)}
