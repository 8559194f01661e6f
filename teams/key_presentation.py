"""What pages show of a key: never more of the key itself than `pkz_…last4`."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from styles.explanations import explain

from .models import Membership, PikzelsKey


def key_rows(membership: Membership) -> list[dict[str, Any]]:
    """Return the team's keys as its page lists them, the one for new styles first."""
    keys = membership.team.keys.in_use().preferred_first()
    return [_key_row(key, membership) for key in keys]


def _key_row(key: PikzelsKey, membership: Membership) -> dict[str, Any]:
    states = {
        True: (_("Held"), "waiting", "square"),
        False: (_("On trial: one style goes first"), "info", "half")
        if key.on_trial
        else (_("In use"), "good", "dot"),
    }
    label, tone, shape = states[key.is_held]
    return {
        "name": key.name,
        "shown": key.shown,
        "kind_label": key.get_kind_display(),
        "state_label": label,
        "tone": tone,
        "shape": shape,
        "problem": _problem(key, membership) if key.is_held else None,
        "resume_url": reverse("key_resume", args=[key.uuid])
        if key.is_held and membership.is_owner
        else None,
    }


def _problem(key: PikzelsKey, membership: Membership) -> dict[str, str]:
    why = explain(key.held_code, "held")
    return {
        "title": why.title,
        "next": why.next_owner if membership.is_owner else why.next_member,
    }
