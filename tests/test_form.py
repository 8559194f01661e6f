"""The form: nothing is asked for twice, and a double click makes one style."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styles.forms import clean_style_name
from styles.models import Style
from styles.states import State
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of, form_data, upload
from .pictures import photo

MakeStyle = Callable[..., Style]
NEW = "/styles/new/"


def uploaded(content: bytes) -> SimpleUploadedFile:
    return upload(name="party.png", content=content)


@pytest.fixture
def client(alice: User, key: PikzelsKey) -> Client:
    return browser_of(alice)


def the_style() -> Style:
    return Style.objects.get()


class TestNames:
    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            ("  Mars   diary ", "Mars diary"),
            ("Mars\u00a0diary", "Mars diary"),
            ("Mars\u2003\u3000diary\n", "Mars diary"),
            ("a" * 25, "a" * 25),
            (" " * 30 + "a", "a"),
            ("-_-", "-_-"),
        ],
    )
    def test_are_tidied(self, typed: str, name: str) -> None:
        assert clean_style_name(typed) == name

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("", "Enter a style name"),
            (" \u2003 ", "Enter a style name"),
            ("a" * 26, "25 characters or fewer"),
            ("Café", "“é”"),
            ("Ben's", "“'”"),
            ("a\u200bb", "change"),
            ("x\x00y", "a character in it that cannot be kept"),
        ],
    )
    def test_say_what_is_wrong(self, client: Client, team: Team, typed: str, words: str) -> None:
        answer = client.post(NEW, form_data(team, name=typed))
        assert answer.status_code == 422
        assert words in " ".join(answer.context["form"].errors["name"])


class TestComplete:
    def test_goes_to_the_queue(self, client: Client, team: Team, alice: User) -> None:
        answer = client.post(NEW, form_data(team))
        style = the_style()
        assert answer.url == style.get_absolute_url()
        assert (style.state, style.name, style.creator) == (State.QUEUED, "Mars diary", alice)
        assert style.due_at and style.submitted_at

    def test_stores_the_three_pictures(self, client: Client, team: Team) -> None:
        client.post(NEW, form_data(team))
        images = list(the_style().images.all())
        assert [image.position for image in images] == [1, 2, 3]
        assert [image.original_name for image in images] == [
            "mars-1.jpg",
            "mars-2.jpg",
            "mars-3.jpg",
        ]
        assert len({image.sha256 for image in images}) == 3

    def test_goes_to_review_where_the_team_wants_that(self, client: Client, team: Team) -> None:
        team.review_required = True
        team.save(update_fields=["review_required"])
        client.post(NEW, form_data(team))
        assert the_style().state == State.IN_REVIEW

    def test_waits_where_the_team_has_no_key(self, alice: User, team: Team) -> None:
        browser_of(alice).post(NEW, form_data(team))
        style = the_style()
        assert (style.shown_state, style.reason, style.due_at) == ("held", "no_key", None)

    def test_twice_makes_one_style(self, client: Client, team: Team) -> None:
        first = form_data(team)
        again = {**form_data(team), "token": first["token"]}
        answers = [client.post(NEW, first), client.post(NEW, again)]
        assert [answer.url for answer in answers] == [the_style().get_absolute_url()] * 2
        assert the_style().events.count() == 1


class TestIncomplete:
    def test_keeps_the_pictures_when_the_name_is_wrong(self, client: Client, team: Team) -> None:
        data = form_data(team, name="Café")
        answer = client.post(NEW, data)
        assert answer.status_code == 422
        style = the_style()
        assert (style.state, style.images.count()) == (State.DRAFT, 3)
        assert "Café" in answer.content.decode()

        answer = client.post(
            NEW, {**data, "name": "Cafe", "image_1": "", "image_2": "", "image_3": ""}
        )
        assert answer.url == style.get_absolute_url()
        style.refresh_from_db()
        assert (style.state, style.name) == (State.QUEUED, "Cafe")

    def test_keeps_the_name_and_the_others_when_a_picture_is_missing(
        self, client: Client, team: Team
    ) -> None:
        answer = client.post(NEW, form_data(team, images=2))
        assert answer.context["form"].errors == {"image_3": ["Choose image 3"]}
        style = the_style()
        assert (style.name, style.filled()) == ("Mars diary", {1, 2})

    def test_keeps_the_others_when_a_picture_is_none(self, client: Client, team: Team) -> None:
        data = form_data(team)
        data["image_2"] = upload(name="party.png", content=b"not a picture")
        answer = client.post(NEW, data)
        assert answer.status_code == 422
        assert "party.png" in " ".join(answer.context["form"].errors["image_2"])
        assert the_style().filled() == {1, 3}

    def test_a_picture_over_25_mb_is_named(self, client: Client, team: Team) -> None:
        data = form_data(team)
        data["image_2"] = upload(name="party.png", content=b"x" * 25_000_001)
        answer = client.post(NEW, data)
        assert "“party.png” is larger than 25 MB" in " ".join(
            answer.context["form"].errors["image_2"]
        )

    def test_an_empty_file_is_named(self, client: Client, team: Team) -> None:
        data = form_data(team)
        data["image_2"] = upload(name="party.png", content=b"")
        answer = client.post(NEW, data)
        assert "party.png" in " ".join(answer.context["form"].errors["image_2"])

    def test_nothing_right_leaves_no_draft(self, client: Client, team: Team) -> None:
        answer = client.post(NEW, form_data(team, name="", images=0))
        assert answer.status_code == 422
        assert not Style.objects.exists()

    def test_says_what_is_wrong_on_top_with_links(self, client: Client, team: Team) -> None:
        page = client.post(NEW, form_data(team, name="", images=0)).content.decode()
        assert "There is a problem" in page
        assert "<title>Error: " in page
        for field in ("name", "image_1", "image_2", "image_3"):
            assert f'href="#id_{field}"' in page

    def test_a_file_name_with_markup_is_text(self, client: Client, team: Team) -> None:
        data = form_data(team)
        data["image_2"] = upload(name="<img src=x onerror=alert(1)>.png", content=b"no")
        page = client.post(NEW, data).content.decode()
        assert "<img src=x" not in page


class TestEdit:
    def test_a_draft_can_be_finished_later(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style("", pictures=2)
        page = client.get(style.address("edit"))
        assert [slot["kept"] is not None for slot in page.context["slots"]] == [True, True, False]
        client.post(style.address("edit"), {"name": "Mars", "image_3": upload(3)})
        style.refresh_from_db()
        assert style.state == State.QUEUED

    def test_a_refused_style_opens_at_what_pikzels_named(
        self, client: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style(state=State.REFUSED, reason="VALIDATION_ERROR", key=key)
        style.attempts.create(
            number=1,
            key=key,
            lease_until=style.created_at,
            closed_at=style.created_at,
            outcome="refused",
            details=[
                {"field": "image_base64s[1]", "message": "Broken"},
                {"field": "name", "message": "Odd"},
            ],
        )
        page = client.get(style.address("edit"))
        assert page.context["form"].errors == {
            "name": ["Pikzels: Odd"],
            "image_2": ["Pikzels: Broken"],
        }

    def test_another_name_that_was_kept_meanwhile_is_sent(
        self, client: Client, make_style: MakeStyle, key: PikzelsKey
    ) -> None:
        style = make_style("Taken", state=State.REFUSED, reason="NAME_ALREADY_EXISTS", key=key)
        now = style.created_at
        style.attempts.create(
            number=1, name="Taken", key=key, lease_until=now, closed_at=now, outcome="refused"
        )
        client.post(style.address("edit"), {"name": "Free", "do": "keep"})
        again = client.post(style.address("edit"), {"name": "Taken"})
        assert "enter another" in str(again.context["form"].errors["name"])
        client.post(style.address("edit"), {"name": "Free"})
        style.refresh_from_db()
        assert (style.name, style.state) == ("Free", State.QUEUED)

    def test_a_picture_can_be_replaced(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.REFUSED, reason="INVALID_IMAGE")
        before = style.images.get(position=2).sha256
        other = upload(9, name="other.jpg", content=photo(320, 180, seed=9))
        client.post(style.address("edit"), {"name": style.name, "image_2": other})
        style.refresh_from_db()
        image = style.images.get(position=2)
        assert image.sha256 != before and image.original_name == "other.jpg"
        assert style.state == State.QUEUED

    def test_a_picture_can_be_removed(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style()
        answer = client.post(style.address("edit"), {"name": style.name, "do": "remove 2"})
        assert answer.url == style.address("edit")
        assert style.filled() == {1, 3}

    def test_what_is_on_its_way_is_not_touched(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style(state=State.SENDING)
        answer = client.post(style.address("edit"), {"name": "Other", "image_2": upload(9)})
        assert answer.url == style.get_absolute_url()
        style.refresh_from_db()
        assert (style.name, style.state) == ("Mars diary", State.SENDING)


class TestTheFormsTeam:
    def test_a_form_of_a_team_one_does_not_belong_to_is_a_404(
        self, client: Client, charlie: User
    ) -> None:
        elsewhere = charlie.teams.get()
        assert client.post(NEW, form_data(elsewhere)).status_code == 404
        assert not Style.objects.exists()

    def test_a_removed_member_cannot_go_on(self, bob: User, team: Team) -> None:
        client = browser_of(bob)
        assert client.get(NEW).status_code == 200
        team.memberships.get(user=bob).delete()
        assert client.post(NEW, form_data(team)).status_code == 403
        assert not Style.objects.exists()

    def test_a_token_of_somebody_elses_form_is_a_404(
        self, client: Client, bob: User, make_style: MakeStyle, team: Team
    ) -> None:
        style = make_style(creator=bob)
        data = {**form_data(team), "token": str(style.form_token)}
        assert client.post(NEW, data).status_code == 404

    @pytest.mark.parametrize("token", ["", "x", "0" * 400])
    def test_a_form_without_a_token_is_a_404(self, client: Client, team: Team, token: str) -> None:
        assert client.post(NEW, {**form_data(team), "token": token}).status_code == 404

    def test_each_new_form_has_a_token_of_its_own(self, client: Client) -> None:
        tokens = {client.get(NEW).context["form"]["token"].value() for _ in range(2)}
        assert len(tokens) == 2
        assert all(uuid.UUID(str(token)).version == 4 for token in tokens)

    def test_a_member_of_two_teams_makes_it_in_the_forms_team(
        self, client: Client, alice: User
    ) -> None:
        second = Team.objects.create(name="Second")
        second.memberships.create(user=alice)
        client.post(NEW, form_data(second))
        assert the_style().team == second


FIELDS = ("name", "image_1", "image_2", "image_3", "token", "team", "remove")


@given(st.dictionaries(st.sampled_from(FIELDS), st.text() | st.binary().map(uploaded)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_posted_is_answered_with_a_page(
    client: Client, team: Team, posted: dict[str, object]
) -> None:
    answer = client.post(NEW, {"team": str(team.pk), "token": str(uuid.uuid4())} | posted)
    assert answer.status_code in {302, 404, 422}


def test_the_library_offers_to_continue_a_draft(client: Client, make_style: MakeStyle) -> None:
    style = make_style("", pictures=1)
    page = client.get(reverse("library")).content.decode()
    assert style.address("edit") in page
