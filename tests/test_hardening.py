"""What browsers are told, what cookies are, and what never reaches a log."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.http import HttpResponse
from django.test import Client

from pikzels_ui import headers
from pikzels_ui.redaction import RedactingFormatter, redact
from styles import views
from styles.models import Style
from teams.models import ApiToken, PikzelsKey, User

from .conftest import PASSWORD, browser_of
from .environment import settings_of
from .routes import all_routes
from .world import World, make_world

MakeStyle = Callable[..., Style]
KEY = "pkz_canary-56789_wxyz"
STRICT = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'"},
    "font-src": {"'self'"},
    "connect-src": {"'self'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
    "base-uri": {"'none'"},
}
UPGRADED = STRICT | {"upgrade-insecure-requests": set()}
# The pages that need one kind of picture more, and which.
LOOSER = {"style_new": "blob:", "style_edit": "blob:", "mfa_activate_totp": "data:"}
PICTURES = {"style_image", "style_image_preview", "style_portrait"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": headers.HEADERS["Permissions-Policy"],
    "Strict-Transport-Security": "max-age=31536000",
}
Answers = dict[str, Any]
# By who asked: for all tests of this file they are asked for once.
visited: dict[str, Answers] = {}


@pytest.fixture
def world(make_style: MakeStyle, alice: User, key: PikzelsKey) -> World:
    return make_world(make_style, alice, key)


@pytest.fixture
def as_behind_https(settings: LazySettings, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings_of(monkeypatch, tmp_path, PUBLIC_URL="https://testserver")
    for name, value in wanted.items():
        if name.startswith(("SESSION_", "CSRF_", "SECURE_", "CONTENT_", "MESSAGE_")):
            setattr(settings, name, value)


@pytest.fixture(params=["a visitor", "a stranger", "a member", "who may do everything", "a bot"])
def answers(request: pytest.FixtureRequest) -> Answers:
    """What every address there is answers, over https, to each kind of person."""
    who = request.param
    if who not in visited:
        request.getfixturevalue("as_behind_https")
        world = request.getfixturevalue("world")
        browser = browser_of_kind(who, request)
        visited[who] = {
            f"{route.name} {route.pattern}": seen(browser, world.address(route))
            for route in all_routes()
        }
    return visited[who]


def browser_of_kind(who: str, request: pytest.FixtureRequest) -> Client:
    alice: User = request.getfixturevalue("alice")
    if who == "a stranger":
        return browser_of(request.getfixturevalue("charlie"))
    if who == "a member":
        return browser_of(request.getfixturevalue("bob"))
    if who == "who may do everything":
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        return browser_of(alice)
    if who == "a bot":
        return Client(headers={"Authorization": f"Bearer {ApiToken.issue(alice, 'Mine')[0]}"})
    return Client()


def seen(browser: Client, address: str) -> HttpResponse:
    response: Any = browser.get(address, secure=True)
    b"".join(response)
    return response


def names_of(answers: Answers) -> dict[str, Any]:
    return {name.partition(" ")[0]: response for name, response in answers.items()}


def csp(response: HttpResponse) -> dict[str, set[str]]:
    directives = response.headers["Content-Security-Policy"].split(";")
    words = [directive.split() for directive in directives if directive.strip()]
    return {name: set(values) for name, *values in words}


class TestHeaders:
    def test_are_all_there_whoever_asks_for_whatever(self, answers: Answers) -> None:
        for name, response in answers.items():
            assert {each: response.headers.get(each) for each in HEADERS} == HEADERS, name

    def test_every_page_allows_nothing_but_what_comes_from_here(self, answers: Answers) -> None:
        for name, response in names_of(answers).items():
            if name in PICTURES and response.status_code == 200:
                continue
            policy = csp(response)
            looser = policy["img-src"] - {"'self'"}
            policy["img-src"] -= looser
            assert policy == UPGRADED, name
            assert looser <= {LOOSER.get(name, "")}, name

    def test_a_picture_is_allowed_nothing(self, answers: Answers) -> None:
        for name in PICTURES:
            response = names_of(answers)[name]
            if response.status_code == 200:
                assert csp(response) == {"default-src": {"'none'"}, "sandbox": set()}
                assert response.headers["Content-Type"].startswith("image/")

    def test_a_file_that_is_no_picture_is_saved_and_not_shown(self, answers: Answers) -> None:
        for name, response in answers.items():
            kind = response.headers.get("Content-Type", "").partition(";")[0]
            shown = kind.startswith("image/") or kind in {"text/html", "application/json", ""}
            if response.status_code == 200 and not shown and not name.startswith("healthz"):
                disposition = response.headers.get("Content-Disposition", "")
                script = kind == "text/javascript"  # the admin's words for its own scripts
                assert disposition.startswith("attachment") or script, (name, kind)

    @pytest.mark.parametrize("name", ["a.html", "a.svg", "a.pdf", "a"])
    def test_not_even_where_a_picture_should_be(
        self, make_style: MakeStyle, alice: User, name: str
    ) -> None:
        style = make_style()
        style.portrait.save(name, ContentFile(b"<script>alert(1)</script>"))
        file: Any = browser_of(alice).get(f"{style.get_absolute_url()}portrait/")
        assert file.status_code == 200 and b"".join(file)
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Content-Disposition"] == "attachment"
        assert csp(file) == {"default-src": {"'none'"}, "sandbox": set()}

    def test_no_cache_keeps_what_is_somebodys_own(self, answers: Answers) -> None:
        for name, response in names_of(answers).items():
            rules = {rule.strip() for rule in response.headers["Cache-Control"].split(",")}
            assert "public" not in rules, name
            assert {"private", "no-store"} & rules, name
            if name not in PICTURES:
                assert {"no-cache", "no-store"} & rules, name

    def test_nobody_is_sent_to_another_site(self, answers: Answers) -> None:
        for name, response in answers.items():
            to = urlsplit(response.headers.get("Location", ""))
            assert (to.scheme or "https", to.netloc or "testserver") == ("https", "testserver"), (
                name
            )

    def test_no_other_site_may_read_an_answer(self, answers: Answers) -> None:
        for name, response in answers.items():
            assert "Access-Control-Allow-Origin" not in response.headers, name

    @pytest.mark.parametrize(
        ("path", "kind"), [("/styles/new/", "blob:"), ("/accounts/2fa/totp/activate/", "data:")]
    )
    def test_two_pages_may_show_one_more_kind_of_picture(
        self, alice: User, path: str, kind: str
    ) -> None:
        browser = browser_of(alice)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        page = browser.get(path)
        assert page.status_code == 200
        assert csp(page) == STRICT | {"img-src": {"'self'", kind}}

    def test_files_of_the_pages_themselves_have_them_too(
        self, as_behind_https: None, settings: LazySettings
    ) -> None:
        settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
        file: Any = Client().get("/static/css/base.css", secure=True)
        assert b"".join(file) and file.status_code == 200
        assert csp(file) == UPGRADED
        for name in HEADERS:
            assert file.headers[name] == HEADERS[name]

    def test_leave_a_page_what_it_needs(self) -> None:
        policy = headers.HEADERS["Permissions-Policy"]
        for used in (
            "clipboard-write",
            "publickey-credentials-get",
            "publickey-credentials-create",
        ):
            assert used not in policy

    def test_answers_to_what_is_wrong_have_them_too(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "shelf", lambda *args: 1 / 0)
        browser = browser_of(alice)
        browser.raise_request_exception = False
        strict = Client(enforce_csrf_checks=True)
        wrong = {
            404: browser.get("/nowhere/"),
            403: strict.post("/accounts/login/", {}),
            405: browser.delete("/styles/new/"),
            422: browser.post("/account/", {"name": "A" * 101}),
            500: browser.get("/"),
            400: browser.get("/", headers={"host": "evil.example"}),
        }
        for status, response in wrong.items():
            assert response.status_code == status
            assert csp(response) == STRICT
            for name in HEADERS.keys() - {"Strict-Transport-Security"}:
                assert response.headers[name] == HEADERS[name], (status, name)
            assert "private" in response.headers["Cache-Control"]

    def test_another_name_for_this_server_is_not_answered(self, db: None, client: Client) -> None:
        assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
        assert client.get("/healthz", headers={"host": "[::1]:8000"}).status_code == 200


class TestCookies:
    def cookies_of(self, client: Client, **extra: Any) -> dict[str, Any]:
        """Return what a browser has that signed in, and was told something."""
        client.get("/accounts/login/", **extra)
        data = {"login": "alice@example.com", "password": PASSWORD}
        assert client.post("/accounts/login/", data, **extra).status_code == 302
        client.post("/account/", {"name": "Alice"}, **extra)
        return {name: cookie for name, cookie in client.cookies.items() if cookie.value}

    def test_are_for_this_site_and_no_script(self, alice: User, client: Client) -> None:
        cookies = self.cookies_of(client)
        assert {"sessionid", "csrftoken"} <= set(cookies)
        for name, cookie in cookies.items():
            assert cookie["httponly"], name
            assert cookie["samesite"] == "Lax", name
            assert not cookie["domain"], name

    def test_are_bound_to_https_and_to_this_host_where_there_is_https(
        self, as_behind_https: None, alice: User
    ) -> None:
        cookies = self.cookies_of(Client(), secure=True)
        assert {"__Host-sessionid", "__Host-csrftoken", "__Host-messages"} == set(cookies)
        for name, cookie in cookies.items():
            assert cookie["secure"], name
            assert (cookie["path"], cookie["domain"]) == ("/", ""), name
            assert name.startswith("__Host-")


class TestHttps:
    @pytest.fixture(autouse=True)
    def behind_https(self, as_behind_https: None) -> None:
        pass

    def test_plain_http_is_sent_there(self, client: Client) -> None:
        response = client.get("/team/?a=1")
        assert (response.status_code, response.url) == (301, "https://testserver/team/?a=1")

    def test_whoever_asks_whether_we_are_well_is_answered_over_http_too(
        self, client: Client, db: None
    ) -> None:
        assert client.get("/healthz").status_code == 200
        assert client.get("/healthz/styles/").status_code == 301

    def test_browsers_remember_it_for_a_year(self, client: Client, db: None) -> None:
        header = client.get("/healthz", secure=True).headers["Strict-Transport-Security"]
        assert header == "max-age=31536000"


def terminal() -> logging.StreamHandler[Any]:
    """Return where Django's own lines go; pytest listens there too."""
    handlers = logging.getLogger("django").handlers
    (ours,) = [each for each in handlers if type(each) is logging.StreamHandler]
    return ours


class TestLog:
    @pytest.fixture
    def lines(self) -> io.StringIO:
        return io.StringIO()

    @pytest.fixture
    def log(self, lines: io.StringIO) -> logging.Logger:
        handler = logging.StreamHandler(lines)
        handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s"))
        log = logging.Logger("test")
        log.addHandler(handler)
        return log

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            (f"X-Api-Key: {KEY}", "X-Api-Key: pkz_[redacted]"),
            (f"{{'key': '{KEY}', 'n': 1}}", "{'key': 'pkz_[redacted]', 'n': 1}"),
            ("pkz_with.dots~and+more done", "pkz_[redacted] done"),
            (f"{KEY}\n{KEY}", "pkz_[redacted]\npkz_[redacted]"),
            ("[data:image/png;base64,iVBORw0KGgo=]", "[data:image/[redacted]]"),
            ("data:image/svg+xml;base64,", "data:image/[redacted]"),
            ("A" * 200, "[redacted]"),
            ("AbC+/9" * 100 + "== end", "[redacted] end"),
        ],
    )
    def test_keys_and_pictures_are_blotted_out(self, text: str, kept: str) -> None:
        assert redact(text) == kept
        assert redact(kept) == kept

    @pytest.mark.parametrize(
        "text",
        [
            "Style 18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234 is ready",
            "/srv/media/references/1d/1d1da27806273df5c657471db85dd46d.jpg",
            "A" * 199,
            "pkz_",
        ],
    )
    def test_all_else_stays(self, text: str) -> None:
        assert redact(text) == text

    def test_so_are_arguments_and_tracebacks(self, log: logging.Logger, lines: io.StringIO) -> None:
        try:
            raise ValueError(f"{KEY} data:image/png;base64,{'A' * 50}")
        except ValueError:
            log.exception("Refused: %s", {"headers": {"X-Api-Key": KEY}})
        text = lines.getvalue()
        assert "Traceback" in text
        assert "ValueError: pkz_[redacted] data:image/[redacted]" in text
        assert "canary" not in text
        assert "AAAA" not in text

    def test_everything_that_is_logged_goes_through_it(self, settings: LazySettings) -> None:
        formatters = settings.LOGGING["formatters"]
        for handler in settings.LOGGING["handlers"].values():
            factory = formatters[handler["formatter"]]["()"]
            assert factory == "pikzels_ui.redaction.RedactingFormatter"
        assert isinstance(terminal().formatter, RedactingFormatter)
        assert not logging.getLogger("django").propagate

    def test_a_page_that_breaks_logs_no_key(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: object) -> None:
            raise RuntimeError(f"cannot send with {KEY}")

        lines = io.StringIO()
        monkeypatch.setattr(terminal(), "stream", lines)
        monkeypatch.setattr(views, "shelf", broken)
        browser = browser_of(alice)
        browser.raise_request_exception = False
        assert browser.get("/").status_code == 500
        assert "cannot send with pkz_[redacted]" in lines.getvalue()
        assert "canary" not in lines.getvalue()
