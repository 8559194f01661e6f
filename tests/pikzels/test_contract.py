"""Our rules against the API's own document, where there is one at hand.

The document is Pikzels' and not part of this repository: name a copy in PIKZELS_OPENAPI.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from styles.pikzels import rules
from styles.pikzels.errors import Code

if not (DOCUMENT := os.environ.get("PIKZELS_OPENAPI", "")):
    pytest.skip(
        "the API's document is not at hand: name its YAML file in PIKZELS_OPENAPI",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load(Path(DOCUMENT).read_text(encoding="utf-8"))


@pytest.fixture
def operation(document: Any) -> Any:
    return document["paths"][rules.CREATE_PATH]["post"]


@pytest.fixture
def body(operation: Any) -> Any:
    return operation["requestBody"]["content"]["application/json"]["schema"]


def ecmascript(pattern: str) -> re.Pattern[str]:
    """Return the pattern with the meaning it has in JSON Schema, as near as matters to names."""
    return re.compile(pattern.replace("$", r"\Z"))


def test_the_address_and_the_key_are_the_documents(document: Any, operation: Any) -> None:
    assert [server["url"] for server in document["servers"]] == [rules.BASE_URL]
    assert list(document["paths"][rules.CREATE_PATH]) == ["post"]
    (scheme,) = operation["security"]
    key = document["components"]["securitySchemes"][next(iter(scheme))]
    assert (key["type"], key["in"], key["name"]) == ("apiKey", "header", rules.KEY_HEADER)
    assert rules.KEY_PREFIX in key["description"]


def test_the_fields_are_the_documents(body: Any) -> None:
    assert set(body["properties"]) == {"name", "image_urls", "image_base64s"}
    assert body["required"] == ["name"]
    assert body["additionalProperties"] is False
    (either,) = body["allOf"]
    assert [choice["required"] for choice in either["oneOf"]] == [["image_urls"], ["image_base64s"]]
    assert [choice["not"]["required"] for choice in either["oneOf"]] == [
        ["image_base64s"],
        ["image_urls"],
    ]


def test_the_name_has_the_documents_length(body: Any) -> None:
    name = body["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (rules.NAME_MIN, rules.NAME_MAX)


@given(data=st.data())
def test_every_name_that_we_take_the_document_takes(document: Any, data: st.DataObject) -> None:
    schema = document["paths"][rules.CREATE_PATH]["post"]["requestBody"]["content"]
    pattern = schema["application/json"]["schema"]["properties"]["name"]["pattern"]
    name = data.draw(st.from_regex(rules.NAME, fullmatch=True))
    assert ecmascript(pattern).search(name)


def test_every_printable_character_that_the_document_takes_we_take(body: Any) -> None:
    pattern = ecmascript(body["properties"]["name"]["pattern"])
    printable = [chr(code) for code in range(32, 127)]
    assert list(filter(pattern.search, printable)) == list(filter(rules.NAME.fullmatch, printable))


def test_the_images_are_the_documents(body: Any) -> None:
    urls, data_urls = body["properties"]["image_urls"], body["properties"]["image_base64s"]
    for images in (urls, data_urls):
        assert (images["minItems"], images["maxItems"]) == (rules.IMAGE_COUNT, rules.IMAGE_COUNT)
    assert urls["items"]["pattern"] == f"^{rules.IMAGE_URL.pattern}$"
    assert data_urls["items"]["pattern"] == f"^{rules.DATA_URL_START.pattern}"


def test_the_answers_are_the_documents(document: Any, operation: Any) -> None:
    statuses = {int(status) for status in operation["responses"] if status != "default"}
    assert statuses == {200, *rules.ERROR_STATUSES}
    made = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(made["properties"]) == set(made["required"]) == {"id", "request_id"}
    assert made["additionalProperties"] is False
    for name in ("ErrorResponse", "ValidationErrorResponse"):
        answer = document["components"]["schemas"][name]
        assert set(answer["required"]) == {"error", "request_id"}
        assert answer["properties"]["error"]["required"] == ["code", "message"]
        assert answer["additionalProperties"] is False
    error = document["components"]["schemas"]["ValidationErrorResponse"]["properties"]["error"]
    detail = error["properties"]["details"]["items"]
    assert set(detail["properties"]) == {"field", "message"}
    assert detail["required"] == ["message"]


def test_the_codes_are_the_documents(document: Any) -> None:
    error = document["components"]["schemas"]["ErrorResponse"]["properties"]["error"]
    assert sorted(error["properties"]["code"]["enum"]) == sorted(Code)
