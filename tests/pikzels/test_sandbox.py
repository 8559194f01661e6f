import http.client
import io
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from styles.pikzels import rules
from styles.pikzels.errors import FACTS, Code
from styles.pikzels.sandbox import Sandbox
from styles.pikzels.sandbox.checks import KEYS, UNPAID_KEYS
from styles.pikzels.sandbox.ledger import Ledger
from styles.pikzels.sandbox.portrait import paint, palette_of_image, palette_of_text
from tests.pictures import encoded, huge_png, noise, photo

from .sandboxes import (
    ALICES_KEY,
    CHARLIES_KEY,
    ask,
    create,
    creation,
    data_url,
    ledger,
    look,
    picture,
    running,
)

ROOT = Path(__file__).parents[2]
# A shell that starts the tests in the background has interrupts ignored.
SERVE = (
    "import signal, sys; from pathlib import Path; from styles.pikzels.sandbox import serve;"
    "signal.signal(signal.SIGINT, signal.default_int_handler);"
    "serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))"
)


@pytest.fixture
def sandbox(tmp_path):
    with running(tmp_path / "sandbox") as sandbox:
        yield sandbox


def post(sandbox, body, **options):
    return ask(sandbox, "POST", rules.CREATE_PATH, body, **options)


class TestCreating:
    def test_a_style_is_made_of_a_name_and_three_images(self, sandbox):
        answer = create(sandbox, "Mars diary")
        assert answer.status == 200
        assert set(answer.json) == {"id", "request_id"}
        assert answer.json["request_id"] == answer.headers["X-Request-Id"] != answer.json["id"]
        [style] = ledger(sandbox)["styles"]
        assert (style["id"], style["name"]) == (answer.json["id"], "Mars diary")
        assert style["key_last_four"] == ALICES_KEY[-4:]
        assert len(set(style["image_sha256s"])) == 3

    def test_addresses_do_as_well_as_images(self, sandbox):
        urls = ["https://images.example/1.png"] * 3
        assert post(sandbox, creation(image_base64s=None, image_urls=urls)).status == 200

    def test_a_name_is_used_once_by_each_key(self, sandbox):
        assert create(sandbox).status == 200
        assert create(sandbox).code == "NAME_ALREADY_EXISTS"
        assert create(sandbox, key=CHARLIES_KEY).status == 200

    def test_of_two_at_once_with_one_name_one_is_made(self, sandbox):
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: create(sandbox).status, range(8)))
        assert sorted(statuses) == [200] + [409] * 7
        assert ledger(sandbox)["charged"] == 1

    def test_every_paid_call_counts_when_names_need_not_be_unique(self, tmp_path):
        with running(tmp_path, unique_names=False) as sandbox:
            assert [create(sandbox).status for _ in range(2)] == [200, 200]
            assert ledger(sandbox)["charged"] == 2

    @pytest.mark.parametrize("name", ["Pikzels", " default "])
    def test_some_names_are_reserved(self, sandbox, name):
        assert create(sandbox, name).code == "NAME_RESERVED"


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "code"),
        [
            (None, Code.MISSING_API_KEY),
            ("", Code.MISSING_API_KEY),
            ("alice", Code.INVALID_API_KEY_FORMAT),
            *((f"{start}_1234", code) for start, code in (KEYS | UNPAID_KEYS).items()),
        ],
    )
    def test_some_keys_make_nothing(self, sandbox, key, code):
        answer = create(sandbox, key=key)
        assert (answer.status, answer.code) == (FACTS[code].status, code)
        assert ledger(sandbox)["charged"] == 0

    def test_a_key_is_tested_for_free_by_asking_for_nobodys_style(self, sandbox):
        assert look(sandbox, rules.NOBODYS_ID).code == "NOT_FOUND"
        assert look(sandbox, rules.NOBODYS_ID, key="pkz_inactive").code == "API_KEY_INACTIVE"

    def test_a_key_without_credits_may_still_look(self, sandbox):
        assert look(sandbox, rules.NOBODYS_ID, key="pkz_empty").code == "NOT_FOUND"

    def test_the_key_is_kept_nowhere(self, sandbox, tmp_path):
        create(sandbox)
        files = list((tmp_path / "sandbox").iterdir())
        assert files
        assert all(ALICES_KEY.encode() not in file.read_bytes() for file in files)


class TestSchema:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": None}, "name"),
            ({"name": 7}, "name"),
            ({"name": ""}, "name"),
            ({"name": "x" * 26}, "name"),
            ({"name": "Alice’s"}, "name"),
            ({"name": "Mars.diary"}, "name"),
            ({"colour": "red"}, "colour"),
            ({"image_base64s": None}, "image_base64s"),
            ({"image_urls": []}, "image_base64s"),
            ({"image_base64s": "abc"}, "image_base64s"),
            ({"image_base64s": [picture()] * 2}, "image_base64s"),
            ({"image_base64s": [picture()] * 4}, "image_base64s"),
            ({"image_base64s": [picture(), "iVBORw0KGgo=", picture()]}, "image_base64s[1]"),
            ({"image_base64s": [picture(), picture(), 3]}, "image_base64s[2]"),
            ({"image_base64s": None, "image_urls": ["http://x.example"] * 3}, "image_urls[0]"),
        ],
    )
    def test_what_is_wrong_is_named(self, sandbox, changes, field):
        answer = post(sandbox, creation(**changes))
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
        assert field in answer.fields

    def test_everything_that_is_wrong_is_named_at_once(self, sandbox):
        body = creation("x" * 26, image_base64s=[1, picture(), 3], colour="red")
        fields = ["colour", "name", "image_base64s[0]", "image_base64s[2]"]
        assert post(sandbox, body).fields == fields

    @pytest.mark.parametrize("name", ["a", "x" * 25, "a-b_c 9", " ", "a\nb", "a\u00a0b", "\ufeff"])
    def test_names_are_taken_as_generously_as_the_contract_does(self, sandbox, name):
        assert create(sandbox, name).status == 200

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000], ids=repr
    )
    def test_what_is_not_an_object_in_json_is_refused(self, sandbox, body):
        assert post(sandbox, body).code == "VALIDATION_ERROR"

    def test_another_content_type_is_refused(self, sandbox):
        assert post(sandbox, creation(), Content_Type="text/plain").code == "VALIDATION_ERROR"


class TestImages:
    @pytest.mark.parametrize(
        ("image", "code"),
        [
            (data_url(photo(64, 36), "image/png"), "INVALID_IMAGE"),
            (data_url(photo(64, 36), "image/jpeg")[:-3] + "*", "INVALID_IMAGE"),
            (data_url(b"<svg></svg>", "image/svg+xml"), "INVALID_IMAGE"),
            (data_url(photo(64, 36, format="GIF"), "image/gif"), "INVALID_IMAGE"),
            (data_url(b""), "INVALID_IMAGE"),
            (data_url(huge_png(14_000)), "INVALID_IMAGE"),
            (data_url(bytes(10_000_001)), "IMAGE_TOO_LARGE"),
        ],
        ids=["type", "base64", "svg", "gif", "empty", "bomb", "large"],
    )
    def test_an_image_is_judged_by_its_bytes(self, sandbox, image, code):
        answer = post(sandbox, creation(image_base64s=[picture(), image, picture()]))
        assert (answer.status, answer.code) == (FACTS[Code(code)].status, code)
        assert ledger(sandbox)["charged"] == 0

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_three_formats_are_taken(self, sandbox, kind):
        image = data_url(photo(64, 36, format=kind), f"image/{kind.lower()}")
        assert post(sandbox, creation(image_base64s=[image] * 3)).status == 200

    def test_three_images_of_the_largest_size_fit(self, sandbox):
        image = encoded(noise(64, 36), "PNG").ljust(10_000_000, b"\0")
        assert post(sandbox, creation(image_base64s=[data_url(image)] * 3)).status == 200


class TestTransport:
    def converse(self, sandbox, *lines, body=b""):
        """Send a create with these headers; return all that comes until the connection ends."""
        head = [f"POST {rules.CREATE_PATH} HTTP/1.1", "Host: sandbox", "X-Api-Key: pkz_a", *lines]
        raw = "\r\n".join([*head, "", ""]).encode() + body
        with socket.create_connection(sandbox.server_address, timeout=30) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                return answer.read()

    def test_a_body_in_chunks_is_refused(self, sandbox):
        answer = self.converse(sandbox, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"VALIDATION_ERROR" in answer
        assert ledger(sandbox)["requests"][0]["complete"] is False

    @pytest.mark.parametrize("lines", [[], ["Content-Length: many"], ["Content-Length: -1"]])
    def test_a_body_of_unknown_length_is_refused(self, sandbox, lines):
        assert b"VALIDATION_ERROR" in self.converse(sandbox, *lines)

    def test_a_body_that_is_far_too_large_is_refused_before_it_comes(self, sandbox):
        answer = self.converse(sandbox, "Content-Length: 45000001")
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"Connection: close" in answer

    def test_a_body_that_ends_early_is_noted_and_not_answered(self, sandbox):
        assert self.converse(sandbox, "Content-Length: 100", body=b"{}") == b""
        [asked] = ledger(sandbox)["requests"]
        assert (asked["received"], asked["complete"], asked["status"]) == (2, False, None)

    def test_a_client_that_waits_for_a_continue_gets_it(self, sandbox):
        answer = self.converse(
            sandbox, "Expect: 100-continue", "Content-Length: 2", "Connection: close", body=b"{}"
        )
        assert answer.startswith(b"HTTP/1.1 100")
        assert b"HTTP/1.1 400" in answer

    def test_a_connection_serves_one_request_after_the_other(self, sandbox):
        with socket.create_connection(sandbox.server_address, timeout=30) as connection:
            for _ in range(3):
                connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: sandbox\r\n\r\n")
                response = http.client.HTTPResponse(connection)
                response.begin()
                assert json.loads(response.read())["error"]["code"] == "NOT_FOUND"
                response.close()

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/"),
            ("GET", rules.CREATE_PATH + "/"),
            ("PUT", rules.CREATE_PATH),
            ("BREW", rules.CREATE_PATH),
            ("POST", "/v2/thumbnail/image"),
            ("POST", "/v2/pikzonality/persona"),
            ("POST", f"/portraits/{rules.NOBODYS_ID}.png"),
            ("GET", "/_sandbox/nothing"),
        ],
    )
    def test_there_is_nothing_else(self, sandbox, method, path):
        answer = ask(sandbox, method, path, creation())
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]

    def test_a_head_has_no_body(self, sandbox):
        answer = ask(sandbox, "HEAD", "/")
        assert (answer.status, answer.body) == (404, b"")

    @pytest.mark.parametrize("host", ["192.0.2.1", "pikzels.example"])
    def test_it_listens_to_this_machine_only(self, tmp_path, host):
        with pytest.raises(ValueError, match=r"loopback|octets"):
            Sandbox(tmp_path, host=host)

    def test_a_fault_of_its_own_is_logged(self, tmp_path, caplog):
        broken = running(tmp_path, clock=lambda: 1 / 0)
        with broken as sandbox, pytest.raises(http.client.RemoteDisconnected):
            create(sandbox)
        assert "ZeroDivisionError" in caplog.text

    def test_a_port_that_is_taken_is_said_at_once(self, sandbox, tmp_path):
        with pytest.raises(OSError, match="in use"):
            Sandbox(tmp_path / "other", port=sandbox.server_address[1])


class TestFollowing:
    @pytest.fixture
    def style_id(self, sandbox):
        return create(sandbox).json["id"]

    @pytest.fixture
    def training(self, tmp_path):
        """A sandbox whose clock the test moves, with one style that trains for 100 seconds."""
        clock = SimpleNamespace(now=1_800_000_000.0)
        with running(tmp_path / "slow", train_seconds=100, clock=lambda: clock.now) as sandbox:
            yield SimpleNamespace(sandbox=sandbox, clock=clock, id=create(sandbox).json["id"])

    def test_progress_rises_while_it_trains(self, training):
        seen = []
        for _ in range(4):
            answer = look(training.sandbox, training.id).json
            seen.append((answer["status"], answer["progress"], answer["portrait_url"]))
            training.clock.now += 30
        assert seen == [("processing", percent, None) for percent in (0, 30, 60, 90)]

    def test_a_trained_style_has_everything(self, sandbox, style_id):
        answer = look(sandbox, style_id).json
        assert answer["portrait_url"] == f"{sandbox.url}/portraits/{style_id}.png"
        assert len(answer["reference"]) == 3
        known = {field: answer[field] for field in ("id", "name", "mode", "status", "progress")}
        assert known == {
            "id": style_id,
            "name": "Mars diary",
            "mode": "style",
            "status": "completed",
            "progress": 100,
        }

    def test_its_pictures_can_be_fetched_without_a_key(self, sandbox, style_id):
        answer = look(sandbox, style_id).json
        urls = [answer["portrait_url"], *answer["reference"]]
        pictures = [ask(sandbox, "GET", url.removeprefix(sandbox.url), key=None) for url in urls]
        assert {picture.headers["Content-Type"] for picture in pictures} == {"image/png"}
        assert {Image.open(io.BytesIO(picture.body)).size for picture in pictures} == {(1280, 720)}
        assert len({picture.body for picture in pictures}) == 4

    def test_there_is_no_portrait_while_it_trains(self, training):
        path = f"/portraits/{training.id}.png"
        assert ask(training.sandbox, "GET", path, key=None).status == 404

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_a_style_is_not_there_for_another_key(self, sandbox, style_id, method):
        path = rules.STYLE_PATH.format(id=style_id)
        body = {"special_instructions": "more red"} if method == "PATCH" else None
        assert ask(sandbox, method, path, body, key=CHARLIES_KEY).code == "NOT_FOUND"
        assert look(sandbox, style_id).status == 200

    def test_an_id_that_is_none_is_named_as_such(self, sandbox):
        assert look(sandbox, "mars").code == "INVALID_STYLE"

    def test_an_id_may_be_in_capitals(self, sandbox, style_id):
        assert look(sandbox, style_id.upper()).json["id"] == style_id

    @pytest.mark.parametrize("text", ["more red", "x" * 300, "", None])
    def test_instructions_are_kept(self, sandbox, style_id, text):
        path = rules.STYLE_PATH.format(id=style_id)
        answer = ask(sandbox, "PATCH", path, {"special_instructions": text})
        assert answer.json["special_instructions"] == text
        assert look(sandbox, style_id).json["special_instructions"] == text

    @pytest.mark.parametrize(
        "body", [{}, {"special_instructions": "x" * 301}, {"special_instructions": 3}, {"name": ""}]
    )
    def test_other_changes_are_refused(self, sandbox, style_id, body):
        answer = ask(sandbox, "PATCH", rules.STYLE_PATH.format(id=style_id), body)
        assert answer.code == "VALIDATION_ERROR"

    def test_a_deleted_style_is_gone_but_was_paid_and_its_name_is_free(self, sandbox, style_id):
        path = rules.STYLE_PATH.format(id=style_id)
        assert ask(sandbox, "DELETE", path).json["message"]
        assert [look(sandbox, style_id).status, ask(sandbox, "DELETE", path).status] == [404, 404]
        assert ledger(sandbox)["charged"] == 1
        assert create(sandbox).status == 200

    def test_a_style_that_trains_cannot_be_deleted(self, training):
        answer = ask(training.sandbox, "DELETE", rules.STYLE_PATH.format(id=training.id))
        assert answer.code == "CANNOT_DELETE_PROCESSING"


class TestMemory:
    def test_a_restart_changes_nothing(self, tmp_path):
        with running(tmp_path / "sandbox") as sandbox:
            style_id = create(sandbox).json["id"]
            assert create(sandbox, "once busy").status == 429
            before = ledger(sandbox)
        with running(tmp_path / "sandbox") as sandbox:
            assert ledger(sandbox) == before
            assert look(sandbox, style_id).json["status"] == "completed"
            assert create(sandbox).code == "NAME_ALREADY_EXISTS"
            assert create(sandbox, "once busy").status == 200

    def test_a_reset_forgets_everything(self, sandbox):
        create(sandbox)
        create(sandbox, "once busy")
        assert ask(sandbox, "POST", "/_sandbox/reset").status == 200
        assert ledger(sandbox) == {"requests": [], "styles": [], "charged": 0}
        assert [create(sandbox).status, create(sandbox, "once busy").status] == [200, 429]

    def test_the_ledger_tells_what_was_asked_and_answered(self, sandbox):
        answer = create(sandbox, "once no credits")
        [asked] = ledger(sandbox)["requests"]
        assert asked["expected"] == asked["received"] > 0
        assert (asked["method"], asked["path"]) == ("POST", rules.CREATE_PATH)
        assert (asked["complete"], asked["status"]) == (True, 402)
        assert (asked["name"], asked["code"]) == ("once no credits", "INSUFFICIENT_CREDITS")
        assert asked["request_id"] == answer.headers["X-Request-Id"]

    def test_its_page_shows_names_as_text(self, sandbox):
        style_id = create(sandbox, "Mars diary").json["id"]
        post(sandbox, creation("<b>"))
        html = ask(sandbox, "GET", "/_sandbox/", key=None).body.decode()
        assert all(text in html for text in (style_id, "Mars diary", "once no credits"))
        assert "<b>" not in html


class TestProcess:
    @pytest.fixture
    def process(self, tmp_path):
        command = [sys.executable, "-c", SERVE, str(tmp_path / "sandbox")]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            yield SimpleNamespace(
                process=process,
                sandbox=SimpleNamespace(url=process.stdout.readline().strip()),
            )
            process.kill()

    def test_what_was_answered_survives_a_kill(self, process, tmp_path):
        style_id = create(process.sandbox).json["id"]
        process.process.kill()
        process.process.wait()
        memory = Ledger(tmp_path / "sandbox")
        assert [style["id"] for style in memory.account()["styles"]] == [style_id]
        memory.close()

    def test_an_interrupt_ends_it_quietly(self, process):
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(timeout=15) == 0


class TestPortrait:
    RED = (("#c0392b",),)

    def test_it_is_the_same_for_the_same_style_and_another_for_another(self):
        first = paint(self.RED, "one")
        paint.cache_clear()
        assert paint(self.RED, "one") == first != paint(self.RED, "two")

    def test_it_follows_the_colours_of_the_references(self):
        assert paint(self.RED, "one") != paint((("#2980b9",),), "one")

    def test_dark_references_make_a_night(self):
        night, day = (Image.open(io.BytesIO(paint(((c,),), "one"))) for c in ("#111111", "#dddddd"))
        assert night.convert("L").getpixel((5, 5)) < 64 < day.convert("L").getpixel((5, 5))

    def test_the_main_colour_comes_first(self):
        image = Image.new("RGB", (64, 36), "#ff0000")
        image.paste("#0000ff", (0, 0, 16, 36))
        assert palette_of_image(encoded(image, "PNG")) == ("#ff0000", "#0000ff")

    @pytest.mark.parametrize("image", [b"", photo(640, 360)[:2000], huge_png(8_000)])
    def test_a_picture_that_cannot_be_looked_at_gets_colours_of_its_own(self, image):
        assert len(palette_of_image(image)) == 4
        assert palette_of_image(image) == palette_of_image(image) != palette_of_text("")
