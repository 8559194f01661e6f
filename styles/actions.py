"""What can be done about a style, the words on the buttons, and who can settle what."""

from enum import StrEnum

from .wording import _


class Action(StrEnum):
    """A button; the page knows its address and whether the style's state allows it."""

    EDIT = "edit"
    SHRINK = "shrink"
    RESUME = "resume"  # owners: the key is in order again, let one style go first
    KEY = "key"  # owners: the team page at the key
    PASTE_ID = "paste_id"
    SUPPORT = "support"
    SEND_AGAIN = "send_again"  # owners, knowing that it may be paid for twice
    GIVE_UP = "give_up"
    CANCEL = "cancel"  # while it waits, for whatever reason: no explanation names it
    RETRY = "retry"  # certainly not sent, and the tries are used up
    VARIANT = "variant"
    NEW = "new"
    ATTACH = "attach"
    INSTRUCTIONS = "instructions"
    DELETE = "delete"  # at Pikzels: owners, and who made it
    KEEP = "keep"  # takes the word back that it be deleted once it is trained


BUTTONS: dict[Action, str] = {
    Action.EDIT: _("Change and send again"),
    Action.SHRINK: _("Shrink and send again"),
    Action.RESUME: _("Resume"),
    Action.KEY: _("Open the API key"),
    Action.PASTE_ID: _("Paste its ID"),
    Action.SUPPORT: _("Write to support"),
    Action.SEND_AGAIN: _("Send again…"),
    Action.GIVE_UP: _("Give up"),
    Action.CANCEL: _("Cancel sending"),
    Action.RETRY: _("Send now"),
    Action.VARIANT: _("New style from these pictures"),
    Action.NEW: _("New style"),
    Action.ATTACH: _("Bring in by ID"),
    Action.INSTRUCTIONS: _("Change the instructions"),
    Action.DELETE: _("Delete at Pikzels…"),
    Action.KEEP: _("Keep it after all"),
}


class Who(StrEnum):
    """Who can settle it."""

    MEMBER = "member"
    KEY_OWNER = "key_owner"
    WAIT = "wait"
    SUPPORT = "support"
    OPERATOR = "operator"


WHO: dict[Who, str] = {
    Who.MEMBER: _("You"),
    Who.KEY_OWNER: _("A team owner"),
    Who.WAIT: _("Nobody, it settles by itself"),
    Who.SUPPORT: _("Pikzels’ support"),
    Who.OPERATOR: _("The operator of this app"),
}
