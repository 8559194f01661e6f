"""Forms for a key to Pikzels."""

from __future__ import annotations

import re

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from styles.pikzels import rules

from .models import PikzelsKey, Team, User

# What comes along when a key is copied out of a program, a mail or a chat.
WRAPPING = " \t\r\n\"'`“”„‘’«»<>,;\u00a0\u200b\u200c\u200d\u2060\ufeff"
LABEL = re.compile(r"\A(?!pkz_)(?:export\s+)?[\w-]+[\"']?\s*[=:]\s*(?=\W*pkz_)", re.ASCII)
SECRET_MAX = 500


class SecretInput(forms.PasswordInput):
    """Readable while it is pasted, and never sent back: no password that a browser should keep."""

    input_type = "text"


class NameForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the key"),
        help_text=_("For you and your team, such as “Main account”"),
        max_length=60,
        error_messages={
            "required": _("Enter a name for the key"),
            "max_length": _("Name of the key must be 60 characters or fewer"),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class SecretForm(forms.Form):
    """`unsure` is set where nobody could tell whether the key works, and a person may decide."""

    unsure = False
    secret = forms.CharField(
        label=_("API key"),
        help_text=_("From app.pikzels.com/platform. It is stored encrypted and never shown again."),
        # Trimmed in `clean_secret`, and of no length for the browser: that would cut it off.
        strip=False,
        error_messages={"required": _("Enter the API key")},
        widget=SecretInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    @sensitive_variables("secret")
    def clean_secret(self) -> str:
        secret = bare(self.cleaned_data["secret"])
        if not secret:
            raise forms.ValidationError(_("Enter the API key"))
        if not secret.startswith(rules.KEY_PREFIX):
            raise forms.ValidationError(_("A Pikzels API key starts with pkz_"))
        if len(secret) > SECRET_MAX:
            raise forms.ValidationError(
                _("An API key has %(most)d characters at most: copy nothing else along with it")
                % {"most": SECRET_MAX}
            )
        if not re.fullmatch(r"[!-~]{12,}", secret):
            raise forms.ValidationError(
                _("A Pikzels API key has letters, digits and signs without spaces: copy it whole")
            )
        return secret

    def seal(self, team: Team, who: User, name: str) -> PikzelsKey:
        """Return the key's row, unsaved."""
        return PikzelsKey.seal(
            self.cleaned_data["secret"],
            base_url=settings.PIKZELS_BASE_URL,
            name=name,
            team=team,
            created_by=who,
        )


class KeyForm(SecretForm, NameForm):
    field_order = ("name", "secret")


@sensitive_variables("text", "secret")
def bare(text: str) -> str:
    """Return a pasted key without what is surely no part of it."""
    secret = text.strip(WRAPPING)
    return LABEL.sub("", secret, count=1).strip(WRAPPING)
