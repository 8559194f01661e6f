"""What browsers load for a page besides it, as the running product serves it.

Run with `python -m bench.static_files`. Somebody signs in and looks at every kind of page; whatever
a page names, and the style sheets and scripts name in turn, is fetched as a browser does.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.e2e.product import Product

from .figures import Figure, run

LIMIT_KB = 40
PERSON = {
    "DJANGO_SUPERUSER_EMAIL": "alice@example.com",
    "DJANGO_SUPERUSER_PASSWORD": "a light table for slides",
}
PAGES = (
    *("/", "/styles/new/", "/styles/bring-in/", "/team/", "/team/usage/", "/team/invite/"),
    *("/account/", "/account/data/", "/account/tokens/", "/accounts/2fa/", "/admin/"),
)
# What stands in a page, a style sheet or a script: a link, a source, `url(…)`, `import "…"`.
NAMED = re.compile(r'(?:href=|src=|url\(|from\s*|import\s*)["\']?([^"\')>\s]+\.(?:css|js))\b')
FILES = re.compile(r'["\'(](/static/[^"\')\s]+)')
HIDDEN = re.compile(r'name="(token|team|csrfmiddlewaretoken)" value="([\w-]+)"')
MAX_AGE = re.compile(r"max-age=(\d+)")
A_YEAR = 31_536_000


@contextmanager
def signed_in() -> Iterator[tuple[Product, requests.Session]]:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder), **PERSON)
        try:
            yield product, sign_in(product)
        finally:
            product.stop()


def sign_in(product: Product) -> requests.Session:
    browser = requests.Session()
    address = f"{product.url}/accounts/login/"
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get(address).text)
    assert token
    form = {
        "csrfmiddlewaretoken": token[1],
        "login": PERSON["DJANGO_SUPERUSER_EMAIL"],
        "password": PERSON["DJANGO_SUPERUSER_PASSWORD"],
    }
    answer = browser.post(address, form, headers={"Referer": address})
    assert "Sign out" in answer.text, answer.url
    return browser


def form_of(browser: requests.Session, product: Product) -> tuple[str, dict[str, str]]:
    """Return the address of the form for a new style, and what it has filled in by itself."""
    address = f"{product.url}/styles/new/"
    return address, dict(HIDDEN.findall(browser.get(address).text))


def draft_of(browser: requests.Session, product: Product) -> str:
    """Make a draft, and return where its page is."""
    address, form = form_of(browser, product)
    sent = {**form, "name": "Bench", "do": "keep"}
    answer = browser.post(address, sent, headers={"Referer": address})
    assert answer.url.endswith("/edit/"), answer.url
    return answer.url.removeprefix(product.url).removesuffix("edit/")


class Loaded:
    """The static files that pages have named; each is fetched once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, requests.Response] = {}
        self.sizes: dict[str, int] = {}

    def fetch(self, address: str) -> requests.Response:
        if address not in self.answers:
            headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
            answer = requests.get(address, headers=headers, stream=True, timeout=30)
            answer.raise_for_status()
            # As it comes over the line; reading it unpacks it.
            self.sizes[address] = int(answer.headers["Content-Length"])
            assert answer.content
            self.answers[address] = answer
        return self.answers[address]

    def code_of(self, address: str, text: str) -> set[str]:
        """Return the style sheets and scripts that a text names, and those that they name."""
        found: set[str] = set()
        for name in NAMED.findall(text):
            named = urljoin(address, name)
            found |= {named} | self.code_of(named, self.fetch(named).text)
        return found

    def is_right(self, address: str) -> bool:
        """Whether a file is named by its content, kept for ever and, if it can be, compressed."""
        headers = self.fetch(address).headers
        hashed = re.search(r"\.[0-9a-f]{12}\.\w+$", address)
        caching = headers.get("Cache-Control", "")
        kept = "immutable" in caching and int(MAX_AGE.findall(caching)[0]) >= A_YEAR
        packed = "Content-Encoding" in headers or address.endswith((".png", ".woff2", ".ico"))
        return bool(hashed and kept and packed)


def measure() -> list[Figure]:
    with signed_in() as (product, browser):
        loaded, weights, files = Loaded(product.url), {}, set()
        for page in (*PAGES, draft_of(browser, product)):
            answer = browser.get(product.url + page)
            assert answer.status_code == 200, (page, answer.status_code)
            code = loaded.code_of(answer.url, answer.text)
            weights[page] = sum(loaded.sizes[each] for each in code) / 1000
            files |= code | {urljoin(answer.url, each) for each in FILES.findall(answer.text)}
        right = {each: loaded.is_right(each) for each in files}
    heaviest = max(weights, key=lambda page: weights[page])
    plain = sum(len(loaded.answers[each].content) for each in files) / 1000
    wrong = [address.rpartition("/")[2] for address, good in right.items() if not good]
    return [
        Figure(
            17,
            "Style sheets and scripts of the heaviest page, compressed, in KB",
            f"{weights[heaviest]:.1f} KB for {heaviest}",
            f"{plain:.0f} KB: all static files of all pages, not compressed",
            weights[heaviest],
            LIMIT_KB,
        ),
        Figure(
            17,
            "Share of static files that are named by their content, immutable and compressed",
            f"{len(files) - len(wrong)} of {len(files)}",
            "no other way",
            1 - len(wrong) / len(files),
            1.0,
            at_least=True,
            why=f"Not so: {', '.join(wrong)}." if wrong else "",
        ),
    ]


if __name__ == "__main__":
    run(measure)
