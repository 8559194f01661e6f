"""What each state of a style is called, and what a person may do or expect in it."""

from dataclasses import dataclass

from .wording import _


@dataclass(frozen=True, kw_only=True)
class StateWords:
    """The words of a state, and how it looks: no two states share both tone and shape.

    `tone` is one of good, waiting, bad, info, quiet; `shape` of dot, ring, square, diamond, half,
    dash.
    """

    label: str
    tone: str
    shape: str
    sentence: str
    next_step: str


# "held" is not stored: it is a queued style whose key is held, or missing.
STATES: dict[str, StateWords] = {
    "draft": StateWords(
        label=_("Draft"),
        tone="quiet",
        shape="ring",
        sentence=_("This is a draft, and nothing has been sent."),
        next_step=_("Add the name and three pictures, then send it."),
    ),
    "in_review": StateWords(
        label=_("In review"),
        tone="waiting",
        shape="ring",
        sentence=_("It waits for a reviewer, and nothing has been sent."),
        next_step=_("A reviewer decides whether it is sent. Until then you can take it back."),
    ),
    "declined": StateWords(
        label=_("Declined"),
        tone="bad",
        shape="dash",
        sentence=_("A reviewer declined it, and nothing has been sent."),
        next_step=_("Read the reviewer’s note, change the style and send it to review again."),
    ),
    "queued": StateWords(
        label=_("Waiting to be sent"),
        tone="waiting",
        shape="half",
        sentence=_("The name and all three pictures are saved and wait to be sent."),
        next_step=_("It is sent by itself. Until then you can change it or cancel sending."),
    ),
    "held": StateWords(
        label=_("Waits for the key"),
        tone="waiting",
        shape="dot",
        sentence=_("Everything is saved, and nothing is sent until the API key can be used."),
        next_step=_("It is sent by itself once a team owner has seen to the key."),
    ),
    "sending": StateWords(
        label=_("Sending"),
        tone="info",
        shape="half",
        sentence=_("The name and the pictures are on their way to Pikzels."),
        next_step=_("This page follows by itself. You can close it, nothing is lost."),
    ),
    "committed": StateWords(
        label=_("Sent, waiting for the answer"),
        tone="info",
        shape="dot",
        sentence=_("Everything was sent, and Pikzels has not answered yet."),
        next_step=_("The answer appears here by itself. You can close this page."),
    ),
    "refused": StateWords(
        label=_("Needs a change"),
        tone="bad",
        shape="square",
        sentence=_("This style has not been made."),
        next_step=_(
            "Follow the advice on this page, then send it again. What you entered is kept."
        ),
    ),
    "in_doubt": StateWords(
        label=_("Outcome unknown"),
        tone="waiting",
        shape="diamond",
        sentence=_("Pikzels may have made this style. No answer has settled it yet."),
        next_step=_("Paste its ID, ask Pikzels’ support, or give up."),
    ),
    "training": StateWords(
        label=_("Training"),
        tone="info",
        shape="ring",
        sentence=_("Pikzels is training it. This usually takes a few minutes."),
        next_step=_("The ID works once the style is ready. You can close this page."),
    ),
    "ready": StateWords(
        label=_("Ready"),
        tone="good",
        shape="dot",
        sentence=_("The style is trained, and its ID can be used in requests."),
        next_step=_("Copy the ID or one of the snippets."),
    ),
    "training_failed": StateWords(
        label=_("Training failed"),
        tone="bad",
        shape="half",
        sentence=_("Pikzels could not train this style, and gives no reason."),
        next_step=_("Make a new style, from these pictures or from others."),
    ),
    "gone": StateWords(
        label=_("Gone"),
        tone="quiet",
        shape="dash",
        sentence=_("Pikzels no longer has this style, so its ID no longer works."),
        next_step=_("Its pictures are kept here: you can make a new style from them."),
    ),
    "dropped": StateWords(
        label=_("Given up"),
        tone="quiet",
        shape="square",
        sentence=_("It was given up, and nothing more is sent for it."),
        next_step=_("Its pictures are kept here: you can make a new style from them."),
    ),
}
