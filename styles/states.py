"""The states of a style, and the groups of them that are asked for by name."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a style is in its life.

    draft ─submit→ [in_review ─approve→] queued ─claim→ sending ─last byte→ committed → training
    training → ready | training_failed | gone
    sending → queued (not sent, later, key held) | refused
    committed → training | refused | queued (later, key held) | in_doubt
    in_doubt → training (its ID is pasted, or a late answer) | queued (send again) | dropped
    gone → training (its ID is brought in again); brought in: training | ready | training_failed
    queued → draft (edit) | dropped;  refused, declined, dropped → draft (edit)

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
# What is to move on by itself or by somebody's word: always few, beside all that ever was.
UNFINISHED = (State.QUEUED, *IN_FLIGHT, State.IN_DOUBT, State.TRAINING)
# Nothing more happens to these by itself, and nobody has to act.
SETTLED = (State.READY, State.TRAINING_FAILED, State.GONE, State.DROPPED, State.DECLINED)
# What may be put away: nothing of it is on its way, and nothing that was paid for is unsettled.
AT_REST = (*SETTLED, State.REFUSED)
NEEDS_A_PERSON = (State.REFUSED, State.IN_DOUBT, State.DECLINED)
