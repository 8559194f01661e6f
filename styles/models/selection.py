"""Which styles: adjectives that narrow a selection, and the one way to write many rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from styles.pikzels import rules
from styles.states import FOLLOWED, NEEDS_A_PERSON, OVER, State
from teams.models import Team, User

if TYPE_CHECKING:
    from .style import Style

# Conditions of indexes: one comparison for each state, see `indexes.py`.
NOT_OVER = Q(*(~Q(state=state) for state in OVER))
NOT_TO_SEND = ~Q(state=State.QUEUED)
# Fewer signs of an ID than these find far too many.
ID_PART = 6
# What only the worker and the pages' own machinery know: writing these is no news of a style.
UNSEEN = frozenset(
    {"due_at", "missing_since", "claimed_by", "claimed_at", "form_token", "updated_at"}
)


class StyleQuerySet(models.QuerySet["Style"]):
    def update(self, **values: Any) -> int:
        """Write `values`, and when that was, on each row of which something that is seen changes.

        Here and not in the callers, so that none can forget it; a look that finds the training
        where it was is no change.
        """
        seen = {name: value for name, value in values.items() if name not in UNSEEN}
        if seen and "updated_at" not in values:
            unchanged = When(**seen, then=F("updated_at"))
            values["updated_at"] = Case(unchanged, default=Value(timezone.now()))
        return super().update(**values)

    def of(self, team: Team) -> Self:
        return self.filter(team=team)

    def by(self, user: User) -> Self:
        return self.filter(creator=user)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")

    def latest_change_first(self) -> Self:
        return self.order_by("-updated_at", "-id")

    def to_send(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now, state=State.QUEUED).order_by("due_at")

    def to_follow(self, now: datetime) -> Self:
        # Said twice, so that what waits to be sent is not gone through, however much that is.
        due = self.filter(NOT_TO_SEND, due_at__lte=now, state__in=FOLLOWED)
        return due.order_by("due_at")

    def matching(self, text: str) -> Self:
        """Those whose name or Pikzels ID contains `text`, or whose own ID is `text`."""
        if "\0" in text:
            return self.none()  # a sign that no name has and PostgreSQL does not take
        found = Q(name__icontains=rules.tidy_name(text))
        if len(text.strip()) >= ID_PART:
            found |= Q(pikzels_id__icontains=text.strip())
        try:
            return self.filter(found | Q(id=uuid.UUID(text.strip())))
        except ValueError:
            return self.filter(found)

    def unsent(self) -> Self:
        """Drafts that were never on their way."""
        return self.filter(state=State.DRAFT, submitted_at=None)

    def not_archived(self) -> Self:
        return self.filter(archived_at=None)

    def not_over(self) -> Self:
        """Those of which something is still to come, or somebody has to act."""
        return self.filter(NOT_OVER)

    def that_need_a_person(self) -> Self:
        """Those about which their team has to do something, but for a review."""
        given_back = Q(state=State.DRAFT, reason="changes_wanted")
        return self.not_over().filter(Q(state__in=NEEDS_A_PERSON) | given_back)

    def in_review(self) -> Self:
        """Those that wait for a reviewer, the one that has waited longest in front."""
        return self.filter(state=State.IN_REVIEW).order_by("submitted_at", "id")
