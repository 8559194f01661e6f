"""The admin: what happened, for reviewers and operators. History is read-only."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.models import User

from . import desk_admin, review_admin
from .admin_export import ToTakeAlong
from .admin_parts import OnlyChosen, ReadOnly, may_settle, narrowing, small, thumbnail, ways_out
from .explanations import explain
from .models import Attempt, Event, Notice, ReferenceImage, Style
from .presentation import details_of
from .settling import SETTLING
from .states import State


class ImageInline(ReadOnly, admin.TabularInline):
    model = ReferenceImage
    fields = ("position", "picture", "original_name", "media_type", "width", "height", "bytes")
    readonly_fields = ("picture",)

    @admin.display(description=_("picture"))
    def picture(self, image: ReferenceImage) -> SafeString:
        return thumbnail(image)


class AttemptInline(ReadOnly, admin.TabularInline):
    model = Attempt
    fields = ("number", "opened_at", "committed_at", "closed_at", "outcome", "code", "request_id")
    show_change_link = True


class EventInline(ReadOnly, admin.TabularInline):
    model = Event
    fields = ("at", "who", "what", "from_state", "to_state", "reason", "note")
    readonly_fields = ("at",)


@admin.register(Style)
class StyleAdmin(ReadOnly, ToTakeAlong):
    """A style with its history; for whoever may change styles also the ways out of a doubt."""

    change_form_template = "admin/styles/style/change_form.html"
    list_display = ("__str__", "pictures", "state", "reason", "of_team", "made_by", "created_at")
    list_display_links = ("__str__",)
    list_filter = (
        "state",
        "sandbox",
        ("created_at", admin.DateFieldListFilter),
        ("team", OnlyChosen),
        ("creator", OnlyChosen),
        ("key", OnlyChosen),
    )
    list_select_related = ("team", "creator")
    list_per_page = 25
    search_fields = ("name", "=id", "=pikzels_id", "=attempts__request_id")
    search_help_text = _(
        "By its name, its ID or Pikzels’ ID, or the request ID of one of its tries"
    )
    export_columns = (
        "id", "name", "state", "reason", "pikzels_id", "sandbox", "team__name", "creator__email",
        "key__last_four", "created_at", "submitted_at", "made_at", "ready_at", "updated_at", "note",
    )  # fmt: skip
    ordering = ("-created_at", "-id")
    inlines = (ImageInline, AttemptInline, EventInline)
    # Its file has no address of its own: it is shown by the view that asks whose it is.
    exclude = ("portrait",)
    readonly_fields = ("made_of_it",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Style]:
        return super().get_queryset(request).prefetch_related("images")

    def get_urls(self) -> list[URLPattern]:
        settle = self.admin_site.admin_view(self.settle)
        return [
            path("<uuid:style_id>/settle/<str:way>/", settle, name="styles_style_settle"),
            *review_admin.urls(self.admin_site),
            *desk_admin.urls(self.admin_site),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        style = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if style and style.state == State.IN_DOUBT:
            context |= {
                "doubt": explain(style.reason, style.state),
                "facts": details_of(style, style.last_attempt),
                "ways": ways_out(style) if may_settle(request) else (),
            }
        return super().change_view(request, object_id, form_url, context)

    def settle(self, request: HttpRequest, style_id: uuid.UUID, way: str) -> HttpResponse:
        """Settle a doubt as its team's owner could; the Event tells who it was."""
        style = get_object_or_404(Style, pk=style_id)
        if not may_settle(request) or way not in SETTLING:
            raise PermissionDenied
        back = redirect("admin:styles_style_change", style.pk)
        if not SETTLING[way].fits(style):
            return back
        form = SETTLING[way](request.POST if request.method == "POST" else None, style=style)
        if form.settle(cast(User, request.user)) is not None:
            self.message_user(request, form.done)
            return back
        context = self.admin_site.each_context(request)
        context |= {"title": form.label, "style": style, "form": form}
        status = 422 if form.is_bound else 200
        return render(request, "admin/styles/style/settle.html", context, status=status)

    @admin.display(description=_("portrait"))
    def made_of_it(self, style: Style) -> SafeString | str:
        return small(style.portrait_url(), str(style)) if style.portrait else "–"

    @admin.display(description=_("team"), ordering="team__name")
    def of_team(self, style: Style) -> SafeString | str:
        return narrowing("team", style.team)

    @admin.display(description=_("made by"))
    def made_by(self, style: Style) -> SafeString | str:
        return narrowing("creator", style.creator)

    @admin.display(description=_("pictures"))
    def pictures(self, style: Style) -> SafeString:
        images = list(style.images.all())
        for image in images:
            image.style = style  # known already: no query for each picture
        return format_html_join("", "{}", ((thumbnail(image),) for image in images))


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, ToTakeAlong):
    list_display = (
        "style", "number", "opened_at", "outcome", "code", "http_status", "request_id", "of_key",
    )  # fmt: skip
    list_filter = ("outcome", ("opened_at", admin.DateFieldListFilter), ("key", OnlyChosen))
    list_select_related = ("style", "key")
    list_per_page = 50
    search_fields = ("=request_id", "=code", "style__name", "=pikzels_id", "=style__id")
    search_help_text = _("By the request ID, the code, the style’s name, its ID or Pikzels’ ID")
    ordering = ("-opened_at", "-id")
    export_columns = (
        "id", "style", "style__name", "style__team__name", "number", "name", "key__last_four",
        "asked_by__email", "opened_at", "committed_at", "closed_at", "answered_at", "bytes_total",
        "bytes_sent", "outcome", "reason", "http_status", "code", "message", "request_id",
        "pikzels_id",
    )  # fmt: skip

    @admin.display(description=_("key"))
    def of_key(self, attempt: Attempt) -> SafeString | str:
        return narrowing("key", attempt.key)


@admin.register(Event)
class EventAdmin(ReadOnly, ToTakeAlong):
    list_display = ("at", "style", "what", "from_state", "to_state", "reason", "by", "note")
    list_filter = (
        "what",
        "to_state",
        ("at", admin.DateFieldListFilter),
        ("who", OnlyChosen),
    )
    list_select_related = ("style", "who")
    list_per_page = 50
    search_fields = ("style__name", "note", "=style__id", "=attempt__request_id")
    search_help_text = _("By the style’s name or ID, the note, or the request ID of its try")
    ordering = ("-at", "-id")
    export_columns = (
        "id", "at", "style", "style__name", "style__team__name", "what", "from_state", "to_state",
        "reason", "who__email", "note", "attempt__request_id",
    )  # fmt: skip

    @admin.display(description=_("who"))
    def by(self, event: Event) -> SafeString | str:
        return narrowing("who", event.who)


@admin.register(Notice)
class NoticeAdmin(ReadOnly, admin.ModelAdmin):
    """Who was told of what; those that no mail server took are under “Given up”."""

    list_display = ("at", "kind", "user", "team", "outcome", "tries", "due_at", "closed_at")
    list_filter = (
        "outcome",
        "kind",
        ("at", admin.DateFieldListFilter),
        ("user", OnlyChosen),
        ("team", OnlyChosen),
    )
    list_select_related = ("user", "team")
    list_per_page = 50
    search_fields = ("user__email", "event__style__name")
    ordering = ("-at", "-id")
