"""Being told by mail: whom it concerns, what they want to know, and what the mail says."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from email.message import Message

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from styles import breaker, telling
from styles.letters import one_line
from styles.models import Event, Notice, Style, Unwanted
from styles.pikzels.errors import Code
from styles.states import State
from teams.models import Membership, PikzelsKey, Team, User

from .conftest import browser_of, person
from .wording import banned_words

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db
Kind = Notice.Kind


@pytest.fixture(autouse=True)
def only_moves_of_the_table() -> None:
    """Here it does not matter by which way a style came where it is."""


@pytest.fixture
def dora(team: Team) -> User:
    """Who reviews."""
    return person("Dora", team, "reviewer")


@pytest.fixture
def bobs(make_style: MakeStyle, key: PikzelsKey, alice: User, bob: User) -> Style:
    """Bob's style, which was sent."""
    style = make_style(creator=bob)
    style.submit(bob)
    style.move(State.SENDING, only_from=[State.QUEUED])
    style.move(State.COMMITTED, only_from=[State.SENDING])
    return style


def rows() -> list[tuple[str, str]]:
    return [(each.user.name, each.kind) for each in Notice.objects.order_by("user__name", "at")]


def become(style: Style, state: State, reason: str = "", who: User | None = None) -> None:
    """Let the style get there, whatever it comes from."""
    fields = (
        {"pikzels_id": f"id-{style.pk}"} if state in {State.READY, State.TRAINING_FAILED} else {}
    )
    assert style.move(state, only_from=State.values, reason=reason, who=who, **fields)


def tell_all() -> list[EmailMessage]:
    """Do what a worker does once the mails have waited for others; return those that went out."""
    before = len(mail.outbox)
    Notice.objects.waiting().update(due_at=timezone.now())
    for notice in Notice.objects.due(timezone.now()):
        telling.tell(notice.pk)
    return mail.outbox[before:]


def outcomes() -> list[str]:
    return [*Notice.objects.order_by("at").values_list("outcome", flat=True)]


class TestWhomItConcerns:
    @pytest.mark.parametrize(
        ("state", "kind"),
        [
            (State.READY, Kind.READY),
            (State.TRAINING_FAILED, Kind.FAILED),
            (State.REFUSED, Kind.REFUSED),
        ],
    )
    def test_its_author_is_told_how_it_ended(self, bobs: Style, state: State, kind: str) -> None:
        become(bobs, state)
        assert rows() == [("Bob", kind)]

    def test_a_doubt_concerns_the_owners_too_who_alone_may_send_again(self, bobs: Style) -> None:
        become(bobs, State.IN_DOUBT, "no_answer")
        assert rows() == [("Alice", Kind.IN_DOUBT), ("Bob", Kind.IN_DOUBT)]

    def test_whoever_sent_it_again_is_told_beside_its_author(
        self, bobs: Style, alice: User
    ) -> None:
        become(bobs, State.IN_DOUBT, "no_answer")
        Notice.objects.all().delete()
        bobs.send_again(alice)
        become(bobs, State.READY)
        assert rows() == [("Alice", Kind.READY), ("Bob", Kind.READY)]

    def test_reviewers_and_owners_are_told_that_something_waits_for_them(
        self, team: Team, make_style: MakeStyle, alice: User, bob: User, dora: User
    ) -> None:
        Team.objects.update(review_required=True)
        style = make_style(creator=bob)
        style.submit(bob)
        assert rows() == [("Alice", Kind.REVIEW), ("Dora", Kind.REVIEW)]

    def test_nobody_is_told_to_review_their_own(
        self, team: Team, make_style: MakeStyle, alice: User, dora: User
    ) -> None:
        Team.objects.update(review_required=True)
        make_style(creator=dora).submit(dora)
        assert rows() == [("Alice", Kind.REVIEW)]

    def test_the_author_is_told_of_a_decline_and_who_approved_of_nothing(
        self, team: Team, key: PikzelsKey, make_style: MakeStyle, bob: User, dora: User
    ) -> None:
        Team.objects.update(review_required=True)
        style = make_style(creator=bob)
        style.submit(bob)
        style.decline(dora, "Brighter")
        style.submit(bob)
        style.approve(dora)
        Notice.objects.filter(kind=Kind.REVIEW).delete()
        become(style, State.READY)
        assert rows() == [("Bob", Kind.DECLINED), ("Bob", Kind.READY)]

    def test_nobody_is_told_what_they_did_themselves(
        self, team: Team, make_style: MakeStyle, dora: User
    ) -> None:
        Team.objects.update(review_required=True, may_review_own=True)
        style = make_style(creator=dora)
        style.submit(dora)
        style.decline(dora, "Brighter")
        assert rows() == [("Alice", Kind.REVIEW)]

    def test_what_is_on_its_way_is_told_to_nobody(self, bobs: Style) -> None:
        assert rows() == []

    def test_a_second_time_changes_nothing(self, bobs: Style) -> None:
        become(bobs, State.REFUSED, Code.INVALID_IMAGE)
        event = Event.objects.latest("id")
        Notice.objects.for_event(event)
        assert rows() == [("Bob", Kind.REFUSED)]

    def test_what_did_not_happen_is_told_to_nobody(self, bobs: Style) -> None:
        assert not bobs.move(State.READY, only_from=[State.TRAINING], pikzels_id="x")
        assert rows() == []


class TestTelling:
    def test_one_mail_names_style_and_state_and_has_the_link(self, bobs: Style, bob: User) -> None:
        become(bobs, State.REFUSED, Code.NAME_ALREADY_EXISTS)
        (message,) = tell_all()
        assert message.to == [bob.email]
        assert message.subject == "Mars diary: Needs another name"
        assert "This name is already taken at Pikzels." in message.body
        assert "No style was made or charged." in message.body
        assert f"http://127.0.0.1:8000{bobs.get_absolute_url()}" in message.body
        assert " UTC\n" in message.body
        assert "http://127.0.0.1:8000/account/notices/" in message.body
        choice = "<http://127.0.0.1:8000/account/notices/>"
        assert message.extra_headers["List-Unsubscribe"] == choice
        assert outcomes() == [Notice.Outcome.TOLD]

    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            (State.READY, ""),
            (State.TRAINING_FAILED, "training_failed"),
            (State.REFUSED, Code.INVALID_IMAGE),
            (State.IN_DOUBT, "no_answer"),
            (State.DECLINED, ""),
            (State.IN_REVIEW, ""),
        ],
    )
    def test_every_mail_is_plain_and_in_our_words(
        self, bobs: Style, dora: User, state: State, reason: str
    ) -> None:
        become(bobs, state, reason)
        for message in tell_all():
            assert "Mars diary: " in message.subject
            assert banned_words(message.subject + message.body) == []
            assert message.attachments == []
            assert message.message().get_content_type() == "text/plain"
            assert "pkz_" not in message.body
        assert mail.outbox

    def test_owner_and_member_read_different_next_steps(
        self, bobs: Style, alice: User, bob: User
    ) -> None:
        become(bobs, State.IN_DOUBT, "no_answer")
        said = {message.to[0]: message.body for message in tell_all()}
        assert "you may pay twice" in said[alice.email]
        assert "Only an owner can send it again" in said[bob.email]

    @pytest.mark.parametrize(
        ("decide", "subject"),
        [
            (Style.decline, "Mars diary: Declined"),
            (Style.ask_for_changes, "Mars diary: Change wanted"),
        ],
    )
    def test_the_reviewers_note_is_in_the_mail(
        self, bobs: Style, dora: User, decide: Callable[..., bool], subject: str
    ) -> None:
        Style.objects.update(state=State.IN_REVIEW)
        assert decide(bobs, dora, "Use a\nlamp.")
        (message,) = tell_all()
        assert message.subject == subject
        assert "Dora wrote:\nUse a\nlamp." in message.body

    def test_a_wanted_change_that_was_made_meanwhile_is_no_news(
        self, bobs: Style, dora: User, bob: User
    ) -> None:
        Style.objects.update(state=State.IN_REVIEW)
        assert bobs.ask_for_changes(dora, "Use a lamp.")
        assert bobs.submit(bob)
        assert tell_all() == []

    def test_ten_at_once_are_one_mail(
        self, make_style: MakeStyle, key: PikzelsKey, bob: User
    ) -> None:
        for n in range(10):
            become(make_style(f"Style {n}", creator=bob), State.READY)
        (message,) = tell_all()
        assert message.subject == "Style 0: Ready, and 9 more"
        assert all(f"Style {n}: Ready\n" in message.body for n in range(10))

    def test_one_that_is_due_takes_along_what_has_just_come(
        self, make_style: MakeStyle, bob: User
    ) -> None:
        become(make_style("First", creator=bob), State.READY)
        Notice.objects.update(due_at=timezone.now())
        become(make_style("Second", creator=bob), State.READY)
        for notice in Notice.objects.due(timezone.now()):
            telling.tell(notice.pk)
        assert [each.subject for each in mail.outbox] == ["First: Ready, and 1 more"]

    def test_what_has_just_come_waits_for_others(self, bobs: Style) -> None:
        become(bobs, State.READY)
        assert not Notice.objects.due(timezone.now()).exists()
        assert Notice.objects.due(timezone.now() + timedelta(minutes=1)).exists()

    def test_of_one_style_the_newest_is_told(self, bobs: Style) -> None:
        become(bobs, State.REFUSED, Code.INVALID_IMAGE)
        become(bobs, State.QUEUED)
        become(bobs, State.REFUSED, Code.NAME_RESERVED)
        (message,) = tell_all()
        assert message.subject == "Mars diary: Needs another name"
        assert outcomes() == [Notice.Outcome.TOLD] * 2

    def test_two_teams_are_two_mails(self, make_style: MakeStyle, bob: User, charlie: User) -> None:
        elsewhere = charlie.teams.get()
        Membership.objects.create(team=elsewhere, user=bob)
        become(make_style("Here", creator=bob), State.READY)
        become(make_style("There", creator=bob, of=elsewhere), State.READY)
        assert {each.subject for each in tell_all()} == {"Here: Ready", "There: Ready"}

    def test_two_keys_that_are_held_are_both_named(
        self, key: PikzelsKey, team: Team, alice: User
    ) -> None:
        other = PikzelsKey.seal("pkz_canary_5678wxyz", base_url=key.base_url, team=team, name="L")
        other.save()
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        breaker.hold(other, Code.API_KEY_DELETED)
        (message,) = tell_all()
        assert "pkz_…abcd" in message.body and "pkz_…wxyz" in message.body

    def test_more_than_fit_into_one_mail_come_in_several(
        self, make_style: MakeStyle, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(telling, "MOST_IN_A_MAIL", 2)
        for n in range(5):
            become(make_style(f"Style {n}", creator=bob, pictures=0), State.READY)
        assert len(tell_all()) == 3
        assert outcomes() == [Notice.Outcome.TOLD] * 5

    def test_asks_the_database_no_more_for_many_than_for_one(
        self,
        make_style: MakeStyle,
        bob: User,
        django_assert_num_queries: Callable[..., object],
    ) -> None:
        for many in (1, 9):
            for n in range(many):
                become(make_style(f"Style {many} {n}", creator=bob, pictures=0), State.READY)
            Notice.objects.waiting().update(due_at=timezone.now())
            due = Notice.objects.due(timezone.now()).values_list("pk", flat=True)[0]
            with django_assert_num_queries(8):
                telling.tell(due)


class TestWhoIsNotTold:
    def test_who_has_left_the_team(self, bobs: Style, bob: User) -> None:
        become(bobs, State.READY)
        bob.memberships.all().delete()
        assert tell_all() == []
        assert outcomes() == [Notice.Outcome.PASSED]

    def test_whose_account_is_switched_off(self, bobs: Style, bob: User) -> None:
        become(bobs, State.READY)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert tell_all() == []

    def test_who_is_no_owner_any_more_is_told_of_no_key(self, key: PikzelsKey, alice: User) -> None:
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        Membership.objects.update(role=Membership.Role.MEMBER)
        assert tell_all() == []

    def test_who_does_not_want_it_even_if_it_waited_already(self, bobs: Style, bob: User) -> None:
        become(bobs, State.READY)
        Unwanted.choose(bob, [Kind.READY])
        assert tell_all() == []
        become(bobs, State.TRAINING_FAILED)
        assert len(tell_all()) == 1

    @pytest.mark.parametrize("state", [State.IN_DOUBT, State.REFUSED, State.IN_REVIEW])
    def test_who_is_asked_for_something_that_is_settled(
        self, bobs: Style, dora: User, state: State
    ) -> None:
        become(bobs, state)
        become(bobs, State.QUEUED)
        assert tell_all() == []
        assert {*outcomes()} == {Notice.Outcome.PASSED}


class TestTrouble:
    @pytest.fixture
    def away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_args: object, **_kwargs: object) -> None:
            raise smtplib.SMTPServerDisconnected

        monkeypatch.setattr(EmailMessage, "send", fail)

    def test_a_mail_server_that_is_away_is_tried_again_later_each_time(
        self, bobs: Style, away: None
    ) -> None:
        become(bobs, State.READY)
        waits = []
        for _ in range(3):
            tell_all()
            notice = Notice.objects.get()
            assert notice.due_at
            waits.append(round((notice.due_at - timezone.now()) / timedelta(minutes=1)))
        assert waits == [1, 2, 4]

    def test_after_more_than_a_day_it_is_given_up_where_the_admin_shows_it(
        self, bobs: Style, away: None, alice: User
    ) -> None:
        become(bobs, State.READY)
        waited = timedelta(0)
        while (notice := Notice.objects.get()).due_at:
            tell_all()
            waited += telling.back_off(notice.tries + 1)
        assert (notice.outcome, notice.tries) == (Notice.Outcome.GIVEN_UP, telling.TRIES)
        assert timedelta(days=1) < waited < timedelta(days=2)
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        page = browser_of(alice).get("/admin/styles/notice/?outcome__exact=given_up")
        assert "Given up: no mail server took it" in page.content.decode()

    def test_what_ends_its_worker_each_time_is_given_up_too(self, bobs: Style) -> None:
        become(bobs, State.READY)
        Notice.objects.update(tries=telling.TRIES, due_at=timezone.now())
        telling.tell(Notice.objects.get().pk)
        assert outcomes() == [Notice.Outcome.GIVEN_UP]

    def test_it_changes_nothing_about_the_style(self, bobs: Style, away: None) -> None:
        become(bobs, State.READY)
        before = Style.objects.filter(pk=bobs.pk).values().get()
        tell_all()
        assert Style.objects.filter(pk=bobs.pk).values().get() == before

    def test_new_ones_do_not_wear_out_those_that_are_put_off(
        self, make_style: MakeStyle, bobs: Style, bob: User
    ) -> None:
        become(bobs, State.READY)
        Notice.objects.update(tries=1, due_at=timezone.now() + timedelta(hours=4))
        become(make_style("Second", creator=bob), State.READY)
        Notice.objects.filter(tries=0).update(due_at=timezone.now())
        telling.tell(Notice.objects.due(timezone.now()).get().pk)
        assert [each.subject for each in mail.outbox] == ["Second: Ready"]
        assert Notice.objects.waiting().get().tries == 1


class TestHeaders:
    def test_a_name_with_line_breaks_smuggles_nothing_in(
        self, key: PikzelsKey, team: Team, alice: User
    ) -> None:
        Team.objects.update(name="North\r\nBcc: eve@example.com")
        breaker.hold(key, Code.INSUFFICIENT_CREDITS)
        (message,) = tell_all()
        sent: Message = message.message()
        assert sent["Bcc"] is None
        assert message.subject.startswith("North Bcc: eve@example.com: ")

    @given(st.text())
    def test_a_header_is_one_line_that_shows_all_it_has(self, text: str) -> None:
        line = one_line(text)
        assert line.isprintable()
        assert line.splitlines() in ([], [line])
        assert len(line) <= len(text)


class TestThePage:
    def test_all_are_on_from_the_start(self, bob: User) -> None:
        html = browser_of(bob).get("/account/notices/").content.decode()
        assert html.count("checked") == len(Kind)

    def test_each_person_chooses(self, bob: User, alice: User) -> None:
        browser = browser_of(bob)
        wanted = [Kind.READY, Kind.HELD]
        assert browser.post("/account/notices/", {"wanted": wanted}).status_code == 302
        assert Unwanted.of(bob) == {*Kind.values} - {*wanted}
        assert Unwanted.of(alice) == set()
        assert browser.get("/account/notices/").content.decode().count("checked") == 2
        browser.post("/account/notices/", {"wanted": Kind.values})
        assert Unwanted.of(bob) == set()

    def test_none_at_all_can_be_chosen(self, bob: User) -> None:
        browser_of(bob).post("/account/notices/", {})
        assert Unwanted.of(bob) == {*Kind.values}

    @pytest.mark.parametrize("typed", ["everything", "", "ready\0", "ready,held"])
    def test_what_is_not_on_the_list_changes_nothing(self, bob: User, typed: str) -> None:
        answer = browser_of(bob).post("/account/notices/", {"wanted": [typed]})
        assert answer.status_code == 422
        assert Unwanted.of(bob) == set()

    def test_two_tabs_at_once_end_in_what_one_of_them_chose(self, bob: User) -> None:
        """Both write the same row."""
        Unwanted.objects.create(user=bob, kind=Kind.READY)
        Unwanted.choose(bob, [Kind.READY, Kind.HELD])
        Unwanted.choose(bob, [Kind.HELD])
        assert Unwanted.of(bob) == {Kind.HELD}

    def test_leads_to_signing_in_from_a_mail(self, client: Client, db: None) -> None:
        answer = client.get("/account/notices/")
        assert answer.headers["Location"] == "/accounts/login/?next=/account/notices/"
