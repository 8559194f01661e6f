"""The form under hostile posts, two tabs and races: what was seen is sent, and nothing is lost."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, connections, transaction
from django.db.models.deletion import Collector
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from styles import creation, drafts, form_buttons, recovery, retention
from styles.images import accept
from styles.images.links import LinkProblem
from styles.models import Attempt, ReferenceImage, Style
from styles.names import suggestions
from styles.states import State
from teams.models import PikzelsKey, Team, User

from .conftest import browser_of, form_data, upload
from .pictures import encoded, photo

MakeStyle = Callable[..., Style]
NEW = "/styles/new/"
PARTS = {"X-Parts": "1"}


@pytest.fixture
def client(alice: User, key: PikzelsKey) -> Client:
    browser = browser_of(alice)
    browser.raise_request_exception = False
    return browser


@pytest.fixture
def draft(make_style: MakeStyle) -> Style:
    return make_style("Mars diary")


def names_of(style: Style) -> list[str]:
    return [f"{image.position} {image.original_name}" for image in style.images.all()]


def put(style: Style, position: int, seed: int, settings: LazySettings) -> None:
    """Put a picture into a slot, as another tab does."""
    picture = accept(
        BytesIO(photo(320, 180, seed=seed)),
        name=f"other-{seed}.jpg",
        directory=settings.FILE_UPLOAD_TEMP_DIR,
    )
    style.keep_picture(position, picture, style.creator)


def seen_on(page: object) -> dict[str, str]:
    fields = re.findall(r'name="(seen_\d)" value="(\w*)"', page.content.decode())
    assert len(fields) == 3
    return dict(fields)


class TestWhatIsPosted:
    @pytest.mark.parametrize("name", ["Mars\0diary", "M" * 60_000])
    @pytest.mark.parametrize("do", ["", "keep"])
    def test_a_strange_name_is_an_error_and_no_fault(
        self, client: Client, team: Team, draft: Style, name: str, do: str
    ) -> None:
        Style.objects.update(state=State.QUEUED)  # one that names are compared with
        draft = draft.variant(draft.creator)
        for url, data in ((NEW, form_data(team)), (draft.address("edit"), {})):
            answer = client.post(url, {**data, "name": name, "do": do}, headers=PARTS)
            assert answer.status_code == 422

    def test_a_strange_name_of_a_button(self, client: Client, draft: Style) -> None:
        for name in ("a\0b", "M" * 60_000):
            answer = client.post(draft.address("edit"), {"name": "x", "do": f"name {name}"})
            assert answer.status_code == 422

    @pytest.mark.parametrize("do", ["hand-over", "link"])
    def test_a_link_that_grows_in_encoding(
        self,
        client: Client,
        draft: Style,
        do: str,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        def fetch(link: object, *, directory: Path) -> object:
            return accept(BytesIO(photo(320, 180, seed=9)), name="x.jpg", directory=directory)

        monkeypatch.setattr(form_buttons, "fetch_picture", fetch)
        draft.remove_picture(3)
        link = "https://example.com/" + "é" * 1900
        answer = client.post(draft.address("edit"), {"name": "x", "do": do, "link": link})
        assert answer.status_code in {302, 422}

    def test_a_strip_of_a_picture_is_measured(self, client: Client, draft: Style) -> None:
        strip = Image.new("RGB", (1280, 24))
        strip.paste("white", (60, 10, 1094, 14))
        file = upload(name="strip.png", content=encoded(strip, "PNG"))
        client.post(draft.address("edit"), {"name": "x", "do": "keep", "image_1": file})
        assert client.get(draft.address("edit")).status_code == 200

    def test_a_full_disk_is_said(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(picture: object) -> dict[str, object]:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(ReferenceImage, "store", full)
        answer = client.post(
            draft.address("edit"), {"name": "x", "do": "keep", "image_1": upload(9)}, headers=PARTS
        )
        assert answer.status_code == 422

    def test_a_full_disk_while_judging_is_said(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> object:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("styles.forms.accept", full)
        answer = client.post(
            draft.address("edit"), {"name": "x", "do": "keep", "image_1": upload(9)}, headers=PARTS
        )
        assert answer.status_code == 422

    def test_a_full_disk_while_fetching_is_said(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> object:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(form_buttons, "fetch_picture", full)
        draft.remove_picture(1)
        answer = client.post(
            draft.address("edit"), {"name": "x", "do": "link", "link": "https://example.com/a.jpg"}
        )
        assert answer.status_code == 422


class TestWhatWasSeenIsSent:
    def test_a_picture_cancelled_too_late_is_not_paid_for(
        self, client: Client, draft: Style, settings: LazySettings
    ) -> None:
        """The tab shows an empty slot 3; the upload it gave up arrived after all."""
        draft.remove_picture(3)
        page = client.get(draft.address("edit"))
        put(draft, 3, 9, settings)
        client.post(draft.address("edit"), {"name": "Mars diary", **seen_on(page)})
        draft.refresh_from_db()
        assert draft.state == State.DRAFT

    def test_a_picture_replaced_in_another_tab_is_shown_first(
        self, client: Client, draft: Style, settings: LazySettings
    ) -> None:
        page = client.get(draft.address("edit"))
        put(draft, 1, 9, settings)
        client.post(draft.address("edit"), {"name": "Mars diary", **seen_on(page)})
        draft.refresh_from_db()
        assert draft.state == State.DRAFT

    def test_pictures_swapped_between_keeping_and_sending(
        self,
        client: Client,
        draft: Style,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        page = client.get(draft.address("edit"))
        real = drafts.made_lately

        def meanwhile(style: Style) -> Style | None:
            put(draft, 1, 9, settings)
            Style.objects.get(pk=draft.pk).rename("Of another tab")
            return real(style)

        monkeypatch.setattr("styles.making.made_lately", meanwhile)
        client.post(draft.address("edit"), {"name": "Mars diary", **seen_on(page)})
        draft.refresh_from_db()
        assert (draft.state, draft.name) == (State.DRAFT, "Of another tab")


class TestANameOfAnotherTab:
    """Alice has the form open twice, and types another name in the second tab."""

    @pytest.fixture
    def first(self, client: Client, draft: Style) -> dict[str, str]:
        """What the first tab sends along with whatever it does."""
        page = client.get(draft.address("edit"))
        Style.objects.get(pk=draft.pk).rename("Venus")
        shown = {"name": "Mars diary", "known_name": page.context["known_name"]}
        return {**shown, **seen_on(page)}

    def test_is_not_undone_by_a_picture(
        self, client: Client, draft: Style, first: dict[str, str]
    ) -> None:
        for _twice in range(2):
            data = {**first, "do": "keep", "image_1": upload(9)}
            page = client.post(draft.address("edit"), data, headers=PARTS)
            first["known_name"] = page.context["known_name"]
        draft.refresh_from_db()
        assert draft.name == "Venus"

    def test_is_shown_before_it_is_paid_for(
        self, client: Client, draft: Style, first: dict[str, str]
    ) -> None:
        page = client.post(draft.address("edit"), first, follow=True).content.decode()
        draft.refresh_from_db()
        assert (draft.name, draft.state) == ("Venus", State.DRAFT)
        assert "The style was changed meanwhile" in page
        assert 'value="Venus"' in page

    def test_gives_way_to_one_that_is_typed_later(
        self, client: Client, draft: Style, first: dict[str, str]
    ) -> None:
        client.post(draft.address("edit"), {**first, "name": "Pluto", "do": "keep"}, headers=PARTS)
        draft.refresh_from_db()
        assert draft.name == "Pluto"

    def test_a_name_that_was_not_kept_is_kept_when_it_comes_again(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = client.get(draft.address("edit"))
        data = {"name": "Pluto", "known_name": page.context["known_name"], "do": "keep"}
        with monkeypatch.context() as full:
            full.setattr(drafts, "MOST_BYTES", 0)
            page = client.post(draft.address("edit"), {**data, "image_1": upload(9)})
        assert page.status_code == 422
        client.post(draft.address("edit"), {**data, "known_name": page.context["known_name"]})
        draft.refresh_from_db()
        assert draft.name == "Pluto"


class TestCutting:
    def test_does_not_undo_what_another_tab_did_meanwhile(
        self,
        client: Client,
        make_style: MakeStyle,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        style = make_style()
        old = accept(
            BytesIO(photo(400, 400, seed=5)),
            name="square.jpg",
            directory=settings.FILE_UPLOAD_TEMP_DIR,
        )
        style.keep_picture(1, old, style.creator)
        second = style.images.get(position=2)
        real = form_buttons.cut

        def slowly(*args: object, **kwargs: object) -> object:
            made = real(*args, **kwargs)
            style.move_picture(1, 2)  # in another tab
            return made

        monkeypatch.setattr(form_buttons, "cut", slowly)
        client.post(style.address("edit"), {"name": style.name, "do": "frame 1"})
        assert names_of(style) == ["1 mars-2.jpg", "2 square.jpg", "3 mars-3.jpg"]
        assert Path(second.file.path).exists()

    def test_shrinking_does_not_bring_back_and_pay_for_an_old_picture(
        self,
        client: Client,
        make_style: MakeStyle,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        style = make_style(state=State.REFUSED, reason="IMAGE_TOO_LARGE")
        real = drafts.accept

        def slowly(*args: object, **kwargs: object) -> object:
            made = real(*args, **kwargs)
            for n in (1, 2, 3):
                put(style, n, 20 + n, settings)  # in another tab
            return made

        monkeypatch.setattr(drafts, "accept", slowly)
        client.post(style.address("shrink"))
        style.refresh_from_db()
        assert [image.original_name for image in style.images.all()] == [
            "other-21.jpg",
            "other-22.jpg",
            "other-23.jpg",
        ]
        assert style.state == State.REFUSED


class TestTwins:
    @pytest.mark.django_db(transaction=True)
    def test_two_tabs_at_once_send_one(
        self, client: Client, make_style: MakeStyle, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = make_style("Mars diary")
        second = make_style("Mars diary")
        gate = threading.Barrier(2, timeout=0.5)
        real = drafts.made_lately

        def together(style: Style) -> Style | None:
            found = real(style)
            with suppress(threading.BrokenBarrierError):
                gate.wait()
            return found

        monkeypatch.setattr("styles.making.made_lately", together)

        def send(style: Style) -> None:
            browser_of(alice).post(style.address("edit"), {"name": style.name})
            connections.close_all()

        threads = [threading.Thread(target=send, args=(one,)) for one in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Style.objects.filter(state=State.QUEUED).count() == 1

    def test_one_given_up_in_doubt_is_named(
        self, client: Client, draft: Style, alice: User, key: PikzelsKey
    ) -> None:
        draft.submit(alice)
        attempt = creation.claim(draft.pk)
        assert attempt and creation.commit(attempt)
        Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        recovery.reap()
        draft.refresh_from_db()
        assert draft.state == State.IN_DOUBT
        draft.drop(alice)
        copy = draft.variant(alice, "Mars diary")
        answer = client.post(copy.address("edit"), {"name": copy.name})
        assert answer.status_code == 422


class TestPlacesToFetch:
    def test_one_person_waits_for_one_link_at_a_time(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draft.remove_picture(1)
        again = {"name": "x", "do": "link", "link": "https://example.com/b.jpg"}
        inner = []

        def fetch(link: object, *, directory: Path) -> object:
            inner.append(client.post(draft.address("edit"), again))
            raise LinkProblem("too_slow", host="example.com")

        monkeypatch.setattr(form_buttons, "fetch_picture", fetch)
        client.post(draft.address("edit"), again)
        assert [answer.status_code for answer in inner] == [422]
        assert "Other links are being fetched" in inner[0].content.decode()
        assert not form_buttons.fetching


class TestPreviews:
    def test_one_that_was_lost_is_made_again(self, client: Client, draft: Style) -> None:
        image = draft.images.get(position=1)
        Path(image.file.storage.path(image.ensure_preview())).unlink()
        assert client.get(draft.address("edit")).status_code == 200
        answer = client.get(f"{draft.get_absolute_url()}images/1/preview/")
        assert b"".join(answer.streaming_content).startswith(b"\xff\xd8")


class TestRoom:
    @pytest.fixture
    def over(self, draft: Style, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drafts, "MOST_BYTES", 10)

    def test_who_has_too_much_can_still_remove(
        self, client: Client, over: None, make_style: MakeStyle
    ) -> None:
        small = make_style("Small", pictures=1)
        answer = client.post(small.address("edit"), {"name": "Small", "do": "remove 1"})
        assert answer.status_code == 302
        assert small.filled() == frozenset()

    def test_who_has_too_much_can_still_send(
        self, client: Client, over: None, make_style: MakeStyle
    ) -> None:
        other = make_style("Other")
        client.post(other.address("edit"), {"name": "Other"})
        other.refresh_from_db()
        assert other.state == State.QUEUED

    def test_who_has_too_much_can_still_mend_a_refused_style(
        self, client: Client, over: None, make_style: MakeStyle
    ) -> None:
        refused = make_style("Refused", state=State.REFUSED)
        client.post(refused.address("edit"), {"name": "Another name"})
        refused.refresh_from_db()
        assert refused.state == State.QUEUED

    def test_a_variant_is_a_draft_too(
        self, client: Client, draft: Style, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 2)
        for _ in range(5):
            client.post(draft.address("variant"))
        assert Style.objects.count() == 2


class TestSweep:
    @pytest.mark.django_db(transaction=True)
    def test_deletes_nothing_that_is_sent_at_this_very_moment(
        self, draft: Style, alice: User, key: PikzelsKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Style.objects.update(edited_at=timezone.now() - timedelta(days=40))
        real, sent = Collector.delete, []

        def send() -> None:
            with suppress(Style.DoesNotExist):
                sent.append(draft.submit(alice))
            connections.close_all()

        sending = threading.Thread(target=send)

        def delete(self: Collector) -> object:
            if not sending.ident:
                sending.start()
                sending.join(0.5)
            return real(self)

        monkeypatch.setattr(Collector, "delete", delete)
        retention.sweep()
        sending.join()
        assert sent == [True] * Style.objects.filter(state=State.QUEUED).count()


class TestNames:
    def test_free_ones_are_free(self, team: Team, make_style: MakeStyle) -> None:
        for n in range(2, 6):
            make_style(f"Mars {n}", pictures=0)
        taken = {style.name for style in Style.objects.all()}
        assert not taken & set(suggestions(team, "Mars 2"))


class TestLinksAndUploads:
    def test_a_link_takes_no_slot_that_was_filled_meanwhile(
        self,
        client: Client,
        draft: Style,
        monkeypatch: pytest.MonkeyPatch,
        settings: LazySettings,
    ) -> None:
        for n in (1, 2, 3):
            draft.remove_picture(n)

        def fetch(link: object, *, directory: Path) -> object:
            put(draft, 1, 9, settings)  # an upload that arrives meanwhile
            return accept(BytesIO(photo(320, 180, seed=5)), name="link.jpg", directory=directory)

        monkeypatch.setattr(form_buttons, "fetch_picture", fetch)
        client.post(
            draft.address("edit"),
            {"name": "x", "do": "link", "link": "https://example.com/a.jpg"},
        )
        assert names_of(draft) == ["1 other-9.jpg", "2 link.jpg"]


@pytest.mark.django_db(transaction=True)
def test_editing_locks_the_row(draft: Style) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        draft._locked_for_editing()
    if connection.vendor == "postgresql":
        assert any("FOR UPDATE" in q["sql"] for q in queries)
