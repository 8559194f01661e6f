"""Bringing in styles that exist at Pikzels already, by their IDs: each is looked up, for free.

Nothing was paid by us, so there is no Attempt; an Event says who brought it in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import PikzelsKey, Team, User

from .breaker import hold
from .following import QUICK, ask, turns_away
from .models import Event, Instructions, Style
from .pikzels import rules
from .pikzels.client import Look, Training
from .pikzels.errors import Code
from .states import IN_FLIGHT, State

AT_ONCE = 50
SECONDS = 20.0
THREADS = 4
STATES = {"completed": State.READY, "failed": State.TRAINING_FAILED}


class Came(StrEnum):
    """What became of one ID."""

    BROUGHT_IN = "brought_in"
    TRAINING = "training"
    FAILED = "failed"
    HERE = "here"
    UNKNOWN = "unknown"
    PERSONA = "persona"
    DOUBTFUL = "doubtful"  # a style of this name here may be the one, and lacks its ID
    LATER = "later"  # Pikzels could not be asked; `look` says why, None: there was no time left


@dataclass(frozen=True)
class Found:
    """One ID, what became of it, and the team's style that has it now."""

    pikzels_id: str
    came: Came
    style: Style | None = None
    look: Look | None = None


def bring_in(team: Team, key: PikzelsKey, ids: Sequence[str], who: User) -> list[Found]:
    """Bring in what is a style of this key and not here yet; return what became of each ID.

    At most `AT_ONCE` are looked up, for about `SECONDS`; the rest comes back as LATER.
    """
    here = _here(team, ids)
    new = [each for each in ids if each not in here or here[each].state == State.GONE]
    looks = _look_up(key, new[:AT_ONCE])
    return [
        _one(team, key, each, here.get(each), looks.get(each), who)
        if each in new
        else Found(each, Came.HERE, here[each])
        for each in ids
    ]


def _here(team: Team, ids: Sequence[str]) -> dict[str, Style]:
    """Return the team's own by their IDs; what others have here is nobody's business."""
    mine = Style.objects.of(team).annotate(low=Lower("pikzels_id")).filter(low__in=ids)
    return {style.pikzels_id.lower(): style for style in mine.order_by("created_at")}


def _look_up(key: PikzelsKey, ids: Sequence[str]) -> dict[str, Look]:
    """Ask Pikzels about each, a few side by side, until the time is up or the key turned away."""
    until = time.monotonic() + SECONDS
    stopped = threading.Event()

    def look(pikzels_id: str) -> Look | None:
        if stopped.is_set() or time.monotonic() > until:
            return None
        came = ask(key, pikzels_id, QUICK)
        if turns_away(came.reason, came.reply) or came.reason == Code.TOO_MANY_REQUESTS:
            stopped.set()
        return came

    with ThreadPoolExecutor(THREADS, thread_name_prefix="attaching") as pool:
        looks = dict(zip(ids, pool.map(look, ids), strict=True))
    came = {pikzels_id: each for pikzels_id, each in looks.items() if each}
    if away := [each.reason for each in came.values() if turns_away(each.reason, each.reply)]:
        hold(key, away[0])
    return came


def _one(
    team: Team, key: PikzelsKey, pikzels_id: str, old: Style | None, look: Look | None, who: User
) -> Found:
    if look is None or look.training is None:
        if old:
            return Found(pikzels_id, Came.HERE, old)
        unknown = look and look.reason in {Code.NOT_FOUND, Code.INVALID_STYLE}
        return Found(pikzels_id, Came.UNKNOWN if unknown else Came.LATER, None, look)
    if look.training.mode not in {"", "style"}:
        return Found(pikzels_id, Came.PERSONA, None, look)
    if old:
        return Found(pikzels_id, Came.BROUGHT_IN if _revive(old, key, who) else Came.HERE, old)
    return _store(team, key, pikzels_id, look.training, who)


def _revive(style: Style, key: PikzelsKey, who: User) -> bool:
    """Follow one again that was thought to be gone, such as while its key was another account's."""
    try:
        return style.move(
            State.TRAINING,
            only_from=[State.GONE],
            who=who,
            note=str(_("Found at Pikzels again")),
            key=key,
            due_at=timezone.now(),
            missing_since=None,
        )
    except IntegrityError:
        return False


def _store(team: Team, key: PikzelsKey, pikzels_id: str, training: Training, who: User) -> Found:
    state = STATES.get(training.status, State.TRAINING)
    came = {State.TRAINING: Came.TRAINING, State.TRAINING_FAILED: Came.FAILED}
    name = name_of(training, pikzels_id)
    unsure = [State.IN_DOUBT, *IN_FLIGHT]
    if lacking := Style.objects.of(team).filter(state__in=unsure, key=key, name=name).first():
        return Found(pikzels_id, Came.DOUBTFUL, lacking)
    with transaction.atomic():
        # Locked, so that of two who bring in the same the second sees what the first did.
        Team.objects.select_for_update().get(pk=team.pk)
        if old := _here(team, [pikzels_id]).get(pikzels_id):
            return Found(pikzels_id, Came.HERE, old)
        style = _row(team, key, pikzels_id, training, who, state)
        style.events.create(who=who, what=Event.What.BROUGHT_IN, to_state=state)
        if style.instructions:
            there = Instructions.Outcome.THERE
            style.texts.create(text=style.instructions, outcome=there)
    return Found(pikzels_id, came.get(state, Came.BROUGHT_IN), style)


def _row(
    team: Team,
    key: PikzelsKey,
    pikzels_id: str,
    training: Training,
    who: User,
    state: State,
) -> Style:
    now = timezone.now()
    same = training.style_id.lower() == pikzels_id
    return Style.objects.create(
        team=team,
        creator=who,
        attached=True,
        name=name_of(training, pikzels_id),
        state=state,
        pikzels_id=training.style_id if same else pikzels_id,
        key=key,
        sandbox=key.is_sandbox,
        progress=100 if state == State.READY else training.progress,
        instructions=training.special_instructions or "",
        # Looked at soon: for how far it is, or for its portrait.
        due_at=None if state == State.TRAINING_FAILED else now,
        made_at=now if state == State.TRAINING else None,
        ready_at=now if state == State.READY else None,
    )


def name_of(training: Training, pikzels_id: str) -> str:
    """Return what to call it here: Pikzels' name as far as one has room, else part of its ID."""
    seen = "".join(sign if sign.isprintable() else " " for sign in training.name)
    name = rules.tidy_name(seen)[: rules.NAME_MAX].strip()
    return name or _("Style %(id)s") % {"id": pikzels_id[:8]}
