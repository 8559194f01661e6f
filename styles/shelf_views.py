"""What a person does with a style that is there: notes and the archive, as buttons of its page."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from . import archive as shelves
from .access import MemberRequest, get_style, in_team
from .models import Style
from .notes import NoteForm
from .views import style_context


@require_POST
@in_team
def archive(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if shelves.archive(style, request.user):
        return _done(request, style, _("Archived. “Filter” finds it again, in the archive."))
    style.refresh_from_db(fields=["archived_at"])
    if style.archived_at:
        return _not_done(request, style, _("It is in the archive already."))
    return _not_done(request, style, _("It is not at rest, so it stays in the library."))


@require_POST
@in_team
def bring_back(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if shelves.bring_back(style, request.user):
        return _done(request, style, _("It is back in the library."))
    return _not_done(request, style, _("It is in the library already."))


@require_POST
@in_team
def note(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    form = NoteForm(request.POST)
    if form.write(style, request.user):
        return _done(request, style, _("The note is saved."))
    context = style_context(request, style) | {"note_form": form}
    return render(request, "styles/style.html", context, status=422)


def _done(request: MemberRequest, style: Style, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect(style)


def _not_done(request: MemberRequest, style: Style, text: str) -> HttpResponse:
    messages.info(request, text)
    return redirect(style)
