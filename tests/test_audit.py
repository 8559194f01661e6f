"""`make audit` tells vulnerable packages from a database that cannot be asked."""

from typing import Any

import pytest
import requests
import responses

from . import audit


def play(**answer: Any) -> responses.RequestsMock:
    fake = responses.RequestsMock()
    fake.post(audit.DATABASE, **answer)
    return fake


def test_every_pin_is_asked_about() -> None:
    names = {name for name, _version in audit.pins()}
    assert {"django", "django-allauth", "pillow", "pytest", "fido2"} <= names
    assert all(version[0].isdigit() for _name, version in audit.pins())


def test_nothing_known(capsys: pytest.CaptureFixture[str]) -> None:
    with play(json={"results": [{} for _ in audit.pins()]}):
        assert audit.main() == 0
    assert "0 with known vulnerabilities" in capsys.readouterr().out


def test_something_known(capsys: pytest.CaptureFixture[str]) -> None:
    results: list[dict[str, Any]] = [{} for _ in audit.pins()]
    results[0] = {"vulns": [{"id": "PYSEC-2026-1"}]}
    with play(json={"results": results}):
        assert audit.main() == 1
    name, version = audit.pins()[0]
    assert f"{name} {version}: PYSEC-2026-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        {"body": requests.exceptions.ConnectionError("no network")},
        {"status": 503},
        {"body": "<html>", "status": 200},
        {"json": {"results": []}},
    ],
)
def test_a_database_that_cannot_be_asked(
    answer: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with play(**answer):
        assert audit.main() == 0
    assert capsys.readouterr().out.startswith("NOT AUDITED")
