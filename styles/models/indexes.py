"""By what styles are found without going through all of them, however many there are.

SQLite uses an index on part of the rows only where a query repeats its condition word for word, and
never recognises a list: `selection.py` says these conditions in the queries, too.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from styles.states import UNFINISHED, State

from .selection import NOT_OVER, NOT_TO_SEND

INDEXES: list[models.Index] = [
    # The library: a team's styles, newest first.
    models.Index("team", F("created_at").desc(), F("id").desc(), name="style_library"),
    # The library by person, and "Mine".
    models.Index("team", "creator", F("created_at").desc(), F("id").desc(), name="style_by_person"),
    # The library by one state.
    models.Index("team", "state", F("created_at").desc(), F("id").desc(), name="style_by_state"),
    # The library by several states, and how many need somebody: few, of however many.
    models.Index(
        "team",
        F("created_at").desc(),
        F("id").desc(),
        condition=NOT_OVER,
        name="style_not_over",
    ),
    # The archive.
    models.Index(
        "team",
        F("created_at").desc(),
        F("id").desc(),
        condition=Q(archived_at__isnull=False),
        name="style_archive",
    ),
    # The API: a team's styles, the latest change first.
    models.Index("team", F("updated_at").desc(), F("id").desc(), name="style_changes"),
    # The reviewers' queue: what has waited longest, of a team or of all.
    models.Index(
        fields=["team", "submitted_at", "id"],
        condition=Q(state=State.IN_REVIEW),
        name="style_in_review",
    ),
    # The admin's list and its chart: the newest of all teams.
    models.Index(F("created_at").desc(), F("id").desc(), name="style_newest"),
    # The operators' desk and the state of health: what is under way or in doubt. Finished
    # styles stay out, so that the worker's look at what is due never goes through them;
    # SQLite reads the table instead, for it does not see that one state is among several.
    models.Index(
        fields=["state", "submitted_at", "id"],
        condition=Q(state__in=UNFINISHED),
        name="style_unfinished",
    ),
    # The worker: what each key is to send next, and what is to be looked at.
    models.Index(
        fields=["key", "due_at"],
        condition=Q(due_at__isnull=False, state=State.QUEUED),
        name="style_to_send",
    ),
    models.Index(
        fields=["due_at"],
        condition=Q(NOT_TO_SEND, due_at__isnull=False),
        name="style_to_follow",
    ),
]
