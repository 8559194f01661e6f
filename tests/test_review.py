"""Review: the word that lets a style be sent and paid for, and the words that give it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from styles.models import Event, Style
from styles.pikzels.sandbox import Sandbox
from styles.review import TAKEN_FOR, Desk
from styles.states import State
from styles.worker import Worker
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of, join_group, person
from .waiting import wait_until

MakeStyle = Callable[..., Style]
LONG = timedelta(hours=2)


@pytest.fixture
def dee(team: Team) -> User:
    """The team's reviewer."""
    return person("Dee", team, "reviewer")


@pytest.fixture
def submit(make_style: MakeStyle, team: Team, bob: User, key: PikzelsKey) -> Callable[..., Style]:
    """Make a style of Bob's that waits for a review."""
    team.review_required = True
    team.save(update_fields=["review_required"])

    def submitted(name: str = "Mars diary", by: User = bob, hours: int = 0) -> Style:
        style = make_style(name, creator=by, of=team)
        assert style.submit(by)
        at = timezone.now() - timedelta(hours=hours)
        Style.objects.filter(pk=style.pk).update(submitted_at=at)
        style.refresh_from_db()
        return style

    return submitted


@pytest.fixture
def style(submit: Callable[..., Style]) -> Style:
    return submit()


def desk(style: Style) -> str:
    return reverse("review_style", args=[style.pk])


def said(style: Style, do: str, note: str = "") -> dict[str, str]:
    """Return what a reviewer's page posts who has just looked at the style."""
    return {"do": do, "note": note, "seen": style.submitted_at.isoformat()}  # type: ignore[union-attr]


def read(response: Any) -> str:
    return unescape(response.content.decode())


def now(style: Style) -> State:
    style.refresh_from_db()
    return State(style.state)


class TestDecidingAboutOne:
    def test_what_is_approved_is_sent(self, style: Style, dee: User) -> None:
        browser_of(dee).post(desk(style), said(style, "approve"))
        assert now(style) == State.QUEUED
        assert style.due_at
        event = style.events.get(from_state=State.IN_REVIEW)
        assert (event.who, event.to_state) == (dee, State.QUEUED)

    def test_a_wanted_change_goes_back_to_the_author_with_the_note(
        self, style: Style, dee: User, bob: User
    ) -> None:
        browser_of(dee).post(desk(style), said(style, "changes", "Too dark"))
        assert now(style) == State.DRAFT
        author = browser_of(bob)
        for page in (style.get_absolute_url(), style.address("edit")):
            assert "Dee wrote: “Too dark”" in read(author.get(page))
        library = read(author.get("/?show=needs"))
        assert "Change wanted" in library
        assert "A reviewer asks for a change." in library

    def test_the_author_changes_it_and_sends_it_to_review_again(
        self, style: Style, dee: User, bob: User
    ) -> None:
        browser_of(dee).post(desk(style), said(style, "changes", "Another name"))
        author = browser_of(bob)
        pictures = {f"seen_{n.position}": n.sha256 for n in style.images.all()}
        values = {"token": style.form_token, "team": style.team_id, "name": "Venus", **pictures}
        author.post(style.address("edit"), values)
        assert now(style) == State.IN_REVIEW
        assert style.name == "Venus"
        assert "wrote" not in read(author.get(style.get_absolute_url()))

    def test_one_that_is_declined_tells_why_and_can_be_changed_or_begun_anew(
        self, style: Style, dee: User, bob: User
    ) -> None:
        browser_of(dee).post(desk(style), said(style, "decline", "Not our look"))
        assert now(style) == State.DECLINED
        page = read(browser_of(bob).get(style.get_absolute_url()))
        assert "Dee wrote: “Not our look”" in page
        assert "Change and send again" in page
        assert "New style from these pictures" in page

    @pytest.mark.parametrize(
        ("do", "asks"), [("changes", "Enter what should change"), ("decline", "Enter why")]
    )
    def test_what_gives_it_back_needs_a_note(
        self, style: Style, dee: User, do: str, asks: str
    ) -> None:
        answer = browser_of(dee).post(desk(style), said(style, do, "  "))
        assert answer.status_code == 422
        assert asks in read(answer)
        assert now(style) == State.IN_REVIEW

    def test_a_note_that_is_too_long_is_kept_in_its_field(self, style: Style, dee: User) -> None:
        answer = browser_of(dee).post(desk(style), said(style, "changes", "x" * 1001))
        assert answer.status_code == 422
        assert "x" * 1001 in read(answer)

    @pytest.mark.parametrize(
        "odd",
        [
            {"do": "drop"},
            {"do": ""},
            {"seen": ""},
            {"seen": "yesterday"},
            {"seen": "2026-02-31T00:00:00+00:00"},
            {"seen": "2026-01-01T00:00:00"},
            {"seen": "\0"},
        ],
    )
    def test_odd_values_decide_nothing(self, style: Style, dee: User, odd: dict[str, str]) -> None:
        answer = browser_of(dee).post(desk(style), {**said(style, "approve"), **odd})
        assert answer.status_code in {400, 422}
        assert now(style) == State.IN_REVIEW

    def test_the_next_one_follows_and_the_oldest_comes_first(
        self, submit: Callable[..., Style], dee: User
    ) -> None:
        newest, oldest, middle = (
            submit("New", hours=0),
            submit("Old", hours=3),
            submit("Mid", hours=1),
        )
        browser = browser_of(dee)
        assert browser.post("/review/next/", {"team": oldest.team_id}).url == desk(oldest)
        assert browser.post(desk(oldest), said(oldest, "approve")).url == desk(middle)
        assert browser.post(desk(middle), said(middle, "changes", "x")).url == desk(newest)
        assert browser.post(desk(newest), said(newest, "decline", "x")).url == "/review/"
        assert "Nothing waits for a review" in read(browser.get("/review/"))

    def test_one_that_is_not_in_review_any_more_says_how_it_stands(
        self, style: Style, dee: User, bob: User
    ) -> None:
        style.reopen(bob)
        page = browser_of(dee).get(desk(style), follow=True)
        assert "is not in review any more, but “Draft”, by Bob" in read(page)


class TestTwoReviewers:
    def test_one_wins_and_the_other_is_told(self, style: Style, dee: User, alice: User) -> None:
        first, second = browser_of(dee), browser_of(alice)
        assert second.get(desk(style)).status_code == 200
        first.post(desk(style), said(style, "approve"))
        page = second.post(desk(style), said(style, "decline", "No"), follow=True)
        assert "not in review any more, but “Waiting to be sent”, by Dee" in read(page)
        assert "Your decision came too late and changed nothing." in read(page)
        assert now(style) == State.QUEUED
        assert style.events.filter(from_state=State.IN_REVIEW).count() == 1

    def test_what_was_changed_meanwhile_is_not_approved_unseen(
        self, style: Style, dee: User, bob: User
    ) -> None:
        seen = said(style, "approve")
        style.reopen(bob)
        style.rename("Venus")
        assert style.submit(bob)
        page = browser_of(dee).post(desk(style), seen, follow=True)
        assert now(style) == State.IN_REVIEW
        assert "“Venus” was changed and sent to review again. Look at it once more." in read(page)

    def test_others_see_who_is_looking_and_get_another_one(
        self, submit: Callable[..., Style], dee: User, alice: User
    ) -> None:
        old, new = submit("Old", hours=2), submit("New", hours=1)
        browser_of(dee).post("/review/next/", {"team": old.team_id})
        other = browser_of(alice)
        assert "Dee is looking at it" in read(other.get("/review/"))
        assert "Dee is looking at it, too" in read(other.get(desk(old)))
        assert other.post("/review/next/", {"team": old.team_id}).url == desk(new)

    def test_what_somebody_took_up_and_left_is_anybodys_after_a_while(
        self, style: Style, dee: User, alice: User
    ) -> None:
        assert Desk.of_team(dee.memberships.get()).take(style)  # type: ignore[union-attr]
        mine = Desk.of_team(alice.memberships.get())
        assert mine
        assert mine.take_next() is None
        long_ago = timezone.now() - TAKEN_FOR - timedelta(seconds=1)
        Style.objects.update(claimed_at=long_ago)
        assert mine.take_next() == style

    def test_looking_takes_nothing_up(self, style: Style, dee: User) -> None:
        browser_of(dee).get(desk(style))
        style.refresh_from_db()
        assert style.claimed_at is None

    def test_one_that_is_sent_to_review_again_is_nobodys(
        self, style: Style, dee: User, bob: User
    ) -> None:
        Desk.of_team(dee.memberships.get()).take(style)  # type: ignore[union-attr]
        style.reopen(bob)
        style.submit(bob)
        style.refresh_from_db()
        assert (style.claimed_by, style.claimed_at) == (None, None)


class TestOnesOwn:
    def test_somebody_else_decides(self, submit: Callable[..., Style], dee: User) -> None:
        own = submit(by=dee)
        browser = browser_of(dee)
        assert "somebody else decides" in read(browser.get("/review/"))
        assert "Somebody else decides" in read(browser.get(desk(own)))
        browser.post(desk(own), said(own, "approve"))
        assert now(own) == State.IN_REVIEW
        assert browser.post("/review/next/", {"team": own.team_id}).url == "/review/"

    def test_also_where_somebody_else_began_it(
        self, make_style: MakeStyle, submit: Callable[..., Style], bob: User, dee: User
    ) -> None:
        style = submit()
        style.reopen(bob)
        assert style.submit(dee)
        browser_of(dee).post(desk(style), said(style, "approve"))
        assert now(style) == State.IN_REVIEW

    def test_unless_the_team_wants_that(
        self, submit: Callable[..., Style], team: Team, dee: User
    ) -> None:
        team.may_review_own = True
        team.save(update_fields=["may_review_own"])
        own = submit(by=dee)
        browser_of(dee).post(desk(own), said(own, "approve"))
        assert now(own) == State.QUEUED


class TestMany:
    @pytest.fixture
    def waiting(self, submit: Callable[..., Style]) -> list[Style]:
        return [submit(f"Style {n}", hours=n) for n in range(5)]

    @staticmethod
    def chosen(*styles: Style) -> list[str]:
        return [f"{each.pk} {each.submitted_at.isoformat()}" for each in styles]  # type: ignore[union-attr]

    def post(self, browser: Client, chosen: list[str], **more: str) -> Any:
        team = Team.objects.get(name="Studio North").pk
        return browser.post("/review/many/", {"team": team, "chosen": chosen, **more}, follow=True)

    def test_are_asked_about_first(self, waiting: list[Style], dee: User) -> None:
        page = read(self.post(browser_of(dee), self.chosen(*waiting[:2])))
        assert "Approve 2 styles?" in page
        assert {now(each) for each in waiting} == {State.IN_REVIEW}

    def test_as_many_are_approved_as_there_are_events(
        self, waiting: list[Style], dee: User
    ) -> None:
        page = self.post(browser_of(dee), self.chosen(*waiting[:3]), confirmed="1")
        assert "3 of 3 approved." in read(page)
        assert [now(each) for each in waiting] == 3 * [State.QUEUED] + 2 * [State.IN_REVIEW]
        events = Event.objects.filter(to_state=State.QUEUED, who=dee)
        assert {event.style_id for event in events} == {each.pk for each in waiting[:3]}

    def test_how_many_won_is_said(
        self, waiting: list[Style], dee: User, alice: User, bob: User
    ) -> None:
        chosen = self.chosen(*waiting)
        browser_of(alice).post(desk(waiting[0]), said(waiting[0], "approve"))
        waiting[1].reopen(bob)
        waiting[1].submit(bob)
        page = read(self.post(browser_of(dee), chosen, confirmed="1"))
        assert (
            "3 of 5 approved. Of the others, somebody was faster or something was changed." in page
        )
        assert now(waiting[1]) == State.IN_REVIEW

    def test_nothing_chosen_is_pointed_out(self, waiting: list[Style], dee: User) -> None:
        for chosen in ([], ["x"], ["x y"], [f"{waiting[0].pk} \0"], [f"{waiting[0].pk}"]):
            assert "Choose the styles that you want" in read(self.post(browser_of(dee), chosen))

    def test_none_of_another_team_comes_along(
        self, waiting: list[Style], make_style: MakeStyle, charlie: User, dee: User
    ) -> None:
        theirs = make_style(
            of=charlie.teams.get(),
            creator=charlie,
            state=State.IN_REVIEW,
            submitted_at=timezone.now(),
        )
        self.post(browser_of(dee), self.chosen(theirs), confirmed="1")
        assert now(theirs) == State.IN_REVIEW


@pytest.mark.django_db(transaction=True)
def test_as_many_are_sent_as_were_approved(
    submit: Callable[..., Style],
    key: PikzelsKey,
    sandbox: Sandbox,
    sandbox_key: PikzelsKey,
    dee: User,
) -> None:
    PikzelsKey.objects.filter(pk=key.pk).update(removed_at=timezone.now())
    waiting = [submit(f"Style {n}") for n in range(4)]
    team = waiting[0].team_id
    chosen = TestMany.chosen(*waiting[:3])
    browser_of(dee).post("/review/many/", {"team": team, "chosen": chosen, "confirmed": "1"})
    worker = Worker()
    worker.look()
    wait_until(lambda: Style.objects.exclude(pikzels_id="").count() == 3)
    assert sandbox.ledger.account()["charged"] == 3
    assert now(waiting[3]) == State.IN_REVIEW


class TestWhoSeesTheQueue:
    def test_a_reviewer_sees_in_the_header_how_many_wait(self, style: Style, dee: User) -> None:
        assert re.search(r"Review\s+1\b", read(browser_of(dee).get("/")))

    def test_a_member_sees_none_of_it(self, style: Style, bob: User) -> None:
        browser = browser_of(bob)
        assert "/review/" not in read(browser.get("/"))
        assert browser.get("/review/").status_code == 404
        assert browser.post(desk(style), said(style, "approve")).status_code == 404
        assert now(style) == State.IN_REVIEW

    def test_a_reviewer_of_another_team_sees_none_of_it(self, style: Style, charlie: User) -> None:
        browser = browser_of(charlie)
        assert "Mars diary" not in read(browser.get("/review/"))
        assert browser.get(desk(style)).status_code == 404
        assert browser.post(desk(style), said(style, "approve")).status_code == 404
        posted = {"team": style.team_id, "chosen": TestMany.chosen(style), "confirmed": "1"}
        assert browser.post("/review/many/", posted).status_code == 404
        assert now(style) == State.IN_REVIEW

    def test_a_long_queue_costs_no_more_queries_than_a_short_one(
        self,
        submit: Callable[..., Style],
        dee: User,
        django_assert_num_queries: Callable[[int], Any],
    ) -> None:
        browser = browser_of(dee)
        submit()
        browser.get("/review/")  # notes once where the session is
        with CaptureQueriesContext(connection) as few:
            browser.get("/review/")
        for n in range(9):
            submit(f"Style {n}", by=person(f"Member{n}", dee.teams.get()))
        with django_assert_num_queries(len(few)):
            assert read(browser.get("/review/")).count("queue-row") == 10


class TestInTheAdmin:
    @pytest.fixture
    def reviewer(self, db: None) -> Client:
        """Somebody on no team, whom the operator made a reviewer."""
        return self.staff("Rita", "Reviewers")

    def staff(self, name: str, *groups: str) -> Client:
        user = person(name, None)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        for each in groups:
            join_group(user, each)
        return browser_of(user)

    def test_the_group_that_comes_with_the_product_is_enough(
        self, style: Style, reviewer: Client
    ) -> None:
        queue = read(reviewer.get("/admin/styles/style/review/"))
        assert "Mars diary" in queue
        assert "Studio North" in queue
        address = reverse("admin:styles_review_style", args=[style.pk])
        assert "Send “Mars diary”?" in read(reviewer.get(address))
        answer = reviewer.post(address, said(style, "approve"))
        assert answer.url == "/admin/styles/style/review/"
        assert now(style) == State.QUEUED
        assert str(style.events.last().who) == "Rita"  # type: ignore[union-attr]

    def test_the_styles_of_every_team_are_there_the_oldest_first(
        self, submit: Callable[..., Style], make_style: MakeStyle, charlie: User, reviewer: Client
    ) -> None:
        submit(hours=1)
        old = timezone.now() - LONG
        theirs = {"of": charlie.teams.get(), "creator": charlie, "state": State.IN_REVIEW}
        make_style("Elsewhere", submitted_at=old, **theirs)
        page = reviewer.post("/admin/styles/style/review/next/", follow=True)
        assert "Send “Elsewhere”?" in read(page)

    def test_many_are_approved_there_too(
        self, submit: Callable[..., Style], reviewer: Client
    ) -> None:
        waiting = [submit(f"Style {n}") for n in range(3)]
        posted = {"chosen": TestMany.chosen(*waiting), "confirmed": "1"}
        page = reviewer.post("/admin/styles/style/review/many/", posted, follow=True)
        assert "3 of 3 approved." in read(page)

    @pytest.mark.parametrize("groups", [(), ("Operators",)])
    def test_staff_without_the_right_decide_nothing(
        self, style: Style, groups: tuple[str, ...]
    ) -> None:
        browser = self.staff("Sam", *groups)
        for page in ("", "next/", "many/", f"{style.pk}/", f"{style.pk}/take/"):
            address = f"/admin/styles/style/review/{page}"
            assert browser.get(address).status_code == 403
            assert browser.post(address, said(style, "approve")).status_code == 403
        assert now(style) == State.IN_REVIEW
