"""The lists of the admin: what they cost, how they are narrowed, and how they are taken along."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from styles import counting
from styles.models import Attempt, Event, Notice, Style
from styles.states import State
from teams.models import ApiToken, Invitation, PikzelsKey, Team, User
from teams.sign_ins import SignIn
from teams.team_events import TeamEvent

from .conftest import browser_of, person

MakeStyle = Callable[..., Style]
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)
# Who asks, and the session; then what is counted, what is shown, and its pictures. With choices
# to narrow by, or a count for the actions, there is one more.
QUERIES = {
    "account.emailaddress": 4,
    "admin.logentry": 4,
    "auth.group": 4,
    "mfa.authenticator": 4,
    "styles.attempt": 4,
    "styles.event": 4,
    "styles.notice": 4,
    "styles.style": 5,
    "teams.apitoken": 4,
    "teams.invitation": 4,
    "teams.pikzelskey": 4,
    "teams.signin": 4,
    "teams.team": 4,
    "teams.teamevent": 4,
    "teams.user": 5,
    "usersessions.usersession": 4,
}


class Shop:
    """Makes another row of any model, each belonging to other rows than the last."""

    def __init__(self, make_style: MakeStyle, team: Team) -> None:
        self.make_style, self.team, self.made = make_style, team, 0

    def make(self, model: str) -> object:
        self.made += 1
        name = f"Nr {self.made}"
        user = person(name.replace(" ", ""), None)
        team = Team.objects.create(name=name)
        key = PikzelsKey(team=team, name=name, fingerprint=name, last_four="abcd", secret=b"x")
        key.save()
        style = self.make_style(name, creator=user, of=team, key=key)
        attempt = Attempt(style=style, key=key, number=1, lease_until=timezone.now())
        rows: dict[str, Any] = {
            "account.emailaddress": EmailAddress(user=user, email=f"{self.made}@example.org"),
            "admin.logentry": LogEntry(
                user=user,
                action_flag=CHANGE,
                object_repr=name,
                content_type=ContentType.objects.get_for_model(Team),
            ),
            "auth.group": Group(name=name),
            "mfa.authenticator": Authenticator(user=user, type="totp", data={}),
            "styles.attempt": attempt,
            "styles.event": Event(style=style, who=user, what=Event.What.NOTED),
            "styles.notice": Notice(
                user=user, team=team, kind="held", key=key, held_at=timezone.now()
            ),
            "teams.apitoken": ApiToken(user=user, name=name, token_hash=name),
            "teams.invitation": Invitation(
                team=team, email=user.email, token_hash=name, expires_at=timezone.now()
            ),
            "teams.signin": SignIn(user=user, who=user.email, how="password", worked=True),
            "teams.teamevent": TeamEvent(team=team, who=user, what="joined", about=name),
            "usersessions.usersession": UserSession(user=user, ip="::1", session_key=name),
        }
        if model in rows:
            rows[model].save()
        return style


@pytest.fixture
def shop(make_style: MakeStyle, team: Team) -> Shop:
    return Shop(make_style, team)


@pytest.fixture
def root(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return browser_of(alice)


def address(model: str, page: str = "changelist") -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{page}")


def shown(client: Client, model: str, query: str = "") -> str:
    response = client.get(address(model) + query)
    assert response.status_code == 200
    return response.content.decode()


class TestCost:
    def test_the_table_has_every_list(self) -> None:
        assert sorted(QUERIES) == MODELS

    @pytest.mark.parametrize("model", MODELS)
    def test_is_the_same_however_many_there_are(self, shop: Shop, root: Client, model: str) -> None:
        counted = []
        for more in (1, 15):
            for _each in range(more):
                shop.make(model)
            shown(root, model)  # what Django remembers of content types is remembered now
            with CaptureQueriesContext(connection) as queries:
                shown(root, model)
            counted.append(len(queries))
        assert counted == [QUERIES[model]] * 2

    @pytest.mark.parametrize("model", MODELS)
    def test_no_list_counts_everything(self, shop: Shop, root: Client, model: str) -> None:
        shop.make(model)
        with CaptureQueriesContext(connection) as queries:
            shown(root, model)
            shown(root, model, "?q=nr&_facets=True")
        counts = [each["sql"] for each in queries if "COUNT(" in each["sql"].upper()]
        assert len(counts) == 2
        assert all("LIMIT 1001" in each for each in counts)

    @pytest.mark.parametrize("model", MODELS)
    def test_no_list_reads_every_team_or_person_to_choose_from(
        self, shop: Shop, root: Client, model: str
    ) -> None:
        shop.make(model)
        Team.objects.create(name="A team with nothing")
        person("Nobody", None)
        html = shown(root, model)
        assert ("A team with nothing" in html) == (model == "teams.team")
        assert ("nobody@example.com" in html) == (model in {"teams.user", "account.emailaddress"})

    @pytest.mark.parametrize("model", MODELS)
    def test_no_form_reads_every_team_or_person_to_choose_from(
        self, shop: Shop, root: Client, model: str
    ) -> None:
        shop.make(model)
        row = apps.get_model(model).objects.order_by("pk").first()
        Team.objects.create(name="A team with nothing")
        person("Nobody", None)
        for page, args in (("change", [row.pk]), ("add", [])):
            where = reverse(f"admin:{model.replace('.', '_')}_{page}", args=args)
            html = root.get(where).content.decode()
            assert "A team with nothing" not in html
            assert "Nobody" not in html

    def test_more_than_a_thousand_are_shown_as_such(
        self, root: Client, make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counting, "COUNTED", 3)
        for n in range(3):
            make_style(f"Mars {n}", pictures=0)
        assert "3 styles" in shown(root, "styles.style")
        make_style("Mars 4", pictures=0)
        make_style("Mars 5", pictures=0)
        html = shown(root, "styles.style", "?q=Mars")
        assert "3+ results" in html
        assert "3+ styles" in html

    def test_pictures_are_small_and_come_when_they_are_looked_at(
        self, root: Client, shop: Shop
    ) -> None:
        shop.make("styles.style")
        html = shown(root, "styles.style")
        assert html.count('/preview/"') == html.count('loading="lazy"') == 3


class TestNarrowing:
    def test_by_a_link_in_a_row_which_is_taken_back_at_the_side(
        self, root: Client, make_style: MakeStyle, alice: User, bob: User
    ) -> None:
        make_style("Mars", creator=alice)
        make_style("Venus", creator=bob)
        link = f"?creator__id__exact={bob.pk}"
        everything = shown(root, "styles.style")
        assert link in everything
        assert "By made by" not in everything
        narrowed = shown(root, "styles.style", link)
        assert ("Venus" in narrowed, "Mars" in narrowed) == (True, False)
        assert " By made by " in narrowed
        assert "Clear all filters" in narrowed

    def test_what_has_no_key_is_found_by_that(
        self, root: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        make_style("Mars", key=key)
        make_style("Venus")
        html = shown(root, "styles.style", "?key__isnull=True")
        assert ("Venus" in html, "Mars" in html) == (True, False)

    def test_by_a_row_that_is_not_there_finds_nothing(
        self, root: Client, make_style: MakeStyle
    ) -> None:
        make_style("Mars")
        assert "0 styles" in shown(root, "styles.style", "?team__id__exact=4711")

    @pytest.mark.parametrize("value", ["", "x", "0", "-1", "9" * 60, "²", "1,2", "%27"])
    @pytest.mark.parametrize("field", ["team", "creator", "key"])
    def test_by_something_odd_breaks_nothing(
        self, root: Client, make_style: MakeStyle, field: str, value: str
    ) -> None:
        make_style()
        page = root.get(address("styles.style") + f"?{field}__id__exact={value}", follow=True)
        assert page.status_code == 200

    def test_an_attempt_is_found_by_its_request_id_and_its_style_by_it_too(
        self, root: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        for n, name in enumerate(["Mars", "Venus"]):
            make_style(name).attempts.create(
                number=1, key=key, lease_until=timezone.now(), request_id=f"req-{n}"
            )
        for model in ("styles.attempt", "styles.style"):
            html = shown(root, model, "?q=req-1")
            assert ("Venus" in html, "Mars" in html) == (True, False)

    @pytest.mark.parametrize("query", ["%00", "'", "%", "🚀", "a" * 5000, "1e9", "-" * 36])
    @pytest.mark.parametrize("model", MODELS)
    def test_odd_searches_break_nothing(
        self, root: Client, shop: Shop, model: str, query: str
    ) -> None:
        shop.make(model)
        assert root.get(address(model), {"q": query}).status_code == 200
        assert root.get(address(model) + f"?q={query}").status_code < 500


class TestTakingAlong:
    def lines(self, client: Client, model: str, query: str = "") -> list[dict[str, str]]:
        response: Any = client.post(address(model, "export") + query)
        assert response.status_code == 200
        text = b"".join(response.streaming_content).decode()
        assert text.startswith("\ufeff")
        return list(csv.DictReader(io.StringIO(text[1:])))

    @pytest.mark.parametrize("model", ["styles.style", "styles.attempt", "styles.event"])
    def test_the_list_offers_exactly_what_it_shows(
        self, root: Client, shop: Shop, model: str
    ) -> None:
        for _each in range(3):
            shop.make(model)
        everything = self.lines(root, model)
        assert len({row["id"] for row in everything}) == len(everything) >= 3
        html = shown(root, model, "?q=Nr+2")
        assert "Take these along: CSV" in html
        assert f'action="{address(model, "export")}?q=Nr+2"' in html
        found = self.lines(root, model, "?q=Nr+2")
        assert len(found) == html.count('<th class="field-') > 0
        name = "name" if model == "styles.style" else "style__name"
        assert {row[name] for row in found} == {"Nr 2"}

    def test_filters_hold_too(self, root: Client, make_style: MakeStyle) -> None:
        make_style("Mars", state=State.READY, pikzels_id="id-1")
        make_style("Venus")
        (row,) = self.lines(root, "styles.style", "?state__exact=ready")
        assert (row["name"], row["pikzels_id"]) == ("Mars", "id-1")

    def test_a_style_that_is_found_by_several_tries_is_there_once(
        self, root: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style("Mars")
        for number in (1, 2):
            style.attempts.create(
                number=number, key=key, lease_until=timezone.now(), request_id="req",
                closed_at=timezone.now(), outcome="refused",
            )  # fmt: skip
        assert [row["name"] for row in self.lines(root, "styles.style", "?q=req")] == ["Mars"]

    def test_no_cell_runs_in_a_spreadsheet(self, root: Client, make_style: MakeStyle) -> None:
        style = make_style("-Mars", note="=cmd|' /C calc'!A0")
        style.events.create(what=Event.What.NOTED, note='@SUM(1)"\n,x')
        (row,) = self.lines(root, "styles.style")
        assert (row["name"], row["note"]) == ("'-Mars", "'=cmd|' /C calc'!A0")
        assert "'@SUM(1)\"\n,x" in [row["note"] for row in self.lines(root, "styles.event")]

    def test_no_secret_is_in_it(self, root: Client, shop: Shop, key: PikzelsKey) -> None:
        for model in ("styles.style", "styles.attempt", "styles.event"):
            shop.make(model)
            said = repr(self.lines(root, model))
            assert key.fingerprint not in said
            assert "canary" not in said

    def test_that_it_was_taken_along_is_noted(
        self, root: Client, alice: User, make_style: MakeStyle
    ) -> None:
        make_style()
        self.lines(root, "styles.style", "?q=mars")
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_repr) == (alice, "styles")
        assert entry.get_change_message() == "Taken along as CSV: ?q=mars"
        assert "Taken along as CSV: ?q=mars" in shown(root, "admin.logentry")

    def test_looking_at_its_address_takes_nothing_along(self, root: Client) -> None:
        assert root.get(address("styles.style", "export")).status_code == 405
        assert not LogEntry.objects.exists()

    def test_a_filter_that_makes_no_sense_leads_back_to_the_list(self, root: Client) -> None:
        response: Any = root.post(address("styles.style", "export") + "?created_at__gte=x")
        assert (response.status_code, response.url) == (302, address("styles.style"))
        nonsense: HttpResponse = root.post(address("styles.style", "export") + "?team__name=x")
        assert nonsense.status_code == 400

    def test_a_page_that_is_not_there_does_not_matter(
        self, root: Client, make_style: MakeStyle
    ) -> None:
        make_style(created_at=timezone.now() - timedelta(days=2))
        assert len(self.lines(root, "styles.style", "?p=7")) == 1
