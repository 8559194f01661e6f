"""The kinds of answers to a paid call, by what happens next: what their explanations share."""

from dataclasses import dataclass

from .actions import Action, Who
from .wording import _, join


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a person reads after an answer: whole sentences, but for `title` and `label`.

    The first action is the primary button. `field` says where the form opens: "name", "images"
    or, where the answer decides, "". Without a `label` the state's own is shown.
    """

    title: str
    work: str
    next_member: str
    next_owner: str
    by_itself: str = ""
    who: Who
    member_actions: tuple[Action, ...] = ()
    owner_actions: tuple[Action, ...] = ()
    field: str = ""
    label: str = ""
    card: str


SAVED = _("The name and all three pictures are saved.")
NOT_MADE = _("No style was made or charged.")
KEPT = join(SAVED, NOT_MADE)
INCOMPLETE = _("The request was never complete, so no style was made or charged.")
IN_DETAILS = _("Pikzels’ own words are under “Details for support”.")
ASK_SUPPORT = _(
    "If the answer stays the same, write to Pikzels’ support: the text with the request ID "
    "is ready."
)
OPERATOR_SEES = _("The operator of this app can see this answer too.")
AGAIN_AS_IT_IS = join(_("Send the style again as it is."), ASK_SUPPORT, OPERATOR_SEES)


def fix(
    title: str,
    next_step: str,
    *,
    card: str,
    work: str = KEPT,
    actions: tuple[Action, ...] = (Action.EDIT,),
    who: Who = Who.MEMBER,
    by_itself: str = "",
    field: str = "",
    label: str = "",
) -> Explanation:
    """Refused, and certainly not made: a person changes something and sends it again."""
    return Explanation(
        title=title,
        work=work,
        next_member=next_step,
        next_owner=next_step,
        by_itself=by_itself,
        who=who,
        member_actions=actions,
        owner_actions=actions,
        field=field,
        label=label,
        card=card,
    )


def unexpected(about: str, next_step: str = AGAIN_AS_IT_IS) -> Explanation:
    """Refused with a code that belongs to another request than ours."""
    return fix(
        _("Pikzels gave an answer that was not expected"),
        next_step,
        work=join(about, KEPT),
        actions=(Action.EDIT, Action.SUPPORT),
        who=Who.OPERATOR,
        label=_("Not accepted"),
        card=_("Pikzels gave an unexpected answer."),
    )


def hold(
    title: str,
    *,
    member: str,
    owner: str,
    actions: tuple[Action, ...],
    label: str = _("Waits for the key"),
    card: str = _("Saved. Sent as soon as the key works."),
) -> Explanation:
    """Held with everything else that its key would send, until the key's owner has seen to it."""
    return Explanation(
        title=title,
        work=KEPT,
        next_member=join(
            member, _("Owners see a notice with what to do. The style itself needs no change.")
        ),
        next_owner=owner,
        by_itself=_(
            "All styles that wait for this key are held, and nothing more is sent with it. Once "
            "this is settled, one style goes first. When Pikzels accepts it, the others follow."
        ),
        who=Who.KEY_OWNER,
        owner_actions=actions,
        label=label,
        card=card,
    )


def wait(
    title: str,
    *,
    by_itself: str,
    card: str,
    work: str = KEPT,
    advice: str = _("You can still change it or cancel sending."),
) -> Explanation:
    """Certainly not made, and sent again without anybody's doing."""
    next_step = join(_("There is nothing that you have to do."), advice)
    return Explanation(
        title=title,
        work=work,
        next_member=next_step,
        next_owner=next_step,
        by_itself=by_itself,
        who=Who.WAIT,
        label=_("Tries again later"),
        card=card,
    )


def doubt(what_came: str, *, title: str = _("Pikzels may have made this style")) -> Explanation:
    """Sent whole, without an answer that settles it: made or not, nobody here can know."""
    ask = _("Ask Pikzels’ support whether the style exists: the text is ready to send.")
    paste = _("Once you have its ID, paste it here. Checking the ID costs nothing.")
    return Explanation(
        title=title,
        work=join(what_came, SAVED),
        next_member=join(
            ask, paste, _("Only an owner can send it again, because it may then be paid for twice.")
        ),
        next_owner=join(
            ask,
            paste,
            _(
                "If you send it again, keep the name: where the style exists, Pikzels normally "
                "answers that the name is taken. That is not promised, so you may pay twice."
            ),
        ),
        by_itself=_("Nothing more is sent for this style unless an owner says so."),
        who=Who.SUPPORT,
        member_actions=(Action.PASTE_ID, Action.SUPPORT, Action.GIVE_UP),
        owner_actions=(Action.PASTE_ID, Action.SUPPORT, Action.SEND_AGAIN, Action.GIVE_UP),
        card=_("Pikzels may have made it."),
    )
