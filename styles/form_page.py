"""What the form's page shows: slots with what is kept, the summary of errors, Pikzels' remarks."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from .access import MemberRequest
from .explanations import explain
from .forms import POSITIONS, StyleForm
from .models import Style
from .presentation import cost_text, image_rows, time_text
from .states import State

FIELDS = ("name", *(f"image_{position}" for position in POSITIONS))


def form_context(request: MemberRequest, form: StyleForm, style: Style | None) -> dict[str, Any]:
    """Return the context of the form's page, for a new style or for one that is edited."""
    kept = {row["n"]: row for row in image_rows(style)} if style else {}
    refused = style is not None and style.state == State.REFUSED
    return {
        "form": form,
        "slots": [
            {
                "n": position,
                "field": form[f"image_{position}"],
                "kept": kept.get(position),
                "error": "\n".join(map(str, form.errors.get(f"image_{position}", []))),
            }
            for position in POSITIONS
        ],
        "errors": [
            {"text": text, "href": f"#{form[field].id_for_label}"}
            for field in FIELDS
            for text in form.errors.get(field, [])
        ],
        "heading": _("Change style") if style and style.submitted_at else _("New style"),
        "submit_label": _submit_label(request, style),
        "cost_text": cost_text(),
        "time_text": time_text(),
        "draft_saved_at": style.created_at if style and not style.submitted_at else None,
        "editing": style,
        "explanation": explain(style.reason, State.REFUSED) if style and refused else None,
    }


def _submit_label(request: MemberRequest, style: Style | None) -> str:
    if request.team.review_required:
        return _("Send to review")
    return _("Send again") if style and style.submitted_at else _("Create style")


def remarks_on(style: Style) -> dict[str, str]:
    """Return what Pikzels said about each field when it refused the style."""
    attempt = style.last_attempt
    if style.state != State.REFUSED or attempt is None:
        return {}
    remarks: dict[str, str] = {}
    for detail in attempt.details:
        field = _field(detail.get("field", ""))
        if field:
            remarks[field] = _("Pikzels: %(words)s") % {"words": detail["message"]}
    return remarks


def _field(named: str) -> str:
    """Return our field for the API's: `name`, `image_base64s[1]`, `image_base64s.1`, …"""
    if named == "name":
        return "name"
    index = re.fullmatch(r"image_(?:base64s|urls)\D(\d)\D?", named)
    return f"image_{int(index[1]) + 1}" if index and int(index[1]) < len(POSITIONS) else ""
