"""What the form's page shows: slots with what is kept, errors, the check, Pikzels' remarks."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from .access import MemberRequest
from .advice import Check, check
from .drafts import unsent
from .forms import POSITIONS, StyleForm
from .models import Style
from .names import suggestions, used
from .pikzels import rules
from .pikzels.errors import Code
from .presentation import cost_text, explanation_of, image_rows, note_of_reviewer, time_text
from .states import State

FIELDS = ("name", *(f"image_{position}" for position in POSITIONS), "link", "rights", "__all__")
NAMES_REFUSED = {Code.NAME_ALREADY_EXISTS, Code.NAME_RESERVED}
DRAFTS_SHOWN = 3


def form_context(
    request: MemberRequest, form: StyleForm, style: Style | None, said: str = ""
) -> dict[str, Any]:
    """Return the context of the form's page and of its live parts.

    `style` is None for a form of which nothing was kept yet; `said` is announced.
    """
    return {
        "form": form,
        "editing": style,
        "said": said,
        **_parts(request, form, style),
        **_frame(request, style),
    }


def _parts(request: MemberRequest, form: StyleForm, style: Style | None) -> dict[str, Any]:
    """What changes with every picture."""
    kept = {row["n"]: row for row in image_rows(style)} if style else {}
    return {
        "slots": [_slot(form, position, kept) for position in POSITIONS],
        "errors": [
            {"text": text, "href": f"#{form[field].id_for_label}" if field in form.fields else ""}
            for field in FIELDS
            for text in form.errors.get(field, [])
        ],
        "check": check(style) if style else Check(),
        "saved_at": style.edited_at if style and not style.submitted_at else None,
        **_name_remarks(request, form, style),
    }


def _slot(form: StyleForm, position: int, kept: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "n": position,
        "field": form[f"image_{position}"],
        "kept": kept.get(position),
        "seen": kept[position]["sha256"] if position in kept else "",
        "earlier": position > POSITIONS[0],
        "later": position < POSITIONS[-1],
        "error": "\n".join(map(str, form.errors.get(f"image_{position}", []))),
    }


def _name_remarks(request: MemberRequest, form: StyleForm, style: Style | None) -> dict[str, Any]:
    """Which style has the name already, and names that are free."""
    name = rules.tidy_name(str(form["name"].value() or ""))
    other = used(request.team, name, apart_from=style)
    refused = style is not None and name == refused_name(style)
    names = suggestions(request.team, name) if other or (name and refused) else []
    known = _known_name(request, style)
    return {"same_name": other, "free_names": names, "known_name": known}


def _known_name(request: MemberRequest, style: Style | None) -> str:
    """Return the name that the page shows and knows to be kept."""
    kept = style.name if style else ""
    if request.method != "POST" or rules.tidy_name(request.POST.get("name", "")) == kept:
        return kept
    return str(request.POST.get("known_name", ""))


def _frame(request: MemberRequest, style: Style | None) -> dict[str, Any]:
    """What stands around them."""
    submitted = style is not None and style.submitted_at is not None
    explanation = explanation_of(style) if style else None
    return {
        "heading": _("Change style") if submitted else _("New style"),
        "submit_label": _submit_label(request, submitted),
        "cost_text": cost_text(),
        "time_text": time_text(),
        "drafts": [] if style else list(unsent(request.user).of(request.team)[:DRAFTS_SHOWN]),
        "explanation": explanation,
        "reviewer_wrote": note_of_reviewer(style) if style and explanation else "",
    }


def _submit_label(request: MemberRequest, submitted: bool) -> str:
    if request.team.review_required:
        return _("Send to review")
    return _("Send again") if submitted else _("Create style")


def refused_name(style: Style) -> str:
    """Return the name that Pikzels did not take, whatever the style is called since; or ""."""
    attempt = style.last_attempt if style.reason in NAMES_REFUSED else None
    return attempt.name if attempt else ""


def remarks_on(style: Style) -> dict[str, str]:
    """Return what Pikzels said about each field when it refused the style."""
    attempt = style.last_attempt
    if style.state != State.REFUSED or attempt is None:
        return {}
    remarks: dict[str, str] = {}
    for detail in attempt.details:
        field = _field(detail.get("field", ""))
        changed = field == "name" and attempt.name not in {"", style.name}
        if field and not changed:
            remarks[field] = _("Pikzels: %(words)s") % {"words": detail["message"]}
    return remarks


def _field(named: str) -> str:
    """Return our field for the API's: `name`, `image_base64s[1]`, `image_base64s.1`, …"""
    if named == "name":
        return "name"
    index = re.fullmatch(r"image_(?:base64s|urls)\D(\d)\D?", named)
    return f"image_{int(index[1]) + 1}" if index and int(index[1]) < len(POSITIONS) else ""
