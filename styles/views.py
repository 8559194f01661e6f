"""The product's pages: library, form, a style, and the files behind them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from .access import MemberRequest, enter, get_image, get_style, in_team
from .drafts import find_draft, keep
from .form_page import form_context, remarks_on
from .forms import StyleForm
from .images import ImageProblem
from .library import shelf
from .models import Style
from .pikzels.errors import Code
from .presentation import image_rows, sandbox_page, show, snippets_of, spent_text
from .states import State

NAMES_REFUSED = {Code.NAME_ALREADY_EXISTS, Code.NAME_RESERVED}
PICTURE_CSP = "default-src 'none'; sandbox"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    try:
        connection.ensure_connection()
    except DatabaseError:
        return HttpResponse("no database\n", content_type="text/plain", status=503)
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@in_team
def library(request: MemberRequest) -> HttpResponseBase:
    return render(request, "styles/library.html", shelf(request.membership, request.GET))


@require_http_methods(["GET", "HEAD", "POST"])
@in_team
def new(request: MemberRequest) -> HttpResponseBase:
    if request.method != "POST":
        form = StyleForm(initial={"token": uuid.uuid4(), "team": request.team.pk})
        return render(request, "styles/form.html", form_context(request, form, None))
    team = enter(request, request.POST.get("team", ""))
    return _save(request, find_draft(request, team))


@require_http_methods(["GET", "HEAD", "POST"])
@in_team
def edit(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if not style.is_editable:
        return redirect(style)
    if request.method == "POST":
        return _save(request, style)
    initial = {"token": style.form_token, "team": style.team_id, "name": style.name}
    form = StyleForm(initial=initial, kept=style.filled(), remarks=remarks_on(style))
    return render(request, "styles/form.html", form_context(request, form, style))


def _save(request: MemberRequest, style: Style | None) -> HttpResponseBase:
    """Keep what is right; send it if all of it is and nothing else was asked for."""
    if style and not style.is_editable:
        # The second click of a double click, or a form that was sent before.
        messages.info(request, _("This form was sent already. This is the style that it made."))
        return redirect(style)
    if style and (slot := request.POST.get("remove", "")) in {"1", "2", "3"}:
        style.remove_picture(int(slot))
        return redirect("style_edit", style.pk)
    kept = style.filled() if style else frozenset()
    taken = style.name if style and style.reason in NAMES_REFUSED else ""
    form = StyleForm(request.POST, request.FILES, kept=kept, taken=taken)
    complete = form.is_valid()
    style = keep(request, form, style)
    if complete and style and style.submit(request.user):
        return redirect(style)
    if style and not style.is_editable:
        return redirect(style)
    return render(request, "styles/form.html", form_context(request, form, style), status=422)


@require_safe
@in_team
def style(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    shown = get_style(request, style_id)
    return render(request, "styles/style.html", style_context(request, shown))


@require_GET
@in_team
@cache_control(no_store=True)
def live(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    shown = get_style(request, style_id)
    return render(request, "styles/_live.html", style_context(request, shown))


def style_context(request: MemberRequest, style: Style) -> dict[str, Any]:
    return {
        "style": style,
        "shown": show(style, request.membership),
        "images": image_rows(style),
        "portrait_url": style.portrait_url(),
        "snippets": snippets_of(style) if style.state == State.READY else [],
        "live_url": style.address("live"),
        "cost_text": spent_text(style),
        "sandbox": style.sandbox,
        "sandbox_page": sandbox_page(style),
        # The page's own panel says it, and says more.
        **({"held_keys": []} if style.is_held else {}),
        "note": style.note,
    }


# Files


@require_safe
def image(request: MemberRequest, style_id: uuid.UUID, position: int) -> HttpResponseBase:
    picture = get_image(request, style_id, position)
    return picture_response(str(picture.file.name), picture.media_type)


@require_safe
def image_preview(request: MemberRequest, style_id: uuid.UUID, position: int) -> HttpResponseBase:
    picture = get_image(request, style_id, position)
    try:
        return picture_response(picture.ensure_preview(), "image/jpeg")
    except (ImageProblem, OSError) as error:
        raise Http404 from error


@require_safe
@in_team
def portrait(request: MemberRequest, style_id: uuid.UUID) -> HttpResponseBase:
    style = get_style(request, style_id)
    if not style.portrait:
        raise Http404
    return picture_response(str(style.portrait.name), "")


def picture_response(name: str, media_type: str) -> HttpResponseBase:
    """Return a stored picture as nothing but a picture, for this browser only."""
    try:
        file = default_storage.open(name)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=media_type or None)
    response["Content-Security-Policy"] = PICTURE_CSP
    response["Cache-Control"] = "private, max-age=86400"
    response["X-Content-Type-Options"] = "nosniff"
    return response
