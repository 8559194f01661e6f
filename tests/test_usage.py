"""The ledger: what was sent, by whose word, and what it presumably cost."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styles import creation, following
from styles.models import Attempt, Style
from styles.pikzels.errors import Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.pikzels.sandbox import Sandbox
from styles.pikzels.sandbox.triggers import FAILURES, names_of
from styles.states import State
from styles.usage import Entry, as_csv, by_month, ledger, total
from teams.models import Membership, PikzelsKey, Team, User
from teams.usage import first_shown

from .conftest import browser_of
from .wording import banned_words, visible_text

MakeStyle = Callable[..., Style]
pytestmark = pytest.mark.django_db
NOVEMBER = datetime(2026, 11, 26, 12, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
NEVER = threading.Event()


@pytest.fixture
def attempt(key: PikzelsKey, team: Team, alice: User) -> Callable[..., Attempt]:
    """Make a closed attempt of a style of its own, by default one of Alice's that was made."""

    def make(
        outcome: str = Verdict.MADE,
        *,
        who: User | None = alice,
        at: datetime = NOVEMBER,
        price: str = "US$ 0.38",
        with_key: PikzelsKey = key,
        style: Style | None = None,
    ) -> Attempt:
        style = style or Style.objects.create(team=with_key.team, creator=who, name="Mars")
        return style.attempts.create(
            number=style.attempts.count() + 1,
            key=with_key,
            asked_by=who,
            price=price,
            opened_at=at,
            lease_until=at,
            closed_at=at,
            outcome=outcome,
        )

    return make


def of_owner(team: Team) -> list[Entry]:
    return ledger(team.memberships.get(role=Membership.Role.OWNER))


def counts(entries: list[Entry]) -> list[tuple[str, int, int, int]]:
    return [(each.name, each.accepted, each.unknown, each.refused) for each in entries]


class TestCounting:
    def test_by_month_person_and_price(
        self, attempt: Callable[..., Attempt], team: Team, alice: User, bob: User
    ) -> None:
        for outcome in (Verdict.MADE, Verdict.MADE, Verdict.IN_DOUBT, Verdict.REFUSED):
            attempt(outcome)
        attempt(who=bob)
        attempt(at=OCTOBER)
        attempt(price="US$ 0.40")
        entries = of_owner(team)
        assert [(each.month, each.price) for each in entries] == [
            (date(2026, 11, 1), "US$ 0.38"),
            (date(2026, 11, 1), "US$ 0.40"),
            (date(2026, 11, 1), "US$ 0.38"),
            (date(2026, 10, 1), "US$ 0.38"),
        ]
        assert counts(entries) == [
            ("Alice", 2, 1, 1),
            ("Alice", 1, 0, 0),
            ("Bob", 1, 0, 0),
            ("Alice", 1, 0, 0),
        ]
        november, _october = by_month(entries)
        assert (november.accepted, november.accepted_cost) == (4, "US$ 1.54")
        assert (november.unknown, november.unknown_cost) == (1, "US$ 0.38")

    @pytest.mark.parametrize("outcome", [Verdict.NOT_SENT, Verdict.LATER, Verdict.KEY_HELD])
    def test_what_was_certainly_not_taken_is_no_money(
        self, attempt: Callable[..., Attempt], team: Team, outcome: str
    ) -> None:
        attempt(outcome)
        assert of_owner(team) == []

    def test_the_sandbox_is_no_money(
        self, attempt: Callable[..., Attempt], sandbox_key: PikzelsKey, team: Team
    ) -> None:
        attempt(with_key=sandbox_key)
        assert of_owner(team) == []

    def test_a_style_that_was_brought_in_costs_nothing(
        self, make_style: MakeStyle, key: PikzelsKey, team: Team
    ) -> None:
        make_style(state=State.READY, key=key, pikzels_id="id-1", attached=True)
        assert of_owner(team) == []

    def test_sent_again_knowingly_it_counts_twice_with_who_said_so(
        self, attempt: Callable[..., Attempt], team: Team, alice: User, bob: User
    ) -> None:
        first = attempt(Verdict.IN_DOUBT, who=bob)
        attempt(Verdict.MADE, style=first.style)
        assert counts(of_owner(team)) == [("Alice", 1, 0, 0), ("Bob", 0, 1, 0)]

    def test_a_doubt_that_was_settled_by_its_id_is_paid(
        self, attempt: Callable[..., Attempt], team: Team
    ) -> None:
        first = attempt(Verdict.IN_DOUBT)
        second = attempt(Verdict.IN_DOUBT, style=first.style)
        Style.objects.filter(pk=second.style_id).update(state=State.READY, pikzels_id="id-1")
        assert counts(of_owner(team)) == [("Alice", 1, 1, 0)]

    def test_what_a_person_had_sent_who_is_gone_still_counts(
        self, attempt: Callable[..., Attempt], team: Team, alice: User, bob: User
    ) -> None:
        attempt(who=bob)
        bob.delete()
        assert counts(of_owner(team)) == [("Somebody who has left", 1, 0, 0)]

    def test_a_price_that_is_not_known_gives_numbers_only(
        self, attempt: Callable[..., Attempt], team: Team, alice: User
    ) -> None:
        attempt(price="")
        attempt(price="ask us")
        attempt(price="US$ 0.38")
        (november,) = by_month(of_owner(team))
        assert (november.accepted, november.accepted_cost) == (3, "US$ 0.38")

    def test_takes_two_queries_however_much_there_is(
        self,
        attempt: Callable[..., Attempt],
        team: Team,
        alice: User,
        bob: User,
        django_assert_num_queries: Callable[..., object],
    ) -> None:
        membership = alice.memberships.get()
        for many in (1, 5):
            for n in range(many):
                attempt(who=bob, at=NOVEMBER - timedelta(days=31 * n))
                attempt(Verdict.IN_DOUBT)
            with django_assert_num_queries(2):
                ledger(membership)


class TestPrice:
    @pytest.mark.parametrize(
        ("setting", "noted"), [("US$ 0.38", "US$ 0.38"), ("", ""), ("$" * 200, "$" * 100)]
    )
    def test_is_noted_when_it_is_sent(
        self,
        make_style: MakeStyle,
        key: PikzelsKey,
        alice: User,
        settings: LazySettings,
        setting: str,
        noted: str,
    ) -> None:
        settings.STYLE_PRICE = setting
        style = make_style()
        style.submit(alice)
        claimed = creation.claim(style.pk)
        settings.STYLE_PRICE = "US$ 9.99"
        assert claimed and Attempt.objects.get().price == noted

    def test_is_none_in_the_sandbox(
        self, make_style: MakeStyle, sandbox_key: PikzelsKey, alice: User, settings: LazySettings
    ) -> None:
        settings.STYLE_PRICE = "US$ 0.38"
        style = make_style()
        style.submit(alice)
        assert creation.claim(style.pk)
        assert Attempt.objects.get().price == ""


OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(Verdict),
        st.sampled_from(["Alice", "Bob", ""]),
        st.integers(0, 400),
        st.sampled_from(["US$ 0.38", "US$ 0.41", "0,35 €", ""]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(OUTCOMES)
def test_nothing_is_counted_twice_or_left_out(
    attempt: Callable[..., Attempt],
    team: Team,
    alice: User,
    bob: User,
    sent: list[tuple[Verdict, str, int, str, bool]],
) -> None:
    people = {"Alice": alice, "Bob": bob, "": None}
    with transaction.atomic():
        last: Attempt | None = None
        for outcome, name, days, price, again in sent:
            style = last.style if again and last else None
            at = NOVEMBER - timedelta(days=days)
            last = attempt(outcome, who=people[name], at=at, price=price, style=style)
        entries = of_owner(team)
        paid = [row for row in sent if row[0] in {Verdict.MADE, Verdict.IN_DOUBT}]
        assert sum(each.accepted + each.unknown for each in entries) == len(paid)
        assert sum(each.refused for each in entries) == sum(
            row[0] == Verdict.REFUSED for row in sent
        )
        months = by_month(entries)
        assert sum(each.accepted + each.unknown for each in months) == len(paid)
        assert [each.first for each in months] == sorted({m.first for m in months}, reverse=True)
        assert len({(e.month, e.who, e.price) for e in entries}) == len(entries)
        theirs = ledger(bob.memberships.get())
        assert theirs == [each for each in entries if each.who == bob]
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_what_counts_as_paid_is_what_the_sandbox_made(
    make_style: MakeStyle, sandbox: Sandbox, team: Team, alice: User, bob: User
) -> None:
    """After every failure that it knows, with each doubt settled by what was really there."""
    key = PikzelsKey.seal("pkz_canary_1234", base_url=sandbox.url, team=team, name="K")
    key.save()
    original = make_style("Mars diary")
    for failure in FAILURES:
        for name in names_of(failure):
            who = bob if "always" in name else alice
            style = original.variant(who, name)
            assert style.submit(who)
            send(style, key)
    unsettled = of_owner(team)
    charged = sandbox.ledger.account()["charged"]
    assert sum(each.accepted for each in unsettled) <= charged
    assert charged <= sum(each.accepted + each.unknown for each in unsettled)
    for style in Style.objects.filter(state=State.IN_DOUBT).select_related("key"):
        settle(style, sandbox)
    assert sum(each.accepted for each in of_owner(team)) == charged > 10
    assert not Style.objects.filter(state=State.IN_DOUBT).exists()


def send(style: Style, key: PikzelsKey) -> None:
    """Send it as often as it is put off, up to three times; a held key is mended each time."""
    for _ in range(3):
        PikzelsKey.objects.update(paused_until=None, held_at=None, held_code="", on_trial=False)
        Style.objects.filter(pk=style.pk, state=State.QUEUED).update(due_at=timezone.now())
        if claimed := creation.claim(style.pk):
            creation.record(claimed, creation.send(claimed, stop=NEVER))


def settle(style: Style, sandbox: Sandbox) -> None:
    made = [row["id"] for row in sandbox.ledger.account()["styles"] if row["name"] == style.name]
    assert len(made) <= 1 and style.creator
    if made:
        following.paste_id(style, made[0], style.creator)
    else:
        style.drop(style.creator)


def test_a_late_answer_moves_it_from_perhaps_to_paid(
    make_style: MakeStyle, key: PikzelsKey, alice: User, team: Team
) -> None:
    style = make_style()
    style.submit(alice)
    claimed = creation.claim(style.pk)
    assert claimed and creation.commit(claimed)
    lost = Outcome(verdict=Verdict.IN_DOUBT, reason="lost", committed=True)
    creation.record(claimed, lost)
    assert counts(of_owner(team)) == [("Alice", 0, 1, 0)]
    reply = Reply(status=200, style_id="id-1")
    creation.record(claimed, Outcome(verdict=Verdict.MADE, reason="", committed=True, reply=reply))
    assert counts(of_owner(team)) == [("Alice", 1, 0, 0)]


class TestThePage:
    @pytest.fixture
    def sent(self, attempt: Callable[..., Attempt], alice: User, bob: User) -> None:
        now = timezone.now()
        attempt(at=now)
        attempt(Verdict.IN_DOUBT, who=bob, at=now)
        attempt(Verdict.REFUSED, who=bob, at=now, price="")

    def read(self, client: Client) -> str:
        return visible_text(client.get("/team/usage/").content.decode())

    def test_shows_an_owner_everybody(self, sent: None, alice: User) -> None:
        text = self.read(browser_of(alice))
        assert "1 style accepted · US$ 0.38 1 with unknown outcome · perhaps US$ 0.38 more" in text
        assert "Alice US$ 0.38" in text and "Bob US$ 0.38" in text
        assert banned_words(text) == []

    @pytest.mark.parametrize("role", [Membership.Role.MEMBER, Membership.Role.REVIEWER])
    def test_shows_others_their_own(self, sent: None, bob: User, role: str) -> None:
        Membership.objects.filter(user=bob).update(role=role)
        for address in ("/team/usage/", "/team/usage.csv"):
            body = b"".join(browser_of(bob).get(address)).decode()
            assert "Bob" in body and "Alice" not in body

    def test_is_linked_from_the_team(self, alice: User, bob: User) -> None:
        for each in (alice, bob):
            assert 'href="/team/usage/"' in browser_of(each).get("/team/").content.decode()

    def test_says_so_when_nothing_was_sent(self, alice: User) -> None:
        assert "Nothing was sent to Pikzels" in self.read(browser_of(alice))

    def test_shows_nothing_of_another_team(self, sent: None, charlie: User) -> None:
        assert "Nothing was sent to Pikzels" in self.read(browser_of(charlie))

    def test_a_year_is_shown_and_the_file_has_all(
        self, attempt: Callable[..., Attempt], alice: User
    ) -> None:
        attempt(at=timezone.now() - timedelta(days=800))
        browser = browser_of(alice)
        assert browser.get("/team/usage/").context["months"] == []
        assert len(rows(browser)) == 1

    def test_twelve_months_begin_with_the_first_day_of_one(self) -> None:
        assert first_shown(NOVEMBER) == datetime(2025, 12, 1, tzinfo=UTC)
        assert first_shown(datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)


def rows(client: Client) -> list[dict[str, str]]:
    text = b"".join(client.get("/team/usage.csv")).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


class TestTheFile:
    def test_has_a_row_for_each_month_person_and_price(
        self, attempt: Callable[..., Attempt], alice: User
    ) -> None:
        attempt()
        attempt()
        attempt(Verdict.IN_DOUBT)
        browser = browser_of(alice)
        assert rows(browser) == [
            {
                "month": "2026-11",
                "who": "Alice",
                "email": "alice@example.com",
                "price_per_style": "US$ 0.38",
                "accepted": "2",
                "accepted_cost": "US$ 0.76",
                "outcome_unknown": "1",
                "outcome_unknown_cost": "US$ 0.38",
                "refused": "0",
            }
        ]
        answer = browser.get("/team/usage.csv")
        assert answer["Content-Disposition"] == 'attachment; filename="usage.csv"'

    @pytest.mark.parametrize("evil", ["=1+1", "@SUM(A1)", "-2", "+3", "\t=1"])
    def test_runs_nothing_in_a_spreadsheet(
        self, attempt: Callable[..., Attempt], alice: User, evil: str
    ) -> None:
        User.objects.filter(pk=alice.pk).update(name=evil)
        attempt(price=evil)
        entries = ledger(alice.memberships.get())
        (row,) = csv.DictReader("".join(as_csv(entries)).removeprefix("\ufeff").splitlines())
        assert (row["who"], row["price_per_style"]) == (f"'{evil}", f"'{evil}")
        assert not row["accepted_cost"].startswith(("=", "@", "-", "+"))

    def test_a_sum_is_the_sum_of_its_rows(
        self, attempt: Callable[..., Attempt], alice: User
    ) -> None:
        for day in range(10):
            attempt(at=NOVEMBER - timedelta(days=30 * day))
        assert total(ledger(alice.memberships.get()), "accepted") == "US$ 3.80"
