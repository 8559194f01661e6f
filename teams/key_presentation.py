"""What pages show of a key: never more of the key itself than `pkz_…last4`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from styles.explanations import Action, explain
from styles.pikzels import rules

from .keys import dependents_of
from .models import Membership, PikzelsKey
from .team_events import TeamEvent

Kind = PikzelsKey.Kind
EVENTS_SHOWN = 50
ORIGINS = {
    Kind.ENVIRONMENT: gettext_lazy(
        "Comes from this server’s setting PIKZELS_API_KEY. Whoever runs the server changes it "
        "there."
    ),
    Kind.SANDBOX: gettext_lazy(
        "Plays Pikzels on this server; nothing is sent and nothing is paid for. Whoever runs the "
        "server switches it off with the setting SANDBOX."
    ),
}


def key_rows(membership: Membership) -> list[dict[str, Any]]:
    """Return the team's keys as its page lists them, the one for new styles first."""
    keys = membership.team.keys.in_use().preferred_first().select_related("created_by")
    return [
        {**key_row(key, membership), "is_current": number == 0} for number, key in enumerate(keys)
    ]


def removed_keys(membership: Membership) -> list[PikzelsKey]:
    """Return those that owners can still look at, the latest removed first."""
    if not membership.is_owner:
        return []
    gone = membership.team.keys.filter(removed_at__isnull=False, kind=Kind.OWN)
    return list(gone.order_by("-removed_at"))


def key_row(key: PikzelsKey, membership: Membership) -> dict[str, Any]:
    label, tone, shape = _state(key)
    resumable = key.is_held and membership.is_owner and not key.removed_at
    return {
        "name": key.name,
        "shown": key.shown,
        "url": reverse("key", args=[key.uuid]) if membership.is_owner else "",
        "origin": ORIGINS.get(Kind(key.kind), ""),
        "added_by": key.created_by.display_name if key.created_by else "",
        "added_at": key.created_at,
        "removed_at": key.removed_at,
        "base_url": key.base_url if key.base_url != rules.BASE_URL and not key.is_sandbox else "",
        "state_label": label,
        "tone": tone,
        "shape": shape,
        "problem": _problem(key, membership) if key.is_held else None,
        "resume_url": reverse("key_resume", args=[key.uuid]) if resumable else None,
        "is_own": key.kind == Kind.OWN and key.removed_at is None,
    }


def _state(key: PikzelsKey) -> tuple[str, str, str]:
    if key.removed_at:
        return _("Removed"), "quiet", "ring"
    if key.is_held:
        return _("Held"), "waiting", "square"
    if key.on_trial:
        return _("On trial: one style goes first"), "info", "half"
    return _("In use"), "good", "dot"


def _problem(key: PikzelsKey, membership: Membership) -> dict[str, Any]:
    why = explain(key.held_code, "held")
    words = why.next_owner if membership.is_owner else why.next_member
    if key.removed_at:
        words = _("While that is so, what was made with it cannot be followed. It is tried again.")
    own = key.kind == Kind.OWN and key.removed_at is None
    return {
        "title": why.title,
        "next": words,
        "replace_first": own and why.owner_actions[:1] == (Action.KEY,),
    }


def key_page(key: PikzelsKey, membership: Membership, form: forms.Form) -> dict[str, Any]:
    """Return what the key's own page shows."""
    return {
        "key": key,
        "row": key_row(key, membership),
        "form": form,
        "is_current": key == membership.team.current_key(),
        "dependents": dependents_of(key),
        "events": [_event_row(event) for event in _events(key)],
        # The page's own panel says it, and says more.
        "held_keys": [],
    }


def _events(key: PikzelsKey) -> list[TeamEvent]:
    return list(key.events.select_related("who")[:EVENTS_SHOWN])


def _event_row(event: TeamEvent) -> dict[str, Any]:
    return {
        "at": event.at,
        "what": event.get_what_display(),
        "about": event.about,
        "who": event.who.display_name if event.who else "",
    }


def prospects(key: PikzelsKey) -> dict[str, Any]:
    """Return what becomes of the styles that need a key, once it is replaced or removed."""
    others = key.team.keys.in_use().exclude(pk=key.pk)
    following = others.preferred_first().first()
    return {
        "dependents": dependents_of(key),
        "next_key": following if following and not following.is_sandbox else None,
        "sandbox_next": bool(following and following.is_sandbox),
        # Whoever is here is at it.
        "held_keys": [],
    }
