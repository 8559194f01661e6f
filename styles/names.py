"""Names that are free, where the one that was typed is not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

from teams.models import Team

from .models import Style
from .pikzels import rules
from .states import State

SUGGESTED = 3
# Where nothing is made of a name any more, it is free again.
FREE_AGAIN = (State.DROPPED, State.GONE, State.DRAFT)


def used(team: Team, name: str, *, apart_from: Style | None = None) -> Style | None:
    """Return the team's latest style of this name, written in whatever letters, or None."""
    name = rules.tidy_name(name)
    # What cannot be a name, a database may not even take as a question.
    if not name or len(name) > rules.NAME_MAX or rules.name_strangers(name):
        return None
    others = Style.objects.of(team).exclude(state__in=FREE_AGAIN)
    if apart_from:
        others = others.exclude(pk=apart_from.pk)
    return others.filter(name__iexact=name).newest_first().first()


def suggestions(team: Team, name: str) -> list[str]:
    """Return a few names like this one that none of the team's styles has."""
    taken = {
        other.casefold()
        for other in Style.objects.of(team)
        .filter(name__istartswith=_stem(name)[: rules.NAME_MAX // 2])
        .values_list("name", flat=True)
    }
    free = (one for one in _like(name) if one.casefold() not in taken)
    return list(islice(free, SUGGESTED))


def _like(name: str) -> Iterator[str]:
    stem = _stem(name)
    for ending in (f" {number}" for number in count(2)):
        yield stem[: rules.NAME_MAX - len(ending)].rstrip() + ending


def _stem(name: str) -> str:
    return name.rstrip("0123456789 -_") or name
