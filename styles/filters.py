"""What the library is narrowed by: read from an address, applied, and written into one again.

What makes no sense in an address is as if it were not there, so that nobody learns from it who
is on another team, and what is in force is always what the page says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _g

from teams.models import Membership, Team, User

from .days import PERIODS, UTC, Span, bounds, days_of, read_days, read_zone, zone_of
from .models import Style, StyleQuerySet
from .states import OVER, State
from .wording import _

CHIPS: dict[str, str] = {
    "": _("All"),
    "ready": _("Ready"),
    "needs": _("Needs you"),
    "mine": _("Mine"),
}
# Each group answers one question that somebody has; together they are all states.
GROUPS: dict[str, tuple[str, tuple[State, ...]]] = {
    "draft": (_("Draft"), (State.DRAFT,)),
    "review": (_("In review"), (State.IN_REVIEW,)),
    "waiting": (_("Waiting to be sent"), (State.QUEUED,)),
    "under_way": (_("Sending or training"), (State.SENDING, State.COMMITTED, State.TRAINING)),
    "ready": (_("Ready"), (State.READY,)),
    "change": (_("Needs a change"), (State.REFUSED, State.DECLINED)),
    "doubt": (_("Outcome unknown"), (State.IN_DOUBT,)),
    "over": (_("Failed, gone or given up"), (State.TRAINING_FAILED, State.GONE, State.DROPPED)),
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an address asks for; empty values ask for nothing."""

    text: str = ""
    show: str = ""
    state: str = ""
    maker: User | None = None
    period: str = ""
    first: date | None = None
    last: date | None = None
    zone: str = UTC
    archived: bool = False

    @classmethod
    def read(cls, query: QueryDict, makers: list[User]) -> Wanted:
        maker = next((each for each in makers if str(each.pk) == query.get("by")), None)
        state = _known(query.get("state", ""), GROUPS)
        show = _known(query.get("show", ""), CHIPS)
        # A chip gives way to the finer filter of the same kind.
        if (state and show in {"ready", "needs"}) or (maker and show == "mine"):
            show = ""
        first, last = read_days(query.get("from", ""), query.get("to", ""))
        return cls(
            text=query.get("q", "").strip(),
            show=show,
            state=state,
            maker=maker,
            period=_known(query.get("when", ""), PERIODS),
            first=first,
            last=last,
            zone=read_zone(query.get("zone", "")),
            archived=query.get("archived") == "1",
        )

    def address(self, before: str = "", **changes: Any) -> str:
        """Return where the library shows this, changed by `changes`, from `before` on."""
        query = urlencode(replace(self, **changes).query() | ({"before": before} if before else {}))
        return reverse("library") + (f"?{query}" if query else "")

    def query(self) -> dict[str, str]:
        values = {
            "show": self.show,
            "q": self.text,
            "state": self.state,
            "by": str(self.maker.pk) if self.maker else "",
            "when": self.period,
            "from": self.first.isoformat() if self.first else "",
            "to": self.last.isoformat() if self.last else "",
            "zone": self.zone if self.has_days and self.zone != UTC else "",
            "archived": "1" if self.archived else "",
        }
        return {name: value for name, value in values.items() if value}

    @property
    def asked(self) -> set[str]:
        """Return what it is asked by; the zone says only how days are meant."""
        return self.query().keys() - {"zone"}

    @property
    def has_days(self) -> bool:
        return bool(self.period or self.first or self.last)

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for anything that the form behind “Filter” shows."""
        return bool(self.state or self.maker or self.has_days or self.archived)

    def spans(self) -> list[Span]:
        """Return the days that it asks for: a style was made on one that is in all of these."""
        spans = [(self.first, self.last)]
        if self.period:
            spans.append(days_of(self.period, timezone.localdate(timezone=zone_of(self.zone))))
        return spans

    def chosen(self) -> Iterator[tuple[str, str]]:
        """Yield the words for each filter of the form, and the address without it."""
        if self.state:
            yield str(GROUPS[self.state][0]), self.address(state="")
        if self.maker:
            name = self.maker.display_name
            yield _g("Made by %(name)s") % {"name": name}, self.address(maker=None)
        if self.period:
            yield str(PERIODS[self.period]), self.address(period="")
        if self.first:
            text = _g("From %(day)s") % {"day": date_format(self.first, "j M Y")}
            yield text, self.address(first=None)
        if self.last:
            text = _g("Until %(day)s") % {"day": date_format(self.last, "j M Y")}
            yield text, self.address(last=None)
        if self.archived:
            yield _g("In the archive"), self.address(archived=False)


def makers_of(team: Team) -> list[User]:
    """Return who has made a style of the team, also those who have left it, by name."""
    # One look into the index a person, and not at each style for whose it is.
    theirs = Style.objects.of(team).filter(creator=OuterRef("pk"))
    return sorted(User.objects.filter(Exists(theirs)), key=lambda user: user.display_name.lower())


def narrowed(styles: StyleQuerySet, wanted: Wanted, membership: Membership) -> StyleQuerySet:
    """Return those of the team's styles that are asked for, newest first."""
    styles = by_chip(in_place(styles, wanted), wanted.show, membership)
    if wanted.state:
        styles = in_states(styles, GROUPS[wanted.state][1])
    if wanted.maker:
        styles = styles.by(wanted.maker)
    since, until = bounds(wanted.spans(), zone_of(wanted.zone))
    if since:
        styles = styles.filter(created_at__gte=since)
    if until:
        styles = styles.filter(created_at__lt=until)
    return (styles.matching(wanted.text) if wanted.text else styles).newest_first()


def in_place(styles: StyleQuerySet, wanted: Wanted) -> StyleQuerySet:
    return styles.filter(archived_at__isnull=False) if wanted.archived else styles.not_archived()


def in_states(styles: StyleQuerySet, states: tuple[State, ...]) -> StyleQuerySet:
    # Said twice, so that what is over is not gone through for the few that are not.
    few = styles if set(states) & set(OVER) else styles.not_over()
    return few.filter(state__in=states)


def by_chip(styles: StyleQuerySet, show: str, membership: Membership) -> StyleQuerySet:
    match show:
        case "ready":
            return styles.filter(state=State.READY)
        case "needs":
            return styles.that_need_a_person()
        case "mine":
            return styles.by(membership.user)
    return styles


def _known(value: str, known: Mapping[str, object]) -> str:
    return value if value in known else ""
