"""The admin's front page: what needs me, and what happened?

Each part is there for whoever may see what it shows; who may see none is told whom to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import desk
from .charts import charts
from .counting import Number, count
from .health import health
from .models import Style

# By permission: the group Reviewers has the first and the third, Operators all but the first.
REVIEW = ("styles.review_style",)
DESK = ("styles.change_style",)
CHARTS = ("styles.view_style", "styles.view_attempt")
HEALTH = ("styles.view_attempt", "teams.view_pikzelskey")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number that asks for somebody, or rests."""

    number: Number
    label: str
    line: str
    url: str
    # Beside the number itself, what asks for somebody.
    more: int = 0

    @property
    def tone(self) -> str:
        return "waiting" if self.number or self.more else "quiet"


def front_page(request: HttpRequest) -> dict[str, Any]:
    may = request.user.has_perms
    now = timezone.now()
    tiles = _tiles(review=may(REVIEW), operate=may(DESK))
    return {
        "tiles": tiles,
        "headline": _headline(tiles),
        "health": health(now) if may(HEALTH) else None,
        "charts": charts(now) if may(CHARTS) else [],
    }


def _headline(tiles: list[Tile]) -> str:
    if not tiles:
        return _("Welcome")
    number = Number(sum(tile.number for tile in tiles))
    if not number:
        return _("Nothing needs you")
    return ngettext("%(n)s thing needs you", "%(n)s things need you", number) % {"n": str(number)}


def _tiles(*, review: bool, operate: bool) -> list[Tile]:
    return [*(_for_reviewers() if review else ()), *(_for_operators() if operate else ())]


def _for_reviewers() -> list[Tile]:
    return [
        Tile(
            number=count(Style.objects.in_review()),
            label=_("to review"),
            line=_("Sent and paid for when approved"),
            url=reverse("admin:styles_review"),
        )
    ]


def _for_operators() -> list[Tile]:
    number, page = desk.counts(), reverse("admin:styles_desk")
    waiting = ngettext("%(n)s style waits", "%(n)s styles wait", number.waiting_for_keys)
    return [
        Tile(
            number=number.in_doubt,
            label=_("in doubt"),
            line=_("Pikzels may have made them"),
            url=f"{page}#in-doubt",
        ),
        Tile(
            number=number.held_keys,
            label=ngettext("key held", "keys held", number.held_keys),
            line=waiting % {"n": str(number.waiting_for_keys)},
            more=number.waiting_for_keys,
            url=f"{page}#held",
        ),
        Tile(
            number=number.stuck,
            label=_("stuck"),
            line=_("Should have moved, and did not"),
            url=f"{page}#stuck",
        ),
    ]
