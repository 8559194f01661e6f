"""The sandbox's stand-in for the call that makes a thumbnail with a style."""

import io

import pytest
from PIL import Image

from styles.pikzels import rules
from tests.pikzels.sandboxes import CHARLIES_KEY, ask, create, ledger, running


@pytest.fixture
def style_id(sandbox):
    return create(sandbox).json["id"]


def wish(style_id, **changes):
    """Return the body that our snippets send; a change to None takes the field away."""
    body = {"prompt": "A rocket", "model": "pkz_4_5", "format": "16:9", "style": style_id}
    return {field: value for field, value in (body | changes).items() if value is not None}


def paint(sandbox, body, **options):
    return ask(sandbox, "POST", rules.THUMBNAIL_PATH, body, **options)


def picture(sandbox, answer):
    return ask(sandbox, "GET", answer.json["output"].removeprefix(sandbox.url), key=None)


@pytest.mark.parametrize("model", rules.STYLE_MODELS)
def test_answers_with_the_address_of_a_picture(sandbox, style_id, model):
    answer = paint(sandbox, wish(style_id, model=model))
    assert answer.status == 200
    assert answer.json == {
        "output": answer.json["output"],
        "request_id": answer.headers["X-Request-Id"],
    }
    image = picture(sandbox, answer)
    assert Image.open(io.BytesIO(image.body)).size == (1280, 720)


def test_another_prompt_is_another_picture(sandbox, style_id):
    one, same, other = (
        picture(sandbox, paint(sandbox, wish(style_id, prompt=prompt))).body
        for prompt in ("A rocket", "A rocket", "A whale")
    )
    assert one == same != other


def test_makes_no_style(sandbox, style_id):
    paint(sandbox, wish(style_id))
    assert ledger(sandbox)["charged"] == 1


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"prompt": None}, ["prompt"]),
        ({"prompt": "  "}, ["prompt"]),
        ({"prompt": 7, "format": 169}, ["prompt", "format"]),
        ({"model": "pkz_3"}, ["model"]),
        ({"model": ["pkz_4"]}, ["model"]),
        ({"style": None}, ["style"]),
    ],
)
def test_refuses_what_a_style_cannot_be_used_with(sandbox, style_id, changes, fields):
    answer = paint(sandbox, wish(style_id, **changes))
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert answer.fields == fields


def test_takes_fields_that_it_knows_nothing_of(sandbox, style_id):
    assert paint(sandbox, wish(style_id, persona="x")).status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_refuses_what_is_no_object(sandbox, body):
    assert paint(sandbox, body).code == "VALIDATION_ERROR"


def test_a_style_has_to_be_known_and_of_the_same_key(sandbox, style_id):
    assert paint(sandbox, wish("mars")).code == "INVALID_STYLE"
    assert paint(sandbox, wish(rules.NOBODYS_ID)).code == "NOT_FOUND"
    assert paint(sandbox, wish(style_id), key=CHARLIES_KEY).code == "NOT_FOUND"


def test_a_style_has_to_be_trained(tmp_path):
    with running(tmp_path / "slow", train_seconds=1000) as sandbox:
        style_id = create(sandbox).json["id"]
        assert paint(sandbox, wish(style_id)).code == "CONFLICT"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "MISSING_API_KEY"),
        ("sk_1", "INVALID_API_KEY_FORMAT"),
        ("pkz_empty_1", "INSUFFICIENT_CREDITS"),
    ],
)
def test_asks_for_a_key_that_pays(sandbox, style_id, key, code):
    assert paint(sandbox, wish(style_id), key=key).code == code


def test_there_is_no_picture_of_what_is_no_style(sandbox):
    address = f"/thumbnails/{rules.NOBODYS_ID}-{'0' * 16}.png"
    assert ask(sandbox, "GET", address, key=None).status == 404
