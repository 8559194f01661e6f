"""The main job, with each request to the other web host."""

from __future__ import annotations

import itertools
import re

from ..visitor import Visitor
from ..waiting import wait_until
from .world import World, pictures


def test_from_three_pictures_to_the_id(world: World) -> None:
    alice = world.visitor()
    first, second = (web.url for web in world.webs)
    page = alice.fill_in(f"{first}/styles/new/", {"name": "Main job"}, pictures())
    address = page.url.removeprefix(first)
    assert re.fullmatch(r"/styles/[0-9a-f-]{36}/", address)

    turns = itertools.cycle((second, first))

    def is_ready() -> bool:
        live = alice.get(f"{next(turns)}{address}live/", timeout=10)
        return 'data-style-state="ready"' in live.text

    wait_until(is_ready, seconds=30)
    [style] = world.styles("Main job")
    assert style.pikzels_id in alice.get(f"{second}{address}", timeout=10).text
    assert [row["id"] for row in world.ledger()["styles"] if row["name"] == "Main job"] == [
        style.pikzels_id
    ]


def test_pictures_come_from_the_host_that_did_not_take_them(world: World) -> None:
    alice, stranger = world.visitor(), Visitor(world.webs[1].url)
    first, second = (web.url for web in world.webs)
    page = alice.fill_in(f"{first}/styles/new/", {"name": "Pictures"}, pictures())
    address = page.url.removeprefix(first)
    for end in ("images/1/", "images/1/preview/"):
        picture = alice.get(f"{second}{address}{end}", timeout=10)
        assert picture.status_code == 200 and picture.headers["Content-Type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")
        assert "/login/" in stranger.get(f"{second}{address}{end}", timeout=10).url
    # In the bucket, of which no browser learns the address, and on no host's disk.
    assert world.s3.url not in page.text
    kept = [*itertools.chain(*(host.data.glob("media/references/**/*") for host in world.hosts()))]
    assert not [file for file in kept if file.is_file()]
