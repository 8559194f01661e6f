"""How many requests are worked on at once, and who does not count: whoever still sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from pikzels_ui.turns import AT_ONCE, in_turns

from .e2e.product import Product
from .stalled import Stalled
from .waiting import wait_until

FORM = "application/x-www-form-urlencoded"


class Line:
    """A body of which nothing comes until `go_on`."""

    def __init__(self, body: bytes = b"name=Mars") -> None:
        self.body, self.asked, self.goes_on = BytesIO(body), threading.Event(), threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.asked.set()
        assert self.goes_on.wait(20)
        return self.body.read(size)

    readline = read


class Gone:
    """A body whose sender has hung up."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError

    readline = read


def post(line: object, *, cookie: bool = True) -> HttpRequest:
    sends = {"CONTENT_LENGTH": "9", "CONTENT_TYPE": FORM, "wsgi.input": line}
    request = RequestFactory().generic("POST", "/styles/new/", **sends)  # type: ignore[arg-type]
    if cookie:
        request.COOKIES[settings.CSRF_COOKIE_NAME] = "x" * 32
    return request


def test_who_still_sends_has_no_turn() -> None:
    answer = in_turns(lambda request: HttpResponse(request.POST.get("name", "a page")))
    lines = [Line() for _ in range(3 * AT_ONCE)]
    with ThreadPoolExecutor(len(lines)) as people:
        uploads = [people.submit(answer, post(line)) for line in lines]
        assert all(line.asked.wait(20) for line in lines)
        assert answer(RequestFactory().get("/")).content == b"a page"
        for line in lines:
            line.goes_on.set()
        assert {upload.result().content for upload in uploads} == {b"Mars"}


def test_no_more_than_so_many_are_worked_on_at_once() -> None:
    at_work, most, lock, goes_on = [0], [0], threading.Lock(), threading.Event()

    def view(_request: HttpRequest) -> HttpResponse:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        assert goes_on.wait(20)
        with lock:
            at_work[0] -= 1
        return HttpResponse("a page")

    answer = in_turns(view)
    with ThreadPoolExecutor(3 * AT_ONCE) as people:
        pages = [people.submit(answer, RequestFactory().get("/")) for _ in range(3 * AT_ONCE)]
        wait_until(lambda: at_work[0] == AT_ONCE)
        goes_on.set()
        assert all(page.result().content == b"a page" for page in pages)
    assert most[0] == AT_ONCE


def test_a_page_that_breaks_gives_its_turn_back() -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    answer = in_turns(view)
    for _ in range(2 * AT_ONCE):
        with pytest.raises(RuntimeError):
            answer(RequestFactory().get("/"))


def test_who_hangs_up_is_answered_by_the_page_as_ever() -> None:
    answer = in_turns(lambda request: HttpResponse("turned away", status=403))
    assert answer(post(Gone())).status_code == 403


def test_what_comes_without_the_cookie_is_not_read() -> None:
    line = Line()
    answer = in_turns(lambda request: HttpResponse("turned away", status=403))
    assert answer(post(line, cookie=False)).status_code == 403
    assert not line.asked.is_set()


# The whole product


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path)
    yield product
    product.stop()


@pytest.mark.faults
def test_uploads_that_have_stalled_keep_nobody_from_a_page(product: Product) -> None:
    with Stalled(product.url, number=60) as stalled:
        for _ in range(20):
            # For less long than a stalled upload is waited for.
            page = requests.get(f"{product.url}/accounts/login/", timeout=30)
            assert page.status_code == 200
        assert stalled.all_are_waited_for()
