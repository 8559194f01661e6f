"""django-allauth's forms for passkeys, in our words; whatever is posted to them, none breaks."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.utils.translation import gettext_lazy as _

from .passkeys import UNREADABLE, WRONG, CredentialField

LONGEST_NAME = 60
NAME_TOO_LONG = _("Name of the passkey must be 60 characters or fewer")


def name_field() -> forms.CharField:
    return forms.CharField(
        label=_("Name of the passkey"),
        help_text=_("For you to know it by, such as “Phone”"),
        max_length=LONGEST_NAME,
        error_messages={
            "required": _("Enter a name for the passkey"),
            "max_length": NAME_TOO_LONG,
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def wrong(problem: Exception) -> forms.ValidationError:
    """Return the error to show: django-allauth's own is about codes."""
    if isinstance(problem, forms.ValidationError) and problem.code != "incorrect_code":
        return problem
    return forms.ValidationError(WRONG, code="incorrect_code")


class AddPasskey(passkeys.AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = name_field()
        self.fields["credential"] = CredentialField(parts=("clientDataJSON", "attestationObject"))

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        try:
            return super().clean()
        except (*UNREADABLE, forms.ValidationError) as problem:
            raise wrong(problem) from problem


class RenamePasskey(passkeys.EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = name_field()


class _Answered(passkeys.AuthenticateWebAuthnForm):
    """A passkey's answer to the question that the page had asked it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parts = ("clientDataJSON", "authenticatorData", "signature", "userHandle")
        self.fields["credential"] = CredentialField(parts=parts)

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()
        except (*UNREADABLE, forms.ValidationError) as problem:
            raise wrong(problem) from problem


class AnswerAfterPassword(_Answered):
    pass


class SignInByPasskey(_Answered, passkeys.LoginWebAuthnForm):
    pass


class ConfirmByPasskey(_Answered, passkeys.ReauthenticateWebAuthnForm):
    pass
