"""Forms for setting up, for the team and for the account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from .models import Membership, Team, User
from .passwords import new_password_field

EMAIL_WRONG = _("Enter an e-mail address such as name@example.com")


class SetupForm(forms.Form):
    team_name = forms.CharField(
        label=_("Name of your team"),
        max_length=60,
        error_messages={"required": _("Enter a name for your team")},
    )
    name = forms.CharField(
        label=_("Your name"),
        max_length=100,
        error_messages={"required": _("Enter your name")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        help_text=_("You sign in with it"),
        error_messages={"required": _("Enter your e-mail address"), "invalid": EMAIL_WRONG},
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = new_password_field()

    def clean(self) -> dict[str, Any]:
        password = self.cleaned_data.get("password")
        if password:
            user = User(
                email=self.cleaned_data.get("email", ""), name=self.cleaned_data.get("name", "")
            )
            try:
                validate_password(password, user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return self.cleaned_data

    def wanted(self) -> dict[str, str]:
        return {key: self.cleaned_data[key] for key in ("team_name", "name", "email", "password")}


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ("name", "review_required", "may_review_own", "asks_for_rights")
        labels = {
            "name": _("Name of the team"),
            "review_required": _("A reviewer looks at every style before it is sent"),
            "may_review_own": _("Reviewers may approve their own styles"),
            "asks_for_rights": _("Whoever sends a style ticks that they may use the pictures"),
        }
        error_messages = {"name": {"required": _("Enter a name for your team")}}


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        error_messages={"required": _("Enter an e-mail address"), "invalid": EMAIL_WRONG},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Membership.Role,
        initial=Membership.Role.MEMBER,
        error_messages={
            "required": _("Choose a role"),
            "invalid_choice": _("Choose a role from the list"),
        },
    )


class JoinForm(forms.Form):
    """What a new person adds to an invitation: a name and a password."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=100,
        error_messages={"required": _("Enter your name")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = new_password_field()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.data.get("name", "")))
        return str(password)


class AccountForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": _("Your name")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
