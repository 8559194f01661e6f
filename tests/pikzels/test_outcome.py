"""What an answer says, and what it means for a call that was paid for or not."""

import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from styles.pikzels import rules
from styles.pikzels.errors import FACTS, Code, Silence, Verdict
from styles.pikzels.outcome import (
    Reply,
    classify,
    known_code,
    read_reply,
    reason_of,
    retry_after_seconds,
)

NOW = datetime(2026, 5, 17, 14, 0, tzinfo=UTC)


def read(content: object, status: int = 400, **headers: str) -> Reply:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(status, CaseInsensitiveDict(named), body)


def error(**content: object) -> dict[str, Any]:
    return {"error": {"code": "CONFLICT", "message": "No"} | content, "request_id": "req-1"}


def test_every_code_has_its_facts() -> None:
    assert len(Code) == 31
    assert set(FACTS) == set(Code)
    assert all(code.name == code.value for code in Code)
    assert {facts.status for facts in FACTS.values()} == set(rules.ERROR_STATUSES)
    assert not {facts.verdict for facts in FACTS.values()} & {Verdict.MADE, Verdict.NOT_SENT}


class TestClassify:
    @pytest.mark.parametrize("committed", [False, True])
    @pytest.mark.parametrize("code", list(Code))
    def test_every_code_has_its_verdict(self, code: Code, committed: bool) -> None:
        facts = FACTS[code]
        in_doubt = facts.verdict is Verdict.IN_DOUBT
        expected = Verdict.NOT_SENT if in_doubt and not committed else facts.verdict
        assert classify(committed, facts.status, code) is expected

    # Each row: status, code of the envelope if there is one, verdict once committed.
    @pytest.mark.parametrize(
        ("status", "code", "verdict"),
        [
            (100, None, Verdict.IN_DOUBT),
            (200, None, Verdict.IN_DOUBT),
            (200, "CONFLICT", Verdict.IN_DOUBT),
            (204, None, Verdict.IN_DOUBT),
            (302, None, Verdict.IN_DOUBT),
            (307, "CONFLICT", Verdict.IN_DOUBT),
            (400, None, Verdict.REFUSED),
            (400, "NEW_CODE", Verdict.REFUSED),
            (401, None, Verdict.REFUSED),
            (401, "NEW_CODE", Verdict.KEY_HELD),
            (402, None, Verdict.REFUSED),
            (402, "NEW_CODE", Verdict.KEY_HELD),
            (403, None, Verdict.REFUSED),
            (403, "NEW_CODE", Verdict.KEY_HELD),
            (404, None, Verdict.REFUSED),
            (408, None, Verdict.IN_DOUBT),
            (413, None, Verdict.REFUSED),
            (418, "NEW_CODE", Verdict.REFUSED),
            (425, None, Verdict.IN_DOUBT),
            (429, None, Verdict.LATER),
            (429, "NEW_CODE", Verdict.LATER),
            (499, None, Verdict.IN_DOUBT),
            (499, "NEW_CODE", Verdict.IN_DOUBT),
            (500, None, Verdict.IN_DOUBT),
            (500, "NEW_CODE", Verdict.IN_DOUBT),
            (500, "INVALID_IMAGE", Verdict.REFUSED),
            (502, None, Verdict.IN_DOUBT),
            (503, None, Verdict.IN_DOUBT),
            (503, "NEW_CODE", Verdict.LATER),
            (504, None, Verdict.IN_DOUBT),
            (599, None, Verdict.IN_DOUBT),
        ],
    )
    def test_of_an_answer_without_an_id(
        self, status: int, code: str | None, verdict: Verdict
    ) -> None:
        assert classify(True, status, code) is verdict
        early = Verdict.NOT_SENT if verdict is Verdict.IN_DOUBT else verdict
        assert classify(False, status, code) is early

    @pytest.mark.parametrize("committed", [False, True])
    @pytest.mark.parametrize("status", [200, 201, 202, 299])
    def test_an_id_means_made_in_whatever_state(self, status: int, committed: bool) -> None:
        assert classify(committed, status, None, has_id=True) is Verdict.MADE

    @pytest.mark.parametrize("status", [199, 300, 400, 500])
    def test_an_id_in_another_answer_means_nothing(self, status: int) -> None:
        verdicts = {classify(True, status, None, has_id=has_id) for has_id in (False, True)}
        assert len(verdicts) == 1
        assert Verdict.MADE not in verdicts

    def test_silence_counts_from_the_commit_on(self) -> None:
        assert classify(False, None, None) is Verdict.NOT_SENT
        assert classify(True, None, None) is Verdict.IN_DOUBT

    @given(
        status=st.none() | st.integers(100, 599),
        code=st.none() | st.sampled_from(Code) | st.text(min_size=1),
        has_id=st.booleans(),
    )
    def test_what_was_not_committed_never_leaves_a_doubt(
        self, status: int | None, code: str | None, has_id: bool
    ) -> None:
        assert classify(False, status, code, has_id=has_id) is not Verdict.IN_DOUBT

    @given(status=st.none() | st.integers(100, 599), code=st.none() | st.text(min_size=1))
    def test_what_was_committed_is_never_taken_for_not_sent(
        self, status: int | None, code: str | None
    ) -> None:
        assert classify(True, status, code) is not Verdict.NOT_SENT


class TestReadingAReply:
    def test_of_success(self) -> None:
        reply = read({"id": "abc-1", "request_id": "req-1"}, 200)
        assert (reply.style_id, reply.request_id) == ("abc-1", "req-1")
        assert (reply.is_json, reply.envelope, reply.excerpt) == (True, False, "")

    def test_of_an_error(self) -> None:
        details = [{"field": "name", "message": "Too long"}, {"message": "Too few"}]
        reply = read(error(code="VALIDATION_ERROR", message="Look", details=details))
        assert (reply.code, reply.message, reply.envelope) == ("VALIDATION_ERROR", "Look", True)
        assert [(detail.field, detail.message) for detail in reply.details] == [
            ("name", "Too long"),
            ("", "Too few"),
        ]
        assert (reply.request_id, reply.excerpt) == ("req-1", "")

    def test_takes_the_request_id_from_the_header_where_the_body_has_none(self) -> None:
        assert read(b"<html>", X_Request_Id="req-2").request_id == "req-2"
        assert read(error(), X_Request_Id="req-2").request_id == "req-1"

    def test_carries_retry_after_as_it_is(self) -> None:
        assert read(b"", 429, Retry_After="soon").retry_after == "soon"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b'{"id": "abc',
            b"null",
            b"\xff\xfe",
            b"[" * 60_000,
            b'{"a":' * 10_000,
            b"[" + b"1" * 5_000,
        ],
    )
    def test_of_what_is_not_json(self, body: bytes) -> None:
        reply = read(body, 200)
        assert (reply.is_json, reply.style_id, reply.body) == (False, "", {})

    @pytest.mark.parametrize("content", [[], [{"id": "abc"}], "text", 5, True, {}, {"ID": "abc"}])
    def test_of_json_that_is_not_the_contracts(self, content: object) -> None:
        reply = read(content, 200)
        assert (reply.is_json, reply.style_id, reply.envelope) == (True, "", False)
        assert reply.excerpt != ""

    @pytest.mark.parametrize(
        "style_id", [None, 5, "", "  ", ["abc"], "a" * 201, "a\n", "a\x00b", "\x7f", "\ud800", "é"]
    )
    def test_counts_an_odd_id_as_none_and_keeps_the_excerpt(self, style_id: object) -> None:
        reply = read({"id": style_id}, 200)
        assert reply.style_id == ""
        assert reply.excerpt.startswith('{"id": ')

    def test_finds_the_id_beside_a_number_of_5000_digits(self) -> None:
        assert read(b'{"n": %b, "id": "abc"}' % (b"9" * 5000), 200).style_id == "abc"

    def test_finds_the_id_beside_bytes_that_are_not_utf_8(self) -> None:
        assert read(b'{"n": "\xff", "id": "abc"}', 200).style_id == "abc"

    def test_finds_the_id_behind_a_byte_order_mark(self) -> None:
        assert read(b'\xef\xbb\xbf{"id": "abc"}', 200).style_id == "abc"

    def test_takes_the_last_of_two(self) -> None:
        assert read(b'{"id": "first", "id": "last"}', 200).style_id == "last"

    @pytest.mark.parametrize("code", [None, 5, "", [], {}])
    def test_without_a_code_there_is_no_envelope(self, code: object) -> None:
        reply = read(error(code=code))
        assert (reply.code, reply.envelope) == ("", False)
        assert reply.excerpt != ""

    def test_an_error_that_is_a_string_is_no_envelope(self) -> None:
        reply = read({"error": "Unauthorized"}, 401)
        assert (reply.envelope, reply.excerpt) == (False, '{"error": "Unauthorized"}')

    @pytest.mark.parametrize("details", [None, 5, "text", {"field": "name"}, ["text", 5, None]])
    def test_details_that_are_no_list_of_objects_are_left_out(self, details: object) -> None:
        assert read(error(details=details)).details == ()

    def test_details_without_a_proper_field_keep_their_message(self) -> None:
        (detail,) = read(error(details=[{"field": 5, "message": "Odd"}])).details
        assert (detail.field, detail.message) == ("", "Odd")

    def test_bounds_everything(self) -> None:
        long = "x" * 10_000
        details = [{"field": long, "message": long}] * 100
        reply = read(error(code=long, message=long, details=details) | {"request_id": long})
        assert len(reply.code) == 100
        assert len(reply.message) == 2_000
        assert len(reply.request_id) == 200
        assert len(reply.details) == 50
        assert len(reply.details[0].field) == 200
        assert len(reply.details[0].message) == 2_000
        assert len(read(long.encode()).excerpt) == 500

    def test_gives_texts_that_a_database_takes(self) -> None:
        reply = read(error(message="a\x00b\ud800c"))
        assert reply.message == "ab?c"

    def test_gives_an_excerpt_that_can_be_shown(self) -> None:
        assert read(b"<h1>Bad\r\n\t Gateway\x00\x1b[31m</h1>", 502).excerpt == (
            "<h1>Bad Gateway[31m</h1>"
        )

    @given(
        status=st.integers(100, 599),
        body=st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["id", "error", "code", "message", "details", "field"]), inner
                )
            ),
        ).map(lambda content: json.dumps(content).encode()),
        header=st.text(),
    )
    def test_never_raises_and_always_has_a_reason_and_a_storable_text(
        self, status: int, body: bytes, header: str
    ) -> None:
        reply = read(body, status, X_Request_Id=header, Retry_After=header)
        made = 200 <= status < 300 and reply.style_id != ""
        assert (reason_of(reply) == "") == made
        texts = [reply.style_id, reply.code, reply.message, reply.request_id, reply.excerpt]
        for text in texts + [detail.message for detail in reply.details]:
            assert "\x00" not in text
            assert text.encode().decode() == text


class TestTheReason:
    @pytest.mark.parametrize(
        ("status", "content", "reason"),
        [
            (200, {"id": "abc"}, ""),
            (200, {}, Silence.NO_ID),
            (200, [], Silence.NO_ID),
            (200, error(), Silence.NO_ID),
            (200, b"<html>", Silence.NOT_JSON),
            (204, b"", Silence.NOT_JSON),
            (307, b"", Silence.NOT_JSON),
            (307, error(), Silence.UNKNOWN_CODE),
            (409, error(), Code.CONFLICT),
            (418, error(), Code.CONFLICT),
            (409, error(code="NEW_CODE"), Silence.UNKNOWN_CODE),
            (409, {"error": "No"}, Silence.UNKNOWN_CODE),
            (413, b"<html>", Silence.NOT_JSON),
            (502, b"<html>", Silence.NOT_JSON),
        ],
    )
    def test_is_the_code_or_what_came_in_its_place(
        self, status: int, content: object, reason: str
    ) -> None:
        assert reason_of(read(content, status)) == reason

    def test_is_known_for_the_codes_of_the_contract_only(self) -> None:
        assert known_code("CONFLICT") is Code.CONFLICT
        assert known_code("conflict") is None


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("7", 7.0),
            (" 120 ", 120.0),
            ("1.5", 1.5),
            ("0", 1.0),
            ("3601", 3600.0),
            ("9" * 5000, 3600.0),
            ("Sun, 17 May 2026 14:00:30 GMT", 30.0),
            ("Sunday, 17-May-26 14:00:30 GMT", 30.0),
            ("Sun May 17 14:00:30 2026", 30.0),
            ("Sun, 17 May 2026 14:00:30 -0000", 30.0),
            ("Sun, 17 May 2026 16:00:30 +0200", 30.0),
            ("Sun, 17 May 2026 13:00:00 GMT", 1.0),
            ("Mon, 18 May 2026 14:00:00 GMT", 3600.0),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1e3", None),
            ("nan", None),
            ("inf", None),
            ("١٢", None),
            ("Sun, 99 May 2026 14:00:00 GMT", None),
        ],
    )
    def test_is_read_in_both_forms_and_within_bounds(
        self, text: str, seconds: float | None
    ) -> None:
        assert retry_after_seconds(text, now=NOW) == seconds

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_any_date_is_within_bounds(self, moment: datetime) -> None:
        seconds = retry_after_seconds(format_datetime(moment, usegmt=True), now=NOW)
        assert seconds is None or 1 <= seconds <= 3600

    @given(st.text())
    def test_any_text_is_taken(self, text: str) -> None:
        seconds = retry_after_seconds(text, now=NOW)
        assert seconds is None or 1 <= seconds <= 3600

    def test_counts_from_now_in_any_zone(self) -> None:
        there = NOW.astimezone(timezone(timedelta(hours=9)))
        assert retry_after_seconds("Sun, 17 May 2026 14:00:30 GMT", now=there) == 30.0
