"""Keys, as pages and buttons, for owners alone."""

from __future__ import annotations

import uuid
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from styles.access import MemberRequest, enter, enter_as_owner, for_owners, in_team
from styles.explanations import explain

from . import keys
from .key_forms import KeyForm, NameForm, SecretForm
from .key_presentation import key_page, prospects
from .models import PikzelsKey

page_and_post = require_http_methods(["GET", "HEAD", "POST"])


def _get_key(request: MemberRequest, key_id: uuid.UUID) -> PikzelsKey:
    """Return a key of a team that the person owns, and go on in that team; else a 404.

    Also one that was removed: what it made is followed with it.
    """
    every = PikzelsKey.objects.select_related("team", "created_by")
    key = get_object_or_404(every, uuid=key_id, team__members=request.user)
    enter(request, key.team_id)
    if not request.membership.is_owner:
        raise Http404
    return key


def _get_own_key(request: MemberRequest, key_id: uuid.UUID) -> PikzelsKey:
    """The same, and a 404 for those that come with the server: they are changed there alone."""
    key = _get_key(request, key_id)
    if key.kind != PikzelsKey.Kind.OWN:
        raise Http404
    return key


def _to_the_keys() -> HttpResponse:
    return redirect(reverse("team") + "#keys")


def _gone(request: MemberRequest, problem: keys.KeyProblem) -> HttpResponse:
    messages.info(request, str(problem))
    return _to_the_keys()


# A new secret


@sensitive_post_parameters()
@page_and_post
@for_owners
def add(request: MemberRequest) -> HttpResponseBase:
    if request.method != "POST":
        return render(request, "teams/key_add.html", {"form": KeyForm()})
    enter_as_owner(request)
    form = KeyForm(request.POST)
    if form.is_valid():
        key = form.seal(request.team, request.user, form.cleaned_data["name"])
        if _save(request, form, key, partial(keys.add, request.membership, key)):
            messages.success(request, _("The key is saved. New styles are sent with it."))
            return _to_the_keys()
    return render(request, "teams/key_add.html", {"form": form}, status=422)


@sensitive_post_parameters()
@page_and_post
@in_team
def replace(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    old = _get_own_key(request, key_id)
    if old.removed_at:
        return _gone(request, keys.KeyGone())
    form = SecretForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        new = form.seal(request.team, request.user, old.name)
        if _save(request, form, new, partial(keys.replace, request.membership, old, new)):
            messages.success(request, _("The new key is saved. New styles are sent with it."))
            return _to_the_keys()
    context = {"form": form, "key": old, **prospects(old)}
    status = 422 if form.is_bound else 200
    return render(request, "teams/key_replace.html", context, status=status)


def _save(request: MemberRequest, form: SecretForm, key: PikzelsKey, save: partial[None]) -> bool:
    """Save a key that Pikzels takes, or that a person wants saved without asking."""
    tested = "untested" not in request.POST
    try:
        if tested:
            keys.check(key)
        save(tested=tested)
    except keys.KeyProblem as problem:
        form.add_error("secret", str(problem))
        form.unsure = problem.unsure
        return False
    return True


# One that the team has


@page_and_post
@in_team
def page(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    """Everything about one key; posted to, it gets another name."""
    posted = request.method == "POST"
    key = _get_own_key(request, key_id) if posted else _get_key(request, key_id)
    form = NameForm(request.POST if posted else None, initial={"name": key.name})
    if not form.is_valid():
        context = key_page(key, request.membership, form)
        return render(request, "teams/key.html", context, status=422 if posted else 200)
    try:
        keys.rename(request.membership, key, form.cleaned_data["name"])
    except keys.KeyProblem as problem:
        return _gone(request, problem)
    messages.success(request, _("Saved."))
    return redirect("key", key.uuid)


@page_and_post
@in_team
def remove(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    key = _get_own_key(request, key_id)
    if key.removed_at:
        return _gone(request, keys.KeyGone())
    if request.method != "POST":
        return render(request, "teams/key_remove.html", {"key": key, **prospects(key)})
    try:
        keys.remove(request.membership, key)
    except keys.KeyProblem as problem:
        return _gone(request, problem)
    messages.success(request, _("The key is removed. Nothing is sent with it any more."))
    return _to_the_keys()


@require_POST
@in_team
def test(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    key = _get_key(request, key_id)
    found = keys.test(request.user, key)
    if found.turned_away:
        text = _("Pikzels turns the key %(key)s away: %(why)s.")
        why = explain(found.turned_away, "held").title
        messages.error(request, text % {"key": key.shown, "why": why})
    elif not found.works:
        text = _(
            "Pikzels could not be asked about the key %(key)s just now. Try again in a minute."
        )
        messages.warning(request, text % {"key": key.shown})
    else:
        text = _(
            "Pikzels takes the key %(key)s. Whether the balance is enough shows in sending alone."
        )
        held = _("It is still held: press “Resume”, and one style goes first.")
        words = [text % {"key": key.shown}, held if key.is_held and not key.removed_at else ""]
        messages.success(request, " ".join(filter(None, words)))
    return redirect("key", key.uuid)


@require_POST
@in_team
def resume(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    key = _get_key(request, key_id)
    found = keys.test(request.user, key)
    if found.turned_away:
        text = _("Pikzels still turns the key away: %(why)s.")
        messages.error(request, text % {"why": explain(found.turned_away, "held").title})
        return _to_the_keys()
    if keys.resume(request.user, key):
        text = _("One style goes first. When it is accepted, the rest follow.")
        if key.removed_at:
            text = _("What was made with this key is followed again. Nothing is sent with it.")
        messages.success(request, text)
    return redirect("library")
