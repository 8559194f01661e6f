"""Charlie, of another team, finds nothing of Alice's, on whichever host he looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from styles import urls

from .world import World


def addresses(style_id: object) -> Iterator[str]:
    """Yield every address that names a style."""
    for route in urls.urlpatterns:
        names = route.pattern.converters
        if "style_id" in names:
            values = {"style_id": style_id, "position": 1}
            yield reverse(route.name, kwargs={name: values[name] for name in names})


@pytest.mark.parametrize("host", [0, 1])
def test_finds_nothing(world: World, host: int) -> None:
    alice, bob = world.visitor(), world.visitor("bob@example.com")
    charlie = world.visitor("charlie@example.com")
    name = f"Private {host}"
    world.send(alice, name)
    assert world.settle(name) == {"ready": 1}
    [before] = world.styles(name)
    url = world.webs[host].url
    token = charlie.hidden(f"{url}/styles/new/")
    for address in addresses(before.id):
        seen = {
            charlie.get(url + address, timeout=30, allow_redirects=False).status_code,
            charlie.post(url + address, token, timeout=30, allow_redirects=False).status_code,
        }
        assert seen <= {404, 405} and seen != {405}, address
    assert world.styles(name) == [before]
    assert name not in charlie.get(f"{url}/?q=Private", timeout=30).text
    assert name in bob.get(f"{url}/?q=Private", timeout=30).text
