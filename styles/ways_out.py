"""What a person can do about a style that waits, was refused, is in doubt or is over.

Each changes the state by POST only; those that need a word first ask for it on a page of their own.
"""

from __future__ import annotations

import uuid
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from teams.limits import count_sent, told_too_often

from .access import MemberRequest, get_style, in_team
from .drafts import NoRoom, check_room, shrink_pictures
from .images import ImageProblem
from .models import Event, Style
from .presentation import cost_text, sandbox_page, support_text
from .settling import GiveUpForm, PasteForm, SendAgainForm, SettlingForm
from .states import State

SUPPORT_ADDRESS = "support@pikzels.com"
page_and_post = require_http_methods(["GET", "HEAD", "POST"])


def _done(request: MemberRequest, style: Style, won: bool, text: str) -> HttpResponse:
    """Go back to the style's page and say whether it worked."""
    if won:
        messages.success(request, text)
    else:
        messages.info(request, _("The style had moved on already. This is how it stands now."))
    return redirect(style)


def _only_in(style: Style, *states: State) -> None:
    if style.state not in states:
        raise Http404


# While it waits


@require_POST
@in_team
def reopen(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if style.reopen(request.user):
        return redirect("style_edit", style.pk) if style.is_editable else redirect(style)
    return _done(request, style, False, "")


@page_and_post
@in_team
def cancel(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if request.method != "POST":
        return render(request, "styles/cancel.html", {"style": style})
    if style.state == State.IN_DOUBT:
        return redirect("style_give_up", style.pk)
    return _done(request, style, style.drop(request.user), _("Given up. Nothing is sent for it."))


@require_POST
@in_team
@told_too_often
def retry(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    """Send once more, unchanged, what was certainly not made."""
    style = get_style(request, style_id)
    won = style.is_complete() and style.state == State.REFUSED
    if won:
        count_sent(request.user, style.team)
        won = style.submit(request.user)
    return _done(request, style, won, _("It is on its way again."))


@require_POST
@in_team
@told_too_often
def shrink(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    _only_in(style, State.REFUSED)
    if not style.is_complete():
        return redirect("style_edit", style.pk)
    count_sent(request.user, style.team)
    try:
        pictures = shrink_pictures(style, request.user)
    except (ImageProblem, OSError):
        messages.error(request, _("A picture could not be made smaller. Choose a smaller one."))
        return redirect("style_edit", style.pk)
    won = style.submit(request.user, pictures=pictures)
    return _done(request, style, won, _("The pictures were made smaller, and it is on its way."))


@require_POST
@in_team
def variant(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    try:
        check_room(request.user, None)
    except NoRoom as problem:
        messages.error(request, str(problem))
        return redirect(style)
    draft = style.variant(request.user)
    missing = style.images.exclude(original_gone_at=None).count()
    if missing:
        text = _(
            "A new draft is there. The originals of %(n)d pictures were deleted after their time: "
            "add them again, and give it a name."
        )
        messages.warning(request, text % {"n": missing})
    else:
        messages.success(request, _("A new draft has the same pictures. Give it a name."))
    return redirect("style_edit", draft.pk)


# In doubt


@page_and_post
@in_team
def paste_id(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    return _settle(request, get_style(request, style_id), PasteForm)


@page_and_post
@in_team
def send_again(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    """An owner sends a style whose outcome is unknown once more, by typing its name."""
    style = get_style(request, style_id)
    if not request.membership.is_owner:
        raise Http404
    return _settle(request, style, SendAgainForm)


@page_and_post
@in_team
def give_up(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    return _settle(request, get_style(request, style_id), GiveUpForm)


def _settle(request: MemberRequest, style: Style, form_class: type[SettlingForm]) -> HttpResponse:
    if not form_class.fits(style):
        return redirect(style)
    form = form_class(request.POST if request.method == "POST" else None, style=style)
    won = form.settle(request.user)
    if won is not None:
        return _done(request, style, won, form.done)
    context = {"style": style, "form": form, "cost_text": cost_text()}
    context["sandbox_page"] = sandbox_page(style)
    status = 422 if form.is_bound else 200
    return render(request, f"styles/{form.name_of_page}.html", context, status=status)


@page_and_post
@in_team
def support(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if request.method == "POST":
        style.events.create(who=request.user, what=Event.What.ASKED_SUPPORT)
        return _done(request, style, True, _("Noted that support was asked."))
    text = support_text(style)
    subject = quote(_("Was the style “%(name)s” created?") % {"name": style.name})
    context = {
        "style": style,
        "text": text,
        "address": SUPPORT_ADDRESS,
        "sandbox_page": sandbox_page(style),
        "mailto": f"mailto:{SUPPORT_ADDRESS}?subject={subject}&body={quote(text)}",
    }
    return render(request, "styles/support.html", context)
