import http.client
import json
import socket
import struct
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from styles.pikzels import rules
from styles.pikzels.errors import FACTS, Code, Verdict
from styles.pikzels.sandbox.page import trigger_rows
from styles.pikzels.sandbox.triggers import CODES, COURSES, FAILURES, TRIGGERS, Trigger, find
from tests.wording import banned_words

from .sandboxes import CHARLIES_KEY, ask, create, creation, ledger, look, running

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
FAILING = [trigger for trigger in TRIGGERS.values() if isinstance(trigger, Trigger)]
IN_DOUBT = [code for code in Code if FACTS[code].verdict is Verdict.IN_DOUBT]

# What a style's state is after so many seconds, where a training takes 100 as a rule.
TRAININGS = {
    "Mars diary": ((0, 50, 99, 100), ["processing"] * 3 + ["completed"]),
    "training fails": ((0, 59, 60, 500), ["processing"] * 2 + ["failed"] * 2),
    "training slow": ((0, 499, 500), ["processing"] * 2 + ["completed"]),
    "training forever": ((0, 500, 10**9), ["processing"] * 3),
    "vanishes midway": ((0, 49, 50, 500), ["processing"] * 2 + [404] * 2),
    "vanishes when ready": ((99, 100, 101), ["processing", "completed", 404]),
}
SLOW_ANSWERS = ["slow answer", "very slow answer"]


class Clock:
    """Time that stands still until a test moves it."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sandbox(tmp_path, clock):
    with running(tmp_path, train_seconds=100, clock=clock) as sandbox:
        yield sandbox


def status_of(sandbox, name):
    """Create by that name; return the status, or 0 when the connection broke without one."""
    try:
        return create(sandbox, name).status
    except http.client.IncompleteRead:
        return 200
    except ConnectionError:
        return 0


def by_name(items):
    return pytest.mark.parametrize("trigger", items, ids=lambda trigger: trigger.name)


class TestRegistry:
    def test_every_code_has_a_slug_of_its_own(self):
        slugs = [slug for slug, _ in CODES.values()]
        assert (set(CODES), len(set(slugs))) == (set(Code), len(slugs))

    def test_every_name_can_be_typed_into_the_form(self):
        for name in TRIGGERS:
            assert rules.NAME.fullmatch(name), name
            assert rules.NAME_MIN <= len(name) <= rules.NAME_MAX, name

    def test_no_two_triggers_share_a_name(self):
        assert len(TRIGGERS) == len(FAILING) + len(COURSES)
        assert len({failure.slug for failure in FAILURES}) == len(FAILURES)

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("once no credits", "once no credits"),
            ("Once No Credits", "once no credits"),
            ("once no credits 7", "once no credits"),
            ("once busy date-2", "once busy date"),
            ("once busy today", "once busy"),
            ("once crashed unmade 3", "once crashed unmade"),
            ("training slowly", None),
            ("Alice once busy", None),
            ("Mars diary", None),
        ],
    )
    def test_a_name_is_found_by_how_it_begins(self, name, found):
        trigger = find(name)
        assert (trigger and trigger.name) == found

    def test_the_document_lists_every_trigger(self):
        rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
        expected = [
            f"| {', '.join(f'`{name}`' for name in names)} | {text} |"
            for names, text in trigger_rows()
        ]
        assert rows == expected

    def test_the_rows_of_the_document_name_every_trigger_once(self):
        named = [name for names, _ in trigger_rows() for name in names]
        assert (len(named), set(named)) == (len(TRIGGERS), set(TRIGGERS))

    def test_the_document_keeps_to_our_words(self):
        assert banned_words(DOCUMENT.read_text()) == []


class TestCodes:
    @pytest.mark.parametrize("code", Code)
    def test_once_answers_with_the_code_and_its_status_the_first_time_only(self, sandbox, code):
        name = f"once {CODES[code][0]}"
        answer = create(sandbox, name)
        assert (answer.status, answer.code) == (FACTS[code].status, code)
        assert answer.json["error"]["message"] == CODES[code][1]
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]
        made_before = code in IN_DOUBT
        assert ledger(sandbox)["charged"] == made_before
        assert create(sandbox, name).status == (409 if made_before else 200)
        assert ledger(sandbox)["charged"] == 1

    @pytest.mark.parametrize("code", Code)
    def test_always_answers_with_the_code_every_time(self, sandbox, code):
        name = f"always {CODES[code][0]}"
        assert [create(sandbox, name).code for _ in range(3)] == [code] * 3
        assert ledger(sandbox)["charged"] == (code in IN_DOUBT)

    @pytest.mark.parametrize("code", IN_DOUBT)
    def test_unmade_makes_nothing_so_that_sending_again_goes_through(self, sandbox, code):
        name = f"once {CODES[code][0]} unmade"
        assert create(sandbox, name).code == code
        assert ledger(sandbox)["charged"] == 0
        assert create(sandbox, name).status == 200

    def test_a_code_in_doubt_leaves_a_style_whose_id_the_ledger_tells(self, sandbox):
        answer = create(sandbox, "once crashed")
        [style] = ledger(sandbox)["styles"]
        assert style["request_id"] == answer.headers["X-Request-Id"]
        assert look(sandbox, style["id"]).json["name"] == "once crashed"

    def test_a_refused_request_names_fields_a_slot_and_something_without_a_field(self, sandbox):
        assert create(sandbox, "once not accepted").fields == ["name", "image_base64s[1]", ""]


class TestFailures:
    @by_name(FAILING)
    def test_it_comes_as_the_registry_says_and_makes_a_style_or_not(self, sandbox, trigger):
        assert status_of(sandbox, trigger.name) == trigger.failure.status
        account = ledger(sandbox)
        assert account["charged"] == trigger.makes
        assert account["requests"][0]["trigger"] == trigger.name
        assert account["requests"][0]["status"] == (trigger.failure.status or None)

    @by_name(FAILING)
    def test_the_second_time_only_always_acts(self, sandbox, trigger):
        status_of(sandbox, trigger.name)
        again = status_of(sandbox, trigger.name)
        after_once = 409 if trigger.makes else 200
        assert again == (trigger.failure.status if trigger.always else after_once)
        assert ledger(sandbox)["charged"] == (trigger.makes or not trigger.always)

    def test_once_counts_for_each_name_and_each_key(self, sandbox):
        assert create(sandbox, "once busy").status == 429
        assert create(sandbox, "once busy 2").status == 429
        assert create(sandbox, "once busy", key=CHARLIES_KEY).status == 429
        assert create(sandbox, "once busy").status == 200

    @pytest.mark.parametrize(
        ("slug", "value"), [("busy", None), ("busy seconds", "2"), ("busy garbage", "soon")]
    )
    def test_retry_after_comes_in_several_forms(self, sandbox, slug, value):
        assert create(sandbox, f"once {slug}").headers.get("Retry-After") == value

    def test_retry_after_comes_as_a_date(self, sandbox, clock):
        date = parsedate_to_datetime(create(sandbox, "once busy date").headers["Retry-After"])
        assert date.timestamp() == clock.now + 2

    def test_a_new_code_comes_in_the_envelope(self, sandbox):
        assert create(sandbox, "once new code").code == "BRAND_NEW_CODE"
        assert create(sandbox, "once new crash").code == "BRAND_NEW_CODE"

    @pytest.mark.parametrize("status", [403, 429, 500, 503])
    def test_a_bare_status_has_no_envelope(self, sandbox, status):
        answer = create(sandbox, f"once bare {status}")
        assert (answer.headers["Content-Type"], answer.body[:5]) == ("text/plain", b"Error")

    def test_a_gateway_answers_with_a_page(self, sandbox):
        answer = create(sandbox, "once html 502")
        assert answer.headers["Content-Type"] == "text/html"
        assert b"<h1>Bad gateway</h1>" in answer.body

    def test_a_success_may_be_cut_off(self, sandbox):
        with pytest.raises(http.client.IncompleteRead) as cut:
            create(sandbox, "once cut json")
        assert cut.value.partial.startswith(b'{"id": "')
        assert not cut.value.partial.endswith(b"}")

    def test_a_success_may_lack_its_id_or_everything(self, sandbox):
        assert "id" not in create(sandbox, "once no id").json
        assert create(sandbox, "once empty").body == b""

    def test_a_redirect_that_is_followed_can_be_seen(self, sandbox):
        location = create(sandbox, "once redirect").headers["Location"]
        ask(sandbox, "POST", location, creation("once redirect"))
        assert ledger(sandbox)["requests"][-1]["path"] == "/elsewhere"

    def test_a_redirect_may_lead_nowhere(self, sandbox):
        with pytest.raises(ValueError, match="IPv6"):
            http.client.urlsplit(create(sandbox, "once nowhere").headers["Location"])

    def test_a_dropped_connection_had_the_whole_body(self, sandbox):
        with pytest.raises(http.client.RemoteDisconnected):
            create(sandbox, "once dropped")
        assert ledger(sandbox)["requests"][0]["complete"] is True


class TestEarly:
    """What happens when a part of the body has arrived and the rest has not."""

    @pytest.fixture
    def send_part(self, sandbox):
        """Return a function that sends 60 % of a create, and the connection to go on with."""
        opened = []

        def send_part(name):
            body = json.dumps(creation(name)).encode()
            connection = socket.create_connection(sandbox.server_address, timeout=30)
            opened.append(connection)
            connection.sendall(
                f"POST {rules.CREATE_PATH} HTTP/1.1\r\nHost: sandbox\r\nX-Api-Key: pkz_alice\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            part = len(body) * 6 // 10
            connection.sendall(body[:part])
            return connection, body[part:]

        yield send_part
        for connection in opened:
            connection.close()

    def test_the_connection_is_reset(self, sandbox, send_part):
        connection, _ = send_part("once early reset")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        [asked] = ledger(sandbox)["requests"]
        assert (asked["complete"], asked["status"]) == (False, None)

    def test_an_early_answer_is_there_before_the_rest_of_the_body(self, sandbox, send_part):
        connection, rest = send_part("once early 413")
        assert connection.recv(12) == b"HTTP/1.1 413"
        connection.sendall(rest)
        while connection.recv(65536):
            pass
        [asked] = ledger(sandbox)["requests"]
        assert (asked["complete"], asked["code"]) == (True, "IMAGE_TOO_LARGE")

    def test_an_early_answer_may_be_followed_by_a_reset(self, sandbox, send_part):
        connection, _ = send_part("once early 413 reset")
        with pytest.raises(ConnectionResetError):
            while connection.recv(65536):
                pass
        [asked] = ledger(sandbox)["requests"]
        assert (asked["complete"], asked["code"]) == (False, "IMAGE_TOO_LARGE")

    def test_no_style_is_made_of_a_body_without_its_last_byte(self, sandbox, send_part):
        connection, rest = send_part("Mars diary")
        connection.sendall(rest[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
        account = ledger(sandbox)
        assert account["charged"] == 0
        assert (account["requests"][0]["complete"], account["requests"][0]["status"]) == (
            False,
            None,
        )

    def test_a_client_that_resets_leaves_the_sandbox_well(self, sandbox, send_part):
        connection, _ = send_part("Mars diary")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert create(sandbox, "Mars diary").status == 200

    def test_a_name_that_comes_last_acts_when_the_body_is_in(self, sandbox):
        body = creation()
        body["name"] = "once early 413"
        backwards = dict(reversed(body.items()))
        assert ask(sandbox, "POST", rules.CREATE_PATH, backwards).status == 413


class TestCourses:
    def state(self, sandbox, style_id):
        answer = look(sandbox, style_id)
        return answer.json["status"] if answer.status == 200 else answer.status

    @pytest.mark.parametrize(
        ("name", "after", "states"),
        [(name, after, states) for name, (after, states) in TRAININGS.items()],
        ids=TRAININGS,
    )
    def test_a_training_takes_its_course(self, sandbox, clock, name, after, states):
        style_id = create(sandbox, name).json["id"]
        start, seen = clock.now, []
        for seconds in after:
            clock.now = start + seconds
            seen.append(self.state(sandbox, style_id))
        assert seen == states

    @pytest.mark.parametrize("name", SLOW_ANSWERS)
    def test_a_slow_answer_comes_late_but_the_style_is_made_at_once(self, tmp_path, name):
        with running(tmp_path, slow_seconds=600) as sandbox:
            with pytest.raises(TimeoutError):
                create(sandbox, name, seconds=0.5)
            assert ledger(sandbox)["charged"] == 1

    @pytest.mark.parametrize("name", SLOW_ANSWERS)
    def test_a_slow_answer_comes_in_the_end(self, sandbox, name):
        assert create(sandbox, name).status == 200

    def test_every_course_is_tried_here(self):
        assert {course.name for course in COURSES} == {*TRAININGS, *SLOW_ANSWERS} - {"Mars diary"}
