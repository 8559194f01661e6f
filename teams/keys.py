"""The keys that owners bring: added, renamed, replaced, removed, tested and resumed.

Pikzels is asked first, for free and outside of any transaction. Every change then locks the team's
row, so that of two at once the second sees what the first did.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from styles import breaker, following
from styles.explanations import explain
from styles.following import KeyTest
from styles.models import Style
from styles.states import IN_FLIGHT, State

from .encryption import fingerprints
from .models import Membership, PikzelsKey, Team, User
from .team_events import TeamEvent

What = TeamEvent.What


class KeyProblem(Exception):
    """Why nothing was changed, to a person. `unsure`: a person may want it all the same."""

    def __init__(self, text: str, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.unsure = unsure


class KeyGone(KeyProblem):
    """Somebody else was faster."""

    def __init__(self) -> None:
        super().__init__(_("Somebody has replaced or removed this key in the meantime."))


class Dependents(NamedTuple):
    """How many styles need a key, and what for."""

    waiting: int
    sending: int
    followed: int


def dependents_of(key: PikzelsKey) -> Dependents:
    mine = Style.objects.filter(key=key)
    training = Q(state=State.TRAINING) | Q(state=State.READY, due_at__isnull=False)
    return Dependents(
        waiting=mine.filter(state=State.QUEUED).count(),
        sending=mine.filter(state__in=IN_FLIGHT).count(),
        followed=mine.filter(training).count(),
    )


def check(key: PikzelsKey) -> None:
    """Ask Pikzels, for free, whether a new key works, before it is saved. Raises KeyProblem."""
    _check_is_new(key)
    found = following.test_key(key)
    if found.turned_away:
        text = _(
            "%(why)s. Nothing was saved. Look at app.pikzels.com/platform, and paste it again."
        )
        raise KeyProblem(text % {"why": explain(found.turned_away, "held").title})
    if not found.works:
        raise KeyProblem(
            _(
                "Pikzels could not be asked about this key just now. Paste it again and try once "
                "more in a minute, or save it without the test."
            ),
            unsure=True,
        )


def add(owner: Membership, key: PikzelsKey, *, tested: bool) -> None:
    """Save a new key; what waits for one goes on with it, one style first. Raises KeyProblem."""
    with transaction.atomic():
        _lock(owner)
        _check_is_new(key)
        key.save()
        breaker.adopt(key)
        about = str(key) if tested else _("%(key)s, without the test") % {"key": key}
        TeamEvent.note(key.team, owner.user, What.KEY_ADDED, about, key)


def rename(owner: Membership, key: PikzelsKey, name: str) -> None:
    """Raises KeyProblem."""
    with transaction.atomic():
        _lock(owner)
        row = _own(key)
        old = row.name
        if name != old:
            PikzelsKey.objects.filter(pk=key.pk).update(name=name)
            TeamEvent.note(key.team, owner.user, What.KEY_RENAMED, f"{old} → {name}", key)


def replace(owner: Membership, old: PikzelsKey, new: PikzelsKey, *, tested: bool) -> None:
    """Put a new key in the place of another, in one go. Raises KeyProblem.

    What the old one made is followed with it as before: only the key that made a style surely
    knows it.
    """
    with transaction.atomic():
        _lock(owner)
        _own(old)
        _check_is_new(new)
        breaker.retire(old)
        TeamEvent.note(old.team, owner.user, What.KEY_REPLACED, f"{old.shown} → {new.shown}", old)
        add(owner, new, tested=tested)


def remove(owner: Membership, key: PikzelsKey) -> None:
    """Send nothing with a key any more; what waits for it waits for another. Raises KeyProblem."""
    with transaction.atomic():
        _lock(owner)
        breaker.retire(_own(key))
        breaker.take_up(key.team)
        TeamEvent.note(key.team, owner.user, What.KEY_REMOVED, str(key), key)


def test(who: User, key: PikzelsKey) -> KeyTest:
    """Ask Pikzels, for free, about a key, and note what it said."""
    found = following.test_key(key)
    if found.turned_away:
        said = explain(found.turned_away, "held").title
    else:
        said = _("It works") if found.works else _("Nobody could tell")
    TeamEvent.note(key.team, who, What.KEY_TESTED, said, key)
    return found


def resume(who: User, key: PikzelsKey) -> bool:
    """Say that a held key is mended: one style goes first. Return whether it was held."""
    with transaction.atomic():
        resumed = breaker.resume(key)
        if resumed:
            TeamEvent.note(key.team, who, What.KEY_RESUMED, str(key), key)
    return resumed


def _lock(owner: Membership) -> None:
    Team.objects.select_for_update().get(pk=owner.team_id)
    still = Membership.objects.filter(pk=owner.pk, role=Membership.Role.OWNER)
    if not still.exists():
        raise KeyProblem(_("Only an owner looks after keys."))


def _own(key: PikzelsKey) -> PikzelsKey:
    """Return the key as it is now. Those that come with the server are changed there alone."""
    row = PikzelsKey.objects.in_use().filter(pk=key.pk, kind=PikzelsKey.Kind.OWN).first()
    if row is None:
        raise KeyGone
    return row


def _check_is_new(key: PikzelsKey) -> None:
    marks = fingerprints(key.open(), key.base_url)
    known = key.team.keys.in_use().filter(fingerprint__in=marks).first()
    if known:
        text = _("The team has this key already: it is called “%(name)s”.")
        if known.is_held:
            text += " " + _("It is held: test it on its page, and press “Resume” there.")
        raise KeyProblem(text % {"name": known.name})
