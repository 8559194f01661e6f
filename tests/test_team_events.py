"""What happens in a team is noted: who did it, when, and about whom."""

from __future__ import annotations

from collections.abc import Callable

from teams import people
from teams.models import Membership, Team, User
from teams.team_events import ABOUT_CHARACTERS, TeamEvent

from .conftest import browser_of, person

What = TeamEvent.What


def noted(team: Team) -> list[tuple[str, str, str]]:
    """Return who did what and about whom, the earliest first."""
    rows = team.events.order_by("pk").select_related("who")
    return [(str(row.who or ""), row.what, row.about) for row in rows]


def mine(user: User, team: Team) -> Membership:
    return user.memberships.select_related("team", "user").get(team=team)


def test_inviting_and_joining(alice: User, team: Team) -> None:
    token = people.invite(mine(alice, team), "dora@example.com", "reviewer").split("/")[-2]
    invitation = people.find_invitation(token)
    assert invitation
    people.join_as_new(invitation, name="Dora", password="a light table for slides")
    assert noted(team) == [
        ("Alice", What.INVITED, "dora@example.com: Reviewer"),
        ("Dora", What.JOINED, "dora@example.com: Reviewer"),
    ]


def test_taking_an_invitation_back_once(alice: User, team: Team) -> None:
    people.invite(mine(alice, team), "dora@example.com", "member")
    invitation = people.open_invitations(team).get()
    for _ in range(2):
        people.revoke(mine(alice, team), invitation.pk)
    assert noted(team)[1:] == [("Alice", What.INVITATION_REVOKED, "dora@example.com")]


def test_roles_and_leaving(alice: User, bob: User, team: Team) -> None:
    eve = person("Eve", team)
    people.change_role(mine(alice, team), mine(bob, team).pk, "reviewer")
    people.remove(mine(bob, team), mine(bob, team).pk)
    people.remove(mine(alice, team), mine(eve, team).pk)
    assert noted(team) == [
        ("Alice", What.ROLE_CHANGED, "bob@example.com: Reviewer"),
        ("Bob", What.LEFT, "bob@example.com"),
        ("Alice", What.REMOVED, "eve@example.com"),
    ]


def test_what_was_not_possible_is_not_noted(alice: User, bob: User, team: Team) -> None:
    browser = browser_of(alice)
    browser.post(f"/team/people/{mine(alice, team).pk}/remove/")
    browser.post("/team/invite/", {"team": team.pk, "email": bob.email, "role": "member"})
    assert noted(team) == []


def test_settings(alice: User, team: Team) -> None:
    values = {"team": team.pk, "name": team.name, "review_required": "on"}
    for _ in range(2):
        browser_of(alice).post("/team/settings/", values)
    about = "A reviewer looks at every style before it is sent"
    assert noted(team) == [("Alice", What.SETTINGS, about)]


def test_exports(bob: User, team: Team, make_style: Callable[..., object]) -> None:
    make_style()
    browser = browser_of(bob)
    for path in ("/export.csv", "/export.json"):
        assert browser.head(path).status_code == browser.get(path).status_code == 200
    assert noted(team) == [("Bob", What.EXPORTED, "CSV"), ("Bob", What.EXPORTED, "JSON")]


def test_what_it_is_about_is_cut_to_what_fits(alice: User, team: Team) -> None:
    TeamEvent.note(team, alice, What.SETTINGS, "x" * 1000)
    assert len(team.events.get().about) == ABOUT_CHARACTERS


def test_it_outlives_its_person(bob: User, team: Team) -> None:
    TeamEvent.note(team, bob, What.EXPORTED, "CSV")
    bob.delete()
    assert noted(team) == [("", What.EXPORTED, "CSV")]
