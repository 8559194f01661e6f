"""The admin: everything can be looked at, nothing that happened can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from styles.models import Deletion, SafeMode, Style
from styles.states import State
from teams.models import Membership, PikzelsKey, Team, User

from .conftest import PASSWORD, browser_of, person
from .wording import banned_words, visible_text
from .world import World, make_world

MakeStyle = Callable[..., Style]
TRACES: dict[str, Callable[[World, User], object]] = {
    "styles.style.creator": lambda world, bob: set_on(world.style, creator=bob),
    "styles.style.claimed_by": lambda world, bob: set_on(world.style, claimed_by=bob),
    "styles.attempt.asked_by": lambda world, bob: set_on(world.attempt, asked_by=bob),
    "styles.event.who": lambda world, bob: world.style.events.create(who=bob, what="noted"),
    "styles.safemode.ended_by": lambda world, bob: SafeMode.objects.create(ended_by=bob),
    "teams.pikzelskey.created_by": lambda world, bob: set_on(world.key, created_by=bob),
    "teams.invitation.invited_by": lambda world, bob: set_on(
        world.rows["teams.invitation"], invited_by=bob
    ),
    "teams.invitation.accepted_by": lambda world, bob: set_on(
        world.rows["teams.invitation"], accepted_by=bob
    ),
    "styles.instructions.who": lambda world, bob: world.style.texts.create(
        who=bob, outcome="there"
    ),
    "styles.deletion.who": lambda world, bob: Deletion.objects.create(style=world.style, who=bob),
    "teams.teamevent.who": lambda world, bob: set_on(world.rows["teams.teamevent"], who=bob),
    "teams.signin.user": lambda world, bob: set_on(world.rows["teams.signin"], user=bob),
    "admin.logentry.user": lambda world, bob: set_on(world.rows["admin.logentry"], user=bob),
}
USER = {
    "email": "Dora@Example.com",
    "name": "Dora",
    "usable_password": "true",
    "password1": PASSWORD,
    "password2": PASSWORD,
    "memberships-TOTAL_FORMS": "0",
    "memberships-INITIAL_FORMS": "0",
}
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)
HISTORY = [
    "styles.style",
    "styles.attempt",
    "styles.event",
    "styles.notice",
    "teams.invitation",
    "teams.apitoken",
    "teams.signin",
    "teams.teamevent",
    "admin.logentry",
]
# Made by the product alone: here they can be seen, and some can be taken away.
NEVER_MADE_HERE = [
    *HISTORY,
    "teams.pikzelskey",
    "mfa.authenticator",
    "usersessions.usersession",
]


@pytest.fixture
def world(make_style: MakeStyle, alice: User, key: PikzelsKey) -> World:
    return make_world(make_style, alice, key)


@pytest.fixture
def root(alice: User) -> Client:
    """The browser of Alice, who may do everything that the admin allows."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = browser_of(alice)
    browser.get("/healthz")  # notes the session, which costs queries of its own
    return browser


def set_on(row: Any, **fields: object) -> None:
    type(row).objects.filter(pk=row.pk).update(**fields)


def address(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=args)


class TestPages:
    def test_there_is_something_of_every_model_to_look_at(self, world: World) -> None:
        assert sorted(world.rows) == MODELS

    @pytest.mark.parametrize("model", MODELS)
    def test_every_list_and_every_search_works(
        self, world: World, root: Client, model: str
    ) -> None:
        for query in ("", "?q=mars", "?o=1"):
            page = root.get(address(model, "changelist") + query)
            assert page.status_code == 200, query
            assert banned_words(visible_text(page.content.decode())) == []

    @pytest.mark.parametrize("model", MODELS)
    def test_every_row_can_be_looked_at(self, world: World, root: Client, model: str) -> None:
        page = root.get(address(model, "change", world.rows[model].pk))
        assert page.status_code == 200
        assert banned_words(visible_text(page.content.decode())) == []

    def test_a_style_shows_its_pictures_attempts_and_events(
        self, world: World, root: Client
    ) -> None:
        html = root.get(address("styles.style", "change", world.style.pk)).content.decode()
        assert f"{world.style.get_absolute_url()}images/3/preview/" in html
        assert "no_answer" in html
        assert address("styles.attempt", "change", world.attempt.pk) in html

    def test_a_style_is_found_by_its_ids(self, make_style: MakeStyle, root: Client) -> None:
        make_style("Mars", state=State.READY, pikzels_id="id-7")
        make_style("Venus", state=State.READY, pikzels_id="id-77")
        html = root.get(address("styles.style", "changelist") + "?q=id-7").content.decode()
        assert "Mars" in html
        assert "Venus" not in html

    def test_a_list_of_many_costs_no_more_queries_than_one_of_few(
        self, make_style: MakeStyle, root: Client, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        styles = address("styles.style", "changelist")
        for n in range(3):
            make_style(f"Style {n}")
        with CaptureQueriesContext(connection) as few:
            root.get(styles)
        for n in range(3, 20):
            make_style(f"Style {n}", creator=person(f"Member{n}", None))
        with django_assert_num_queries(len(few)):
            assert root.get(styles).content.decode().count("admin-thumbnail") == 60

    @pytest.mark.parametrize("model", ["styles.event", "styles.attempt"])
    def test_the_other_long_lists_cost_no_more_either(
        self,
        world: World,
        root: Client,
        model: str,
        django_assert_num_queries: Callable[[int], Any],
    ) -> None:
        row: Any = world.rows[model]
        row.refresh_from_db()
        with CaptureQueriesContext(connection) as few:
            root.get(address(model, "changelist"))
        for number in range(2, 12):
            row.pk, row._state.adding = None, True
            if model == "styles.attempt":
                row.number, row.lease_token = number, type(row)().lease_token
            row.save()
        with django_assert_num_queries(len(few)):
            root.get(address(model, "changelist"))


class TestHistory:
    @pytest.mark.parametrize("model", NEVER_MADE_HERE)
    def test_is_not_made_by_hand(self, world: World, root: Client, model: str) -> None:
        assert root.get(address(model, "add")).status_code == 403
        assert root.post(address(model, "add"), {}).status_code == 403

    @pytest.mark.parametrize("model", HISTORY)
    def test_is_neither_changed_nor_deleted(self, world: World, root: Client, model: str) -> None:
        row = world.rows[model]
        page = root.get(address(model, "change", row.pk)).content.decode()
        assert 'name="_save"' not in page
        assert root.post(address(model, "change", row.pk), {"note": "x"}).status_code == 403
        assert root.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        root.post(address(model, "changelist"), chosen)
        assert type(row).objects.filter(pk=row.pk).exists()

    def test_keys_and_teams_are_not_deleted_for_styles_hang_on_them(
        self, world: World, root: Client
    ) -> None:
        for model in ("teams.pikzelskey", "teams.team"):
            row = world.rows[model]
            assert root.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
            assert type(row).objects.filter(pk=row.pk).exists()

    def test_of_a_key_only_its_name_is_changed(self, world: World, root: Client) -> None:
        before = PikzelsKey.objects.values().get()
        data = {"name": "New", "base_url": "http://evil.example", "held_code": "", "kind": "own"}
        response = root.post(address("teams.pikzelskey", "change", world.key.pk), data)
        assert response.status_code == 302
        assert PikzelsKey.objects.values().get() == before | {"name": "New"}

    def test_somebody_elses_api_token_is_ended_here(self, world: World, root: Client) -> None:
        token: Any = world.rows["teams.apitoken"]
        chosen = {"action": "revoke", "_selected_action": [token.pk]}
        page = root.post(address("teams.apitoken", "changelist"), chosen, follow=True)
        assert "1 token is revoked." in page.content.decode()
        token.refresh_from_db()
        assert token.revoked_at
        again = root.post(address("teams.apitoken", "changelist"), chosen, follow=True)
        assert "0 tokens are revoked." in again.content.decode()
        assert LogEntry.objects.filter(object_id=token.pk, change_message="Revoked").count() == 1

    def test_a_lost_phone_is_taken_off_an_account(self, world: World, root: Client) -> None:
        phone = world.rows["mfa.authenticator"]
        root.post(address("mfa.authenticator", "delete", phone.pk), {"post": "yes"})
        assert not type(phone).objects.exists()


class TestSecrets:
    def test_are_on_no_page(self, world: World, root: Client) -> None:
        sealed = bytes(world.key.secret).decode()
        canaries = ["canary", sealed, world.key.fingerprint]
        for model, row in world.rows.items():
            for page in (
                address(model, "changelist"),
                address(model, "change", row.pk),
                address(model, "history", row.pk),
            ):
                html = root.get(page).content.decode()
                assert [canary for canary in canaries if canary in html] == [], page


class TestUsers:
    def test_one_that_was_made_here_can_sign_in_at_once(self, root: Client) -> None:
        assert root.post(address("teams.user", "add"), USER).status_code == 302
        dora = User.objects.get(name="Dora")
        assert dora.email == "dora@example.com"
        assert EmailAddress.objects.get(user=dora).verified
        browser = Client()
        response = browser.post("/accounts/login/", {"login": dora.email, "password": PASSWORD})
        assert (response.status_code, response.url) == (302, "/")

    def test_two_passwords_that_differ_are_described(self, root: Client) -> None:
        page = root.post(address("teams.user", "add"), USER | {"password2": "another"})
        assert page.status_code == 200
        assert banned_words(visible_text(page.content.decode())) == []
        assert not User.objects.filter(name="Dora").exists()

    @pytest.mark.parametrize("email", ["alice@example.com", "ALICE@example.com"])
    def test_an_address_is_not_given_twice(self, root: Client, email: str) -> None:
        page = root.post(address("teams.user", "add"), USER | {"email": email})
        assert "Another account has this address" in page.content.decode()
        assert User.objects.count() == 1

    def test_an_address_that_somebody_brought_along_is_not_given_either(
        self, root: Client, bob: User
    ) -> None:
        EmailAddress.objects.create(user=bob, email="dora@example.com", verified=True)
        page = root.post(address("teams.user", "add"), USER)
        assert "Another account has this address" in page.content.decode()

    def change(self, root: Client, user: User, **fields: object) -> int:
        membership: Any = user.memberships.get()
        data = {
            "email": user.email,
            "name": user.name,
            "is_active": "on",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": membership.pk,
            "memberships-0-user": user.pk,
            "memberships-0-team": membership.team_id,
            "memberships-0-role": membership.role,
        }
        return root.post(address("teams.user", "change", user.pk), data | fields).status_code

    def test_a_new_address_is_the_only_one_that_signs_in(self, root: Client, bob: User) -> None:
        assert self.change(root, bob, email="Robert@example.com") == 302
        (known,) = EmailAddress.objects.filter(user=bob)
        assert (known.email, known.verified, known.primary) == ("robert@example.com", True, True)
        data = {"password": PASSWORD}
        assert Client().post("/accounts/login/", data | {"login": known.email}).status_code == 302
        old = {"login": "bob@example.com"}
        assert Client().post("/accounts/login/", data | old).status_code == 422

    def test_it_may_be_one_that_the_person_had_added(self, root: Client, bob: User) -> None:
        EmailAddress.objects.create(user=bob, email="robert@example.com", verified=False)
        assert self.change(root, bob, email="robert@example.com") == 302
        (known,) = EmailAddress.objects.filter(user=bob)
        assert (known.verified, known.primary) == (True, True)

    def test_a_change_of_the_name_leaves_addresses_alone(self, root: Client, bob: User) -> None:
        EmailAddress.objects.create(user=bob, email="robert@example.com", verified=True)
        assert self.change(root, bob, name="Robert") == 302
        assert EmailAddress.objects.filter(user=bob).count() == 2

    def test_a_role_is_changed_here(self, root: Client, bob: User) -> None:
        assert self.change(root, bob, **{"memberships-0-role": "reviewer"}) == 302
        assert Membership.objects.get(user=bob).role == "reviewer"

    def test_a_password_is_set_here(self, root: Client, bob: User) -> None:
        new = {"usable_password": "true", "password1": "lamp and slides", "password2": ""}
        where = reverse("admin:auth_user_password_change", args=[bob.pk])
        page = root.post(where, new)
        assert banned_words(visible_text(page.content.decode())) == []
        assert root.post(where, new | {"password2": "lamp and slides"}).status_code == 302
        bob.refresh_from_db()
        assert bob.check_password("lamp and slides")

    def delete(self, root: Client, user: User) -> int:
        return root.post(address("teams.user", "delete", user.pk), {"post": "yes"}).status_code

    def test_one_who_did_nothing_is_deleted(self, root: Client, bob: User) -> None:
        assert self.delete(root, bob) == 302
        assert not User.objects.filter(pk=bob.pk).exists()

    def test_one_who_did_anything_is_erased_and_the_row_stays(
        self, root: Client, bob: User, make_style: MakeStyle
    ) -> None:
        style = make_style(creator=bob, state=State.REFUSED, submitted_at=timezone.now())
        chosen = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
        root.post(address("teams.user", "changelist"), chosen)
        page = root.get(address("teams.user", "change", bob.pk)).content.decode()
        assert "To keep somebody out" in page
        assert self.delete(root, bob) == 302
        bob.refresh_from_db()
        style.refresh_from_db()
        assert (bob.is_active, bob.name, style.creator) == (False, "", bob)

    def test_one_is_switched_off(self, root: Client, bob: User) -> None:
        assert self.change(root, bob, is_active="") == 302
        bob.refresh_from_db()
        assert (bob.is_active, bob.name) == (False, "Bob")

    @pytest.mark.parametrize("trace", sorted(TRACES))
    def test_every_way_to_be_known_by_name_keeps_an_account(
        self, root: Client, bob: User, make_style: MakeStyle, world: World, trace: str
    ) -> None:
        TRACES[trace](world, bob)
        assert self.delete(root, bob) == 302
        assert User.objects.filter(pk=bob.pk).exists()

    def test_no_way_to_be_known_by_name_is_forgotten_here(self) -> None:
        """What else points to a user goes with the account: the way in, and where they belong."""
        fields = User._meta.get_fields(include_hidden=True)
        relations: list[Any] = [each for each in fields if each.one_to_many]
        names = {f"{each.related_model._meta.label_lower}.{each.field.name}" for each in relations}
        assert names - set(TRACES) == {
            "account.emailaddress.user",
            "mfa.authenticator.user",
            "usersessions.usersession.user",
            "styles.notice.user",
            "styles.unwanted.user",
            "teams.apitoken.user",
            "teams.membership.user",
            "teams.user_groups.user",
            "teams.user_user_permissions.user",
        }


class TestTeams:
    def test_one_that_was_made_here_has_the_sandbox(self, root: Client) -> None:
        data = {
            "name": "Studio South",
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
        }
        assert root.post(address("teams.team", "add"), data).status_code == 302
        key = Team.objects.get(name="Studio South").current_key()
        assert key and key.is_sandbox
