"""The admin: what happened, for reviewers and operators. History is read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .models import Attempt, Event, ReferenceImage, Style
from .presentation import preview_url


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


def thumbnail(image: ReferenceImage) -> SafeString:
    return _small(preview_url(image.style, image.position), image.original_name)


def _small(url: str, alt: str) -> SafeString:
    return format_html(
        '<img class="admin-thumbnail" src="{}" alt="{}" loading="lazy" width="96" height="54">',
        url,
        alt,
    )


@admin.register(Style)
class StyleAdmin(ReadOnly, admin.ModelAdmin):
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
