"""What a page shows of a style: every string is made here, so that the templates stay plain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _g

from teams.models import Membership

from .deleting import DELETABLE, may_delete
from .explanations import (
    AFTER_IT_WAS_MADE,
    BUTTONS,
    STATES,
    Action,
    Explanation,
    StateWords,
    explain,
)
from .models import Attempt, Deletion, ReferenceImage, Style
from .notes import first_line
from .pikzels.errors import Verdict
from .review import Desk, last_word
from .states import MADE, SETTLED, State
from .timeline import Step, steps_of
from .wording import _

USUALLY = timedelta(minutes=10)
TAKES_LONG = (
    _("Pikzels is still training it, which takes longer than usual."),
    _("It is followed for as long as it takes. If it lasts an hour, write to Pikzels’ support."),
)
OUTCOMES = {
    "": _("under way"),
    Verdict.MADE: _("accepted"),
    Verdict.NOT_SENT: _("not sent"),
    Verdict.LATER: _("put off"),
    Verdict.KEY_HELD: _("key not accepted"),
    Verdict.REFUSED: _("refused"),
    Verdict.IN_DOUBT: _("outcome unknown"),
}
NOTES = {
    "reencoded": _("Saved anew as a kind that Pikzels takes"),
    "upright": _("Turned upright"),
    "shrunk": _("Made smaller, as it was too large for Pikzels"),
}
POSTS = {Action.RESUME, Action.SHRINK, Action.VARIANT, Action.RETRY, Action.KEEP}
# Before anything is on its way, these can still be taken back.
TAKEN_BACK = {State.QUEUED, State.IN_REVIEW}


@dataclass(frozen=True, kw_only=True)
class Button:
    label: str
    url: str
    method: str = "get"
    primary: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    title: str
    tone: str
    paragraphs: list[str]
    actions: list[Button]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A style as its page shows it, for one person's role."""

    state: str
    label: str
    tone: str
    shape: str
    sentence: str
    next_step: str
    settled: bool
    title: str
    panel: Panel | None
    steps: list[Step]
    details: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    more_actions: list[Button]


def show(style: Style, membership: Membership) -> Shown:
    """Return what the style's page shows to a person of this role."""
    words = words_of(style)
    label = label_of(style)
    attempts = list(style.attempts.order_by("-number"))
    return Shown(
        state=style.shown_state,
        label=label,
        tone=words.tone,
        shape=words.shape,
        sentence=TAKES_LONG[0] if takes_long(style) else words.sentence,
        next_step=TAKES_LONG[1] if takes_long(style) else words.next_step,
        settled=style.state in SETTLED and style.due_at is None,
        title=f"{label}: {style}",
        panel=panel_of(style, membership),
        steps=steps_of(style, label, attempts[0] if attempts else None),
        details=details_of(style, attempts[0] if attempts else None),
        attempts=[attempt_row(attempt) for attempt in attempts],
        more_actions=[*more_actions(style), *deletion_button(style, membership)],
    )


# Words


def words_of(style: Style) -> StateWords:
    """Return its state's words; a draft that a reviewer gave back looks like what was refused."""
    return STATES["refused" if style.reason == "changes_wanted" else style.shown_state]


def takes_long(style: Style) -> bool:
    """Whether its training takes longer than trainings do; it is followed all the same."""
    since = style.made_at
    return style.state == State.TRAINING and since is not None and timezone.now() - since > USUALLY


def reason_of(style: Style) -> str:
    """Return why it is in its state, as a key of the explanations; "" where nothing needs one."""
    if style.is_held:
        return style.key.held_code if style.key else "no_key"
    if style.state in {State.TRAINING_FAILED, State.GONE, State.DECLINED}:
        return "deleted" if style.reason == "deleted" else str(style.state)
    return style.reason


def explanation_of(style: Style) -> Explanation | None:
    reason = reason_of(style)
    if style.attached and f"attached_{reason}" in AFTER_IT_WAS_MADE:
        reason = f"attached_{reason}"
    return explain(reason, style.shown_state) if reason else None


def label_of(style: Style) -> str:
    explanation = explanation_of(style)
    label = STATES[style.shown_state].label
    if explanation and style.state not in MADE:
        label = explanation.label or label
    if style.state == State.TRAINING and style.progress is not None:
        return _g("%(label)s %(percent)d %%") % {"label": label, "percent": style.progress}
    return label


# Buttons


def address_of(action: Action, style: Style) -> str:
    if action == Action.KEY:
        return reverse("team") + "#keys"
    if action == Action.NEW:
        return reverse("style_new")
    if action == Action.ATTACH:
        return reverse("attach")
    if action == Action.RESUME and style.key:
        return reverse("key_resume", args=[style.key.uuid])
    return reverse(f"style_{action}", args=[style.pk])


def buttons_for(actions: Iterable[Action], style: Style, *, primary: bool = True) -> list[Button]:
    return [
        Button(
            label=BUTTONS[action],
            url=address_of(action, style),
            method="post" if action in POSTS else "get",
            primary=primary and number == 0,
        )
        for number, action in enumerate(actions)
    ]


def _trying_again(style: Style) -> str:
    if style.state != State.QUEUED or not style.due_at or not style.reason:
        return ""
    return _g("Trying again at %(time)s.") % {"time": date_format(localtime(style.due_at), "H:i:s")}


def panel_of(style: Style, membership: Membership) -> Panel | None:
    explanation = explanation_of(style)
    if explanation is None:
        return review_panel(style, membership)
    owner = membership.is_owner
    paragraphs = [
        note_of_reviewer(style),
        explanation.work,
        explanation.next_owner if owner else explanation.next_member,
        _trying_again(style) or explanation.by_itself,
    ]
    actions = explanation.owner_actions if owner else explanation.member_actions
    return Panel(
        title=explanation.title,
        tone=words_of(style).tone,
        paragraphs=[text for text in paragraphs if text],
        actions=buttons_for(actions, style),
    )


def review_panel(style: Style, membership: Membership) -> Panel | None:
    """Return the way to the desk, for who may decide about a style that waits for a review."""
    desk = Desk.of_team(membership)
    if style.state != State.IN_REVIEW or desk is None or not desk.may_decide(style):
        return None
    url = reverse("review_style", args=[style.pk])
    return Panel(
        title=_g("Waits for your review"),
        tone="waiting",
        paragraphs=[_g("Once you approve it, it is sent and paid for.")],
        actions=[Button(label=_g("Review it"), url=url, primary=True)],
    )


def note_of_reviewer(style: Style) -> str:
    """Return what a reviewer wrote who gave the style back, and who it was; else ""."""
    if style.reason != "changes_wanted" and style.state != State.DECLINED:
        return ""
    said = last_word(style)
    words = _g("%(name)s wrote: “%(note)s”")
    return words % {"name": said.who or _g("A reviewer"), "note": said.note} if said else ""


def more_actions(style: Style) -> list[Button]:
    """Return the quiet buttons of a state, apart from what its explanation offers."""
    if takes_long(style):
        return [Button(label=BUTTONS[Action.SUPPORT], url=address_of(Action.SUPPORT, style))]
    if style.state in TAKEN_BACK:
        return [
            Button(label=_g("Edit"), url=reverse("style_reopen", args=[style.pk]), method="post"),
            Button(label=BUTTONS[Action.CANCEL], url=address_of(Action.CANCEL, style)),
        ]
    if style.state in {State.REFUSED, State.DECLINED} or style.reason == "changes_wanted":
        return [Button(label=_g("Give up"), url=address_of(Action.CANCEL, style))]
    if style.state == State.DRAFT:
        return [
            Button(label=_g("Continue"), url=address_of(Action.EDIT, style), primary=True),
            Button(label=_g("Discard"), url=address_of(Action.CANCEL, style)),
        ]
    if style.state in {State.READY, State.DROPPED} and not style.attached:
        variant = address_of(Action.VARIANT, style)
        paste = [Action.PASTE_ID] if style.may_exist() else []
        return [
            *(Button(label=BUTTONS[way], url=address_of(way, style)) for way in paste),
            Button(label=BUTTONS[Action.VARIANT], url=variant, method="post"),
        ]
    return []


def deletion_button(style: Style, membership: Membership) -> list[Button]:
    deletable = style.state in {State.TRAINING, *DELETABLE} and may_delete(style, membership)
    asked = deletable and Deletion.objects.filter(style=style).exists()
    return buttons_for([Action.DELETE], style, primary=False) if deletable and not asked else []


# Details


def details_of(style: Style, attempt: Attempt | None) -> list[dict[str, Any]]:
    """Return what support may ask for, the newest attempt's."""
    rows = [(_g("Our reference"), str(style.pk), True)]
    if attempt:
        rows = [
            (_g("Request ID"), attempt.request_id, True),
            (_g("What came back"), attempt.message, False),
            (_g("Code"), attempt.code or attempt.reason, False),
            (_g("HTTP status"), str(attempt.http_status or ""), False),
            (_g("Key"), attempt.key.shown, False),
            (_g("Bytes sent"), _bytes_text(attempt), False),
            *rows,
        ]
    return [{"label": label, "value": value, "copy": copy} for label, value, copy in rows if value]


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "when": attempt.opened_at,
        "outcome": OUTCOMES[attempt.outcome],
        "reason": attempt.code or attempt.reason,
        "request_id": attempt.request_id,
        "bytes_text": _bytes_text(attempt),
        "pikzels_id": attempt.pikzels_id,
    }


def _bytes_text(attempt: Attempt) -> str:
    if not attempt.bytes_total:
        return ""
    sent, total = filesizeformat(attempt.bytes_sent), filesizeformat(attempt.bytes_total)
    return sent if sent == total else _g("%(sent)s of %(total)s") % {"sent": sent, "total": total}


def support_text(style: Style) -> str:
    """Return a text to Pikzels' support with all that it asks for, and no secret."""
    attempt = style.last_attempt
    question = _g("this request was not accepted. What has to change so that it is?")
    if style.may_exist():
        question = _g("was a style created by this request, and if so, what is its ID?")
    lines = [
        _g("Hello,"),
        "",
        question,
        "",
        _g("Style name: %s") % style.name,
    ]
    if attempt:
        sent = attempt.committed_at or attempt.opened_at
        lines += [
            _g("Request ID: %s") % (attempt.request_id or _g("none was received")),
            _g("Time: %s") % f"{sent:%Y-%m-%d %H:%M:%S} UTC",
            _g("API key: %s") % attempt.key.shown,
            _g("Answer: %s") % _answer_text(attempt),
        ]
    return "\n".join([*lines, "", _g("Thank you")])


def _answer_text(attempt: Attempt) -> str:
    if attempt.http_status is None:
        return _g("none")
    return f"HTTP {attempt.http_status} {attempt.code}".strip()


# Cards


def card_of(style: Style, membership: Membership) -> dict[str, Any]:
    """Return what the library shows of a style; its images and key have to be prefetched."""
    words = words_of(style)
    explanation = explanation_of(style)
    return {
        "name": str(style),
        "url": style.get_absolute_url(),
        "state": style.shown_state,
        "label": label_of(style),
        "tone": words.tone,
        "shape": words.shape,
        "images": [
            {"preview_url": preview_of(style, image), "alt": "", "is_link": image.is_link}
            for image in style.images.all()
        ]
        # One that was brought in has no pictures here but what Pikzels made of it.
        or [{"preview_url": url, "alt": ""} for url in [style.portrait_url()] if url],
        "pikzels_id": style.pikzels_id,
        "progress": style.progress if style.state == State.TRAINING else None,
        "line": explanation.card if explanation else "",
        "action": _card_action(style, explanation, membership),
        "note": first_line(style.note),
        "creator": style.creator.display_name if style.creator else "",
        "attached": style.attached,
        "when": style.created_at,
        "sandbox": style.sandbox,
    }


def _card_action(
    style: Style, explanation: Explanation | None, membership: Membership
) -> dict[str, str] | None:
    if explanation is None:
        if style.state == State.DRAFT:
            return {"label": _g("Continue"), "url": address_of(Action.EDIT, style)}
        return None
    owner = membership.is_owner
    actions = explanation.owner_actions if owner else explanation.member_actions
    return {"label": _g("See what to do"), "url": style.get_absolute_url()} if actions else None


def preview_url(style: Style, position: int) -> str:
    return reverse("style_image_preview", args=[style.pk, position])


def preview_of(style: Style, image: ReferenceImage) -> str:
    """Return its address, another one for each picture: one that was replaced is not shown."""
    return f"{preview_url(style, image.position)}?{image.sha256[:8]}"


def image_rows(style: Style) -> list[dict[str, Any]]:
    """Return the style's pictures as its page and its form show them."""
    return [
        {
            "n": image.position,
            "is_link": image.is_link,
            "url": _address_of(style, image),
            "gone_at": image.original_gone_at,
            "preview_url": preview_of(style, image),
            "name": image.original_name,
            "sha256": image.sha256,
            "width": image.width,
            "height": image.height,
            "size_text": filesizeformat(image.bytes),
            "note": NOTES.get(image.note, ""),
        }
        for image in style.images.all()
    ]


def _address_of(style: Style, image: ReferenceImage) -> str:
    """Return where the picture itself is; "" where it was deleted after its time."""
    if image.is_link:
        return image.source_url
    url = reverse("style_image", args=[style.pk, image.position])
    return "" if image.original_gone_at else url


def sandbox_page(style: Style) -> str:
    """Return where the sandbox tells what it made, "" for a style that was really sent."""
    return f"{style.key.base_url}/_sandbox/" if style.sandbox and style.key else ""


def cost_text() -> str:
    """Return what a style costs, by the settings; "" where they do not say."""
    return _g("About %s") % settings.STYLE_PRICE if settings.STYLE_PRICE else ""


def time_text() -> str:
    """Return since when that is known, and how long a style takes."""
    ready = _g("Ready in a few minutes.")
    if not settings.STYLE_PRICE or not settings.STYLE_PRICE_AS_OF:
        return ready
    since = date_format(settings.STYLE_PRICE_AS_OF, "j F Y")
    return " ".join([_g("Price as of %s.") % since, ready])


def spent_text(style: Style) -> str:
    """Return what this style has presumably cost, once it was made; "" where nobody can say."""
    if not settings.STYLE_PRICE or style.sandbox or style.state not in MADE or style.attached:
        return ""
    return _g("This style cost about %s.") % settings.STYLE_PRICE
