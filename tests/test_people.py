"""Members, roles and invitations: a team looks after itself, and who leaves is out at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import connections
from django.test import Client
from django.utils import timezone

from styles import creation
from styles.models import Style
from styles.states import State
from teams import people
from teams.models import Invitation, Membership, PikzelsKey, Team, User

from .conftest import PASSWORD, browser_of, person

MakeStyle = Callable[..., Style]
DORA = "dora@example.com"


@pytest.fixture
def owner(alice: User) -> Client:
    return browser_of(alice)


def invite(client: Client, team: Team, email: str = DORA, role: str = "member") -> str:
    """Invite somebody and return the path of the link."""
    answer = client.post("/team/invite/", {"team": team.pk, "email": email, "role": role})
    assert answer.status_code == 200, answer.context["form"].errors
    return path_of(answer.context["link"])


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


def membership(user: User) -> Membership:
    return user.memberships.get()


class TestInviting:
    def test_shows_the_link_once_and_mails_it(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        assert link in mail.outbox[0].body
        assert mail.outbox[0].to == [DORA]
        token = link.split("/")[2]
        assert token not in owner.get("/team/").content.decode()
        assert Invitation.objects.get().token_hash == Invitation.hash_token(token)

    def test_says_so_when_the_mail_cannot_be_sent(
        self, owner: Client, team: Team, settings: LazySettings
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        answer = owner.post("/team/invite/", {"team": team.pk, "email": DORA, "role": "member"})
        assert "could not be sent" in answer.content.decode()
        assert "/join/" in answer.content.decode()

    def test_again_replaces_the_link(self, owner: Client, team: Team) -> None:
        first, second = invite(owner, team), invite(owner, team, DORA.upper())
        assert Client().get(first).status_code == 404
        assert Client().get(second).status_code == 200
        assert people.open_invitations(team).count() == 1

    def test_is_for_owners(self, bob: User, team: Team) -> None:
        client = browser_of(bob)
        assert client.get("/team/invite/").status_code == 404
        answer = client.post("/team/invite/", {"team": team.pk, "email": DORA, "role": "member"})
        assert answer.status_code == 404
        assert not Invitation.objects.exists()

    @pytest.mark.parametrize(
        ("email", "role"),
        [
            ("", "member"),
            ("dora", "member"),
            (DORA, "king"),
            (DORA, ""),
            ("bob@example.com", "member"),
        ],
    )
    def test_names_what_is_wrong(
        self, owner: Client, bob: User, team: Team, email: str, role: str
    ) -> None:
        answer = owner.post("/team/invite/", {"team": team.pk, "email": email, "role": role})
        assert answer.status_code == 422
        assert answer.context["form"].errors
        assert mail.outbox == []

    def test_can_be_taken_back(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        row = Invitation.objects.get()
        owner.post(f"/team/invitations/{row.pk}/revoke/", {"team": team.pk})
        assert Client().get(link).status_code == 404

    def test_of_another_team_cannot(self, owner: Client, team: Team, charlie: User) -> None:
        invite(owner, team)
        row = Invitation.objects.get()
        theirs = membership(charlie).team
        browser_of(charlie).post(f"/team/invitations/{row.pk}/revoke/", {"team": theirs.pk})
        assert people.open_invitations(team).exists()

    def test_has_an_end(self, owner: Client, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(people, "MOST_OPEN", 1)
        invite(owner, team)
        answer = owner.post(
            "/team/invite/", {"team": team.pk, "email": "eve@example.com", "role": "member"}
        )
        assert "Take some back first" in answer.content.decode()


class TestJoining:
    def test_a_new_person_makes_an_account(self, owner: Client, team: Team) -> None:
        link, dora = invite(owner, team, role="reviewer"), Client()
        assert "Join Studio North" in dora.get(link).content.decode()
        answer = dora.post(link, {"name": "Dora", "password": PASSWORD}, follow=True)
        assert "Welcome to Studio North" in answer.content.decode()
        joined = User.objects.get(email=DORA)
        assert (joined.name, membership(joined).role) == ("Dora", "reviewer")
        assert Client().login(email=DORA, password=PASSWORD)

    @pytest.mark.parametrize("method", ["get", "head"])
    def test_opening_the_link_changes_nothing(self, owner: Client, team: Team, method: str) -> None:
        link = invite(owner, team)
        for _ in range(3):
            assert getattr(Client(), method)(link).status_code == 200
        assert Invitation.objects.get().accepted_at is None
        assert not User.objects.filter(email=DORA).exists()

    def test_a_weak_password_is_named(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        answer = Client().post(link, {"name": "Dora", "password": "12345678"})
        assert answer.status_code == 422
        assert answer.context["form"].errors["password"]
        assert not User.objects.filter(email=DORA).exists()

    def test_works_once(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        Client().post(link, {"name": "Dora", "password": PASSWORD})
        assert Client().get(link).status_code == 404
        assert Client().post(link, {"name": "Eve", "password": PASSWORD}).status_code == 404

    def test_ends_after_seven_days(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        answer = Client().get(link)
        assert answer.status_code == 404
        assert "send it again" in answer.content.decode()

    def test_somebody_with_an_account_signs_in_and_joins(
        self, owner: Client, team: Team, charlie: User
    ) -> None:
        link = invite(owner, team, charlie.email)
        page = Client().get(link)
        assert f"/accounts/login/?next={link}" in page.content.decode()
        assert Client().post(link, {"name": "x", "password": "y"}).status_code == 302
        client = browser_of(charlie)
        assert client.post(link).status_code == 302
        assert charlie.memberships.filter(team=team, role="member").exists()
        assert "Studio North" in client.get("/").content.decode()

    def test_is_bound_to_the_address(self, owner: Client, team: Team, charlie: User) -> None:
        link, client = invite(owner, team), browser_of(charlie)
        assert "The invitation is for dora@example.com" in client.get(link).content.decode()
        assert client.post(link).status_code == 403
        assert not charlie.memberships.filter(team=team).exists()

    def test_needs_an_address_that_was_confirmed(
        self, owner: Client, team: Team, charlie: User
    ) -> None:
        charlie.emailaddress_set.create(email=DORA, verified=False)
        link = invite(owner, team)
        assert browser_of(charlie).post(link).status_code == 403

    def test_gives_nobody_a_lower_role(self, owner: Client, team: Team, bob: User) -> None:
        Membership.objects.filter(user=bob).delete()
        link = invite(owner, team, bob.email)
        Membership.objects.create(team=team, user=bob, role="reviewer")
        browser_of(bob).post(link)
        assert membership(bob).role == "reviewer"

    def test_is_over_once_the_inviter_is_no_owner_any_more(
        self, owner: Client, team: Team, alice: User, bob: User
    ) -> None:
        link = invite(owner, team)
        people.change_role(membership(alice), membership(bob).pk, "owner")
        people.change_role(membership(bob), membership(alice).pk, "member")
        assert Client().get(link).status_code == 404

    @pytest.mark.parametrize("token", ["x", "a" * 500, "%00", "..%2f"])
    def test_by_a_made_up_link_is_a_404(self, db: None, token: str) -> None:
        assert Client().get(f"/join/{token}/").status_code == 404


class TestRoles:
    def test_act_at_once_in_an_open_session(self, owner: Client, team: Team, bob: User) -> None:
        client = browser_of(bob)
        assert client.get("/team/invite/").status_code == 404
        owner.post(f"/team/people/{membership(bob).pk}/role/", {"team": team.pk, "role": "owner"})
        assert client.get("/team/invite/").status_code == 200

    def test_the_last_owner_stays(self, owner: Client, team: Team, alice: User) -> None:
        mine = membership(alice)
        owner.post(f"/team/people/{mine.pk}/role/", {"team": team.pk, "role": "member"})
        answer = owner.post(f"/team/people/{mine.pk}/remove/", follow=True)
        assert "A team needs an owner" in answer.content.decode()
        mine.refresh_from_db()
        assert mine.is_owner

    def test_a_member_changes_none(self, bob: User, alice: User, team: Team) -> None:
        client = browser_of(bob)
        for who in (alice, bob):
            address = f"/team/people/{membership(who).pk}/role/"
            assert client.post(address, {"team": team.pk, "role": "owner"}).status_code == 404
        assert membership(bob).role == "member"

    def test_an_owner_of_another_team_changes_none(
        self, charlie: User, bob: User, team: Team
    ) -> None:
        client, theirs = browser_of(charlie), membership(charlie).team
        address = f"/team/people/{membership(bob).pk}"
        client.post(f"{address}/role/", {"team": theirs.pk, "role": "owner"})
        assert (
            client.post(f"{address}/role/", {"team": team.pk, "role": "owner"}).status_code == 404
        )
        assert client.post(f"{address}/remove/").status_code == 404
        assert membership(bob).role == "member"


class TestLeaving:
    def test_somebody_who_is_removed_is_out_at_the_next_click(
        self, owner: Client, bob: User, make_style: MakeStyle
    ) -> None:
        style, client = make_style(creator=bob), browser_of(bob)
        assert client.get(style.get_absolute_url()).status_code == 200
        owner.post(f"/team/people/{membership(bob).pk}/remove/")
        assert client.get(style.get_absolute_url()).status_code == 403  # no team at all
        assert style.name not in client.get("/").content.decode()

    def test_nothing_of_theirs_is_sent_any_more(
        self, owner: Client, bob: User, alice: User, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(creator=bob)
        style.submit(bob)
        owner.post(f"/team/people/{membership(bob).pk}/remove/")
        style.refresh_from_db()
        assert (style.state, style.due_at) == (State.IN_REVIEW, None)
        assert style.approve(alice)
        assert creation.claim(style.pk)

    def test_nor_what_comes_back_to_the_queue_later(
        self, bob: User, alice: User, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(creator=bob)
        style.submit(bob)
        Membership.objects.filter(user=bob).delete()
        assert creation.claim(style.pk) is None
        style.refresh_from_db()
        assert style.state == State.IN_REVIEW

    def test_what_others_wanted_sent_goes_on(
        self, owner: Client, bob: User, alice: User, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(creator=bob)
        style.submit(alice)
        owner.post(f"/team/people/{membership(bob).pk}/remove/")
        assert creation.claim(style.pk)

    def test_one_leaves_by_oneself(self, bob: User, team: Team) -> None:
        client = browser_of(bob)
        address = f"/team/people/{membership(bob).pk}/remove/"
        assert "Leave Studio North?" in client.get(address).content.decode()
        client.post(address)
        assert not bob.memberships.exists()

    def test_a_member_removes_nobody_else(self, bob: User, alice: User) -> None:
        address = f"/team/people/{membership(alice).pk}/remove/"
        assert browser_of(bob).post(address).status_code == 404


class TestSeveralTeams:
    def test_one_changes_between_them(self, bob: User, team: Team) -> None:
        other = Team.objects.create(name="Studio South")
        Membership.objects.create(team=other, user=bob, joined_at=timezone.now())
        client = browser_of(bob)
        assert "Studio South" in client.get("/").content.decode()
        client.post("/team/switch/", {"team": other.pk})
        assert client.get("/").context["team"] == other

    def test_to_a_strange_one_is_a_404(self, bob: User, charlie: User) -> None:
        theirs = membership(charlie).team
        assert browser_of(bob).post("/team/switch/", {"team": theirs.pk}).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def both(self, *jobs: Callable[[], object]) -> list[object]:
        def run(job: Callable[[], object]) -> object:
            try:
                return job()
            except people.NotPossible as problem:
                return problem
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(run, jobs))

    def test_a_link_is_used_once(self, owner: Client, team: Team) -> None:
        link = invite(owner, team)
        found = people.find_invitation(link.split("/")[2])
        assert found
        eve = person("Eve", None)
        dora = person("Dora", None)
        joined = self.both(lambda: people.join(found, eve), lambda: people.join(found, dora))
        assert sorted(map(bool, joined)) == [False, True]
        assert team.members.count() == 2

    def test_two_owners_cannot_both_leave(self, team: Team, alice: User, bob: User) -> None:
        Membership.objects.filter(user=bob).update(role="owner")
        mine, theirs = membership(alice), membership(bob)
        self.both(
            lambda: people.remove(mine, mine.pk),
            lambda: people.remove(theirs, theirs.pk),
        )
        assert team.memberships.filter(role="owner").count() == 1

    def test_two_owners_cannot_demote_each_other(self, team: Team, alice: User, bob: User) -> None:
        Membership.objects.filter(user=bob).update(role="owner")
        mine, theirs = membership(alice), membership(bob)
        self.both(
            lambda: people.change_role(mine, theirs.pk, "member"),
            lambda: people.change_role(theirs, mine.pk, "member"),
        )
        assert team.memberships.filter(role="owner").count() == 1
