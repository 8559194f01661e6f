"""The states of a style, and the groups of them that are asked for by name."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a style is in its life; how it comes from one state to another is in TRANSITIONS.

    `held` is not a state: it is `queued` while the key is held, derived and shown.
    """

    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    DECLINED = "declined", _("Declined")
    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Sending")
    COMMITTED = "committed", _("Sent")
    REFUSED = "refused", _("Needs a change")
    IN_DOUBT = "in_doubt", _("Outcome unknown")
    TRAINING = "training", _("Training")
    READY = "ready", _("Ready")
    TRAINING_FAILED = "training_failed", _("Training failed")
    GONE = "gone", _("Gone")
    DROPPED = "dropped", _("Given up")


MADE = (State.TRAINING, State.READY, State.TRAINING_FAILED, State.GONE)
EDITABLE = (State.DRAFT, State.REFUSED, State.DECLINED)
IN_FLIGHT = (State.SENDING, State.COMMITTED)
# What Pikzels is asked about while it is due: a training, a portrait that is not here yet.
FOLLOWED = (State.TRAINING, State.READY)
# What is to move on by itself or by somebody's word: always few, beside all that ever was.
UNFINISHED = (State.QUEUED, *IN_FLIGHT, State.IN_DOUBT, State.TRAINING)
# Of these a library may have any number; of all others there are few.
OVER = (State.READY, State.TRAINING_FAILED, State.GONE, State.DROPPED)
# Nothing more happens to these by itself, and nobody has to act.
SETTLED = (*OVER, State.DECLINED)
# What may be put away: nothing of it is on its way, and nothing that was paid for is unsettled.
AT_REST = (*SETTLED, State.REFUSED)
NEEDS_A_PERSON = (State.REFUSED, State.IN_DOUBT, State.DECLINED)

# How a style comes from one state to another, and why: what docs/architecture.md draws. Each move
# says for itself from which states it goes; the tests hold every one that happens in them to this.
TRANSITIONS: dict[tuple[State, State], str] = {
    (State.DRAFT, State.IN_REVIEW): "submit, where the team reviews",
    (State.DRAFT, State.QUEUED): "submit",
    (State.DRAFT, State.DROPPED): "give up",
    (State.IN_REVIEW, State.QUEUED): "approve",
    (State.IN_REVIEW, State.DECLINED): "decline",
    (State.IN_REVIEW, State.DRAFT): "ask for changes, or take back",
    (State.IN_REVIEW, State.DROPPED): "give up",
    (State.DECLINED, State.DRAFT): "edit",
    (State.DECLINED, State.IN_REVIEW): "submit again",
    (State.DECLINED, State.QUEUED): "submit again",
    (State.DECLINED, State.DROPPED): "give up",
    (State.QUEUED, State.SENDING): "claim",
    (State.QUEUED, State.DRAFT): "edit",
    (State.QUEUED, State.IN_REVIEW): "who wanted it sent has left the team",
    (State.QUEUED, State.IN_DOUBT): "take back, where an earlier try is in doubt",
    (State.QUEUED, State.DROPPED): "give up",
    (State.SENDING, State.COMMITTED): "the last byte leaves",
    (State.SENDING, State.QUEUED): "not sent, try later, key held",
    (State.SENDING, State.REFUSED): "an early answer, or a picture is lost",
    (State.SENDING, State.TRAINING): "an early answer with an ID",
    (State.SENDING, State.IN_DOUBT): "refused, where an earlier try is in doubt",
    (State.COMMITTED, State.TRAINING): "an ID",
    (State.COMMITTED, State.QUEUED): "try later, key held",
    (State.COMMITTED, State.REFUSED): "refused",
    (State.COMMITTED, State.IN_DOUBT): "no answer, or none that is clear",
    (State.REFUSED, State.DRAFT): "edit",
    (State.REFUSED, State.IN_REVIEW): "submit again",
    (State.REFUSED, State.QUEUED): "submit again",
    (State.REFUSED, State.DROPPED): "give up",
    (State.IN_DOUBT, State.TRAINING): "its ID is pasted, or a late answer",
    (State.IN_DOUBT, State.QUEUED): "send again knowingly, or a late refusal",
    (State.IN_DOUBT, State.REFUSED): "a late refusal",
    (State.IN_DOUBT, State.DROPPED): "give up",
    (State.TRAINING, State.READY): "trained",
    (State.TRAINING, State.TRAINING_FAILED): "the training failed",
    (State.TRAINING, State.GONE): "deleted, or not found for ten minutes",
    (State.READY, State.GONE): "deleted, or not found for ten minutes",
    (State.TRAINING_FAILED, State.GONE): "deleted",
    (State.GONE, State.TRAINING): "brought in again",
    (State.DROPPED, State.TRAINING): "its ID is pasted, or a late answer",
}


def may_follow(old: str, new: str) -> bool:
    """Whether a style may come from one state to the other.

    Besides TRANSITIONS, an answer that comes late gives the ID to whatever was made of the style
    meanwhile; and after a restored backup the journal says what was on its way, or is in doubt.
    """
    by_the_journal = (State.TRAINING, State.COMMITTED, State.IN_DOUBT)
    return (State(old), State(new)) in TRANSITIONS or (old not in MADE and new in by_the_journal)
