"""The catalogue of words is whole, agrees with what the codes mean, and keeps to our style."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from styles import explanations
from styles.explanations import (
    BUTTONS,
    EXPLANATIONS,
    OTHERWISE,
    STATES,
    WHO,
    Action,
    Explanation,
    Who,
    explain,
)
from styles.pikzels.errors import FACTS, Code, Silence, Verdict
from styles.states import State
from tests.wording import banned_words

OUR_OWN_REASONS = {"exhausted", "no_key", "lost", "training_failed", "gone", "deleted"}
OUR_OWN_REASONS |= {f"attached_{reason}" for reason in ("training_failed", "gone", "deleted")}
OUR_OWN_REASONS |= {"disk_full", "storage_away", "cannot_decrypt", "made_before"}
OUR_OWN_REASONS |= {"still_in_doubt", "cannot_follow", "changes_wanted", "declined"}
DOUBTFUL_SILENCES = {Silence.NO_ANSWER, Silence.NOT_JSON, Silence.NO_ID, Silence.UNKNOWN_CODE}
TONES = {"good", "waiting", "bad", "info", "quiet"}
SHAPES = {"dot", "ring", "square", "diamond", "half", "dash"}
OWNERS_ONLY = {Action.RESUME, Action.KEY, Action.SEND_AGAIN}

SENTENCES = ("work", "next_member", "next_owner", "by_itself", "card")
ALL_EXPLANATIONS = {**EXPLANATIONS, **{f"otherwise {state}": e for state, e in OTHERWISE.items()}}
EXPLANATION_TEXTS = {
    f"{reason} {field}": str(getattr(explanation, field))
    for reason, explanation in ALL_EXPLANATIONS.items()
    for field in ("title", "label", *SENTENCES)
}
STATE_TEXTS = {
    f"{state} {field.name}": str(getattr(words, field.name))
    for state, words in STATES.items()
    for field in fields(words)
}
BUTTON_TEXTS = {f"button {action}": str(text) for action, text in BUTTONS.items()}
WHO_TEXTS = {f"who {who}": str(text) for who, text in WHO.items()}
EVERY_TEXT = {**EXPLANATION_TEXTS, **STATE_TEXTS, **BUTTON_TEXTS, **WHO_TEXTS}

every_explanation = pytest.mark.parametrize(
    "explanation", ALL_EXPLANATIONS.values(), ids=ALL_EXPLANATIONS
)


def codes(verdict: Verdict, *, on_create: bool | None = None) -> list[Code]:
    return [
        code
        for code, facts in FACTS.items()
        if facts.verdict is verdict and on_create in (None, facts.on_create)
    ]


def everything_told(explanation: Explanation) -> str:
    return " ".join(str(getattr(explanation, field)) for field in ("title", *SENTENCES))


# Whole


def test_every_code_every_silence_and_our_own_reasons_are_explained_and_nothing_else():
    assert set(EXPLANATIONS) == {*Code, *Silence, *OUR_OWN_REASONS}


def test_no_reason_is_explained_in_two_sections():
    sections = [
        explanations.FIX_AND_SEND_AGAIN,
        explanations.WAITS_FOR_THE_KEY_OWNER,
        explanations.WAITS_BY_ITSELF,
        explanations.OUTCOME_UNKNOWN,
        explanations.NOT_EXPECTED,
        explanations.AFTER_IT_WAS_MADE,
        explanations.AFTER_A_REVIEW,
    ]
    assert sum(map(len, sections)) == len(EXPLANATIONS)


def test_every_state_and_the_held_one_that_is_not_stored_have_words():
    assert set(STATES) == {*State.values, "held"}


def test_every_action_has_a_button_and_everybody_a_name():
    assert set(BUTTONS) == set(Action)
    assert set(WHO) == set(Who)


def test_the_codes_explained_are_those_of_the_contract():
    document = os.environ.get("PIKZELS_OPENAPI")
    if not document:
        pytest.skip("PIKZELS_OPENAPI names no copy of the API's document to compare with")
    schemas = yaml.safe_load(Path(document).read_text(encoding="utf-8"))["components"]["schemas"]
    listed = schemas["ErrorResponse"]["properties"]["error"]["properties"]["code"]["enum"]
    assert set(listed) == {reason for reason in EXPLANATIONS if reason.isupper()}


def test_the_texts_wait_for_the_reader_to_be_looked_up():
    """Looked up at import, they would be in one language for everybody."""
    environment = {name: text for name, text in os.environ.items() if name[:7] != "DJANGO_"}
    command = [sys.executable, "-c", "import styles.explanations"]
    subprocess.run(command, check=True, env=environment, cwd=Path(__file__).parent.parent)


# In agreement with what the codes mean


@pytest.mark.parametrize("code", codes(Verdict.REFUSED, on_create=True))
def test_what_was_refused_for_its_content_is_for_the_member_to_change(code):
    assert EXPLANATIONS[code].who is Who.MEMBER
    assert Action.EDIT in EXPLANATIONS[code].member_actions
    assert Action.EDIT in EXPLANATIONS[code].owner_actions


@pytest.mark.parametrize("code", codes(Verdict.KEY_HELD))
def test_what_is_held_with_its_key_can_be_resumed_by_owners_only(code):
    assert EXPLANATIONS[code].who is Who.KEY_OWNER
    assert Action.RESUME in EXPLANATIONS[code].owner_actions
    assert EXPLANATIONS[code].member_actions == ()
    assert EXPLANATIONS[code].by_itself


@pytest.mark.parametrize(
    "reason", [*codes(Verdict.LATER), Silence.COULD_NOT_CONNECT, Silence.STOPPED]
)
def test_what_is_tried_again_says_so_and_asks_nobody(reason):
    assert EXPLANATIONS[reason].who is Who.WAIT
    assert EXPLANATIONS[reason].by_itself
    assert "nothing that you have to do" in EXPLANATIONS[reason].next_member


IN_DOUBT = [*codes(Verdict.IN_DOUBT), *DOUBTFUL_SILENCES, "lost", "made_before"]
IN_DOUBT += ["still_in_doubt"]


@pytest.mark.parametrize("reason", sorted(IN_DOUBT))
def test_an_unknown_outcome_has_its_four_ways_out(reason):
    explanation = EXPLANATIONS[reason]
    ways_out = (Action.PASTE_ID, Action.SUPPORT, Action.SEND_AGAIN, Action.GIVE_UP)
    assert explanation.owner_actions == ways_out
    assert explanation.member_actions == (Action.PASTE_ID, Action.SUPPORT, Action.GIVE_UP)


@pytest.mark.parametrize("reason", sorted(IN_DOUBT))
def test_an_unknown_outcome_is_told_as_one_and_never_as_a_failure(reason):
    told = everything_told(EXPLANATIONS[reason])
    assert "Pikzels may have made" in told
    assert "Nothing more is sent for this style unless" in told
    assert not re.search(r"fail|No style was made|not charged", told)


@pytest.mark.parametrize("reason", sorted(set(EXPLANATIONS) - set(IN_DOUBT)))
def test_a_known_outcome_is_never_told_as_a_doubt(reason):
    assert "may have made" not in everything_told(EXPLANATIONS[reason])


@pytest.mark.parametrize("code", [code for code, facts in FACTS.items() if not facts.on_create])
def test_what_cannot_come_from_creating_is_called_unexpected_and_seen_by_the_operator(code):
    told = everything_told(EXPLANATIONS[code])
    assert "not expected" in told
    assert "operator of this app" in told


@pytest.mark.parametrize("code", codes(Verdict.REFUSED) + codes(Verdict.KEY_HELD))
def test_what_pikzels_certainly_did_not_make_is_told_as_not_charged(code):
    told = everything_told(EXPLANATIONS[code])
    assert "No style was made or charged" in told or "was not charged" in told


def test_the_two_payment_codes_give_different_advice():
    low, unpaid = (
        EXPLANATIONS[code]
        for code in (Code.INSUFFICIENT_CREDITS, Code.SMART_BALANCE_PAYMENT_FAILED)
    )
    assert "Add credits" in low.next_owner
    assert "Add credits" not in unpaid.next_owner
    assert "invoice" in unpaid.next_owner


def test_every_reason_for_holding_a_key_has_words_of_its_own():
    held = [EXPLANATIONS[code] for code in codes(Verdict.KEY_HELD)]
    assert len({str(explanation.title) for explanation in held}) == len(held)
    assert len({str(explanation.next_owner) for explanation in held}) == len(held)


def test_a_taken_name_is_told_as_evidence_where_an_earlier_try_is_in_doubt():
    assert "a persona" in EXPLANATIONS[Code.NAME_ALREADY_EXISTS].next_member
    before = EXPLANATIONS["made_before"]
    assert "very probably" in before.title
    assert Action.PASTE_ID in before.member_actions
    assert Action.EDIT not in before.owner_actions


def test_a_picture_that_is_too_large_is_shrunk_with_the_first_button():
    assert EXPLANATIONS[Code.IMAGE_TOO_LARGE].member_actions[0] is Action.SHRINK


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        (Code.NAME_ALREADY_EXISTS, "name"),
        (Code.NAME_RESERVED, "name"),
        (Code.INVALID_IMAGE, "images"),
        (Code.IMAGE_TOO_LARGE, "images"),
        (Silence.PICTURE_LOST, "images"),
    ],
)
def test_the_form_opens_where_the_change_is_needed(reason, field):
    assert EXPLANATIONS[reason].field == field


# For everybody a way on


@every_explanation
def test_nobody_meets_a_dead_end(explanation):
    assert explanation.member_actions or explanation.by_itself
    assert explanation.owner_actions or explanation.by_itself


@every_explanation
def test_members_are_not_offered_what_owners_decide(explanation):
    assert not OWNERS_ONLY & set(explanation.member_actions)


@every_explanation
def test_member_and_owner_read_different_steps_where_the_key_is_the_matter(explanation):
    if explanation.who is Who.KEY_OWNER:
        assert "team owner" in explanation.next_member
        assert "team owner" not in explanation.next_owner


@every_explanation
def test_buttons_that_a_text_names_are_there(explanation):
    named = {action for action, words in BUTTONS.items() if f"“{words}”" in explanation.next_owner}
    assert named <= set(explanation.owner_actions)


@every_explanation
def test_whoever_is_sent_to_support_has_the_button_for_it(explanation):
    for text, actions in (
        (explanation.next_member, explanation.member_actions),
        (explanation.next_owner, explanation.owner_actions),
    ):
        if re.search(r"Pikzels’ support|support@pikzels\.com", str(text)):
            assert Action.SUPPORT in actions


# In words that agree with the state


def test_a_reason_that_nobody_knows_is_told_with_care():
    assert explain("BRAND_NEW_CODE") is EXPLANATIONS[Silence.UNKNOWN_CODE]


@pytest.mark.parametrize("reason", sorted(EXPLANATIONS))
def test_without_a_state_a_reason_has_its_own_words(reason):
    assert explain(reason) is EXPLANATIONS[reason]


@pytest.mark.parametrize("state", ["refused", "held", "queued"])
@pytest.mark.parametrize("reason", [*sorted(IN_DOUBT), "BRAND_NEW_CODE"])
def test_a_doubtful_answer_that_settled_the_matter_is_not_told_as_a_doubt(reason, state):
    assert explain(reason, state) is OTHERWISE[state]
    assert "may have made" not in everything_told(OTHERWISE[state])


def test_a_code_that_came_with_a_success_status_leaves_a_doubt():
    assert "may have made" in explain(Code.VALIDATION_ERROR, "in_doubt").title


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (Code.INSUFFICIENT_CREDITS, "held"),
        ("no_key", "held"),
        (Silence.COULD_NOT_CONNECT, "queued"),
        ("exhausted", "refused"),
        (Silence.PICTURE_LOST, "refused"),
        (Silence.NO_ANSWER, "in_doubt"),
        ("training_failed", "training_failed"),
        ("gone", "gone"),
    ],
)
def test_a_reason_in_its_usual_state_keeps_its_own_words(reason, state):
    assert explain(reason, state) is EXPLANATIONS[reason]


# In our style


@pytest.mark.parametrize("text", EVERY_TEXT.values(), ids=EVERY_TEXT)
def test_texts_keep_to_our_words(text):
    assert banned_words(text) == []
    assert not re.search(r"[\"']|  |\.\.\.|[$€£]", text)


@every_explanation
def test_titles_and_labels_are_no_sentences(explanation):
    assert re.fullmatch(r"[A-Z].*[^.]", str(explanation.title))
    assert len(explanation.title) <= 60
    assert re.fullmatch(r"([A-Z].*[^.])?", str(explanation.label))
    assert len(explanation.label) <= 30


@every_explanation
@pytest.mark.parametrize("field", SENTENCES)
def test_everything_else_is_whole_sentences(explanation, field):
    text = str(getattr(explanation, field))
    assert field == "by_itself" or text
    assert re.fullmatch(r"([A-Z“].*\.)?", text)


@every_explanation
def test_a_card_has_room_for_its_line(explanation):
    assert len(explanation.card) <= 48


@every_explanation
def test_sentences_are_short_enough_to_be_read_aloud(explanation):
    for sentence in re.split(r"(?<=\.) (?=[A-Z“])", everything_told(explanation)):
        assert len(sentence.split()) <= 35, sentence


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_state_has_a_name_a_sentence_and_a_next_step(state):
    words = STATES[state]
    assert re.fullmatch(r"[A-Z].*[^.]", str(words.label))
    assert re.fullmatch(r"[A-Z].*\.", str(words.sentence))
    assert re.fullmatch(r"[A-Z].*\.", str(words.next_step))
    assert words.tone in TONES
    assert words.shape in SHAPES


def test_states_are_told_apart_by_shape_within_a_colour_and_by_name():
    assert len({(words.tone, words.shape) for words in STATES.values()}) == len(STATES)
    assert len({str(words.label) for words in STATES.values()}) == len(STATES)
