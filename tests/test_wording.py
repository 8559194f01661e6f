import pytest

from tests.wording import banned_words, visible_text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Invalid name, please try again!", ["invalid", "please", "!"]),
        ("Oops, sorry", ["oops", "sorry"]),
        ("This field is\n required.", ["this field is required"]),
        ("An error occurred: it failed to load", ["an error occurred", "failed to"]),
    ],
)
def test_banned_words_are_found_in_any_case_and_across_lines(text, found):
    assert banned_words(text) == found


@pytest.mark.parametrize(
    "text", ["INVALID_IMAGE", "Training failed", "pleased", "Enter a style name", "aria-invalid"]
)
def test_words_that_only_look_alike_are_let_through(text):
    assert banned_words(text) == []


def test_a_page_is_read_without_its_markup_and_code_samples():
    html = """<!DOCTYPE html><title>Mars diary</title><script>if (a != b) alert("Oops!")</script>
        <p aria-invalid="true">Copied</p><pre><code>please()</code></pre><img alt="Day 30">"""
    assert visible_text(html) == "Mars diary Copied Day 30"


def test_words_in_attributes_that_are_read_aloud_count():
    assert banned_words(visible_text('<button aria-label="Please copy">Copy</button>')) == [
        "please"
    ]
