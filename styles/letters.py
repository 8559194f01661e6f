"""The mails that tell people what happened: subject, words and headers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from teams.models import Membership

from .explanations import Explanation, explain
from .models import Event, Notice, Style
from .state_words import STATES
from .states import State


def letter(notices: Sequence[Notice], membership: Membership) -> EmailMessage:
    """Return one mail about all of these, the oldest first; of each style only the newest."""
    newest = [*{subject_id(notice): notice for notice in notices}.values()]
    greeting = _("Hello %(name)s,") % {"name": one_line(membership.user.display_name)}
    parts = ["\n".join(paragraph_of(notice, membership)) for notice in newest]
    return EmailMessage(
        subject_of(newest),
        "\n\n".join([greeting, *parts, why_you(membership)]) + "\n",
        to=[membership.user.email],
        headers={
            "List-Unsubscribe": f"<{choice_url()}>",
            # So that nobody's note of absence answers.
            "Auto-Submitted": "auto-generated",
        },
    )


def subject_id(notice: Notice) -> object:
    return notice.event.style_id if notice.event else notice.key_id


def subject_of(notices: Sequence[Notice]) -> str:
    first = one_line(headline(notices[0]))
    if len(notices) == 1:
        return first
    return _("%(first)s, and %(number)d more") % {"first": first, "number": len(notices) - 1}


def one_line(text: str) -> str:
    """Return a name as a header can hold it, and as it cannot pass for anything else."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def headline(notice: Notice) -> str:
    """Return the name and the state of what a notice is about."""
    if notice.event is None:
        why = explain(notice.held_code, "held").title
        return _("%(team)s: %(why)s") % {"team": notice.team, "why": why}
    words = {"name": notice.event.style, "state": label_of(notice)}
    return _("%(name)s: %(state)s") % words


def label_of(notice: Notice) -> str:
    if notice.kind == Notice.Kind.REVIEW:
        return _("Waits for your review")
    assert notice.event
    why = explanation_of(notice.event)
    return (why.label if why else "") or STATES[notice.event.to_state].label


def explanation_of(event: Event) -> Explanation | None:
    return explain(event.reason, event.to_state) if event.reason else None


def paragraph_of(notice: Notice, membership: Membership) -> list[str]:
    """Return the lines about one notice: what, why, what to do, when and where."""
    says = about_key(notice) if notice.event is None else about_style(notice, membership)
    at = notice.held_at if notice.event is None else notice.event.at
    return [one_line(headline(notice)), *map(str, says), when(at or notice.at), url_of(notice)]


def about_key(notice: Notice) -> list[str]:
    assert notice.key
    waiting = Style.objects.filter(key=notice.key, state=State.QUEUED).count()
    words = {"key": notice.key.shown, "number": waiting}
    return [
        explain(notice.held_code, "held").next_owner,
        _("Key: %(key)s. Styles that wait for it: %(number)d.") % words,
    ]


def about_style(notice: Notice, membership: Membership) -> list[str]:
    event = notice.event
    assert event
    if notice.kind == Notice.Kind.REVIEW:
        author = one_line(str(event.style.creator or _("Somebody who has left")))
        made_by = _("It was made by %(name)s.") % {"name": author}
        return [made_by, _("Once you approve it, it is sent and paid for.")]
    if notice.kind == Notice.Kind.DECLINED:
        reviewer = one_line(str(event.who or _("A reviewer")))
        wrote = _("%(name)s wrote:") % {"name": reviewer}
        return [wrote, event.note, explain(event.reason or "declined").next_member]
    if why := explanation_of(event):
        next_step = why.next_owner if membership.is_owner else why.next_member
        return [f"{why.title}.", why.work, next_step]
    words = STATES[event.to_state]
    in_sandbox = [_("Sandbox: nothing is sent to Pikzels.")] if event.style.sandbox else []
    return [words.sentence, words.next_step, *in_sandbox]


def when(at: datetime) -> str:
    return _("%(time)s UTC") % {"time": date_format(at.astimezone(UTC), "j F Y, H:i")}


def url_of(notice: Notice) -> str:
    path = notice.event.style.get_absolute_url() if notice.event else reverse("team") + "#keys"
    return settings.PUBLIC_URL + path


def why_you(membership: Membership) -> str:
    words = {"team": one_line(membership.team.name)}
    reason = _("You are told because you are on the team %(team)s. To choose which mails you want:")
    return "\n".join([reason % words, choice_url()])


def choice_url() -> str:
    return settings.PUBLIC_URL + reverse("account_notices")
