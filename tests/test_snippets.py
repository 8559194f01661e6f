"""Snippets: pasted as they stand, each makes a thumbnail with the style."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from styles.models import Style
from styles.pikzels import rules
from styles.pikzels.sandbox import Sandbox
from styles.snippets import snippets_of, use_of
from styles.states import State
from teams import setup
from teams.models import PikzelsKey, User

from .conftest import browser_of
from .pikzels.sandboxes import create

MakeStyle = Callable[..., Style]
ODD_ID = 'it\'s "$(touch hacked)" `x` \\ %s'


@pytest.fixture
def style(make_style: MakeStyle, sandbox: Sandbox, sandbox_key: PikzelsKey) -> Style:
    """One that the sandbox has trained."""
    made = create(sandbox, key=sandbox_key.open()).json["id"]
    return make_style(state=State.READY, pikzels_id=made, key=sandbox_key, sandbox=True)


def code_of(style: Style, language: str) -> str:
    return {each["label"]: each["code"] for each in snippets_of(style)}[language]


def run(style: Style, folder: Path, *command: str, code: str = "") -> dict[str, object]:
    """Return the JSON that a snippet prints, run as somebody would."""
    assert style.key
    environment = {"PATH": os.environ["PATH"], "PIKZELS_API_KEY": style.key.open()}
    done = subprocess.run(
        command, input=code, env=environment, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.replace("'", '"'))


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node")


class TestAsTheyStand:
    @needs_curl
    def test_curl(self, style: Style, tmp_path: Path) -> None:
        answer = run(style, tmp_path, "sh", "-c", code_of(style, "curl"))
        assert str(answer["output"]).endswith(".png")

    def test_python(self, style: Style, tmp_path: Path) -> None:
        answer = run(style, tmp_path, sys.executable, "-", code=code_of(style, "Python"))
        assert str(answer["output"]).endswith(".png")

    @needs_node
    @pytest.mark.parametrize("kind", ["commonjs", "module"])
    def test_javascript(self, style: Style, tmp_path: Path, kind: str) -> None:
        print_json = code_of(style, "JavaScript").replace(
            "console.log", "(answer) => console.log(JSON.stringify(answer))"
        )
        answer = run(style, tmp_path, "node", f"--input-type={kind}", "-", code=print_json)
        assert str(answer["output"]).endswith(".png")


class TestWhateverTheIdIs:
    """A person may have pasted it, so that it is quoted like anything from outside."""

    @pytest.fixture
    def odd(self, make_style: MakeStyle, key: PikzelsKey) -> Style:
        return make_style(state=State.READY, pikzels_id=ODD_ID, key=key)

    def test_curl_is_one_command_with_valid_json(self, odd: Style, tmp_path: Path) -> None:
        code = code_of(odd, "curl")
        words = shlex.split(code.replace("\\\n", " "))
        assert words[:3] == ["curl", "-X", "POST"]
        assert json.loads(words[words.index("-d") + 1])["style"] == ODD_ID
        checked = subprocess.run(["sh", "-n"], input=code, text=True, capture_output=True)
        assert checked.returncode == 0

    def test_python_compiles_to_the_same_id(self, odd: Style) -> None:
        assert ODD_ID in constants(compile(code_of(odd, "Python"), "snippet", "exec"))

    @needs_node
    def test_javascript_has_no_error(self, odd: Style, tmp_path: Path) -> None:
        path = tmp_path / "snippet.js"
        path.write_text(code_of(odd, "JavaScript"))
        checked = subprocess.run(["node", "--check", path], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def constants(code: object) -> set[object]:
    """Return what a compiled program has for constants."""
    return set(getattr(code, "co_consts", ()))


class TestThePage:
    def test_says_which_models_take_styles(self, style: Style, bob: User) -> None:
        page = browser_of(bob).get(style.get_absolute_url()).content.decode()
        assert "only pkz_4 and pkz_4_5 take styles" in page
        for snippet in snippets_of(style):
            assert rules.STYLE_MODELS[-1] in snippet["code"]

    def test_gives_the_sandboxs_key_for_a_style_of_the_sandbox(
        self, style: Style, bob: User
    ) -> None:
        page = browser_of(bob).get(style.get_absolute_url()).content.decode()
        assert setup.sandbox_key(style.team) in page and "costs nothing" in page

    def test_gives_no_key_of_any_other(
        self, make_style: MakeStyle, key: PikzelsKey, bob: User
    ) -> None:
        real = make_style(state=State.READY, pikzels_id="id-1", key=key)
        page = browser_of(bob).get(real.get_absolute_url()).content.decode()
        assert use_of(real)["sandbox_key"] == ""
        assert "canary" not in page and "The sandbox" not in page

    def test_has_none_before_it_is_ready(self, make_style: MakeStyle, bob: User) -> None:
        training = make_style(state=State.TRAINING, pikzels_id="id-1")
        client: Client = browser_of(bob)
        assert "Use it" not in client.get(training.get_absolute_url()).content.decode()
