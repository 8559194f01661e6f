"""The admin: what happened, for reviewers and operators. History is read-only."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.models import User

from . import review_admin
from .explanations import explain
from .models import Attempt, Event, Notice, ReferenceImage, Style
from .presentation import details_of, preview_url
from .settling import SETTLING
from .states import State


class ReadOnly(admin.options.BaseModelAdmin):
    """Nobody writes or deletes history by hand."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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


def may_settle(request: HttpRequest) -> bool:
    """History is not changed by hand; this right stands for deciding what happens next."""
    return request.user.has_perm("styles.change_style")


def ways_out(style: Style) -> list[dict[str, str]]:
    address = "admin:styles_style_settle"
    return [
        {"label": form.label, "url": reverse(address, args=[style.pk, name])}
        for name, form in SETTLING.items()
    ]


def thumbnail(image: ReferenceImage) -> SafeString:
    if image.is_link:
        return format_html("{} ", image.source_url)
    return _small(preview_url(image.style, image.position), image.original_name)


def _small(url: str, alt: str) -> SafeString:
    return format_html(
        '<img class="admin-thumbnail" src="{}" alt="{}" loading="lazy" width="96" height="54">',
        url,
        alt,
    )


@admin.register(Style)
class StyleAdmin(ReadOnly, admin.ModelAdmin):
    """A style with its history; for whoever may change styles also the ways out of a doubt."""

    change_form_template = "admin/styles/style/change_form.html"
    list_display = ("__str__", "pictures", "state", "reason", "team", "creator", "created_at")
    list_display_links = ("__str__",)
    list_filter = ("state", "sandbox", "team")
    list_select_related = ("team", "creator")
    list_per_page = 25
    search_fields = ("name", "=pikzels_id", "=attempts__request_id")
    show_full_result_count = False
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
        return _small(style.portrait_url(), str(style)) if style.portrait else "–"

    @admin.display(description=_("pictures"))
    def pictures(self, style: Style) -> SafeString:
        images = list(style.images.all())
        for image in images:
            image.style = style  # known already: no query for each picture
        return format_html_join("", "{}", ((thumbnail(image),) for image in images))


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "style", "number", "opened_at", "outcome", "code", "http_status", "request_id", "key",
    )  # fmt: skip
    list_filter = ("outcome", "http_status")
    list_select_related = ("style", "key")
    list_per_page = 50
    search_fields = ("=request_id", "=code", "style__name", "=pikzels_id")
    show_full_result_count = False


@admin.register(Event)
class EventAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("at", "style", "what", "from_state", "to_state", "reason", "who", "note")
    list_filter = ("what", "to_state")
    list_select_related = ("style", "who")
    list_per_page = 50
    search_fields = ("style__name", "note")
    show_full_result_count = False
    ordering = ("-at", "-id")


@admin.register(Notice)
class NoticeAdmin(ReadOnly, admin.ModelAdmin):
    """Who was told of what; those that no mail server took are under “Given up”."""

    list_display = ("at", "kind", "user", "team", "outcome", "tries", "due_at", "closed_at")
    list_filter = ("outcome", "kind", "team")
    list_select_related = ("user", "team")
    list_per_page = 50
    search_fields = ("user__email", "event__style__name")
    show_full_result_count = False
    ordering = ("-at", "-id")
