"""The account's page of notices: what a person wants to be told by mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from styles.access import MemberRequest
from styles.models import Notice, Unwanted

from .models import User

# All are on from the start: each asks for something, or is what somebody waits for.
CHOICES = [
    (Notice.Kind.READY, _("A style of mine is ready")),
    (Notice.Kind.FAILED, _("The training of a style of mine failed")),
    (Notice.Kind.REFUSED, _("A style of mine needs a change")),
    (Notice.Kind.DECLINED, _("A reviewer asks for a change to a style of mine, or declines it")),
    (
        Notice.Kind.IN_DOUBT,
        _("It is unknown whether a style was made: one of mine, or of a team that I own"),
    ),
    (Notice.Kind.REVIEW, _("A style waits for my review, as a reviewer or an owner")),
    (Notice.Kind.HELD, _("A key of a team that I own is held")),
]


class NoticesForm(forms.Form):
    wanted = forms.MultipleChoiceField(
        label=_("Write to me when"),
        choices=CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("Choose from the list")},
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        wanted = [kind for kind, _label in CHOICES if kind not in Unwanted.of(user)]
        super().__init__(data, initial={"wanted": wanted})

    def unwanted(self) -> set[str]:
        return {*Notice.Kind.values} - {*self.cleaned_data["wanted"]}


@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: MemberRequest) -> HttpResponse:
    form = NoticesForm(request.POST if request.method == "POST" else None, user=request.user)
    if form.is_valid():
        Unwanted.choose(request.user, form.unwanted())
        messages.success(request, _g("Saved."))
        return redirect("account_notices")
    status = 422 if form.is_bound else 200
    return render(request, "teams/notices.html", {"form": form}, status=status)
