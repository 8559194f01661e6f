"""Instructing and deleting a style: what is sent, and when it is known what came of it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styles.pikzels import rules
from styles.pikzels.client import Change, Pikzels
from styles.pikzels.errors import FACTS, Code, Silence, Verdict

from .loopback import KEY, Play, Visit, a_client, http, serving
from .sandboxes import ask, create, ledger, look, running

ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1234"
STYLE_URL = f"{rules.BASE_URL}/v2/pikzonality/{ID}"
VERBS: dict[str, Callable[[Pikzels], Change]] = {
    "PATCH": lambda client: client.update(style_id=ID, special_instructions="More neon"),
    "DELETE": lambda client: client.delete(style_id=ID),
}
By = Callable[..., Change]


@pytest.fixture(params=list(VERBS))
def verb(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call(verb: str, tls: ssl.SSLContext | None, certificate: Path) -> By:
    """Change or delete a style at a server that plays as told."""

    def call(play: Play, **limits: float) -> Change:
        with serving(play, tls) as server:
            return VERBS[verb](a_client(server.url, certificate, **limits))

    return call


def refusal(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "No."}, "request_id": "req-1"}


def answering(status: int, content: object = b"", *headers: str) -> Play:
    def play(visit: Visit) -> None:
        visit.read_all()
        visit.answer(status, content, *headers)

    return play


class TestWhatIsSent:
    @pytest.mark.parametrize("text", ["More neon", "Ünïcode 🌋\nand “quotes”", None])
    def test_an_update_holds_the_text_and_nothing_else(self, text: str | None) -> None:
        with responses.RequestsMock() as api:
            api.add("PATCH", STYLE_URL, json={"id": ID})
            change = Pikzels(api_key=KEY).update(style_id=ID, special_instructions=text)
            request = api.calls[0].request
        assert change == Change(done=True, reply=change.reply)
        assert json.loads(request.body) == {"special_instructions": text}
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["X-Api-Key"] == KEY

    def test_a_deletion_has_no_body(self) -> None:
        with responses.RequestsMock() as api:
            api.add("DELETE", STYLE_URL, json={"message": "Gone."})
            change = Pikzels(api_key=KEY).delete(style_id=ID)
            request = api.calls[0].request
        assert change.done and change.is_sure
        assert request.body is None
        assert request.headers["X-Api-Key"] == KEY

    @pytest.mark.parametrize("style_id", ["", ".", ".."])
    def test_no_id_at_all_is_a_programming_error(self, style_id: str) -> None:
        for act in (
            lambda client: client.update(style_id=style_id, special_instructions=""),
            lambda client: client.delete(style_id=style_id),
        ):
            with pytest.raises(ValueError, match="ID of a style"):
                act(Pikzels(api_key=KEY))

    def test_the_words_arrive_whole_at_a_real_server(self, call: By, verb: str) -> None:
        visits: list[Visit] = []

        def play(visit: Visit) -> None:
            visit.read_all()
            visits.append(visit)
            visit.answer(200, {"message": "Done."})

        assert call(play).done
        assert visits[0].head.startswith(f"{verb} /v2/pikzonality/{ID} ".encode())
        wanted = b'{"special_instructions": "More neon"}' if verb == "PATCH" else b""
        assert visits[0].body == wanted


class TestWhatIsKnownAfterwards:
    @pytest.mark.parametrize("code", Code)
    def test_of_each_code(self, call: By, code: Code) -> None:
        change = call(answering(FACTS[code].status, refusal(code)))
        assert (change.done, change.reason) == (False, code)
        assert change.is_sure == (FACTS[code].verdict is not Verdict.IN_DOUBT)
        assert change.reply and change.reply.message == "No."

    @pytest.mark.parametrize(
        ("status", "content", "reason"),
        [
            (200, b"<html>", Silence.NOT_JSON),
            (200, b"", Silence.NOT_JSON),
            (204, b"", Silence.NOT_JSON),
            (200, refusal("NOT_FOUND"), Silence.NO_ID),
            (307, b"", Silence.NOT_JSON),
            (502, b"<html>", Silence.NOT_JSON),
            (503, b"<html>", Silence.NOT_JSON),
            (500, refusal("BRAND_NEW"), Silence.UNKNOWN_CODE),
        ],
    )
    def test_nothing_is_sure_after_an_answer_that_is_not_the_apis(
        self, call: By, status: int, content: object, reason: str
    ) -> None:
        change = call(answering(status, content))
        assert (change.done, change.is_sure, change.reason) == (False, False, reason)

    def test_nothing_is_sure_when_nobody_answers(self, call: By) -> None:
        change = call(lambda visit: visit.read_all())
        assert (change.done, change.is_sure) == (False, False)
        assert change.reason == Silence.NO_ANSWER

    def test_nothing_is_sure_after_half_an_answer(self, call: By) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(http(200, {"message": "Done."})[:-5])

        change = call(play)
        assert (change.done, change.is_sure) == (False, False)

    def test_a_server_that_dawdles_is_cut_off(self, call: By) -> None:
        def play(visit: Visit) -> None:
            visit.read_all()
            visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
            visit.idle(10)

        change = call(play, total=0.3)
        assert (change.done, change.is_sure) == (False, False)
        assert "time" in change.error

    def test_nothing_was_done_where_nobody_listens(self, verb: str) -> None:
        change = VERBS[verb](Pikzels(api_key=KEY, base_url="http://127.0.0.1:9"))
        assert (change.done, change.is_sure) == (False, True)
        assert change.reason == Silence.COULD_NOT_CONNECT

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(status=st.integers(100, 599), body=st.binary(max_size=100))
    def test_whatever_is_answered(self, verb: str, status: int, body: bytes) -> None:
        with responses.RequestsMock() as api:
            api.add(verb, STYLE_URL, status=status, body=body)
            change = VERBS[verb](Pikzels(api_key=KEY))
        assert not change.done or 200 <= status < 300
        assert change.reason or change.done


class TestTheKey:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_goes_to_no_other_host_whatever_a_redirect_says(self, call: By, status: int) -> None:
        with serving(lambda visit: visit.answer(200, {"message": "Mine."})) as elsewhere:
            change = call(answering(status, b"", f"Location: {elsewhere.url}/"))
            assert elsewhere.visits == []
        assert (change.done, change.is_sure) == (False, False)

    def test_is_in_nothing_that_is_kept_of_an_answer(self, call: By) -> None:
        body = {"error": {"code": "INTERNAL_ERROR", "message": f"Key {KEY}"}}
        change = call(answering(500, body, f"X-Request-Id: {KEY}"))
        assert KEY not in repr(change)


class TestLookingAtInstructions:
    @pytest.mark.parametrize(
        ("said", "text"),
        [('"Neon"', "Neon"), ("null", ""), ("7", None), (None, None)],
    )
    def test_tells_none_from_not_said(self, said: str | None, text: str | None) -> None:
        about = f', "special_instructions": {said}' if said else ""
        with responses.RequestsMock() as api:
            api.add("GET", STYLE_URL, body=f'{{"status": "completed"{about}}}')
            training = Pikzels(api_key=KEY).get(ID).training
        assert training and training.special_instructions == text


class TestTheSandbox:
    @pytest.mark.parametrize(
        ("name", "status", "is_gone"),
        [
            ("delete once no access", 403, False),
            ("delete once crashed", 500, True),
            ("delete once failed unmade", 500, False),
        ],
    )
    def test_fails_to_delete_once(
        self, tmp_path: Path, name: str, status: int, is_gone: bool
    ) -> None:
        with running(tmp_path) as sandbox:
            style_id = create(sandbox, name).json["id"]
            path = rules.STYLE_PATH.format(id=style_id)
            assert ask(sandbox, "DELETE", path).status == status
            assert look(sandbox, style_id).status == (404 if is_gone else 200)
            assert ask(sandbox, "DELETE", path).status == (404 if is_gone else 200)
            assert ledger(sandbox)["requests"][1]["trigger"] == name.partition(" ")[2]

    def test_fails_to_instruct_once(self, tmp_path: Path) -> None:
        with running(tmp_path) as sandbox:
            style_id = create(sandbox, "instruct once html 502").json["id"]
            path = rules.STYLE_PATH.format(id=style_id)
            assert ask(sandbox, "PATCH", path, {"special_instructions": "Neon"}).status == 502
            assert look(sandbox, style_id).json["special_instructions"] == "Neon"
            assert ask(sandbox, "PATCH", path, {"special_instructions": None}).status == 200
