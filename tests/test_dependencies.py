"""Every import is of a package that pyproject.toml declares, and every declared package is used."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = {"pikzels_ui", "styles", "teams", "tests", "bench", "docs"}
PROGRAM = ("pikzels_ui", "styles", "teams", "manage.py", "gunicorn.conf.py")
AROUND = ("tests", "bench", "docs")
# Whose modules come with a package that we ask for by name: `django-allauth[mfa]`.
BROUGHT_ALONG = {
    "boto3": "django-storages",
    "botocore": "django-storages",
    "django_rq": "django-tasks-rq",
    "fido2": "django-allauth",
}
# What something else imports that we start: moto's server.
FOR_OTHERS = {"flask", "flask-cors"}
MODULES = packages_distributions()


def plain(name: str) -> str:
    """Return a package's name as all its spellings have it, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", name)[0]).lower()


RUN = {plain(each) for each in PYPROJECT["project"]["dependencies"]}
OPTIONAL = {
    plain(p) for each in PYPROJECT["project"]["optional-dependencies"].values() for p in each
} - {PYPROJECT["project"]["name"]}
DEV = {plain(each) for each in PYPROJECT["dependency-groups"]["dev"]}


def trees(places: tuple[str, ...]) -> Iterator[tuple[Path, ast.AST]]:
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield file, ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported(places: tuple[str, ...]) -> dict[str, Path]:
    """Return the packages whose modules are imported, each with a file that does so."""
    found: dict[str, Path] = {}
    for file, tree in trees(places):
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names | OURS:
                    package = BROUGHT_ALONG.get(top) or MODULES.get(top, [top])[0]
                    found.setdefault(plain(package), file)
    return found


@cache
def named_in_settings() -> set[str]:
    """Return the packages whose modules Django is told of by their names."""
    texts = {
        node.value.partition(".")[0]
        for _file, tree in trees(("pikzels_ui",))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {plain(package) for text in texts for package in MODULES.get(text, [])}


def test_the_program_imports_what_it_declares_and_nothing_else() -> None:
    known = RUN | OPTIONAL
    undeclared = {name: file for name, file in imported(PROGRAM).items() if name not in known}
    assert undeclared == {}


def test_so_do_the_tests() -> None:
    undeclared = {name: file for name, file in imported(AROUND).items() if name not in RUN | DEV}
    assert undeclared == {}


def test_the_program_uses_all_that_it_declares() -> None:
    assert RUN - set(imported(PROGRAM)) - named_in_settings() == set()


def is_a_tool(package: str) -> bool:
    """Whether it is no library: a command of the Makefile, a plugin, or stubs for mypy."""
    points = distribution(package).entry_points
    makefile = (ROOT / "Makefile").read_text()
    commands = {point.name for point in points if point.group == "console_scripts"} | {package}
    return (
        any(f"$(BIN)/{command}" in makefile for command in commands)
        or any(point.group == "pytest11" for point in points)
        or package in PYPROJECT["tool"]
        or package.removesuffix("-stubs") != package
        or package.startswith("types-")
    )


def test_whoever_works_on_it_uses_all_that_is_declared_for_them() -> None:
    used = {*imported(PROGRAM), *imported(AROUND)} | named_in_settings() | FOR_OTHERS
    assert {each for each in DEV - used if not is_a_tool(each)} == set()


@pytest.mark.parametrize("stubs", sorted(each for each in DEV if each.startswith("types-")))
def test_stubs_are_for_something_that_is_imported(stubs: str) -> None:
    assert stubs.removeprefix("types-") in {*imported(PROGRAM), *imported(AROUND)}


@pytest.mark.parametrize(
    ("file", "declared"),
    [
        ("requirements.txt", RUN),
        ("requirements-scaled.txt", RUN | OPTIONAL),
        ("requirements-dev.txt", RUN | OPTIONAL | DEV),
    ],
)
def test_each_is_pinned_with_its_hashes(file: str, declared: set[str]) -> None:
    text = (ROOT / file).read_text()
    blocks = re.findall(r"^[A-Za-z0-9._-]+(?:\[\S*\])?==.*?(?=^[^\s#]|\Z)", text, re.M | re.S)
    assert declared <= {plain(block.partition("==")[0]) for block in blocks}
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-scaled.txt"])
def test_what_runs_is_also_what_is_tested(file: str) -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text()
        return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[\S*\])?==(\S+)", text, re.M))

    tested = pins("requirements-dev.txt")
    assert {each: tested.get(each) for each in pins(file)} == pins(file)


def test_one_machine_needs_nothing_of_what_several_hosts_share(tmp_path: Path) -> None:
    program = """
import sys
away = {"boto3", "botocore", "django_rq", "django_tasks", "django_tasks_rq"}
away |= {"psycopg", "redis", "rq", "storages"}
sys.modules.update(dict.fromkeys(away))
import django
django.setup()
from django.core.management import call_command
from django.core.cache import cache
import pikzels_ui.urls, styles.management.commands.run
from styles.worker import Worker
call_command("migrate", verbosity=0)
call_command("createcachetable")
cache.set("it", 1)
Worker().look()
call_command("doctor", "--offline")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "pikzels_ui.settings",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "A worker is here" in done.stdout
