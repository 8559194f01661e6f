"""The API does what its description says: hundreds of calls that were made up from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from styles.api import tokens
from styles.models import Style
from styles.states import MADE, State
from teams.models import ApiToken, PikzelsKey, User

MakeStyle = Callable[..., Style]
# A quarter of a minute, or several of them.
THOROUGH = "TORTURE" in os.environ
EXAMPLES, PHASES = (300, "coverage,fuzzing,stateful") if THOROUGH else (10, "coverage,fuzzing")


@pytest.fixture
def shelf(make_style: MakeStyle, key: PikzelsKey) -> None:
    """A style in every state."""
    for state in State:
        ids = {"pikzels_id": f"id-{state}", "progress": 40} if state in MADE else {}
        make_style(f"Style {state}", state=state, key=key, pictures=0, **ids)


def test_can_be_read_without_signing_in(client: Client, db: None) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {"/api/v1/styles", "/api/v1/styles/{style_id}"}


@pytest.mark.django_db(transaction=True)
def test_whatever_is_asked_the_answer_is_as_described(
    live_server: LiveServer,
    shelf: None,
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings.API_CALLS_PER_MINUTE = 1_000_000
    monkeypatch.setattr(tokens, "MOST_UNKNOWN", 1_000_000)
    token, row = ApiToken.issue(alice, "Schemathesis")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{live_server}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        # The tests' server and a kept connection wait 40 ms for each other.
        *("--header", "Connection: close"),
        *("--checks", "all", "--phases", PHASES, "--max-examples", str(EXAMPLES)),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Tested: 2" in done.stdout
    row.refresh_from_db()
    assert row.last_used_at
