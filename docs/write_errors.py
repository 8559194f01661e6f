"""Writes docs/errors.md from the catalogue of explanations: `python -m docs.write_errors`."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import django
from django.utils.translation import override

from styles import explanations
from styles.explanations import WHO, Explanation
from styles.pikzels.errors import FACTS
from styles.pikzels.outcome import known_code

PAGE = Path(__file__).with_name("errors.md")

INTRODUCTION = """# What Pikzels answers, and what to do next

Whatever comes back when a style is sent, or does not come back, the app knows a next step. The
first column is the code under “Details for support”, with the HTTP status that it comes with.
Codes in capitals are Pikzels’ own, the others are this app’s.
"""

SECTIONS: dict[str, tuple[str, dict[str, Explanation]]] = {
    "Change something and send it again": (
        "Pikzels made no style. What you entered is kept, and the form opens where the change is "
        "needed.",
        explanations.FIX_AND_SEND_AGAIN,
    ),
    "Waits for the key’s owner": (
        "The style itself needs no change. An owner settles it at Pikzels or on the team page.",
        explanations.WAITS_FOR_THE_KEY_OWNER,
    ),
    "Waits by itself": ("Nobody has to do anything.", explanations.WAITS_BY_ITSELF),
    "Outcome unknown": (
        "Everything was sent, but no answer says whether the style was made. The app never sends "
        "such a style again by itself, because it might be paid for twice.",
        explanations.OUTCOME_UNKNOWN,
    ),
    "Answers that creating a style should not have": (
        "These codes belong to other requests. Should one come all the same, no style was made, "
        "and the operator of the app can see the answer.",
        explanations.NOT_EXPECTED,
    ),
    "After the style was made": (
        "What may still happen to a style that has its ID.",
        explanations.AFTER_IT_WAS_MADE,
    ),
    "After a review": (
        "What a reviewer of your team decided before anything was sent.",
        explanations.AFTER_A_REVIEW,
    ),
    "Answers that are new to the app": (
        "Where Pikzels answers with a code that is not listed here, its HTTP status decides what "
        "becomes of the style: it is refused, held with its key, or queued to be tried again. "
        "Where the status leaves the outcome unknown, it is treated as `unknown_code` above.",
        {state: entry for state, entry in explanations.OTHERWISE.items() if state != "in_doubt"},
    ),
}


def next_step(explanation: Explanation) -> str:
    member, owner = str(explanation.next_member), str(explanation.next_owner)
    return member if member == owner else f"**Member:** {member} **Owner:** {owner}"


COLUMNS: dict[str, Callable[[Explanation], str]] = {
    "What you read": lambda explanation: str(explanation.title),
    "What happened": lambda explanation: str(explanation.work),
    "What to do next": next_step,
    "What the app does": lambda explanation: str(explanation.by_itself),
    "Who can settle it": lambda explanation: str(WHO[explanation.who]),
}


def errors_page() -> str:
    """Return the whole page in Markdown, in the language of the source."""
    with override(None):
        return "\n".join([INTRODUCTION, *map(_section, SECTIONS)])


def _section(heading: str) -> str:
    """Return a section's table; what most of its rows would repeat is told once above it."""
    about, entries = SECTIONS[heading]
    shared, columns = [], {"Code": [_code(reason) for reason in entries]}
    for column, text_of in COLUMNS.items():
        texts = [text_of(explanation) for explanation in entries.values()]
        common, times = Counter(texts).most_common(1)[0]
        unless = "" if times == len(texts) else ", unless its row says otherwise"
        if common and 2 * times > len(texts):
            shared.append(f"- **{column}**{unless}: {common}")
            texts = ["" if text == common else text or "Nothing." for text in texts]
        if any(texts):
            columns[column] = texts
    rows = [columns, ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    table = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"## {heading}", "", about, "", *_spaced(shared), *table, ""])


def _spaced(lines: list[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _code(reason: str) -> str:
    code = known_code(reason)
    return f"`{code}` ({FACTS[code].status})" if code else f"`{reason}`"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")
    django.setup()
    PAGE.write_text(errors_page(), encoding="utf-8")
