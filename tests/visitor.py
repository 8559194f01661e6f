"""Somebody who uses the product over HTTP, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import requests

from .conftest import PASSWORD

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
SECONDS = 30


class Visitor(requests.Session):
    """A plain HTTP client: it reads forms, fills them in and posts them.

    `url` is the server that it signs in at; its cookies hold for all ports of one name.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def sign_in(self, email: str = "alice@example.com") -> None:
        values = {"login": email, "password": PASSWORD}
        answer = self.fill_in(f"{self.url}/accounts/login/", values)
        assert answer.url == f"{self.url}/", answer.url

    def hidden(self, address: str) -> dict[str, str]:
        """Return the fields of a page's forms that nobody types. Raises where it is none."""
        page = self.get(address, timeout=SECONDS)
        page.raise_for_status()
        return {name: unescape(value) for name, value in HIDDEN.findall(page.text)}

    def fill_in(
        self, address: str, values: Mapping[str, str], files: Mapping[str, Any] | None = None
    ) -> requests.Response:
        values = {**self.hidden(address), **values}
        return self.post(address, values, files=files, timeout=SECONDS)
