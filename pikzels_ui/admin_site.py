"""What holds for every list in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite, ShowFacets
from django.utils.translation import gettext_lazy as _

from styles.counting import FewPages


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
