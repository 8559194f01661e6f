"""django-allauth's forms with our labels and hints, and with errors that say what to enter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac

from styles.wording import _

from . import door, passwords, sign_ins
from .models import User

Words = Mapping[str, str]
CODE = _("Enter the code")
ADDRESS = _("Enter your e-mail address")
NEW = {
    "password1": _("Enter a new password"),
    "password2": _("Enter the new password once more"),
}
SIX_DIGITS = _("Six digits")
APP_OR_LIST = _("Six digits from the app, or eight of a recovery code")
LIST = _("Eight digits from the list that you have kept")


class Worded(forms.Form):
    """What a form says by its fields' names: where one is empty, as hints, and as labels."""

    missing: ClassVar[Words] = {}
    hints: ClassVar[Words] = {}
    labels: ClassVar[Words] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, text in self.missing.items():
            self.fields[name].error_messages["required"] = text
        for name, text in self.hints.items():
            self.fields[name].help_text = text
        for name, text in self.labels.items():
            self.fields[name].label = text
        for field in self.fields.values():
            # Each field has a label; a text that vanishes when one types is no second one.
            field.widget.attrs.pop("placeholder", None)


class SignIn(Worded, account.LoginForm):
    missing = {"login": ADDRESS, "password": _("Enter your password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # So that a browser offers what it keeps, passkeys among it.
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class AddAddress(Worded, account.AddEmailForm):
    missing = {"email": _("Enter an e-mail address")}


class ChangePassword(Worded, account.ChangePasswordForm):
    missing = {"oldpassword": _("Enter your current password"), **NEW}
    hints = {"password1": passwords.HINT}


class SetPassword(Worded, account.SetPasswordForm):
    missing = NEW
    hints = {"password1": passwords.HINT}


class AskForNewPassword(Worded, account.ResetPasswordForm):
    missing = {"email": ADDRESS}


class NewPassword(Worded, account.ResetPasswordKeyForm):
    missing = NEW
    hints = {"password1": passwords.HINT}


class ConfirmByPassword(Worded, account.ReauthenticateForm):
    missing = {"password": _("Enter your password")}


class WorksOnce(forms.Form):
    """A code that was taken is taken no second time, not even by two requests at once."""

    user: Any

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        taken = salted_hmac("code that was taken", f"{self.user.pk} {code}").hexdigest()
        # As long as an app's code is good for, of which django-allauth remembers the first third.
        lasts = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)
        if not cache.add(f"code-{taken}", True, lasts):
            raise get_mfa_adapter().validation_error("incorrect_code")
        return code


class ByWhatOneHas(Worded):
    """Say which codes there are to enter: of an app, or of the list that came with a passkey."""

    missing = {"code": CODE}
    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_app = Authenticator.objects.filter(
            user=self.user, type=Authenticator.Type.TOTP
        ).exists()
        self.fields["code"].label = _("Code") if has_app else _("Recovery code")
        self.fields["code"].help_text = APP_OR_LIST if has_app else LIST


class EnterCode(WorksOnce, ByWhatOneHas, codes.AuthenticateForm):
    """The second factor when signing in; a wrong code is written down."""

    def clean_code(self) -> str:
        try:
            return super().clean_code()
        except forms.ValidationError as error:
            if error.code == "incorrect_code":
                door.note(context.request, self.user, sign_ins.SignIn.How.CODE, worked=False)
            raise


class ConfirmByCode(WorksOnce, ByWhatOneHas, codes.ReauthenticateForm):
    pass


class SwitchAppOn(Worded, totp.ActivateTOTPForm):
    missing = {"code": _("Enter the code from the app")}
    hints = {"code": SIX_DIGITS}
