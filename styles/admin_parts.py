"""What the pages of the admin are put together from."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.db.models import Field, Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from .models import ReferenceImage, Style
from .presentation import preview_url
from .settling import SETTLING


class ReadOnly(BaseModelAdmin):
    """Nobody writes or deletes history by hand."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OnlyChosen(admin.RelatedFieldListFilter):
    """Shows the one team, person or key that a list is narrowed to, to let go of it again.

    There may be ten thousand to choose from: a list is narrowed by the links in its rows.
    """

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, Any]]:
        chosen = [value for value in self.lookup_val or [] if value.isdecimal()]
        if not chosen:
            return []
        model = cast(type[Model], field.related_model)
        rows = model._default_manager.filter(pk=chosen[-1][:18])
        return [(str(row.pk), str(row)) for row in rows]

    @property
    def include_empty_choice(self) -> bool:
        return bool(self.lookup_val_isnull)

    def has_output(self) -> bool:
        # Without a place at the side it would not narrow anything either.
        return bool(self.lookup_val or self.lookup_val_isnull)


def narrowing(field: str, row: Model | None) -> SafeString | str:
    """Return a link that narrows a list to what belongs to `row`, by the name of the field."""
    if row is None:
        return "–"
    query = urlencode({f"{field}__id__exact": row.pk})
    return format_html('<a href="?{}">{}</a>', query, row)


def may_settle(request: HttpRequest) -> bool:
    """History is not changed by hand; this right stands for deciding what happens next."""
    return request.user.has_perm("styles.change_style")


def ways_out(style: Style) -> list[dict[str, str]]:
    """Return the buttons of a doubt, each to a page that asks first."""
    address = "admin:styles_style_settle"
    return [
        {"label": form.label, "url": reverse(address, args=[style.pk, name])}
        for name, form in SETTLING.items()
    ]


def thumbnail(image: ReferenceImage) -> SafeString:
    if image.is_link:
        return format_html("{} ", image.source_url)
    return small(preview_url(image.style, image.position), image.original_name)


def small(url: str, alt: str) -> SafeString:
    return format_html(
        '<img class="admin-thumbnail" src="{}" alt="{}" loading="lazy" width="96" height="54">',
        url,
        alt,
    )
