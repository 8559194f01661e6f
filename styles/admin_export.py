"""What a list of the admin shows, to take along as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import User

from .exports import ROWS_AT_ONCE, as_cell, csv_line

ADDRESS_CHARACTERS = 500


class ToTakeAlong(admin.ModelAdmin):
    """A list with a button that takes along all that its search and its filters show.

    `export_columns` are fields, also of other rows, the key of the row itself first: so that
    each is there once, however often what was searched for is found in it.
    """

    change_list_template = "admin/to_take_along.html"
    export_columns: tuple[str, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export)
        return [path("export/", view, name=self._name("export")), *super().get_urls()]

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        address = reverse(f"admin:{self._name('export')}")
        return super().changelist_view(request, {"export_url": address, **(extra_context or {})})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send the list as its address narrows it, and note who took it along."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"admin:{self._name('changelist')}")
        self._note_export(request)
        response = StreamingHttpResponse(self._lines(rows), content_type="text/csv; charset=utf-8")
        name = f"{self.opts.model_name}s-{timezone.now():%Y-%m-%d}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _lines(self, rows: QuerySet[Any]) -> Iterator[str]:
        yield "\ufeff"
        yield csv_line(self.export_columns)
        plain = rows.prefetch_related(None).values_list(*self.export_columns)
        for row in plain.iterator(ROWS_AT_ONCE):
            yield csv_line(as_cell(value) for value in row)

    def _note_export(self, request: HttpRequest) -> None:
        query = request.META.get("QUERY_STRING", "")[:ADDRESS_CHARACTERS]
        LogEntry.objects.create(
            user=cast(User, request.user),
            content_type=ContentType.objects.get_for_model(self.model),
            object_repr=str(self.opts.verbose_name_plural),
            action_flag=CHANGE,
            change_message=_("Taken along as CSV: %(query)s") % {"query": f"?{query}"},
        )
