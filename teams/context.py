"""What the frame around every page shows: where one is, whose styles they are, what holds them."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from styles.access import current_membership
from styles.explanations import explain
from styles.models import SafeMode
from styles.review import Desk

from . import passkeys
from .models import Membership

# Counting more than these would cost more than it tells.
MOST_COUNTED = 100
SECTIONS = {
    "library": "library",
    "attach": "library",
    "style_new": "new",
    "team": "team",
    "mails": "team",
    "usage": "team",
    "invite": "team",
    "key": "team",
    "key_add": "team",
    "key_replace": "team",
    "key_remove": "team",
    "team_settings": "team",
    "remove_member": "team",
    "account": "account",
    "account_tokens": "account",
    "account_notices": "account",
    "account_data": "account",
    "account_export": "account",
    "account_erase": "account",
    "usersessions_list": "account",
    "review": "review",
    "review_style": "review",
    "review_many": "review",
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the header and its notices; almost nothing for strangers."""
    match = request.resolver_match
    section = SECTIONS.get(match.url_name or "", "") if match else ""
    context: dict[str, Any] = {"nav": {"current": section, "review": None}, "team": None}
    context["passkeys"] = SimpleLazyObject(lambda: _passkeys(request))
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return context
    if match and "admin" in match.app_names:
        return context  # it has a frame of its own, which shows nothing of this
    # The view may have gone on in the team that a form or a style named.
    membership = getattr(request, "membership", None) or current_membership(request)
    if membership is None:
        return context
    key = membership.team.current_key()
    context["nav"] |= _review(membership)
    return context | {
        "team": membership.team,
        "other_teams": [
            each.team
            for each in getattr(request, "memberships", [])
            if each.team_id != membership.team_id
        ],
        "is_owner": membership.is_owner,
        "banner_sandbox": bool(key and key.is_sandbox),
        "sandbox_page": f"{key.base_url}/_sandbox/" if key and key.is_sandbox else "",
        "held_keys": _held_keys(membership) if membership.is_owner else [],
        "safe_mode": SafeMode.objects.on().first(),
    }


def _passkeys(request: HttpRequest) -> dict[str, Any]:
    return {"work": passkeys.work_at(request), "instead": passkeys.address_instead(request)}


def _review(membership: Membership) -> dict[str, Any]:
    """How many styles wait for this reviewer, and where; nothing for others."""
    desk = Desk.of_team(membership)
    if desk is None:
        return {}
    number = desk.waiting()[:MOST_COUNTED].count()
    shown = str(number) if number < MOST_COUNTED else f"{MOST_COUNTED - 1}+"
    wanted = number or membership.team.review_required
    return {"review": wanted and shown, "review_url": reverse("review")}


def _held_keys(membership: Membership) -> list[dict[str, str]]:
    return [
        {
            "title": explain(key.held_code, "held").title,
            "text": explain(key.held_code, "held").next_owner,
            "url": reverse("team") + "#keys",
            "resume_url": reverse("key_resume", args=[key.uuid]),
        }
        for key in membership.team.keys.in_use().held()
    ]
