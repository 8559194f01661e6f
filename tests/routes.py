"""Every address that the product answers at, read from the URL resolver so that none is missed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(NamedTuple):
    """`name` as for `reverse`, "" for the few without; `pattern` such as "/styles/<style_id>/"."""

    name: str
    pattern: str

    @property
    def names_of_arguments(self) -> list[str]:
        return PLACE.findall(self.pattern)

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("/api/")

    @property
    def model(self) -> str:
        """The model that a page of the admin is about, such as "styles.style"; "" elsewhere."""
        about = re.match(r"/admin/(\w+)/(\w+)/", self.pattern)
        return ".".join(about.groups()) if about else ""

    def path(self, values: Mapping[str, object]) -> str:
        """Return an address of this route. Raises KeyError for an argument without a value."""
        return PLACE.sub(lambda place: str(values[place[1]]), self.pattern)


def all_routes() -> list[Route]:
    return [*_routes(get_resolver().url_patterns)]


def ours() -> list[Route]:
    """Return what we wrote ourselves for people: neither the API, the admin nor allauth's pages."""
    others = ("/admin/", "/accounts/", "/api/")
    return [route for route in all_routes() if not route.pattern.startswith(others)]


def of_the_api() -> list[Route]:
    return [route for route in all_routes() if route.is_api]


def _routes(
    patterns: Iterable[URLPattern | URLResolver], before: str = "", names: str = ""
) -> Iterator[Route]:
    for each in patterns:
        here = before + simplify_regex(str(each.pattern)).removeprefix("/")
        if isinstance(each, URLResolver):
            space = f"{names}{each.namespace}:" if each.namespace else names
            yield from _routes(each.url_patterns, here, space)
        else:
            yield Route(f"{names}{each.name}" if each.name else "", f"/{here}")
