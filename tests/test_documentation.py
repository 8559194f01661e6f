"""What our Markdown files name is there; what they say to type works, or it says why not."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands
from pytest_django.live_server_helper import LiveServer

from teams.models import ApiToken, User

from .deploying.blocks import ROOT, Block, blocks_of
from .e2e.product import free_port
from .waiting import wait_until
from .wording import BANNED

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
BLOCKS = [block for page in PAGES for block in blocks_of(page)]

# Blocks that are not run here, by their mark or their first words, and why.
WALK = "`make try-deploying` runs it on a clean machine: as root, in minutes"
NOT_RUN_HERE = {
    "install": WALK,
    "settings": WALK,
    "sandbox": WALK,
    "backup": WALK,
    "upgrade": WALK,
    "back": WALK,
    "postgresql": WALK,
    "scaling": "it needs several machines; deploy/'s units are tried by tests/test_deploying.py",
    "docker compose --file": "it needs Docker",
    "api": "test_the_call_of_the_api runs it",
    "make run": "test_make_run_starts_everything does the first; the second is what runs this",
    "apt-get install --yes certbot": "it needs a name that the world knows",
    "install -m 0640": "it opens an editor",
    "echo SITE": "it needs Docker; docs/deploying.md says what of it was tried",
    ".venv/bin/python manage.py backup": "tests/backups makes some, and brings them back",
    ".venv/bin/python manage.py restore": "the same",
    ".venv/bin/python manage.py archive_history": "tests/test_old_history.py archives",
    "zcat /srv": "the file has another name each time, and jq is not everywhere",
    ".venv/bin/python manage.py doctor": "tests/test_doctor.py has it look at each trouble",
    'curl -H "Authorization: Bearer $HEALTH_TOKEN"': "tests/test_readiness.py asks that",
    ".venv/bin/python manage.py rotate_encryption_key --prune": "it refuses for ten minutes",
}


def name_of(block: Block) -> str:
    """Return what a block is called in NOT_RUN_HERE, or "" where it is not there."""
    if block.mark:
        return block.mark if block.mark in NOT_RUN_HERE else ""
    names = [name for name in NOT_RUN_HERE if block.code.startswith(name)]
    return max(names, default="", key=len)


# Links


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links() -> list[tuple[str, str]]:
    """Return each link that stays here, with the page that it is on."""
    pattern = re.compile(r'(?:\]\(|src(?:set)?=")([^)"\s]+)[)"]')
    found = [(name, link) for name, text in TEXTS.items() for link in pattern.findall(text)]
    return sorted({(name, link) for name, link in found if ":" not in link})


@pytest.mark.parametrize(("page", "link"), links())
def test_each_link_and_anchor_leads_somewhere(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    name = os.path.relpath(target, ROOT)
    assert target.exists()
    assert not anchor or anchor in anchors(TEXTS[name])


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for page, link in links() if page == "README.md"}
    assert set(TEXTS) - {"README.md"} <= linked


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"docs/sandbox.md"}))
def test_pages_keep_to_our_words(name: str) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`|!\[|<!--", " ", TEXTS[name], flags=re.S)
    assert BANNED.findall(prose) == []


# Targets and commands


def test_each_target_of_make_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.M))
    code = r"`make ([\w-]+)[^`]*`|^make ([\w-]+)"
    named = {one or two for text in TEXTS.values() for one, two in re.findall(code, text, re.M)}
    assert {"run", "test", "try-deploying"} <= named <= targets


def test_each_command_that_is_named_exists() -> None:
    pattern = r"(?:manage\.py|^pikzels-ui|`pikzels-ui) ([a-z]\w+)"
    named = {name for text in TEXTS.values() for name in re.findall(pattern, text, re.M)}
    assert {"prepare", "work"} <= named <= get_commands().keys()


def test_each_command_of_ours_is_documented() -> None:
    ours = {name for name, app in get_commands().items() if app in {"styles", "teams"}}
    everything = "\n".join(TEXTS.values())
    assert [
        name for name in ours if not re.search(rf"(manage\.py|pikzels-ui) {name}\b", everything)
    ] == []


# Blocks of commands


def test_each_block_has_a_language() -> None:
    assert [
        block for block in BLOCKS if block.language not in {"sh", "json", "mermaid", "text"}
    ] == []


@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.language == "sh"], ids=lambda each: each.code[:30]
)
def test_each_block_is_run_or_it_says_why_not(block: Block) -> None:
    assert block.mark == "test" or NOT_RUN_HERE[name_of(block)]


def test_no_reason_is_left_over() -> None:
    assert {name_of(block) for block in BLOCKS} - {""} == NOT_RUN_HERE.keys()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody has who cloned this, with the packages installed."""
    folder = tmp_path_factory.mktemp("clone") / "pikzels-ui"
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def environment(**more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | more


@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.mark == "test"], ids=lambda each: each.page
)
def test_a_block_that_can_be_run_works(block: Block, clone: Path) -> None:
    prepared = ".venv/bin/python manage.py prepare >/dev/null\n"
    done = subprocess.run(
        ["bash", "-e", "-c", prepared + block.code],
        cwd=clone,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_run_starts_everything(clone: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    # The packages are there: that pip would bring them is no matter of this test.
    command = ["make", "--old-file=.venv/run.stamp", "run"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=environment(**ports),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "is ready at" in log.read_text(), seconds=90)
        assert "/setup/" in log.read_text()
    finally:
        # Ctrl-C, which a terminal sends to all that it has in front.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    assert "Stopped." in log.read_text()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.django_db(transaction=True)
def test_the_call_of_the_api(live_server: LiveServer, alice: User) -> None:
    block = next(each for each in BLOCKS if each.mark == "api")
    secret, _ = ApiToken.issue(alice, "Bot")
    done = subprocess.run(
        ["bash", "-e", "-c", block.code.replace("https://styles.example.com", live_server.url)],
        env=environment(PIKZELS_UI_TOKEN=secret),
        capture_output=True,
        text=True,
    )
    assert done.stdout == '{"styles": [], "next": null}'


# The map of files


def test_each_file_that_contributing_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+\.py|[\w/]+/)`", TEXTS["CONTRIBUTING.md"]))
    homes = [ROOT, *(ROOT / name for name in ("pikzels_ui", "styles", "teams"))]
    assert named
    assert [name for name in named if not any((home / name).exists() for home in homes)] == []
