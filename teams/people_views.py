"""Members, roles and invitations, as pages and buttons."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from styles.access import MemberRequest, enter, enter_as_owner, for_owners, in_team

from . import door, people
from .forms import InvitationForm, JoinForm
from .limits import posts_by_network, too_often
from .models import Invitation, Membership, User
from .sessions import sign_in
from .sign_ins import SignIn

page_and_post = require_http_methods(["GET", "HEAD", "POST"])


@page_and_post
@for_owners
@never_cache
@sensitive_variables("link")
def invite(request: MemberRequest) -> HttpResponseBase:
    """Invite somebody; the page that follows shows the link, which is kept nowhere."""
    if request.method != "POST":
        return render(request, "teams/invite.html", {"form": InvitationForm()})
    enter_as_owner(request)
    form = InvitationForm(request.POST)
    if form.is_valid():
        email = form.cleaned_data["email"]
        if wait := people.must_wait(request.user, email):
            return too_often(request, wait)
        try:
            link = people.invite(request.membership, email, form.cleaned_data["role"])
        except people.NotPossible as problem:
            form.add_error("email", str(problem))
        else:
            mailed = people.send_invitation(request.membership, email, link)
            context = {"email": email, "link": link, "mailed": mailed}
            return render(request, "teams/invited.html", context)
    return render(request, "teams/invite.html", {"form": form}, status=422)


@require_POST
@for_owners
def revoke(request: MemberRequest, invitation_id: int) -> HttpResponseBase:
    enter_as_owner(request)
    if people.revoke(request.membership, invitation_id):
        messages.success(request, _("The invitation is taken back."))
    else:
        messages.info(request, _("The invitation was used or taken back already."))
    return redirect(reverse("team") + "#people")


# Joining


@login_not_required
@never_cache
@sensitive_post_parameters()
@page_and_post
@posts_by_network("join", most=20)
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """Where the link of an invitation leads; opening it changes nothing."""
    found = people.find_invitation(token)
    if found is None:
        return render(request, "teams/invitation_over.html", status=404)
    if isinstance(request.user, User):
        return _join(request, found, request.user)
    if User.objects.filter(email__iexact=found.email).exists():
        if request.method == "POST":
            return redirect_to_login(request.path, reverse("account_login"))
        return _page(request, found, sign_in_url=_sign_in_url(request))
    return _join_as_new(request, found)


def _sign_in_url(request: HttpRequest) -> str:
    return f"{reverse('account_login')}?next={request.path}"


def _join(request: HttpRequest, found: Invitation, user: User) -> HttpResponseBase:
    if not people.belongs_to(found, user):
        return _page(request, found, status=403 if request.method == "POST" else 200, other=user)
    if request.method != "POST":
        return _page(request, found)
    return _welcome(request, found, people.join(found, user))


def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponseBase:
    form = JoinForm(request.POST if request.method == "POST" else None, email=found.email)
    if not form.is_valid():
        return _page(request, found, status=422 if form.is_bound else 200, form=form)
    user = people.join_as_new(found, **form.cleaned_data)
    if user:
        sign_in(request, user)
        door.note(request, user, SignIn.How.INVITATION)
    return _welcome(request, found, user is not None)


def _welcome(request: HttpRequest, found: Invitation, joined: bool) -> HttpResponse:
    if not joined:
        return render(request, "teams/invitation_over.html", status=404)
    request.session["team"] = found.team_id
    messages.success(request, _("Welcome to %(team)s.") % {"team": found.team})
    return redirect("library")


def _page(
    request: HttpRequest, found: Invitation, *, status: int = 200, **context: object
) -> HttpResponse:
    about = {"invitation": found, **context}
    return render(request, "teams/invitation.html", about, status=status)


# Roles, leaving, and going to another team


@require_POST
@for_owners
def change_role(request: MemberRequest, member_id: int) -> HttpResponseBase:
    enter_as_owner(request)
    role = request.POST.get("role", "")
    if role not in Membership.Role.values:
        raise Http404
    try:
        member = people.change_role(request.membership, member_id, role)
    except people.NotPossible as problem:
        messages.error(request, str(problem))
    else:
        words = {"who": member.user.display_name, "role": Membership.Role(role).label}
        messages.success(request, _("%(who)s: %(role)s, from now on.") % words)
    return redirect(reverse("team") + "#people")


@page_and_post
@in_team
def remove(request: MemberRequest, member_id: int) -> HttpResponseBase:
    """Take a person off the team, or leave it."""
    member = get_object_or_404(
        Membership.objects.select_related("user", "team"),
        pk=member_id,
        team__members=request.user,
    )
    enter(request, member.team_id)
    leaving = member.user_id == request.user.pk
    if not leaving and not request.membership.is_owner:
        raise Http404
    if request.method != "POST":
        return render(request, "teams/remove.html", {"member": member, "leaving": leaving})
    try:
        people.remove(request.membership, member.pk)
    except people.NotPossible as problem:
        messages.error(request, str(problem))
        return redirect(reverse("team") + "#people")
    if leaving:
        request.session.pop("team", None)
        messages.success(request, _("You have left %(team)s.") % {"team": member.team})
        return redirect("library")
    text = _("%(who)s is off the team. What they wanted sent waits for a review.")
    messages.success(request, text % {"who": member.user.display_name})
    return redirect(reverse("team") + "#people")


@require_POST
@in_team
def switch(request: MemberRequest) -> HttpResponseBase:
    team = enter(request, request.POST.get("team", ""))
    request.session["team"] = team.pk
    return redirect("library")
