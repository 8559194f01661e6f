"""Drafts: what was right is kept at once, can be changed button by button, and has its limits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from styles import creation, drafts, form_buttons, retention
from styles.images import accept
from styles.images.links import Link, LinkProblem
from styles.models import ReferenceImage, Style
from styles.names import suggestions
from styles.pikzels.sandbox import Sandbox
from styles.states import State
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of, form_data, upload
from .pages import Page
from .pictures import encoded, photo

MakeStyle = Callable[..., Style]
NEW = "/styles/new/"


@pytest.fixture
def client(alice: User, key: PikzelsKey) -> Client:
    return browser_of(alice)


@pytest.fixture
def draft(make_style: MakeStyle) -> Style:
    return make_style("Mars diary")


def press(client: Client, style: Style, button: str, **data: object) -> object:
    return client.post(style.address("edit"), {"name": style.name, "do": button, **data})


def names_of(style: Style) -> list[str]:
    return [f"{image.position} {image.original_name}" for image in style.images.all()]


class TestOnePictureAtATime:
    def test_is_kept_without_a_word_about_the_rest(self, client: Client, team: Team) -> None:
        data = form_data(team, name="", images=1)
        answer = client.post(NEW, {**data, "do": "keep"}, headers={"X-Parts": "1"})
        assert answer.status_code == 200
        assert answer.context["errors"] == []
        assert names_of(Style.objects.get()) == ["1 mars-1.jpg"]

    def test_comes_back_as_a_part_of_the_page(self, client: Client, team: Team) -> None:
        data = form_data(team, images=1)
        answer = client.post(NEW, {**data, "do": "keep"}, headers={"X-Parts": "1"})
        style = Style.objects.get()
        html = answer.content.decode()
        assert f'data-edit-url="{style.address("edit")}"' in html
        assert "<html" not in html
        assert Page(html).ids.most_common(1)[0][1] == 1

    def test_of_three_at_once_makes_one_draft(self, client: Client, team: Team) -> None:
        data = form_data(team)
        for n in (1, 2, 3):
            others = {f"image_{other}": "" for other in (1, 2, 3) if other != n}
            picture = {f"image_{n}": upload(n)}
            client.post(NEW, {**data, **others, **picture, "do": "keep"})
        assert Style.objects.get().filled() == {1, 2, 3}

    def test_of_three_are_on_the_disk_before_any_row_says_so(
        self, client: Client, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: dict[int, tuple[int, int]] = {}

        def watched(descriptor: int) -> None:
            there = len(list(Path(settings.MEDIA_ROOT, "references").glob("*/*")))
            synced[os.fstat(descriptor).st_ino] = (there, ReferenceImage.objects.count())

        monkeypatch.setattr(os, "fsync", watched)
        client.post(NEW, {**form_data(team), "do": "keep"})
        for image in Style.objects.get().images.all():
            path = Path(image.file.path)
            # All three had their names by then: a disk writes its journal once.
            assert synced[path.stat().st_ino] == (3, 0)
            assert path.parent.stat().st_ino in synced

    def test_that_cannot_be_used_is_named_and_the_draft_stays(
        self, client: Client, draft: Style
    ) -> None:
        party = upload(name="party.png", content=b"not a picture")
        answer = press(client, draft, "keep", image_2=party)
        assert answer.status_code == 422
        assert "party.png" in answer.context["slots"][1]["error"]
        assert names_of(draft)[1] == "2 mars-2.jpg"

    def test_that_was_replaced_leaves_no_file_behind(self, client: Client, draft: Style) -> None:
        old = draft.images.get(position=1)
        press(client, draft, "keep", image_1=upload(7))
        assert not Path(old.file.path).exists()

    def test_that_a_variant_shares_stays_for_it(
        self, client: Client, draft: Style, bob: User
    ) -> None:
        copy = draft.variant(bob, "Variant")
        press(client, draft, "remove 1")
        assert copy.images.get(position=1).is_intact()


class TestButtons:
    def test_later_exchanges_it_with_the_next(self, client: Client, draft: Style) -> None:
        answer = press(client, draft, "later 1")
        assert answer.url == draft.address("edit")
        assert names_of(draft) == ["1 mars-2.jpg", "2 mars-1.jpg", "3 mars-3.jpg"]

    def test_earlier_moves_it_into_an_empty_slot(self, client: Client, draft: Style) -> None:
        draft.remove_picture(1)
        press(client, draft, "earlier 2")
        assert names_of(draft) == ["1 mars-2.jpg", "3 mars-3.jpg"]

    def test_swap_is_what_dragging_does(self, client: Client, draft: Style) -> None:
        press(client, draft, "swap 3 1")
        assert names_of(draft) == ["1 mars-3.jpg", "2 mars-2.jpg", "3 mars-1.jpg"]

    def test_says_what_happened(self, client: Client, draft: Style) -> None:
        answer = client.post(draft.address("edit"), {"do": "later 2"}, headers={"X-Parts": "1"})
        assert answer.context["said"] == "Image 2 is now image 3."

    @pytest.mark.parametrize(
        "button",
        ["earlier 1", "later 3", "remove", "remove 4", "swap 1", "swap 1 1", "crop 1", "frame 2"],
    )
    def test_that_make_no_sense_change_nothing(
        self, client: Client, draft: Style, button: str
    ) -> None:
        before = names_of(draft)
        assert press(client, draft, button).status_code == 302
        assert names_of(draft) == before

    def test_of_another_tab_do_no_harm(self, client: Client, draft: Style) -> None:
        draft.remove_picture(2)
        for button in ("crop 2", "frame 2", "remove 2", "later 2"):
            assert press(client, draft, button).status_code == 302

    def test_a_typed_name_stays(self, client: Client, draft: Style) -> None:
        client.post(draft.address("edit"), {"name": "Another", "do": "later 1"})
        draft.refresh_from_db()
        assert draft.name == "Another"

    def test_do_nothing_to_what_is_on_its_way(self, client: Client, draft: Style) -> None:
        draft.submit(draft.creator)
        assert press(client, draft, "remove 1").url == draft.get_absolute_url()
        assert draft.filled() == {1, 2, 3}


class TestMends:
    @pytest.fixture
    def barred(self, draft: Style, alice: User, settings: LazySettings) -> Style:
        """Image 2 is 16:9 within a 4:3 frame."""
        picture = Image.new("RGB", (1280, 960), "black")
        picture.paste(Image.open(BytesIO(photo(1280, 720, seed=4))), (0, 120))
        keep(draft, 2, picture, alice, settings)
        return draft

    def test_crop_takes_the_black_bars_off(self, client: Client, barred: Style) -> None:
        page = client.get(barred.address("edit")).content.decode()
        assert "Image 2 has black bars." in page
        press(client, barred, "crop 2")
        image = barred.images.get(position=2)
        assert abs(image.width / image.height - 16 / 9) < 0.03
        assert "black bars." not in client.get(barred.address("edit")).content.decode()

    def test_frame_cuts_the_middle_in_16_9(
        self, client: Client, draft: Style, alice: User, settings: LazySettings
    ) -> None:
        keep(draft, 1, Image.open(BytesIO(photo(1280, 1280, seed=5))), alice, settings)
        page = client.get(draft.address("edit")).content.decode()
        assert "Image 1 is not 16:9" in page
        press(client, draft, "frame 1")
        image = draft.images.get(position=1)
        assert (image.width, image.height) == (1280, 720)

    def test_a_file_that_is_away_is_told(self, client: Client, barred: Style) -> None:
        image = barred.images.get(position=2)
        image.measured()
        Path(image.file.path).unlink()
        answer = press(client, barred, "crop 2")
        assert answer.status_code == 422
        assert "Try again" in answer.context["slots"][1]["error"]


def keep(
    style: Style, position: int, picture: Image.Image, who: User, settings: LazySettings
) -> None:
    file = BytesIO(encoded(picture, "JPEG"))
    folder = settings.FILE_UPLOAD_TEMP_DIR
    style.keep_picture(position, accept(file, name="wide.jpg", directory=folder), who)


class TestTheCheck:
    def test_says_nothing_of_no_pictures(self, client: Client) -> None:
        assert client.get(NEW).context["check"].rows == []

    def test_names_a_style_that_has_the_picture_already(
        self, client: Client, draft: Style, make_style: MakeStyle
    ) -> None:
        client.get(draft.address("edit"))  # measured once
        other = make_style("Second try", pictures=1)
        page = client.get(other.address("edit")).content.decode()
        assert "Image 1 is in “Mars diary”, too." in page

    def test_does_not_look_into_other_teams(
        self, client: Client, draft: Style, charlie: User, make_style: MakeStyle
    ) -> None:
        client.get(draft.address("edit"))
        theirs = make_style("Theirs", creator=charlie, of=charlie.memberships.get().team)
        page = browser_of(charlie).get(theirs.address("edit")).content.decode()
        assert "Mars diary" not in page

    def test_leaves_out_a_picture_whose_file_is_away(self, client: Client, draft: Style) -> None:
        Path(draft.images.get(position=1).file.path).unlink()
        answer = client.get(draft.address("edit"))
        assert answer.status_code == 200
        assert len(answer.context["check"].strips) == 2

    def test_looks_at_each_picture_once(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.get(draft.address("edit"))
        monkeypatch.setattr("styles.models.image.measure", lambda _path: pytest.fail("again"))
        assert client.get(draft.address("edit")).context["check"].rows


class TestLinks:
    @pytest.fixture
    def far_away(self, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> list[Link]:
        """A picture at the end of every link; returns which were asked for."""
        asked: list[Link] = []

        def fetch(link: Link, *, directory: Path) -> object:
            asked.append(link)
            if "missing" in link.url:
                raise LinkProblem("missing", host="example.com", label=link.label)
            return accept(BytesIO(photo(320, 180, seed=8)), name=link.label, directory=directory)

        monkeypatch.setattr(form_buttons, "fetch_picture", fetch)
        return asked

    def test_fill_the_first_empty_slot(
        self, client: Client, team: Team, far_away: list[Link]
    ) -> None:
        link = "https://youtu.be/dQw4w9WgXcQ?si=abc"
        client.post(NEW, {**form_data(team, images=1), "link": link, "do": "link"})
        image = Style.objects.get().images.get(position=2)
        assert "dQw4w9WgXcQ" in image.original_name
        assert "dQw4w9WgXcQ" in image.source_url

    def test_alone_begin_a_draft(self, client: Client, team: Team, far_away: list[Link]) -> None:
        link = "https://example.com/mars.jpg"
        client.post(NEW, {**form_data(team, name="", images=0), "link": link, "do": "link"})
        assert Style.objects.get().filled() == {1}

    def test_that_were_typed_and_not_added_are_added_before_anything_is_sent(
        self, client: Client, team: Team, far_away: list[Link]
    ) -> None:
        link = "https://example.com/mars.jpg"
        client.post(NEW, {**form_data(team, images=2), "link": link})
        style = Style.objects.get()
        assert (style.state, style.filled()) == (State.DRAFT, {1, 2, 3})

    def test_that_lead_nowhere_are_told_and_the_rest_is_kept(
        self, client: Client, team: Team, far_away: list[Link]
    ) -> None:
        link = "https://example.com/missing.jpg"
        answer = client.post(NEW, {**form_data(team, images=2), "link": link, "do": "link"})
        assert answer.status_code == 422
        assert "example.com" in " ".join(answer.context["form"].errors["link"])
        assert link in answer.content.decode()
        assert Style.objects.get().filled() == {1, 2}

    def test_need_a_free_slot(self, client: Client, draft: Style, far_away: list[Link]) -> None:
        answer = press(client, draft, "link", link="https://example.com/mars.jpg")
        assert "Remove a picture" in " ".join(answer.context["form"].errors["link"])
        assert far_away == []

    @pytest.mark.parametrize("link", ["", "mars", "ftp://example.com/a", "https://" + "a" * 5000])
    def test_that_are_none_are_told(self, client: Client, team: Team, link: str) -> None:
        data = form_data(team, images=1)
        answer = client.post(NEW, {**data, "link": link, "do": "link"})
        assert answer.status_code == 422
        assert answer.context["form"].errors["link"]


class TestLinksForPikzels:
    """Where this server may not fetch, three links go to Pikzels as they are."""

    @pytest.fixture(autouse=True)
    def nothing_is_fetched(self, settings: LazySettings) -> None:
        settings.FETCH_LINKS = False

    def add(self, client: Client, style: Style, *links: str) -> None:
        for link in links:
            assert press(client, style, "link", link=link).status_code == 302

    def test_are_sent_as_they_are(
        self,
        make_style: MakeStyle,
        alice: User,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
    ) -> None:
        client, style = browser_of(alice), make_style("By links", pictures=0)
        self.add(
            client,
            style,
            "https://example.com/1.jpg?size=large",
            "https://example.com/2.jpg",
            "https://youtu.be/dQw4w9WgXcQ",
        )
        client.post(style.address("edit"), {"name": style.name})
        attempt = creation.claim(style.pk)
        assert attempt
        creation.record(attempt, creation.send(attempt, stop=threading.Event()))
        style.refresh_from_db()
        assert style.state == State.TRAINING
        assert [image.source_url for image in style.images.all()] == [
            "https://example.com/1.jpg?size=large",
            "https://example.com/2.jpg",
            "https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg",
        ]

    def test_are_not_mixed_with_files(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style("Mixed", pictures=2)
        self.add(client, style, "https://example.com/3.jpg")
        answer = client.post(style.address("edit"), {"name": style.name})
        assert "Image 3 is a link" in answer.context["slots"][2]["error"]
        style.refresh_from_db()
        assert style.state == State.DRAFT
        client.post(style.address("edit"), {"name": style.name, "image_3": upload(3)})
        style.refresh_from_db()
        assert style.state == State.QUEUED

    def test_are_shown_as_links(self, client: Client, make_style: MakeStyle) -> None:
        style = make_style("By links", pictures=0)
        self.add(client, style, "https://example.com/1.jpg")
        for address in (style.address("edit"), style.get_absolute_url(), "/"):
            html = client.get(address).content.decode()
            assert "/preview/" not in html, address
        for page in ("image", "image_preview"):
            address = reverse(f"style_{page}", args=[style.pk, 1])
            assert client.get(address).status_code == 404

    def test_can_be_chosen_after_fetching_in_vain(
        self, client: Client, make_style: MakeStyle, settings: LazySettings
    ) -> None:
        settings.FETCH_LINKS = True
        style = make_style("By links", pictures=0)
        link = "https://inside.invalid/1.jpg"
        answer = press(client, style, "link", link=link)
        assert "Leave it to Pikzels" in answer.content.decode()
        assert press(client, style, "hand-over", link=link).status_code == 302
        assert style.links() == {1}


class TestNames:
    def test_that_the_library_has_are_pointed_out_with_free_ones(
        self, client: Client, draft: Style, make_style: MakeStyle
    ) -> None:
        draft.submit(draft.creator)
        again = make_style("mars diary")
        answer = client.get(again.address("edit"))
        assert answer.context["same_name"] == draft
        assert answer.context["free_names"] == ["mars diary 2", "mars diary 3", "mars diary 4"]
        assert "a style of this name" in answer.content.decode()

    def test_are_taken_by_one_click(self, client: Client, draft: Style) -> None:
        press(client, draft, "name Mars diary 2")
        draft.refresh_from_db()
        assert draft.name == "Mars diary 2"

    def test_of_a_click_are_judged_like_any_other(self, client: Client, draft: Style) -> None:
        assert press(client, draft, "name Café").status_code == 422
        draft.refresh_from_db()
        assert draft.name == "Mars diary"

    @pytest.mark.parametrize("name", ["a" * 25, "Mars 2", "7", "-_-"])
    def test_that_are_suggested_fit(self, team: Team, make_style: MakeStyle, name: str) -> None:
        make_style(name)
        found = suggestions(team, name)
        assert len(set(found)) == 3
        assert all(len(one) <= 25 and one != name for one in found)


class TestTheSameAgain:
    def test_is_asked_about_first(self, client: Client, draft: Style, alice: User) -> None:
        draft.submit(alice)
        copy = draft.variant(alice, draft.name)
        answer = client.post(copy.address("edit"), {"name": copy.name})
        assert answer.status_code == 422
        assert "You have sent this already" in answer.content.decode()
        copy.refresh_from_db()
        assert copy.state == State.DRAFT
        client.post(copy.address("edit"), {"name": copy.name, "again": "1"})
        copy.refresh_from_db()
        assert copy.state == State.QUEUED

    def test_is_not_with_another_picture(self, client: Client, draft: Style, alice: User) -> None:
        draft.submit(alice)
        copy = draft.variant(alice, draft.name)
        client.post(copy.address("edit"), {"name": copy.name, "image_2": upload(9)})
        copy.refresh_from_db()
        assert copy.state == State.QUEUED

    def test_is_not_after_a_while(self, client: Client, draft: Style, alice: User) -> None:
        draft.submit(alice)
        Style.objects.update(submitted_at=timezone.now() - timedelta(days=2))
        copy = draft.variant(alice, draft.name)
        client.post(copy.address("edit"), {"name": copy.name})
        copy.refresh_from_db()
        assert copy.state == State.QUEUED


class TestRights:
    @pytest.fixture(autouse=True)
    def asked(self, team: Team) -> None:
        team.asks_for_rights = True
        team.save(update_fields=["asks_for_rights"])

    def test_have_to_be_confirmed_where_the_team_wants_that(
        self, client: Client, team: Team
    ) -> None:
        answer = client.post(NEW, form_data(team))
        assert answer.context["form"].errors["rights"] == ["Tick that you may use these pictures"]
        style = Style.objects.get()
        assert (style.state, style.filled()) == (State.DRAFT, {1, 2, 3})

    def test_are_noted(self, client: Client, team: Team) -> None:
        client.post(NEW, {**form_data(team), "rights": "on"})
        style = Style.objects.get()
        assert style.state == State.QUEUED
        assert style.rights_confirmed_at


class TestLimits:
    def test_so_many_drafts_are_kept_and_no_more(
        self,
        client: Client,
        team: Team,
        draft: Style,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 1)
        answer = client.post(NEW, {**form_data(team), "do": "keep"})
        assert answer.status_code == 422
        assert "You have 1 drafts" in answer.content.decode()
        assert Style.objects.count() == 1
        assert not list((settings.MEDIA_ROOT / "incoming").glob("*.jpg"))

    def test_so_many_bytes_are_kept_and_no_more(
        self, client: Client, team: Team, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = sum(image.bytes for image in draft.images.all())
        monkeypatch.setattr(drafts, "MOST_BYTES", size + 10)
        assert client.post(NEW, {**form_data(team), "do": "keep"}).status_code == 422
        assert press(client, draft, "keep", image_1=upload(5)).status_code == 302

    def test_what_is_on_its_way_does_not_count(
        self, client: Client, team: Team, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draft.submit(draft.creator)
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 1)
        client.post(NEW, {**form_data(team, name="Other"), "do": "keep"})
        assert Style.objects.count() == 2

    def test_old_drafts_are_swept_with_their_files(self, draft: Style, bob: User) -> None:
        shared = draft.variant(bob, "Variant")
        alone = draft.images.get(position=1)
        shared.remove_picture(1)
        Style.objects.filter(pk=draft.pk).update(edited_at=timezone.now() - timedelta(days=31))
        assert retention.sweep()["drafts"] == 1
        assert list(Style.objects.all()) == [shared]
        assert not Path(alone.file.path).exists()
        assert all(image.is_intact() for image in ReferenceImage.objects.all())

    def test_what_was_once_sent_is_never_swept(self, draft: Style, alice: User) -> None:
        draft.submit(alice)
        draft.reopen(alice)
        Style.objects.update(edited_at=timezone.now() - timedelta(days=400))
        assert retention.sweep()["drafts"] == 0


def test_a_new_form_offers_to_continue_a_draft(client: Client, draft: Style, bob: User) -> None:
    page = client.get(NEW)
    assert page.context["drafts"] == [draft]
    assert draft.address("edit") in page.content.decode()
    assert browser_of(bob).get(NEW).context["drafts"] == []
