"""What a password has to be, and how that is said before one is chosen.

By NIST's SP 800-63B-4 (2025) and OWASP: length counts, and not being on a list of common ones; at
least 15 characters, since a password is enough to sign in with; no rules about what is in it, and
pasting is fine.
"""

from typing import Any

from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _g

from styles.wording import _

LEAST, MOST = 15, 4096
HINT = _(
    "At least 15 characters, such as four words that have nothing to do with each other. "
    "Not digits alone, not close to your name or address, and not one that many people use."
)


class NotTooLong:
    """A validator for AUTH_PASSWORD_VALIDATORS: nobody has to hash a book."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if len(password) > MOST:
            raise forms.ValidationError(
                _g("Password must have 4,096 characters or fewer"), code="password_too_long"
            )

    def get_help_text(self) -> str:
        return _g("Password must have 4,096 characters or fewer")


def new_password_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        help_text=HINT,
        strip=False,
        error_messages={"required": _("Enter a password")},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        **options,
    )
