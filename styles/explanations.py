"""From an answer's code to words and the next step: data, in one table.

`explain(reason, state)` takes why a style is in its state, a `Code`, a `Silence` or one of our own
few reasons, and returns what a person reads then.
"""

from .actions import BUTTONS, WHO, Action, Who
from .after_made import AFTER_IT_WAS_MADE
from .kinds import (
    ASK_SUPPORT,
    IN_DETAILS,
    INCOMPLETE,
    KEPT,
    NOT_MADE,
    OPERATOR_SEES,
    SAVED,
    Explanation,
    doubt,
    fix,
    hold,
    unexpected,
    wait,
)
from .pikzels.errors import Code, Silence
from .review_words import AFTER_A_REVIEW
from .state_words import STATES, StateWords
from .wording import _, join

__all__ = [
    "AFTER_A_REVIEW",
    "AFTER_IT_WAS_MADE",
    "BUTTONS",
    "EXPLANATIONS",
    "OTHERWISE",
    "STATES",
    "WHO",
    "Action",
    "Explanation",
]
__all__ += ["StateWords", "Who", "explain"]

PAUSES = _("Sending with this key pauses. Then the style is tried again, several times if need be.")
FIX_AND_SEND_AGAIN: dict[str, Explanation] = {
    Code.VALIDATION_ERROR: fix(
        _("Pikzels did not accept the name or a picture"),
        _(
            "Change what Pikzels points out and send it again. Its own words stand beside the "
            "field that they are about, and under “Details for support”."
        ),
        card=_("Pikzels asks for a change."),
    ),
    Code.INVALID_IMAGE: fix(
        _("Pikzels could not read one of the pictures"),
        _(
            "Replace that picture, or save it as a JPEG or PNG file and choose it again. Pikzels "
            "does not always say which one: look for a picture that is cut off or damaged."
        ),
        field="images",
        label=_("Needs another picture"),
        card=_("Pikzels could not read a picture."),
    ),
    Code.IMAGE_TOO_LARGE: fix(
        _("A picture is too large for Pikzels"),
        _(
            "“Shrink and send again” makes the pictures smaller and sends the style. You can also "
            "choose a smaller picture yourself."
        ),
        actions=(Action.SHRINK, Action.EDIT),
        field="images",
        label=_("Needs a smaller picture"),
        card=_("A picture is too large for Pikzels."),
    ),
    Code.CONTENT_POLICY: fix(
        _("Pikzels’ content policy rules this style out"),
        _(
            "Choose another name or other pictures and send it again. Sent unchanged, it would "
            "most likely be blocked again. If you find nothing in it that could be meant, "
            "write to Pikzels’ support: the text with the request ID is ready."
        ),
        actions=(Action.EDIT, Action.SUPPORT),
        card=_("Blocked by Pikzels’ content policy."),
    ),
    Code.GENERATION_REJECTED: fix(
        _("Pikzels could not process this request"),
        join(_("Change the pictures or the name and send it again."), ASK_SUPPORT),
        actions=(Action.EDIT, Action.SUPPORT),
        field="images",
        card=_("Pikzels could not process it."),
    ),
    Code.NAME_ALREADY_EXISTS: fix(
        _("This name is already taken at Pikzels"),
        _(
            "A style or a persona of your Pikzels account has this name. Choose another name and "
            "send the style again."
        ),
        field="name",
        label=_("Needs another name"),
        card=_("The name is already taken."),
    ),
    Code.NAME_RESERVED: fix(
        _("Pikzels has reserved this name"),
        _("Choose another name and send it again. Pikzels does not publish the names it reserves."),
        field="name",
        label=_("Needs another name"),
        card=_("The name is reserved."),
    ),
    Code.CONFLICT: fix(
        _("The style conflicts with something at Pikzels"),
        join(
            _(
                "Pikzels’ own words, under “Details for support”, may say with what. Change the "
                "name first and send it again."
            ),
            ASK_SUPPORT,
        ),
        actions=(Action.EDIT, Action.SUPPORT),
        field="name",
        card=_("It conflicts with something at Pikzels."),
    ),
    Silence.PICTURE_LOST: fix(
        _("A saved picture is missing or damaged"),
        _(
            "Choose that picture again and send the style. If this happens more than once, tell "
            "the operator of this app: its disk may be at fault."
        ),
        work=join(_("The name and the other pictures are saved."), NOT_MADE),
        field="images",
        label=_("Needs a picture"),
        card=_("Choose one picture again."),
    ),
    "exhausted": fix(
        _("None of the tries got through to Pikzels"),
        _(
            "“Send now” starts a new round of tries. If that ends the same way, ask the operator "
            "of this app whether it can reach Pikzels."
        ),
        actions=(Action.RETRY, Action.EDIT),
        by_itself=_("After several tries, this app has stopped trying by itself."),
        label=_("Not sent"),
        card=_("Not sent. Try again whenever you like."),
    ),
}

WAITS_FOR_THE_KEY_OWNER: dict[str, Explanation] = {
    Code.INSUFFICIENT_CREDITS: hold(
        _("The balance is too low"),
        member=_("Ask a team owner to add credits at Pikzels."),
        owner=_(
            "Add credits at app.pikzels.com/platform, then press “Resume”. If Smart Balance is "
            "on, check there that one top-up is enough to pay for a style."
        ),
        actions=(Action.RESUME,),
        label=_("Waits for credits"),
        card=_("Saved. Sent as soon as the balance allows."),
    ),
    Code.SMART_BALANCE_PAYMENT_FAILED: hold(
        _("An automatic top-up could not be paid"),
        member=_("Ask a team owner to settle the open payment at Pikzels."),
        owner=_(
            "Smart Balance has paused because a top-up could not be paid. Pay the open "
            "invoice or change the payment method at app.pikzels.com/platform, then press “Resume”."
        ),
        actions=(Action.RESUME,),
        label=_("Waits for payment"),
        card=_("Saved. Sent as soon as the top-up is paid."),
    ),
    Code.MISSING_API_KEY: hold(
        _("Pikzels received no API key"),
        member=_("Ask a team owner to check the API key."),
        owner=_(
            "Enter the key again on the team page. If the answer stays the same, something between "
            "this app and Pikzels, such as a proxy, takes the X-Api-Key header away: ask the "
            "operator of this app to check that."
        ),
        actions=(Action.KEY, Action.RESUME),
    ),
    Code.INVALID_API_KEY_FORMAT: hold(
        _("The API key does not have the form of a Pikzels key"),
        member=_("Ask a team owner to enter the right API key."),
        owner=_(
            "A Pikzels key starts with pkz_. Copy the whole key from app.pikzels.com/platform and "
            "enter it on the team page."
        ),
        actions=(Action.KEY, Action.RESUME),
    ),
    Code.INVALID_API_KEY: hold(
        _("Pikzels does not know this API key"),
        member=_("Ask a team owner to enter an API key that Pikzels knows."),
        owner=_(
            "Compare the last four characters on the team page with your keys at "
            "app.pikzels.com/platform, then enter the right key or a new one."
        ),
        actions=(Action.KEY, Action.RESUME),
    ),
    Code.API_KEY_INACTIVE: hold(
        _("The API key is switched off"),
        member=_("Ask a team owner to switch the API key on again."),
        owner=_(
            "Switch the key on again at app.pikzels.com/platform, then press “Resume”. Or enter "
            "another key of the same Pikzels account on the team page."
        ),
        actions=(Action.RESUME, Action.KEY),
    ),
    Code.API_KEY_DELETED: hold(
        _("The API key was deleted at Pikzels"),
        member=_("Ask a team owner to enter a new API key."),
        owner=_(
            "Create a new key at app.pikzels.com/platform and enter it on the team page. Use the "
            "same Pikzels account: a key of another one may not reach the styles that you have."
        ),
        actions=(Action.KEY, Action.RESUME),
    ),
    "cannot_decrypt": hold(
        _("This app can no longer read the API key"),
        member=_("Ask a team owner to enter the API key again."),
        owner=_(
            "Enter the key again on the team page. The operator can also bring back the encryption "
            "key that it was stored with, the setting ENCRYPTION_KEYS: then press “Resume”."
        ),
        actions=(Action.KEY, Action.RESUME),
    ),
    Code.API_ACCESS_NOT_ENABLED: hold(
        _("The Pikzels account has no API access"),
        member=_("Ask a team owner to have API access turned on at Pikzels."),
        owner=_(
            "Look at app.pikzels.com/platform whether you can turn API access on. If not, write to "
            "support@pikzels.com: the text with the request ID is ready. Press “Resume” once "
            "access is on."
        ),
        actions=(Action.RESUME, Action.SUPPORT),
        label=_("Waits for API access"),
        card=_("Saved. Sent as soon as API access is on."),
    ),
    Code.ACCOUNT_SUSPENDED: hold(
        _("The Pikzels account is suspended"),
        member=_("Ask a team owner to clear this up with Pikzels."),
        owner=_(
            "Only Pikzels can lift the suspension. Write to support@pikzels.com: the text with the "
            "request ID is ready. Press “Resume” once the account is open again."
        ),
        actions=(Action.SUPPORT, Action.RESUME),
        label=_("Waits for the account"),
        card=_("Saved. Sent as soon as the account is open."),
    ),
    "no_key": Explanation(
        title=_("The team has no API key yet"),
        work=join(SAVED, _("Nothing has been sent.")),
        next_member=_("Ask a team owner to enter the team’s Pikzels API key."),
        next_owner=_(
            "Copy a key from app.pikzels.com/platform and enter it on the team page. It starts "
            "with pkz_."
        ),
        by_itself=_("The style is sent as soon as the team has a key."),
        who=Who.KEY_OWNER,
        member_actions=(),
        owner_actions=(Action.KEY,),
        label=_("Waits for a key"),
        card=_("Saved. Sent as soon as the team has a key."),
    ),
}

WAITS_BY_ITSELF: dict[str, Explanation] = {
    Code.TOO_MANY_REQUESTS: wait(
        _("Pikzels asks for a pause between requests"),
        by_itself=PAUSES,
        card=_("Saved. Sent after a pause."),
    ),
    Code.SERVICE_UNDER_MAINTENANCE: wait(
        _("Pikzels is under maintenance"),
        by_itself=PAUSES,
        card=_("Saved. Sent after the maintenance."),
    ),
    Silence.COULD_NOT_CONNECT: wait(
        _("Pikzels could not be reached"),
        work=join(SAVED, INCOMPLETE),
        advice=_(
            "If no style of your team gets through, tell the operator of this app: its connection "
            "may be down."
        ),
        by_itself=_("The style is tried again, several times if need be."),
        card=_("Saved. Tried again by itself."),
    ),
    "disk_full": wait(
        _("This app’s disk has no room"),
        work=join(SAVED, INCOMPLETE),
        advice=_("Tell the operator of this app: its disk is full or cannot be written to."),
        by_itself=_("Nothing is sent that could not be noted first. It is tried again by itself."),
        card=_("Saved. Sent once the disk has room."),
    ),
    "storage_away": wait(
        _("This app cannot get at its pictures"),
        work=join(SAVED, INCOMPLETE),
        advice=_("Tell the operator of this app: the pictures’ storage does not answer."),
        by_itself=_("The style is tried again, several times if need be."),
        card=_("Saved. Tried again by itself."),
    ),
    Silence.STOPPED: wait(
        _("Sending stopped before it was complete"),
        work=join(SAVED, _("This app stopped while it was sending."), INCOMPLETE),
        by_itself=_("The style is sent again by itself."),
        card=_("Saved. Sent again by itself."),
    ),
}

OUTCOME_UNKNOWN: dict[str, Explanation] = {
    Code.INTERNAL_ERROR: doubt(
        _(
            "Pikzels had everything and then reported an internal error, which does not tell "
            "whether the style was made."
        )
    ),
    Code.GENERATION_FAILED: doubt(
        _(
            "Pikzels reported a problem while it was making the style, and does not say whether "
            "the style exists."
        )
    ),
    Code.GENERATION_TIMEOUT: doubt(
        _("Making the style took longer than Pikzels allows. It may still have been completed.")
    ),
    Code.CANCELLED: doubt(
        _("Pikzels reported that making the style was cancelled, but not how far it had got.")
    ),
    Silence.NO_ANSWER: doubt(
        _(
            "Everything was sent, then the connection ended before an answer came. The style "
            "probably exists."
        )
    ),
    Silence.NOT_JSON: doubt(
        _(
            "Everything was sent, but what came back is not an answer of the Pikzels API. Its "
            "beginning is under “Details for support”: if you see an ID there, paste it."
        )
    ),
    Silence.NO_ID: doubt(
        _(
            "Pikzels reported success without naming the style, so the style most likely exists. "
            "What came instead is under “Details for support”."
        )
    ),
    Silence.UNKNOWN_CODE: doubt(
        join(
            _("Everything was sent, and the answer is one that this app does not know."),
            IN_DETAILS,
            OPERATOR_SEES,
        )
    ),
    "made_before": doubt(
        _(
            "Pikzels answers that the name is taken. An earlier try of this style had no clear "
            "end, so it very probably was made then, and this try made nothing."
        ),
        title=_("This style very probably exists"),
    ),
    "still_in_doubt": doubt(
        _(
            "The latest try came to nothing, and what became of the earlier one is still unknown. "
            "What came back is under “Details for support”."
        )
    ),
    "lost": doubt(
        _(
            "Everything was sent, then this app stopped before it could read the answer. The style "
            "probably exists."
        )
    ),
    # These two cannot come from creating a style, and leave as much in doubt if they do.
    Code.SCORING_TIMEOUT: doubt(
        join(
            _("The answer was not expected: it is about scoring a thumbnail, and none was sent."),
            OPERATOR_SEES,
        )
    ),
    Code.TITLE_TIMEOUT: doubt(
        join(
            _("The answer was not expected: it is about video titles, and none were asked for."),
            OPERATOR_SEES,
        )
    ),
}

NOT_EXPECTED: dict[str, Explanation] = {
    Code.INVALID_PERSONA: unexpected(_("It is about a persona, and none was sent.")),
    Code.INVALID_STYLE: unexpected(_("It is about the ID of a style, and none was sent.")),
    Code.INVALID_AMOUNT: unexpected(_("It is about an amount, and none was sent.")),
    Code.CANNOT_DELETE_PROCESSING: unexpected(
        _("It is about deleting a style in training, and nothing was to be deleted.")
    ),
    Code.SUPPORT_IMAGE_NOT_SUPPORTED: unexpected(
        _("It is about a support image, and none was sent.")
    ),
    Code.NOT_FOUND: unexpected(
        _("It says that Pikzels has nothing at the address that was asked."),
        _(
            "Tell the operator of this app, who can see this answer too: the address of the API in "
            "its settings may be wrong. Once that is settled, send the style again."
        ),
    ),
}

EXPLANATIONS: dict[str, Explanation] = {
    **FIX_AND_SEND_AGAIN,
    **WAITS_FOR_THE_KEY_OWNER,
    **WAITS_BY_ITSELF,
    **OUTCOME_UNKNOWN,
    **NOT_EXPECTED,
    **AFTER_IT_WAS_MADE,
    **AFTER_A_REVIEW,
}

# By the state as shown, for answers whose words say less than what was concluded from them: a
# new code with a 401, or an internal error that came before the request was complete.
OTHERWISE: dict[str, Explanation] = {
    "refused": fix(
        _("Pikzels did not accept the style"),
        join(
            _("If Pikzels’ own words name a cause, change that and send the style again."),
            ASK_SUPPORT,
            OPERATOR_SEES,
        ),
        work=join(_("The answer is one that this app does not know."), IN_DETAILS, KEPT),
        actions=(Action.EDIT, Action.SUPPORT),
        who=Who.OPERATOR,
        label=_("Not accepted"),
        card=_("Pikzels did not accept it."),
    ),
    "held": hold(
        _("Pikzels does not accept the API key or its account"),
        member=_("Ask a team owner to check the API key and its account."),
        owner=join(
            IN_DETAILS,
            _(
                "Check the key, the account and the balance at app.pikzels.com/platform, then "
                "press “Resume”."
            ),
        ),
        actions=(Action.RESUME, Action.KEY),
    ),
    "queued": wait(
        _("Pikzels has not taken the style yet"),
        by_itself=PAUSES,
        card=_("Saved. Tried again by itself."),
    ),
    "in_doubt": EXPLANATIONS[Silence.UNKNOWN_CODE],
}


def explain(reason: str, state: str = "") -> Explanation:
    """Return what to tell about `reason`, in words that agree with the state as it is shown.

    Only a style whose outcome is unknown is told that Pikzels may have made it. Without a state
    an unknown reason is taken for such a one, which is the careful reading.
    """
    own = EXPLANATIONS.get(reason, EXPLANATIONS[Silence.UNKNOWN_CODE])
    in_doubt = Action.GIVE_UP in own.member_actions
    if state and in_doubt != (state == "in_doubt"):
        return OTHERWISE.get(state, own)
    return own
