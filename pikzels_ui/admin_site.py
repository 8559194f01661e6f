"""The admin's front page, and what holds for every list in it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite, ShowFacets
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from styles.counting import FewPages
from styles.front_page import front_page


class Site(AdminSite):
    site_header = _("Pikzels UI admin")
    index_title = _("What needs you")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register as usual, with lists that never count or show everything there is."""
        bounded = {
            "paginator": FewPages,
            "show_full_result_count": False,
            "show_facets": ShowFacets.NEVER,
        }
        super().register(model_or_iterable, admin_class, **{**bounded, **options})

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return super().index(request, {**front_page(request), **(extra_context or {})})
