"""Forms for a key to Pikzels."""

from __future__ import annotations

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from styles.pikzels import rules

from .models import PikzelsKey, Team, User


class SecretInput(forms.PasswordInput):
    """Readable while it is pasted, and never sent back: no password that a browser should keep."""

    input_type = "text"


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the key"),
        help_text=_("For you and your team, such as “Main account”"),
        max_length=60,
        error_messages={"required": _("Enter a name for the key")},
    )
    secret = forms.CharField(
        label=_("API key"),
        help_text=_("From app.pikzels.com/platform. It is stored encrypted and never shown again."),
        max_length=200,
        error_messages={"required": _("Enter the API key")},
        widget=SecretInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_secret(self) -> str:
        secret = self.cleaned_data["secret"].strip()
        if not secret.startswith(rules.KEY_PREFIX):
            raise forms.ValidationError(_("A Pikzels API key starts with pkz_"))
        if not re.fullmatch(r"[!-~]{12,}", secret):
            raise forms.ValidationError(
                _("A Pikzels API key has letters, digits and signs without spaces: copy it whole")
            )
        return secret

    def seal(self, team: Team, who: User) -> PikzelsKey:
        """Return the key's row, unsaved."""
        return PikzelsKey.seal(
            self.cleaned_data["secret"],
            base_url=rules.BASE_URL,
            name=self.cleaned_data["name"],
            team=team,
            created_by=who,
        )
