"""The team's page: who is on it, its keys, and what an owner can do there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from styles.pikzels.errors import Code
from teams.models import Membership, PikzelsKey, Team, User

from .conftest import browser_of, person
from .wording import visible_text


def page_of(user: User) -> str:
    return browser_of(user).get("/team/").content.decode()


def test_lists_its_people_and_nobody_elses(alice: User, bob: User, charlie: User) -> None:
    text = visible_text(page_of(bob))
    assert "2 people make styles here" in text
    for words in ("Alice alice@example.com Owner", "Bob bob@example.com Member"):
        assert words in text
    assert charlie.email not in text


def test_of_one_person_it_speaks_as_of_one(charlie: User) -> None:
    assert "1 person makes styles here" in visible_text(page_of(charlie))


def test_without_a_key_it_says_whose_turn_it_is(alice: User, bob: User) -> None:
    assert "Enter a key, and this team can send styles" in page_of(alice)
    assert "An owner enters one" in page_of(bob)


def test_shows_a_key_by_its_last_four_characters(alice: User, bob: User, key: PikzelsKey) -> None:
    for each in (alice, bob):
        html = page_of(each)
        assert "pkz_…abcd" in html
        assert "In use" in html
        assert "canary" not in html


def test_members_read_of_a_held_key_what_members_can_do(
    alice: User, bob: User, key: PikzelsKey
) -> None:
    key.hold(Code.INSUFFICIENT_CREDITS)
    owner, member = visible_text(page_of(alice)), visible_text(page_of(bob))
    assert "Held" in owner and "Held" in member
    assert "Resume" in owner and "Resume" not in member
    assert "Owners see a notice" in member and "Owners see a notice" not in owner


def test_a_key_on_trial_says_so(alice: User, key: PikzelsKey) -> None:
    PikzelsKey.objects.update(on_trial=True)
    assert "On trial: one style goes first" in page_of(alice)


def test_a_key_that_was_taken_away_is_not_listed(alice: User, key: PikzelsKey) -> None:
    PikzelsKey.objects.update(removed_at=key.created_at)
    html = page_of(alice)
    assert "pkz_…abcd" not in html.partition("Removed keys")[0]
    assert "Enter a key, and this team can send styles" in html


def test_says_whether_styles_are_reviewed(alice: User, team: Team) -> None:
    assert "Styles are sent without a review." in page_of(alice)
    Team.objects.update(review_required=True)
    assert "A reviewer looks at every style" in page_of(alice)


def test_markup_in_names_is_shown_as_it_was_written(team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(name="<b>North</b>")
    mallory = person("<script>Mallory", team, Membership.Role.OWNER)
    PikzelsKey.seal("pkz_1234567890", base_url="https://x.example", team=team, name="<i>K").save()
    html = page_of(mallory)
    for markup in ("<b>North", "<script>Mallory", "<i>K"):
        assert markup not in html


def test_somebody_on_two_teams_stays_in_the_one_joined_first(bob: User, charlie: User) -> None:
    Membership.objects.create(team=charlie.teams.get(), user=bob)
    assert "Studio North" in page_of(bob)


def test_a_large_team_costs_no_more_queries_than_a_small_one(
    alice: User, team: Team, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    browser = browser_of(alice)
    with CaptureQueriesContext(connection) as queries:
        browser.get("/team/")
    for n in range(15):
        person(f"Member{n}", team)
        PikzelsKey.seal(f"pkz_{n:010}", base_url="https://x.example", team=team, name="K").save()
    with django_assert_max_num_queries(len(queries)):
        browser.get("/team/")


class TestSettings:
    def test_are_changed_by_an_owner(self, alice: User, team: Team) -> None:
        values = {"team": team.pk, "name": "Studio West", "review_required": "on"}
        browser_of(alice).post("/team/settings/", {**values, "asks_for_rights": "on"})
        team.refresh_from_db()
        assert (team.name, team.review_required, team.asks_for_rights) == (
            "Studio West",
            True,
            True,
        )

    def test_need_a_name(self, alice: User, team: Team) -> None:
        answer = browser_of(alice).post("/team/settings/", {"team": team.pk, "name": " "})
        assert answer.status_code == 422
        assert answer.context["form"].errors["name"] == ["Enter a name for your team"]
        assert "Studio North" in answer.content.decode()

    def test_are_not_a_members_affair(self, bob: User, team: Team) -> None:
        values = {"team": team.pk, "name": "Bobs"}
        assert browser_of(bob).post("/team/settings/", values).status_code == 404

    def test_of_another_team_are_out_of_reach(self, charlie: User, team: Team) -> None:
        values = {"team": team.pk, "name": "Charlies"}
        assert browser_of(charlie).post("/team/settings/", values).status_code == 404
        team.refresh_from_db()
        assert team.name == "Studio North"
