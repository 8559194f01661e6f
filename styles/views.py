"""The product's pages: library, form, a style, and the files behind them."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.core.files.storage import default_storage
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_safe

from teams.limits import exports_by_person
from teams.team_events import TeamEvent

from .access import MemberRequest, get_image, get_style, in_team
from .archive import place_of
from .exports import as_csv, as_json
from .images import ImageProblem
from .keeping import kept
from .library import kept_address, searched, shelf
from .models import Style
from .notes import NoteForm, note_of
from .old_history import archived_of
from .presentation import image_rows, sandbox_page, show, spent_text
from .snippets import use_of
from .states import State

log = logging.getLogger(__name__)

PICTURE_CSP = "default-src 'none'; sandbox"
SHOWN = {"image/jpeg", "image/png", "image/webp"}


@require_safe
@in_team
def library(request: MemberRequest) -> HttpResponseBase:
    if "" in request.GET.values():
        # As the form sends it. The address that is left can be kept and shown to others.
        return redirect(kept_address(request.membership, request.GET))
    return render(request, "styles/library.html", shelf(request.membership, request.GET))


@require_safe
@in_team
@exports_by_person
def export(request: MemberRequest, kind: str) -> HttpResponseBase:
    """The library as the page shows it, all of it, as a file."""
    styles = searched(request.membership, request.GET)
    if request.method == "GET":
        TeamEvent.note(request.team, request.user, TeamEvent.What.EXPORTED, kind.upper())
    if kind == "csv":
        response = StreamingHttpResponse(as_csv(styles), content_type="text/csv; charset=utf-8")
    else:
        response = StreamingHttpResponse(as_json(styles), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="styles.{kind}"'
    return response


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
    shown = show(style, request.membership)
    return {
        "style": style,
        "shown": shown,
        "old_history": None if shown.attempts else archived_of(style),
        "images": image_rows(style),
        "portrait_url": style.portrait_url(),
        "use": use_of(style) if style.state == State.READY else None,
        "live_url": style.address("live"),
        "cost_text": spent_text(style),
        "sandbox": style.sandbox,
        "sandbox_page": sandbox_page(style),
        # The page's own panel says it, and says more.
        **({"held_keys": []} if style.is_held else {}),
        "note": note_of(style),
        "note_form": NoteForm.of(style),
        "archive": place_of(style),
        "kept": kept(style, request.membership),
    }


# Files


@require_safe
def image(request: MemberRequest, style_id: uuid.UUID, position: int) -> HttpResponseBase:
    picture = get_image(request, style_id, position)
    if picture.is_link or picture.original_gone_at:
        raise Http404
    return picture_response(str(picture.file.name), picture.media_type)


@require_safe
def image_preview(request: MemberRequest, style_id: uuid.UUID, position: int) -> HttpResponseBase:
    picture = get_image(request, style_id, position)
    if picture.is_link:
        raise Http404
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
    except OSError:
        log.exception("the storage does not hand out %s", name)
        return HttpResponse(status=503, headers={"Retry-After": "10"})
    response = FileResponse(file, content_type=media_type or None)
    if response.headers["Content-Type"] not in SHOWN:
        # What lies there by some mistake is saved and not opened, whatever it is.
        response.headers["Content-Type"] = "application/octet-stream"
        response.headers["Content-Disposition"] = "attachment"
    response["Content-Security-Policy"] = PICTURE_CSP
    response["Cache-Control"] = "private, max-age=86400"
    response["X-Content-Type-Options"] = "nosniff"
    return response
