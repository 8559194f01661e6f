"""What may still happen to a style that has its ID, in words."""

from .actions import Action, Who
from .kinds import SAVED, Explanation, fix
from .wording import _, join

NEW_STYLE = _(
    "Make a new style from these pictures, under another name, as this one may still be taken. It "
    "is paid for like any other. Sharp pictures that are alike in colour and light train best."
)
FROM_THESE = _("You can make a new style from these pictures. It is paid for like any other.")
ANOTHER_KEY = _(
    "It was not deleted from here. If your team changed its key to one of another Pikzels account "
    "in the meantime, bring the ID in again once the right key is back."
)

AFTER_IT_WAS_MADE: dict[str, Explanation] = {
    "cannot_follow": Explanation(
        title=_("Pikzels cannot be asked about this style now"),
        work=_("Pikzels accepted the style, and its ID is stored. Its API key is turned away."),
        next_member=_("Ask a team owner to see to the API key. The style itself is not affected."),
        next_owner=_("See to the API key on the team page, then press “Resume”."),
        by_itself=_("The style is looked at again by itself."),
        who=Who.KEY_OWNER,
        owner_actions=(Action.RESUME, Action.KEY),
        card=_("Its key is turned away."),
    ),
    "training_failed": Explanation(
        title=_("Pikzels could not train this style"),
        work=join(SAVED, _("Pikzels gives no reason, and the ID cannot be used.")),
        next_member=join(NEW_STYLE, _("If it happens again, write to Pikzels’ support.")),
        next_owner=join(
            NEW_STYLE,
            _(
                "The balance at app.pikzels.com/platform shows whether this one was charged. If "
                "it was, Pikzels’ support can look into it."
            ),
        ),
        who=Who.MEMBER,
        member_actions=(Action.VARIANT, Action.SUPPORT),
        owner_actions=(Action.VARIANT, Action.SUPPORT),
        card=_("Pikzels could not train it."),
    ),
    "gone": fix(
        _("Pikzels no longer has this style"),
        _(
            "Make a new style from these pictures and use its ID instead. It is paid for like any "
            "other. If nobody on your team deleted this one, Pikzels’ support may know more."
        ),
        work=_("The name and all three pictures are saved here, but the ID no longer works."),
        actions=(Action.VARIANT, Action.SUPPORT),
        card=_("Pikzels no longer has it."),
    ),
    "deleted": Explanation(
        title=_("This style was deleted at Pikzels"),
        work=_("Its ID no longer works. Its page, its pictures and its history stay here."),
        next_member=FROM_THESE,
        next_owner=FROM_THESE,
        who=Who.MEMBER,
        member_actions=(Action.VARIANT,),
        owner_actions=(Action.VARIANT,),
        card=_("It was deleted at Pikzels."),
    ),
    # One that was brought in by its ID has no pictures here to make another from.
    "attached_training_failed": Explanation(
        title=_("Pikzels could not train this style"),
        work=_("Pikzels gives no reason, and the ID cannot be used."),
        next_member=_("Make a new style. It is paid for like any other."),
        next_owner=_("Make a new style. It is paid for like any other."),
        who=Who.MEMBER,
        member_actions=(Action.NEW,),
        owner_actions=(Action.NEW,),
        card=_("Pikzels could not train it."),
    ),
    "attached_gone": Explanation(
        title=_("Pikzels no longer has this style"),
        work=_("Its ID no longer works. What is known of it stays here."),
        next_member=ANOTHER_KEY,
        next_owner=ANOTHER_KEY,
        who=Who.MEMBER,
        member_actions=(Action.ATTACH,),
        owner_actions=(Action.ATTACH,),
        card=_("Pikzels no longer has it."),
    ),
    "attached_deleted": Explanation(
        title=_("This style was deleted at Pikzels"),
        work=_("Its ID no longer works. Its page and its history stay here."),
        next_member=_("There is nothing more to do about it."),
        next_owner=_("There is nothing more to do about it."),
        who=Who.MEMBER,
        member_actions=(Action.NEW,),
        owner_actions=(Action.NEW,),
        card=_("It was deleted at Pikzels."),
    ),
}
