"""What a reviewer's decision means for the style's author: data, for the one table of words."""

from .actions import Action
from .kinds import SAVED, Explanation, fix
from .wording import _, join

NOTHING_PAID = join(SAVED, _("Nothing was sent, and nothing is paid."))

AFTER_A_REVIEW: dict[str, Explanation] = {
    "changes_wanted": fix(
        _("A reviewer asks for a change"),
        _("Change what the note asks for and send the style to review again."),
        work=NOTHING_PAID,
        label=_("Change wanted"),
        card=_("A reviewer asks for a change."),
    ),
    "declined": fix(
        _("A reviewer declined this style"),
        _(
            "Read the note first. You can change the style and send it to review again, or start "
            "a new one from these pictures."
        ),
        work=NOTHING_PAID,
        actions=(Action.EDIT, Action.VARIANT),
        card=_("A reviewer declined it."),
    ),
}
