"""What Lighthouse says of the first page after signing in, for a phone on a slow line.

Run with `python -m bench.first_page`; needs Node.js, npm and Chromium, and fetches Lighthouse into
a folder that is thrown away. What it finds is reported: a machine with other work finds less.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import requests

from tests.e2e.product import Product
from tests.pictures import photo

from .figures import Figure, run
from .static_files import form_of, signed_in

LIGHTHOUSE = "lighthouse@12"
LIMIT = 95
STYLES = 6
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = "--headless=new --no-sandbox --disable-gpu"
MINUTES = 60


class NotThereError(Exception):
    """What is needed is not on this machine; the message says what."""


def programs() -> tuple[str, str]:
    """Return where npm and a browser are. Raises NotThereError."""
    npm = shutil.which("npm")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not npm or not browser:
        raise NotThereError("npm is not here." if not npm else "Chromium is not here.")
    return npm, browser


def installed(npm: str, folder: Path) -> Path:
    """Fetch Lighthouse into the folder; return its command. Raises NotThereError."""
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"]
    try:
        subprocess.run(
            [*command, "--no-fund", LIGHTHOUSE],
            check=True,
            capture_output=True,
            timeout=5 * MINUTES,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise NotThereError("Lighthouse could not be fetched.") from error
    return folder / "node_modules" / ".bin" / "lighthouse"


def make_styles(product: Product, browser: requests.Session) -> None:
    """Fill the library, so that its first page has something to show."""
    for number in range(STYLES):
        address, form = form_of(browser, product)
        files = {
            f"image_{position}": (f"{position}.jpg", photo(seed=3 * number + position))
            for position in (1, 2, 3)
        }
        sent = {**form, "name": f"Bench {number}"}
        answer = browser.post(address, sent, files=files, headers={"Referer": address})
        assert answer.status_code == 200, answer.status_code


def looked_at(command: Path, chromium: str, url: str, cookie: str) -> dict[str, float]:
    """Return the score of 100, and what of the page took how long, in ms."""
    arguments = [url, "--quiet", "--output=json", "--only-categories=performance"]
    arguments += [f"--chrome-flags={FLAGS}", f"--extra-headers={json.dumps({'Cookie': cookie})}"]
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run(
        [command, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        timeout=3 * MINUTES,
        env=environment,
    )
    found = json.loads(done.stdout)
    assert found["finalDisplayedUrl"] == url, found["finalDisplayedUrl"]
    audits = {name: found["audits"][name]["numericValue"] for name in AUDITS}
    return {"score": 100 * found["categories"]["performance"]["score"], **audits}


AUDITS = {
    "largest-contentful-paint": "largest picture or text after",
    "total-blocking-time": "blocked for",
}


def score() -> dict[str, float]:
    npm, chromium = programs()
    with tempfile.TemporaryDirectory() as folder, signed_in() as (product, browser):
        command = installed(npm, Path(folder))
        make_styles(product, browser)
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies)
        return looked_at(command, chromium, f"{product.url}/", cookie)


def measure() -> list[Figure]:
    what = "Lighthouse’s performance of the first page after signing in, of 100"
    try:
        found = score()
    except NotThereError as error:
        return [Figure(18, what, "", "", None, LIMIT, at_least=True, why=str(error))]
    ours = ", ".join(f"{words} {found[name]:.0f} ms" for name, words in AUDITS.items())
    why = "Reported, and no condition: it also depends on what else the machine does."
    return [
        Figure(
            18, what, ours, "a phone on a slow line", found["score"], LIMIT, at_least=True, why=why
        )
    ]


if __name__ == "__main__":
    run(measure)
