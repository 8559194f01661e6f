"""Bringing styles in by their IDs, and what can be changed of a style that is made.

Each of these asks Pikzels, for free and within a few seconds; looking at a page changes nothing.
"""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from . import attaching, deleting
from . import instructions as flow
from .access import MemberRequest, enter, get_style, in_team
from .attaching import Came
from .changing import NotDone, NotKnown, words_of
from .explanations import explain
from .keeping import about_instructions, rows_of
from .keeping_forms import AttachForm, InstructionsForm
from .models import Deletion, Style
from .pikzels.client import Look
from .states import State

page_and_post = require_http_methods(["GET", "HEAD", "POST"])


# Bringing in


@page_and_post
@in_team
def attach(request: MemberRequest) -> HttpResponseBase:
    """Bring styles in by their IDs; the page says of each what became of it."""
    if request.method != "POST":
        return _attach_page(request, AttachForm(None, team=request.team))
    enter(request, request.POST.get("team", ""))
    form = AttachForm(request.POST, team=request.team)
    if not form.is_valid():
        return _attach_page(request, form, status=422)
    key = form.cleaned_data["key"]
    if key is None:
        form.add_error(None, _("The team has no API key yet, so that nothing can be looked up."))
        return _attach_page(request, form, status=422)
    found = attaching.bring_in(request.team, key, form.pasted.ids, request.user)
    rest = [each.pikzels_id for each in found if each.came == Came.LATER]
    again = AttachForm(None, team=request.team, ids="\n".join(rest))
    again.fields["key"].initial = key.uuid
    return _attach_page(
        request,
        again,
        rows=rows_of(found, key, request.membership),
        ignored=form.pasted.ignored,
        waiting=sum(each.came == Came.LATER and each.look is None for each in found),
        summary=_summary(found),
    )


def _attach_page(
    request: MemberRequest, form: AttachForm, *, status: int = 200, **context: object
) -> HttpResponse:
    no_key = explain("no_key", "held") if not form.keys.exists() else None
    about = {"form": form, "no_key": no_key, "most": attaching.AT_ONCE, **context}
    return render(request, "styles/attach.html", about, status=status)


def _summary(found: list[attaching.Found]) -> str:
    new = sum(each.came in {Came.BROUGHT_IN, Came.TRAINING, Came.FAILED} for each in found)
    if not new:
        return _("Nothing new was brought in")
    return ngettext("%(n)d style was brought in", "%(n)d styles were brought in", new) % {"n": new}


# Special instructions


@page_and_post
@in_team
def instructions(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if style.state not in flow.INSTRUCTED:
        return redirect(style)
    if request.method != "POST":
        initial = {"text": style.instructions, "after": flow.newest(style)}
        form = InstructionsForm(initial=initial)
        return _instructions_page(request, style, form, look=flow.look_at(style))
    if request.POST.get("do") == "theirs":
        return _take_over(request, style)
    form = InstructionsForm({"text": _chosen(request, style), "after": request.POST.get("after")})
    if form.is_valid() and _saved(request, style, form):
        return redirect(style)
    style.refresh_from_db(fields=["instructions"])
    form.data = {**form.data, "after": flow.newest(style)}
    return _instructions_page(request, style, form, status=422)


def _chosen(request: MemberRequest, style: Style) -> str:
    """Return the text that is wanted: what was typed, ours, or one that was there before."""
    verb, _sep, number = request.POST.get("do", "").partition(" ")
    if verb == "ours":
        return style.instructions
    if verb == "restore":
        if not (number.isascii() and number.isdecimal() and len(number) <= 18):
            raise Http404
        return get_object_or_404(style.texts.that_were_there(), pk=int(number)).text
    return request.POST.get("text", "")


def _saved(request: MemberRequest, style: Style, form: InstructionsForm) -> bool:
    """Have Pikzels take the form's text; where it did not, the form says so."""
    text, after = form.cleaned_data["text"], form.cleaned_data["after"]
    try:
        flow.save(style, text, request.user, after=after)
    except flow.ChangedMeanwhile as problem:
        form.add_error("text", str(problem))
    except NotDone as problem:
        form.add_error("text", _("Nothing was changed.") + " " + _words(request, problem))
    except NotKnown:
        form.add_error(
            "text",
            _(
                "Pikzels may have taken this or not, and could not be asked. That is found out by "
                "itself: look again in a minute."
            ),
        )
    else:
        messages.success(request, _("Pikzels has these instructions now."))
        return True
    return False


def _words(request: MemberRequest, problem: NotDone | NotKnown) -> str:
    came = problem.came
    return words_of(came.reason, came.reply, is_owner=request.membership.is_owner)


def _take_over(request: MemberRequest, style: Style) -> HttpResponse:
    try:
        if flow.take_over(style, request.user):
            messages.success(request, _("What Pikzels has counts here now, too."))
            return redirect(style)
        messages.info(request, _("A change is on its way. Try again in half a minute."))
    except NotDone as problem:
        messages.error(request, _("Nothing was changed.") + " " + _words(request, problem))
    return redirect("style_instructions", style.pk)


def _instructions_page(
    request: MemberRequest,
    style: Style,
    form: InstructionsForm,
    *,
    look: Look | None = None,
    status: int = 200,
) -> HttpResponse:
    about = about_instructions(style, look, request.membership)
    context = {"style": style, "form": form, **about}
    return render(request, "styles/instructions.html", context, status=status)


# Deleting


@page_and_post
@in_team
def delete(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    """Say what ends, then delete it at Pikzels, or as soon as it is trained."""
    style = _deletable(request, style_id)
    training = style.state == State.TRAINING
    if not training and style.state not in deleting.DELETABLE:
        return redirect(style)
    if request.method != "POST":
        return _delete_page(request, style, training=training)
    if request.POST.get("do") == "when_ready" or training:
        return _delete_when_ready(request, style)
    try:
        deleting.delete(style, request.user)
    except deleting.StillTraining:
        return _delete_page(request, style, training=True, status=422)
    except NotDone as problem:
        text = _("Nothing was deleted.") + " " + _words(request, problem)
        return _delete_page(request, style, problem=text, status=422)
    except (NotKnown, deleting.UnderWay):
        messages.info(request, _("Whether Pikzels has deleted it is not known yet."))
    else:
        messages.success(request, _("Deleted at Pikzels. Its ID no longer works."))
    return redirect(style)


def _deletable(request: MemberRequest, style_id: uuid.UUID) -> Style:
    style = get_style(request, style_id)
    if not deleting.may_delete(style, request.membership):
        raise Http404
    return style


def _delete_when_ready(request: MemberRequest, style: Style) -> HttpResponse:
    if deleting.delete_when_ready(style, request.user):
        messages.success(request, _("Noted: it will be deleted at Pikzels once it is trained."))
    else:
        messages.info(request, _("That was asked for already."))
    return redirect(style)


def _delete_page(
    request: MemberRequest,
    style: Style,
    *,
    training: bool = False,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    waiting = Deletion.objects.filter(style=style).exists()
    errors = [{"text": problem}] if problem else []
    context = {"style": style, "training": training, "errors": errors, "waiting": waiting}
    return render(request, "styles/delete.html", context, status=status)


@require_POST
@in_team
def keep(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    """Take the word back that it be deleted once it is trained."""
    style = _deletable(request, style_id)
    if deleting.take_back(style, request.user):
        messages.success(request, _("It is kept. Nothing is deleted."))
    else:
        messages.info(request, _("There was nothing to take back any more."))
    return redirect(style)
