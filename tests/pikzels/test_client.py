"""The client's own part: what it sends, what it makes of answers, and whom it trusts."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styles.pikzels import rules
from styles.pikzels.client import DownloadFailed, Picture, Pikzels
from styles.pikzels.errors import Silence, Verdict
from styles.pikzels.outcome import Outcome

from .draining import draining
from .loopback import Visit, serving

KEY = "pkz_0123456789abcdef"
ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
CREATE_URL = rules.BASE_URL + rules.CREATE_PATH
STYLE_URL = f"{rules.BASE_URL}/v2/pikzonality/{ID}"
LOCAL = "http://127.0.0.1:8765"
PORTRAIT_URL = f"{LOCAL}/portraits/1.png"
IMAGE_URLS = [f"https://example.com/{number}.png" for number in (1, 2, 3)]
STYLE = {
    "id": ID,
    "name": "Neon nights",
    "mode": "style",
    "status": "processing",
    "progress": 40,
    "portrait_url": None,
    "reference": None,
    "special_instructions": None,
}


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def pikzels() -> Pikzels:
    return Pikzels(api_key=KEY)


def create(pikzels: Pikzels) -> Outcome:
    return pikzels.create(name="Neon nights", image_urls=IMAGE_URLS, before_last_byte=lambda: True)


class TestCreating:
    def test_from_three_urls(self, api: responses.RequestsMock, pikzels: Pikzels) -> None:
        take = draining({"id": ID, "request_id": "req-1"})
        api.add_callback("POST", CREATE_URL, take)
        outcome = create(pikzels)
        assert (outcome.verdict, outcome.committed) == (Verdict.MADE, True)
        assert json.loads(take.sent) == {"name": "Neon nights", "image_urls": IMAGE_URLS}
        assert api.calls[0].request.headers["X-Api-Key"] == KEY

    def test_sends_what_the_document_asks_for(
        self, api: responses.RequestsMock, pikzels: Pikzels, tmp_path: Path
    ) -> None:
        contents = [b"\xff\xd8 one", b"\x89PNG two", b"\xff\xd8 three"]
        types = ["image/jpeg", "image/png", "image/jpeg"]
        pictures = []
        for number, (content, media_type) in enumerate(zip(contents, types, strict=True)):
            path = tmp_path / str(number)
            path.write_bytes(content)
            pictures.append(Picture(path=path, media_type=media_type, size=len(content)))
        take = draining({"id": "abc", "request_id": "req-1"})
        api.add_callback("POST", "https://api.pikzels.com/v2/pikzonality/style", take)
        pikzels.create(name="Neon nights_2-b", pictures=pictures, before_last_byte=lambda: True)
        headers = api.calls[0].request.headers

        sent = json.loads(take.sent)
        assert set(sent) == {"name", "image_base64s"}
        assert sent["name"] == "Neon nights_2-b"
        assert len(sent["image_base64s"]) == 3
        for data_url, content, media_type in zip(
            sent["image_base64s"], contents, types, strict=True
        ):
            start, encoded = data_url.split(",")
            assert start == f"data:{media_type};base64"
            assert base64.b64decode(encoded, validate=True) == content
        assert headers["Content-Type"] == "application/json"
        assert headers["Content-Length"] == str(len(take.sent))
        assert "Transfer-Encoding" not in headers
        assert headers["X-Api-Key"] == KEY

    def test_that_cannot_connect_is_not_sent(
        self, api: responses.RequestsMock, pikzels: Pikzels
    ) -> None:
        api.add("POST", CREATE_URL, body=requests.ConnectionError(f"{KEY} is refused"))
        outcome = create(pikzels)
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Silence.COULD_NOT_CONNECT)
        assert outcome.error == "ConnectionError: [API key] is refused"

    def test_from_two_urls_is_a_programming_error(self, pikzels: Pikzels) -> None:
        with pytest.raises(ValueError, match="exactly three"):
            pikzels.create(name="Neon", image_urls=IMAGE_URLS[:2], before_last_byte=lambda: True)

    def test_with_a_key_too_short_to_be_secret_leaves_the_answer_alone(
        self, api: responses.RequestsMock
    ) -> None:
        api.add_callback("POST", CREATE_URL, draining({"id": ID}))
        outcome = create(Pikzels(api_key="1"))
        assert outcome.reply is not None
        assert outcome.reply.style_id == ID

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        status=st.integers(100, 599),
        body=st.binary(max_size=200) | st.sampled_from([b'{"id":', b"[" * 60_000, b'{"id":"x"}']),
    )
    def test_comes_to_an_outcome_whatever_is_answered(
        self, pikzels: Pikzels, status: int, body: bytes
    ) -> None:
        with responses.RequestsMock() as api:
            api.add_callback("POST", CREATE_URL, draining(body, status=status))
            outcome = create(pikzels)
        assert outcome.committed
        assert outcome.verdict is not Verdict.NOT_SENT
        named = outcome.reply is not None and outcome.reply.style_id != ""
        assert (outcome.verdict is Verdict.MADE) == (named and 200 <= status < 300)


class TestLooking:
    def test_at_a_style_in_training(self, api: responses.RequestsMock, pikzels: Pikzels) -> None:
        api.add("GET", STYLE_URL, json=STYLE)
        look = pikzels.get(ID)
        assert look.training is not None
        assert look.reason == ""
        assert (look.training.status, look.training.progress) == ("processing", 40)
        assert (look.training.mode, look.training.name) == ("style", "Neon nights")
        assert (look.training.portrait_url, look.training.special_instructions) == ("", "")
        assert api.calls[0].request.headers["X-Api-Key"] == KEY

    def test_at_a_finished_style(self, api: responses.RequestsMock, pikzels: Pikzels) -> None:
        done = STYLE | {"status": "completed", "portrait_url": PORTRAIT_URL}
        api.add("GET", STYLE_URL, json=done | {"special_instructions": "More neon"})
        training = pikzels.get(ID).training
        assert training is not None
        assert training.portrait_url == PORTRAIT_URL
        assert training.special_instructions == "More neon"

    @pytest.mark.parametrize(
        ("progress", "percent"),
        [
            ("0", 0),
            ("99.9", 99),
            ("100", 100),
            ("250", 100),
            ("-3", 0),
            ("null", None),
            ('"40"', None),
            ("true", None),
            ("NaN", None),
            ("1" + "0" * 5000, None),
        ],
    )
    def test_reads_any_progress(
        self, api: responses.RequestsMock, pikzels: Pikzels, progress: str, percent: int | None
    ) -> None:
        body = json.dumps(STYLE).replace("40", progress)
        api.add("GET", STYLE_URL, body=body)
        training = pikzels.get(ID).training
        assert training is not None
        assert training.progress == percent

    def test_takes_the_id_that_was_asked_for_where_the_answer_has_none(
        self, api: responses.RequestsMock, pikzels: Pikzels
    ) -> None:
        api.add("GET", STYLE_URL, json={"status": "completed"})
        training = pikzels.get(ID).training
        assert training is not None
        assert training.style_id == ID

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (404, '{"error": {"code": "NOT_FOUND", "message": "?"}}', "NOT_FOUND"),
            (401, '{"error": {"code": "INVALID_API_KEY", "message": "?"}}', "INVALID_API_KEY"),
            (404, "<html>", Silence.NOT_JSON),
            (400, '{"error": {"code": "NEW_CODE", "message": "?"}}', Silence.UNKNOWN_CODE),
            (200, "<html>", Silence.NOT_JSON),
            (200, "{}", Silence.NO_ID),
            (200, f'{{"id": "{ID}"}}', Silence.NO_ID),
            (200, '{"id": 5, "status": 7}', Silence.NO_ID),
        ],
    )
    def test_that_finds_nothing_says_why(
        self,
        api: responses.RequestsMock,
        pikzels: Pikzels,
        status: int,
        body: str,
        reason: str,
    ) -> None:
        api.add("GET", STYLE_URL, body=body, status=status)
        look = pikzels.get(ID)
        assert (look.training, look.reason) == (None, reason)
        assert look.reply is not None
        assert look.reply.status == status

    def test_in_vain_when_nobody_listens(
        self, api: responses.RequestsMock, pikzels: Pikzels
    ) -> None:
        api.add("GET", STYLE_URL, body=requests.ConnectionError("refused"))
        look = pikzels.get(ID)
        assert (look.reply, look.reason) == (None, Silence.COULD_NOT_CONNECT)
        assert look.error == "ConnectionError: refused"

    def test_in_vain_when_nobody_answers(self) -> None:
        with serving(lambda visit: visit.read_all()) as server:
            look = Pikzels(api_key=KEY, base_url=server.url).get(ID)
        assert (look.reply, look.reason) == (None, Silence.NO_ANSWER)

    def test_keeps_an_odd_id_within_its_place_in_the_path(
        self, api: responses.RequestsMock, pikzels: Pikzels
    ) -> None:
        api.add("GET", re.compile(".*"), status=404)
        pikzels.get("../a b/?c#d")
        url = api.calls[0].request.url
        assert url == f"{rules.BASE_URL}/v2/pikzonality/..%2Fa%20b%2F%3Fc%23d"

    @pytest.mark.parametrize("style_id", ["", ".", ".."])
    def test_for_no_id_at_all_is_a_programming_error(self, pikzels: Pikzels, style_id: str) -> None:
        with pytest.raises(ValueError, match="ID of a style"):
            pikzels.get(style_id)

    def test_for_nobodys_style_tests_the_key(
        self, api: responses.RequestsMock, pikzels: Pikzels
    ) -> None:
        url = f"{rules.BASE_URL}/v2/pikzonality/00000000-0000-0000-0000-000000000000"
        api.add("GET", url, json={"error": {"code": "NOT_FOUND", "message": "?"}}, status=404)
        assert pikzels.test_key().reason == "NOT_FOUND"


class TestDownloading:
    @pytest.fixture
    def local(self) -> Pikzels:
        return Pikzels(api_key=KEY, base_url=LOCAL)

    def test_gives_the_picture_and_its_type_and_keeps_the_key(
        self, api: responses.RequestsMock, local: Pikzels
    ) -> None:
        api.add("GET", PORTRAIT_URL, body=b"picture", content_type="Image/PNG; charset=x")
        picture = io.BytesIO()
        assert local.download(PORTRAIT_URL, to=picture, max_bytes=7) == "image/png"
        assert picture.getvalue() == b"picture"
        assert KEY not in str(api.calls[0].request.headers)

    def test_stops_at_the_limit(self, api: responses.RequestsMock, local: Pikzels) -> None:
        api.add("GET", PORTRAIT_URL, body=b"picture")
        picture = io.BytesIO()
        with pytest.raises(DownloadFailed, match="longer than 6 bytes"):
            local.download(PORTRAIT_URL, to=picture, max_bytes=6)
        assert picture.getvalue() == b"pictur"

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_wants_a_picture_and_no_other_answer(
        self, api: responses.RequestsMock, local: Pikzels, status: int
    ) -> None:
        api.add("GET", PORTRAIT_URL, status=status, headers={"Location": "https://example.com"})
        with pytest.raises(DownloadFailed, match=f"answered {status}"):
            local.download(PORTRAIT_URL, to=io.BytesIO(), max_bytes=100)

    def test_wants_the_whole_picture(self) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        with serving(play) as server, pytest.raises(DownloadFailed, match="IncompleteRead"):
            client = Pikzels(api_key=KEY, base_url=server.url)
            client.download(f"{server.url}/a.png", to=io.BytesIO(), max_bytes=1000)

    @pytest.mark.parametrize(
        "url",
        [
            "https://cdn.example.com/a.png",
            "http://cdn.example.com/a.png",
            "https://127.0.0.1:8765/a.png",
            "http://127.0.0.1:8000/a.png",
            "http://127.0.0.1/a.png",
            "http://127.0.0.2:8765/a.png",
            "http://localhost:8765/a.png",
            "http://2130706433:8765/a.png",
            "http://127.0.0.1:8765@example.com/a.png",
            "http://127.0.0.1:8765\\@example.com/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:8765 /",
            "//127.0.0.1:8765/a.png",
            "/a.png",
            "file:///etc/passwd",
            "http://[::1/a.png",
            "",
        ],
    )
    def test_asks_no_other_place_than_the_api_itself(self, local: Pikzels, url: str) -> None:
        with pytest.raises(DownloadFailed, match="on this machine only"):
            local.download(url, to=io.BytesIO(), max_bytes=100)

    @pytest.mark.parametrize("url", ["https://api.pikzels.com/a.png", PORTRAIT_URL])
    def test_of_an_api_far_away_is_somebody_elses_work(self, pikzels: Pikzels, url: str) -> None:
        assert not pikzels.is_on_this_machine
        with pytest.raises(DownloadFailed, match="on this machine only"):
            pikzels.download(url, to=io.BytesIO(), max_bytes=100)


class TestTheKey:
    @pytest.mark.parametrize("key", ["", " ", "pkz_a b", "pkz_\n", "pkz_\x00", "pkz_ключ", "é"])
    def test_must_fit_into_a_header_and_is_not_shown(self, key: str) -> None:
        with pytest.raises(ValueError, match="The API key") as caught:
            Pikzels(api_key=key)
        assert not key.strip() or key not in str(caught.value)

    def test_is_not_in_the_repr(self, pikzels: Pikzels) -> None:
        assert repr(pikzels) == "Pikzels(base_url='https://api.pikzels.com')"


class TestTheAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "https://api.pikzels.com",
            "https://api.pikzels.com/",
            "https://proxy.example.com:8443/pikzels",
            "http://127.0.0.1:8765",
            "http://127.1.2.3",
            "http://[::1]:8765",
            "http://localhost:8765",
        ],
    )
    def test_may_be_secure_or_this_machine(self, url: str) -> None:
        assert Pikzels(api_key=KEY, base_url=url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.pikzels.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1@example.com",
            "http://127.0.0.1\\@example.com",
            "https://user@example.com",
            "https://:secret@example.com",
            "https://example.com?",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "https://example.com:99999",
            "https://[::1",
            "https://",
            "ftp://example.com",
            "api.pikzels.com",
            "https://exa\nmple.com",
            "",
        ],
    )
    def test_may_be_nothing_else(self, url: str) -> None:
        with pytest.raises(ValueError, match="address is https"):
            Pikzels(api_key=KEY, base_url=url)

    def test_may_have_a_path_of_its_own(self, api: responses.RequestsMock) -> None:
        api.add_callback("POST", f"https://example.com/p{rules.CREATE_PATH}", draining({"id": ID}))
        outcome = create(Pikzels(api_key=KEY, base_url="https://example.com/p/"))
        assert outcome.verdict is Verdict.MADE
