"""Walks through docs/deploying.md on a clean Debian 12: `make try-deploying`, as root.

Each block of the page whose mark is in STEPS is run as it stands, and a browser uses what came of
it over https. Not part of .ci/run: it needs root, Debian's mirrors and ten minutes. It listens on
the ports 80, 443, 8000 and 8001.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from playwright.sync_api import Browser, Page, expect, sync_playwright

from ..pictures import photo
from ..pikzels.loopback import make_certificate
from .blocks import ROOT, blocks_of
from .machine import Machine, run

NAME = "styles.example.com"
SITE = f"https://{NAME}"
PASSWORD = "a light table for slides"
GUIDE = blocks_of(ROOT / "docs" / "deploying.md")
BROWSER = ["--no-sandbox", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]


def block(mark: str) -> str:
    return "".join(each.code for each in GUIDE if each.mark == mark)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"\n== {what}", flush=True)
    yield
    print(f"== {what}: {time.monotonic() - began:.0f} s", flush=True)


def main(first: str) -> None:
    """Install the release `first`, use it, and upgrade it to what is checked out here."""
    work = Path(mkdtemp(prefix="deploying-"))
    print(f"The machine is in {work}, to be looked at and removed afterwards.")
    machine = Machine(work / "debian")
    with timed("a clean machine"):
        machine.make()
        origin = work / "debian/srv/pikzels-ui.git"
        run("git", "clone", "--quiet", "--bare", ROOT, origin)
        run("git", "-C", origin, "update-ref", "refs/heads/main", first)
        run("git", "-C", origin, "symbolic-ref", "HEAD", "refs/heads/main")
        run("chown", "-R", "root:root", origin)
        put_certificate(work / "debian/etc/letsencrypt/live" / NAME)
        machine.boot()
    try:
        walk(machine, origin)
    finally:
        print(machine.ask("journalctl --no-pager --unit 'pikzels-ui-*' | tail --lines 60"))
        machine.stop()


def put_certificate(folder: Path) -> None:
    """Put one where the guide's certbot would, which needs a name that the world knows."""
    folder.mkdir(parents=True)
    both = make_certificate(folder, [NAME])
    for name in ("fullchain.pem", "privkey.pem"):
        (folder / name).symlink_to(both.name)


def walk(machine: Machine, origin: Path) -> None:
    with timed("installing"):
        said = machine.do(block("install"), REPOSITORY="/srv/pikzels-ui.git")
    link = re.findall(r"https://\S+/setup/\S+", said)[0]
    with timed("the sandbox"):
        machine.do("sed -i s/SANDBOX=off/SANDBOX=on/ /etc/pikzels-ui/environment")
        machine.do(block("settings") + block("sandbox"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        page = browser.new_context(ignore_https_errors=True).new_page()
        with timed("the first account and style"):
            set_up(page, link)
            before = make_style(page, "On a clean machine")
            expect_ready(page)
        upgrades(machine, origin, page, before)
        with timed("to PostgreSQL"):
            machine.do(block("postgresql"))
            sign_in(browser, before)
    print(machine.do("systemd-analyze security --no-pager | grep -e EXPOSURE -e pikzels"))


def upgrades(machine: Machine, origin: Path, page: Page, before: str) -> None:
    if "backup" in machine.ask("pikzels-ui help --commands"):
        with timed("a backup"):
            machine.do(block("backup") + "ls -l /var/backups/pikzels-ui")
    with timed("an upgrade, while an answer that is paid for is under way"):
        head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
        run("git", "-C", origin, "update-ref", "refs/heads/main", head)
        waiting = make_style(page, "slow answer")
        expect(page.locator("main")).to_have_attribute("data-style-state", "committed")
        machine.do(block("upgrade"))
        assert head in machine.do("git -C /opt/pikzels-ui rev-parse HEAD")
        page.goto(waiting)
        expect_ready(page)
        page.goto(before)
        expect_ready(page)
    with timed("back to the release before"):
        machine.do(block("back"))
        page.goto(before)
        expect_ready(page)
        machine.do("git -C /opt/pikzels-ui checkout --quiet main")
        machine.do("systemctl restart pikzels-ui-web pikzels-ui-worker")


def set_up(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Name of your team").fill("Studio North")
    page.get_by_label("Your name").fill("Alice")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button").last.click()
    expect(page).to_have_url(f"{SITE}/")


def make_style(page: Page, name: str) -> str:
    """Make a style of three large pictures; return its address."""
    page.goto(f"{SITE}/styles/new/")
    page.get_by_label("Style name").fill(name)
    for n in (1, 2, 3):
        body = photo(1920, 1080, size_bytes=5_000_000, seed=n)
        file = {"name": f"mars-{n}.jpg", "mimeType": "image/jpeg", "buffer": body}
        page.locator(f"#id_image_{n}").set_input_files(file)
    page.get_by_role("button", name="Create style").click()
    expect(page.locator("main")).to_have_attribute("data-style-state", re.compile("."))
    return page.url


def expect_ready(page: Page) -> None:
    expect(page.locator("main")).to_have_attribute("data-style-state", "ready", timeout=60_000)
    print(page.url, page.locator("main").get_attribute("data-pikzels-id"))


def sign_in(browser: Browser, address: str) -> None:
    """See the style with a new session, for those of another database are not taken along."""
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.goto(address)
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(address)
    expect_ready(page)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "HEAD~1")
