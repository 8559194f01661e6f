"""Keys, as pages and buttons."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from styles import breaker, following
from styles.access import MemberRequest, enter, in_team
from styles.explanations import explain

from .models import PikzelsKey


@require_POST
@in_team
def key_resume(request: MemberRequest, key_id: uuid.UUID) -> HttpResponseBase:
    key = get_object_or_404(PikzelsKey.objects.in_use(), uuid=key_id)
    # The key's team, which need not be the one that the person is in just now.
    enter(request, key.team_id)
    if not request.membership.is_owner:
        raise Http404
    if code := following.turned_away(key):
        text = _("Pikzels still turns the key away: %(why)s.")
        messages.error(request, text % {"why": explain(code, "held").title})
        return redirect(reverse("team") + "#keys")
    if breaker.resume(key):
        messages.success(request, _("One style goes first. When it is accepted, the rest follow."))
    return redirect("library")
