"""Review: what waits for a person's word before it is sent and paid for, and who decides.

A desk is one person's: in a team's own pages about that team's styles, in the admin about all of
them. Taking a style up only tells others that somebody looks at it: the first decision counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django import forms
from django.db.models import BigIntegerField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from teams.models import Membership, User

from .models import Event, Style, StyleQuerySet
from .states import State
from .wording import _ as lazy

# So long others are told that somebody is looking at a style; then it is anybody's again.
TAKEN_FOR = timedelta(minutes=15)
SHOWN = 50
NOBODY = 0


class Decision(StrEnum):
    APPROVE = "approve"
    CHANGES = "changes"
    DECLINE = "decline"


DONE: dict[str, str] = {
    Decision.APPROVE: lazy("“%(name)s” is approved and on its way."),
    Decision.CHANGES: lazy("“%(name)s” is back with its author, with your note."),
    Decision.DECLINE: lazy("“%(name)s” is declined. Its author sees your note."),
}


@dataclass(frozen=True)
class Desk:
    """Whose waiting styles a person may look at and decide about."""

    user: User
    styles: StyleQuerySet

    @classmethod
    def of_team(cls, membership: Membership) -> Desk | None:
        """Return the desk of a team's reviewer or owner, None for somebody who is neither."""
        if not membership.is_reviewer:
            return None
        return cls(membership.user, Style.objects.of(membership.team))

    def waiting(self) -> StyleQuerySet:
        """What waits, the longest first, each with `submitted_by`, 0 where nobody knows."""
        return self.styles.in_review().annotate(submitted_by=_submitted_by())

    def open_to_me(self) -> StyleQuerySet:
        """What waits and is not this person's own, unless its team lets them decide on that."""
        own = Q(creator=self.user) | Q(submitted_by=self.user.pk)
        return self.waiting().filter(Q(team__may_review_own=True) | ~own)

    def may_decide(self, style: Style) -> bool:
        return self.open_to_me().filter(pk=style.pk).exists()

    def take_next(self) -> Style | None:
        """Take up what has waited longest and nobody else looks at, or return None."""
        free = self.open_to_me().filter(_is_free(self.user))
        # Of two who reach for the same one, the second gets the one after it.
        return next((style for style in free[:SHOWN] if self.take(style)), None)

    def take(self, style: Style) -> bool:
        """Tell others that this person looks at it. Return whether nobody else does."""
        waiting = Style.objects.filter(_is_free(self.user), pk=style.pk, state=State.IN_REVIEW)
        return bool(waiting.update(claimed_by=self.user, claimed_at=timezone.now()))

    def decide(
        self, style: Style, decision: str, note: str = "", *, as_submitted: datetime
    ) -> bool:
        """Decide about the style as it was when it was submitted then.

        Return whether this decision counted: not so where another was faster, or where the author
        took it back.
        """
        if not self.may_decide(style):
            return False
        match decision:
            case Decision.APPROVE:
                return style.approve(self.user, as_submitted=as_submitted)
            case Decision.CHANGES:
                return style.ask_for_changes(self.user, note, as_submitted=as_submitted)
        return style.decline(self.user, note, as_submitted=as_submitted)

    def approve_many(self, chosen: Iterable[tuple[Style, datetime]]) -> int:
        """Approve each by itself, so that each has its Event; return how many that were."""
        return sum(
            self.decide(style, Decision.APPROVE, as_submitted=seen) for style, seen in chosen
        )


def _submitted_by() -> Coalesce:
    sent = Event.objects.filter(style=OuterRef("pk"), to_state=State.IN_REVIEW)
    who = Subquery(sent.order_by("-at", "-id").values("who")[:1])
    return Coalesce(who, Value(NOBODY), output_field=BigIntegerField())


def _is_free(user: User) -> Q:
    long_ago = timezone.now() - TAKEN_FOR
    return Q(claimed_at=None) | Q(claimed_by=user) | Q(claimed_at__lt=long_ago)


def taken_by_another(style: Style, user: User) -> bool:
    """Whether somebody else took it up a short while ago."""
    if style.claimed_at is None or style.claimed_by in {None, user}:
        return False
    return timezone.now() - style.claimed_at < TAKEN_FOR


def last_word(style: Style) -> Event | None:
    """Return the reviewer's decision that gave the style back, with its note."""
    given_back = Q(to_state=State.DECLINED) | Q(to_state=State.DRAFT, from_state=State.IN_REVIEW)
    return style.events.filter(given_back).exclude(note="").select_related("who").last()


class ReviewForm(forms.Form):
    """A decision about one style, as it was seen. What gives it back needs a note."""

    do = forms.ChoiceField(choices=[(each.value, each.value) for each in Decision])
    seen = forms.CharField(max_length=40)
    note = forms.CharField(
        label=lazy("Note for the author"),
        help_text=lazy("Needed unless you approve: what should change, or why not"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_seen(self) -> datetime:
        return seen_at(self.cleaned_data["seen"])

    def clean(self) -> dict[str, Any]:
        do = self.cleaned_data.get("do")
        if do in {Decision.CHANGES, Decision.DECLINE} and not self.cleaned_data.get("note"):
            text = {
                Decision.CHANGES: _("Enter what should change"),
                Decision.DECLINE: _("Enter why it is declined"),
            }
            if "note" not in self.errors:
                self.add_error("note", text[Decision(do)])
        return self.cleaned_data


def seen_at(text: str) -> datetime:
    """Return when what a page showed was submitted. Raises ValidationError."""
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise forms.ValidationError(_("Load the page again: it does not say what was seen."))
    return at
