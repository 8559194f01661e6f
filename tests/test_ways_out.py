"""No state without a way out: each button on a style's page does what it says, once."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from django.test import Client

from styles.explanations import AFTER_A_REVIEW, AFTER_IT_WAS_MADE, EXPLANATIONS
from styles.models import Event, Style
from styles.pikzels.errors import FACTS, Code, Verdict
from styles.presentation import panel_of
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]
# These follow from the state alone; the tests of keeping see them.


@pytest.fixture
def owner(alice: User, key: PikzelsKey) -> Client:
    return browser_of(alice)


@pytest.fixture
def member(bob: User, key: PikzelsKey) -> Client:
    return browser_of(bob)


def now_is(style: Style) -> str:
    style.refresh_from_db()
    return style.state


class TestWhileItWaits:
    def test_edit_takes_it_back(self, member: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.QUEUED)
        answer = member.post(style.address("reopen"))
        assert (now_is(style), answer.url) == (State.DRAFT, style.address("edit"))

    def test_edit_is_too_late_once_it_is_being_sent(
        self, member: Client, make_style: MakeStyle
    ) -> None:
        style = make_style(state=State.SENDING)
        answer = member.post(style.address("reopen"), follow=True)
        assert now_is(style) == State.SENDING
        assert "moved on already" in answer.content.decode()

    def test_cancel_asks_first(self, member: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.QUEUED)
        assert member.get(style.address("cancel")).status_code == 200
        assert now_is(style) == State.QUEUED
        member.post(style.address("cancel"))
        assert now_is(style) == State.DROPPED

    def test_cancel_keeps_the_pictures(self, member: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.QUEUED)
        member.post(style.address("cancel"))
        answer = member.post(style.address("variant"))
        draft = Style.objects.exclude(pk=style.pk).get()
        assert answer.url == draft.address("edit")
        assert draft.filled() == {1, 2, 3}


class TestRefused:
    def test_shrink_makes_the_pictures_smaller_and_sends(
        self, member: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.REFUSED, reason=Code.IMAGE_TOO_LARGE, key=key)
        largest = max(image.bytes for image in style.images.all())
        member.post(style.address("shrink"))
        assert now_is(style) == State.QUEUED
        assert all(image.bytes <= largest // 2 for image in style.images.all())

    def test_send_now_starts_anew(self, member: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.REFUSED, reason="exhausted")
        member.post(style.address("retry"))
        assert now_is(style) == State.QUEUED

    def test_send_now_does_nothing_to_what_may_exist(
        self, owner: Client, make_style: MakeStyle
    ) -> None:
        style = make_style(state=State.IN_DOUBT, reason="no_answer")
        owner.post(style.address("retry"))
        owner.post(style.address("shrink"))
        owner.post(style.address("cancel"))
        owner.post(style.address("reopen"))
        assert now_is(style) == State.IN_DOUBT


class TestInDoubt:
    @pytest.fixture
    def style(self, make_style: MakeStyle, key: PikzelsKey) -> Style:
        return make_style(state=State.IN_DOUBT, reason="no_answer", key=key)

    def test_an_owner_sends_again_by_typing_the_name(
        self, owner: Client, style: Style, alice: User
    ) -> None:
        assert owner.get(style.address("send_again")).status_code == 200
        assert owner.post(style.address("send_again"), {"name": "Mars"}).status_code == 422
        assert now_is(style) == State.IN_DOUBT
        owner.post(style.address("send_again"), {"name": "Mars diary"})
        assert now_is(style) == State.QUEUED
        event = style.events.latest("at")
        assert (event.who, event.from_state) == (alice, State.IN_DOUBT)

    def test_a_word_about_an_earlier_try_does_not_count_for_a_later_one(
        self, owner: Client, style: Style, key: PikzelsKey
    ) -> None:
        seen = owner.get(style.address("send_again")).context["form"]["after"].value()
        now = style.created_at
        style.attempts.create(number=9, key=key, lease_until=now, closed_at=now, outcome="in_doubt")
        posted = {"name": "Mars diary", "after": seen}
        answer = owner.post(style.address("send_again"), posted)
        assert (answer.status_code, now_is(style)) == (422, State.IN_DOUBT)
        assert "sent again in the meantime" in answer.content.decode()

    def test_a_member_cannot_send_again(self, member: Client, style: Style) -> None:
        answer = member.post(style.address("send_again"), {"name": "Mars diary"})
        assert (answer.status_code, now_is(style)) == (404, State.IN_DOUBT)

    def test_give_up_asks_first(self, member: Client, style: Style, bob: User) -> None:
        assert member.get(style.address("give_up")).status_code == 200
        assert now_is(style) == State.IN_DOUBT
        member.post(style.address("give_up"))
        assert now_is(style) == State.DROPPED
        assert style.events.latest("at").who == bob

    def test_support_gets_what_it_needs_and_no_secret(
        self, member: Client, style: Style, key: PikzelsKey
    ) -> None:
        style.attempts.create(
            number=1,
            key=key,
            lease_until=style.created_at,
            committed_at=style.created_at,
            closed_at=style.created_at,
            outcome=Verdict.IN_DOUBT,
            request_id="req-77",
            http_status=500,
            code="INTERNAL_ERROR",
        )
        answer = member.get(style.address("support"))
        text = unquote(answer.context["mailto"])
        for fact in ("req-77", "Mars diary", "pkz_…abcd", "HTTP 500 INTERNAL_ERROR", "UTC"):
            assert fact in text
        assert "canary" not in answer.content.decode()
        member.post(style.address("support"))
        assert style.events.latest("at").what == Event.What.ASKED_SUPPORT

    def test_a_pasted_id_that_is_wrong_is_explained(self, member: Client, style: Style) -> None:
        answer = member.post(style.address("paste_id"), {"pikzels_id": ""})
        assert answer.status_code == 422
        assert "Enter the style ID" in answer.content.decode()


# Not about a paid call: told by the tests of following and of reviewing.
ELSEWHERE = {*AFTER_IT_WAS_MADE, *AFTER_A_REVIEW} - {"cannot_follow"}


class TestEveryReasonHasAPage:
    """Each reason in the state it leads to, as a member and as an owner read it."""

    @staticmethod
    def verdict_of(reason: str) -> Verdict:
        if reason in Code.__members__:
            return FACTS[Code(reason)].verdict
        return {
            "no_key": Verdict.KEY_HELD,
            "cannot_decrypt": Verdict.KEY_HELD,
            "disk_full": Verdict.LATER,
            "storage_away": Verdict.LATER,
            "exhausted": Verdict.REFUSED,
            "picture_lost": Verdict.REFUSED,
            "could_not_connect": Verdict.LATER,
            "stopped": Verdict.LATER,
        }.get(reason, Verdict.IN_DOUBT)

    def state_for(self, reason: str) -> dict[str, object]:
        return {
            Verdict.REFUSED: {"state": State.REFUSED},
            Verdict.IN_DOUBT: {"state": State.IN_DOUBT},
            Verdict.LATER: {"state": State.QUEUED},
            Verdict.KEY_HELD: {"state": State.QUEUED},
        }[self.verdict_of(reason)]

    @pytest.mark.parametrize("reason", sorted({*EXPLANATIONS} - ELSEWHERE))
    @pytest.mark.parametrize("who", ["owner", "member"])
    def test_with_words_and_ways_out_that_answer(
        self,
        request: pytest.FixtureRequest,
        make_style: MakeStyle,
        key: PikzelsKey,
        reason: str,
        who: str,
    ) -> None:
        client: Client = request.getfixturevalue(who)
        fields = self.state_for(reason)
        style = make_style(**fields, reason=reason, key=None if reason == "no_key" else key)
        if fields["state"] == State.QUEUED and self.verdict_of(reason) == Verdict.KEY_HELD:
            key.hold(reason)
        page = client.get(style.get_absolute_url())
        panel = page.context["shown"].panel
        assert panel and panel.title and panel.paragraphs
        assert str(panel.title) in page.content.decode().replace("&#x27;", "'")
        for button in panel.actions:
            if button.method == "get":
                assert client.get(button.url.partition("#")[0]).status_code == 200, button


def test_a_panel_offers_owners_more_than_members(
    make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User
) -> None:
    key.hold(Code.INSUFFICIENT_CREDITS)
    key.refresh_from_db()
    style = make_style(state=State.QUEUED, key=key)
    texts = []
    for user in (alice, bob):
        panel = panel_of(style, user.memberships.get())
        assert panel
        texts.append((panel.paragraphs, [button.label for button in panel.actions]))
    assert "Resume" in texts[0][1]
    assert texts[1][1] == []
    assert texts[0][0] != texts[1][0]
