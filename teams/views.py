"""Setting up, the team's page and the account's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from styles.access import MemberRequest, enter, for_owners, in_team
from styles.models import SafeMode

from . import door
from .forms import AccountForm, SetupForm, TeamForm
from .key_presentation import key_rows, removed_keys
from .mails import kept_mails, kept_notices
from .models import Membership, Team
from .people import open_invitations
from .sessions import sign_in
from .setup import is_setup_token, make_owner, use_up_token
from .sign_ins import SignIn
from .team_events import TeamEvent


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """The first account, by the one-time link."""
    if not is_setup_token(token):
        raise Http404
    form = SetupForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if not use_up_token():
            raise Http404
        user = make_owner(**form.wanted())
        sign_in(request, user)
        door.note(request, user, SignIn.How.SETUP)
        messages.success(request, _("Your account is ready. Make your first style."))
        return redirect("library")
    status = 422 if form.is_bound else 200
    return render(request, "teams/setup.html", {"form": form}, status=status)


@require_safe
@in_team
def team(request: MemberRequest) -> HttpResponseBase:
    return render(request, "teams/team.html", team_context(request))


def team_context(request: MemberRequest) -> dict[str, Any]:
    memberships = request.team.memberships.select_related("user").order_by("joined_at")
    return {
        "members": [
            {
                "id": each.pk,
                "name": each.user.display_name,
                "email": each.user.email,
                "role": each.role,
                "role_label": each.get_role_display(),
                "joined": each.joined_at,
                "is_me": each.user == request.user,
            }
            for each in memberships
        ],
        "roles": Membership.Role.choices,
        "invitations": open_invitations(request.team) if request.membership.is_owner else [],
        "now": timezone.now(),
        "keys": key_rows(request.membership),
        "removed_keys": removed_keys(request.membership),
        "mails_url": reverse("mails") if request.user.is_superuser else "",
    }


@require_http_methods(["GET", "HEAD", "POST"])
@for_owners
def team_settings(request: MemberRequest) -> HttpResponseBase:
    if request.method == "POST":
        enter(request, request.POST.get("team", ""))
        if not request.membership.is_owner:
            raise Http404
    # Apart from what the page's frame shows: a name that is refused is not the team's.
    form = TeamForm(
        request.POST if request.method == "POST" else None,
        instance=Team.objects.get(pk=request.team.pk),
    )
    if form.is_valid():
        with transaction.atomic():
            form.save()
            about = ", ".join(str(form.fields[name].label) for name in form.changed_data)
            if about:
                TeamEvent.note(request.team, request.user, TeamEvent.What.SETTINGS, about)
        messages.success(request, _("Saved."))
        return redirect("team")
    status = 422 if form.is_bound else 200
    return render(request, "teams/settings.html", {"form": form}, status=status)


@require_POST
@in_team
def go_on(request: MemberRequest) -> HttpResponseBase:
    """End the safe mode after a restored backup, which concerns every team of this server."""
    if not request.user.is_superuser:
        raise Http404
    if SafeMode.end(request.user):
        messages.success(request, _("Styles are sent again."))
    return redirect("library")


@require_safe
@cache_control(private=True, no_store=True)
@in_team
def mails(request: MemberRequest) -> HttpResponseBase:
    """Mails that an installation without a mail server could not send: they hold sign-in links."""
    if not request.user.is_superuser:
        raise Http404
    context = {"mails": kept_mails(), "notices": kept_notices()}
    return render(request, "teams/mails.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: MemberRequest) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    status = 422 if form.is_bound else 200
    return render(request, "teams/account.html", {"form": form}, status=status)
