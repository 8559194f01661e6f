"""The operators' desk in the admin: what is in doubt, held or stuck, with the ways out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from teams import keys
from teams.models import PikzelsKey, User

from . import desk
from .admin_parts import may_settle, ways_out
from .counting import Number, count
from .explanations import explain
from .models import Attempt, Style, StyleQuerySet
from .presentation import details_of, preview_of
from .states import State

NAME = "styles_desk"


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the addresses below the styles' in the admin."""

    def at(address: str, page: str, view: Callable[..., HttpResponse]) -> URLPattern:
        return path(address, site.admin_view(_for_operators(view, site)), name=NAME + page)

    return [
        at("desk/", "", require_safe(show_desk)),
        at("desk/keys/<uuid:key_id>/resume/", "_resume", require_POST(resume)),
    ]


def _for_operators(view: Callable[..., HttpResponse], site: AdminSite) -> Callable[..., Any]:
    def wrapper(request: HttpRequest, **kwargs: uuid.UUID) -> HttpResponse:
        if not may_settle(request):
            raise PermissionDenied
        return view(request, site, **kwargs)

    return wrapper


def show_desk(request: HttpRequest, site: AdminSite) -> HttpResponse:
    doubts, held = desk.in_doubt(), desk.held_keys()
    ways = desk.stuck(timezone.now())
    troubles = desk.troubles()
    context = {
        **site.each_context(request),
        "title": _("The desk"),
        "in_doubt": count(doubts),
        "doubts": [_doubt_row(style) for style in _whole(doubts)],
        "held": [_held_row(key) for key in held[: desk.SHOWN]],
        "without_key": count(desk.without_key()),
        "without_key_url": _list_of(state__exact=State.QUEUED, key__isnull=True),
        "troubles": troubles,
        "stuck": Number(sum(count(way.styles) for way in ways) + len(troubles)),
        "ways": [_stuck_rows(way) for way in ways],
        "shown": desk.SHOWN,
    }
    return render(request, "admin/styles/desk.html", context)


def resume(request: HttpRequest, site: AdminSite, key_id: uuid.UUID) -> HttpResponse:
    """Ask Pikzels about the key, for free, and let one style go first."""
    key = get_object_or_404(PikzelsKey.objects.in_use(), uuid=key_id)
    back = redirect(reverse(f"admin:{NAME}") + "#held")
    who = cast(User, request.user)
    if code := keys.test(who, key).turned_away:
        text = _("Pikzels still turns the key away: %(why)s.")
        messages.error(request, text % {"why": explain(code, "held").title})
    elif keys.resume(who, key):
        messages.success(request, _("One style goes first. When it is accepted, the rest follow."))
    else:
        messages.info(request, _("The key was not held any more."))
    return back


# Rows


def _whole(styles: StyleQuerySet) -> Iterable[Style]:
    tries = Attempt.objects.select_related("key").order_by("-number")
    return styles.select_related("team", "creator", "key").prefetch_related(
        "images", Prefetch("attempts", tries, to_attr="tries")
    )[: desk.SHOWN]


def _row(style: Style) -> dict[str, Any]:
    return {
        "style": style,
        "url": reverse("admin:styles_style_change", args=[style.pk]),
        "images": [
            {"preview_url": preview_of(style, image), "alt": "", "is_link": image.is_link}
            for image in style.images.all()
        ],
    }


def _doubt_row(style: Style) -> dict[str, Any]:
    tries: list[Attempt] = style.tries  # type: ignore[attr-defined]
    last = tries[0] if tries else None
    return {
        **_row(style),
        "why": explain(style.reason, style.state),
        "since": (last.closed_at if last else None) or style.updated_at,
        "sent_at": last.committed_at if last else None,
        "tries": len(tries),
        "facts": details_of(style, last),
        "ways": ways_out(style),
    }


def _held_row(key: PikzelsKey) -> dict[str, Any]:
    return {
        "key": key,
        "why": explain(key.held_code, "held"),
        "waiting": Number(key.waiting),  # type: ignore[attr-defined]
        "waiting_url": _list_of(state__exact=State.QUEUED, key__id__exact=key.pk),
        "resume_url": reverse(f"admin:{NAME}_resume", args=[key.uuid]),
    }


def _stuck_rows(way: desk.Stuck) -> dict[str, Any]:
    rows = [{**_row(style), "since": getattr(style, way.since)} for style in _whole(way.styles)]
    return {"title": way.title, "advice": way.advice, "rows": rows}


def _list_of(**narrowed: str | int) -> str:
    return f"{reverse('admin:styles_style_changelist')}?{urlencode(narrowed)}"
