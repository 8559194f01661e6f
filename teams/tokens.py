"""The account's page of API tokens: make one, see it once, revoke it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from styles.access import MemberRequest

from .models import ApiToken, User

EXAMPLE = 'curl -H "Authorization: Bearer $PIKZELS_UI_TOKEN" %s'
SAME_NAME = _("You have a token with this name")


class TokenForm(forms.Form):
    """Takes the person, for whom a name and a number of tokens are free or not."""

    name = forms.CharField(
        label=_("Name of the token"),
        help_text=_("What it is for, such as “Thumbnail bot”"),
        max_length=60,
        error_messages={
            "required": _("Enter a name for the token"),
            "max_length": _("Name of the token must be 60 characters or fewer"),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        initial=90,
        choices=[
            (30, _("In 30 days")),
            (90, _("In 90 days")),
            (365, _("In a year")),
            (0, _("Never")),
        ],
        error_messages={"required": _("Choose when the token expires")},
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.in_use = user.api_tokens.in_use()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.in_use.filter(name=name).exists():
            raise forms.ValidationError(SAME_NAME)
        return name

    def clean(self) -> dict[str, Any]:
        if self.in_use.count() >= ApiToken.MOST:
            number = {"number": ApiToken.MOST}
            raise forms.ValidationError(
                _("You have %(number)d tokens, and no more are given. Revoke one first.") % number
            )
        return self.cleaned_data

    def expires_at(self) -> datetime | None:
        days: int = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


# No copy of the page may be kept: it shows the new token.
@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_store=True)
@sensitive_variables("token")
def tokens(request: MemberRequest) -> HttpResponse:
    form = TokenForm(request.POST if request.method == "POST" else None, user=request.user)
    token = _issue(request.user, form) if form.is_valid() else ""
    if token:
        # Shown in this answer and kept nowhere, so there is nowhere to be sent on to.
        form = TokenForm(user=request.user)
    status = 422 if form.is_bound else 200
    return render(request, "teams/tokens.html", _context(request, form, token), status=status)


@sensitive_variables("token")
def _issue(user: User, form: TokenForm) -> str:
    """Return the new token, or "" where another page was faster with the same name."""
    try:
        with transaction.atomic():
            token, _row = ApiToken.issue(user, form.cleaned_data["name"], form.expires_at())
    except IntegrityError:
        form.add_error("name", SAME_NAME)
        return ""
    return token


def _context(request: MemberRequest, form: TokenForm, token: str) -> dict[str, Any]:
    return {
        "form": form,
        "token": token,
        "tokens": request.user.api_tokens.in_use().order_by("-created_at"),
        "example": EXAMPLE % (settings.PUBLIC_URL + reverse("api:styles")),
    }


@require_POST
def revoke(request: MemberRequest, api_token_id: uuid.UUID) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=api_token_id, user=request.user)
    if token.revoke():
        messages.success(request, _g("The token is revoked. Nothing gets in with it any more."))
    return redirect("account_tokens")
