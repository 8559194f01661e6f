"""The account's page of one's data: take it along, and have it erased."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from styles.access import MemberRequest
from styles.models import Style

from . import leaving, taking_along
from .models import User
from .people import NotPossible

log = logging.getLogger(__name__)


class EraseForm(forms.Form):
    """Takes the person, whose address has to be typed."""

    email = forms.CharField(
        label=_("Your e-mail address"),
        help_text=_("Type it to say that you want everything of yours erased"),
        max_length=254,
        error_messages={
            "required": _("Enter your e-mail address"),
            "max_length": _("Enter your e-mail address"),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_email(self) -> str:
        typed: str = self.cleaned_data["email"]
        if typed.lower() != self.user.email:
            raise forms.ValidationError(
                _("This is not your address. Type “%(email)s”."), params={"email": self.user.email}
            )
        return typed


@require_safe
def data(request: MemberRequest) -> HttpResponse:
    return render(request, "teams/data.html")


@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def export(request: MemberRequest) -> HttpResponseBase:
    """A page with a button, since whoever is asked for a password comes back by an address."""
    if request.method != "POST":
        return render(request, "teams/data_export.html")
    log.info("user %s takes their data along", request.user.pk)
    response = StreamingHttpResponse(
        taking_along.parts(request.user), content_type="application/zip"
    )
    response["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_store=True)
@reauthentication_required
def erase(request: MemberRequest) -> HttpResponse:
    user = request.user
    form = EraseForm(request.POST if request.method == "POST" else None, user=user)
    hindrances = leaving.hindrances(user)
    if form.is_valid() and not hindrances:
        try:
            leaving.erase(user)
        except NotPossible as problem:
            hindrances = [str(problem)]
        else:
            logout(request)
            messages.success(request, _g("Everything of yours is erased. Good-bye."))
            return redirect("account_login")
    context = {"form": form, "hindrances": hindrances, **_what_goes(user)}
    status = 422 if form.is_bound else 200
    return render(request, "teams/erase.html", context, status=status)


def _what_goes(user: User) -> dict[str, int]:
    mine = Style.objects.by(user)
    drafts = mine.unsent().filter(attempts=None).count()
    return {"drafts": drafts, "styles": mine.count() - drafts}
