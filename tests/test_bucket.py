"""Pictures in a bucket: the same product, and a store that is away costs nobody anything."""

from __future__ import annotations

import errno
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from styles import creation, doctor, drafts, files, following, originals, storage
from styles.doctor import shared
from styles.models import ReferenceImage, Style
from styles.pikzels.errors import Silence, Verdict
from styles.pikzels.sandbox import Sandbox
from styles.readiness import readiness
from styles.states import State
from teams.models import PikzelsKey, Team, User

from . import in_bucket
from .conftest import browser_of, form_data
from .pictures import photo

MakeStyle = Callable[..., Style]
NEVER = threading.Event()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with in_bucket.store() as address:
        yield address


@pytest.fixture(autouse=True)
def bucket(address: str, settings: LazySettings) -> Any:
    """Keep pictures in a bucket; return a client that looks into it from outside."""
    settings.S3_BUCKET = in_bucket.NAME
    settings.STORAGES = {**settings.STORAGES, "default": in_bucket.emptied(address)}
    return in_bucket.client(address)


@pytest.fixture
def away(bucket: Any, settings: LazySettings) -> Callable[[], None]:
    """Have nobody answer where the store was."""

    def go() -> None:
        options = settings.STORAGES["default"]["OPTIONS"]
        away = {**options, "endpoint_url": "http://127.0.0.1:9"}
        default = {**settings.STORAGES["default"], "OPTIONS": away}
        settings.STORAGES = {**settings.STORAGES, "default": default}

    return go


def names(bucket: Any) -> list[str]:
    listed = bucket.list_objects_v2(Bucket=in_bucket.NAME)
    return [each["Key"] for each in listed.get("Contents", [])]


def on_this_disk(settings: LazySettings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


class TestStored:
    def test_a_form_brings_its_pictures_into_the_bucket_and_leaves_none_here(
        self, bucket: Any, settings: LazySettings, team: Team, alice: User, key: PikzelsKey
    ) -> None:
        response = browser_of(alice).post("/styles/new/", form_data(team))
        assert response.status_code == 302
        style = Style.objects.get()
        assert sorted(names(bucket)) == sorted(str(image.file) for image in style.images.all())
        assert all(image.is_intact() for image in style.images.all())
        assert on_this_disk(settings) == []

    def test_nothing_in_it_is_for_everybody(self, bucket: Any, make_style: MakeStyle) -> None:
        make_style()
        grants = bucket.get_object_acl(Bucket=in_bucket.NAME, Key=names(bucket)[0])["Grants"]
        assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]

    def test_a_picture_comes_through_our_own_view(
        self, make_style: MakeStyle, alice: User, charlie: User
    ) -> None:
        style = make_style()
        image = style.images.get(position=1)
        response: Any = browser_of(alice).get(f"/styles/{style.pk}/images/1/")
        body = b"".join(response.streaming_content)
        assert response.status_code == 200
        assert int(response["Content-Length"]) == len(body) == image.bytes
        assert browser_of(charlie).get(f"/styles/{style.pk}/images/1/").status_code == 404

    def test_a_page_names_no_other_server(self, make_style: MakeStyle, alice: User) -> None:
        style = make_style()
        page = browser_of(alice).get(f"/styles/{style.pk}/").content.decode()
        sources = re.findall(r'<img[^>]*src="([^"]+)"', page)
        assert sources
        assert all(source.startswith("/") for source in sources)

    def test_a_preview_is_made_once(
        self, bucket: Any, make_style: MakeStyle, alice: User, settings: LazySettings
    ) -> None:
        style, browser = make_style(), browser_of(alice)
        for _ in range(2):
            response: Any = browser.get(f"/styles/{style.pk}/images/1/preview/")
            assert b"".join(response.streaming_content).startswith(b"\xff\xd8")
        image = style.images.get(position=1)
        previews = [name for name in names(bucket) if name.startswith("previews/")]
        assert previews == [str(image.preview)]
        assert image.measures
        assert on_this_disk(settings) == []

    def test_a_program_gets_a_copy_that_goes_again(self, make_style: MakeStyle) -> None:
        style = make_style()
        image = style.images.get(position=1)
        with storage.on_disk(str(image.file)) as path:
            assert path.read_bytes() == photo(320, 180, seed=1)
        assert not path.exists()

    def test_what_is_written_again_replaces_what_was_there(
        self, bucket: Any, make_style: MakeStyle
    ) -> None:
        name = "previews/ab/abc.jpg"
        for content in (b"one", b"two"):
            with storage.written(name) as path:
                path.write_bytes(content)
        with default_storage.open(name) as file:
            assert file.read() == b"two"
        assert [each for each in names(bucket) if each.startswith("previews/")] == [name]


class TestSent:
    def test_pictures_are_brought_here_to_be_sent_and_go_again(
        self,
        settings: LazySettings,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = self.sent(make_style, alice)
        assert style.state == State.TRAINING
        assert sandbox.ledger.account()["charged"] == 1
        assert on_this_disk(settings) == []

    def test_its_portrait_is_copied_into_the_bucket(
        self,
        bucket: Any,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = self.sent(make_style, alice)
        Style.objects.filter(pk=style.pk).update(due_at=timezone.now())
        following.follow(style.pk)
        style.refresh_from_db()
        assert str(style.portrait) in names(bucket)
        response: Any = browser_of(alice).get(f"/styles/{style.pk}/portrait/")
        assert b"".join(response.streaming_content)

    def test_one_that_is_lost_is_asked_for_again(
        self,
        bucket: Any,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = make_style()
        lost = style.images.get(position=2)
        bucket.delete_object(Bucket=in_bucket.NAME, Key=str(lost.file))
        style = self.sent(lambda: style, alice)
        assert (style.state, style.reason) == (State.REFUSED, Silence.PICTURE_LOST)
        assert style.filled() == {1, 3}
        assert sandbox.ledger.account()["charged"] == 0

    def test_one_that_became_another_is_not_sent(
        self,
        bucket: Any,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = make_style()
        other = photo(320, 180, seed=9)
        image = style.images.get(position=2)
        bucket.put_object(Bucket=in_bucket.NAME, Key=str(image.file), Body=other)
        ReferenceImage.objects.filter(pk=image.pk).update(bytes=len(other))
        style = self.sent(lambda: style, alice)
        assert (style.state, style.reason) == (State.REFUSED, Silence.PICTURE_LOST)
        assert sandbox.ledger.account()["charged"] == 0

    def test_while_the_store_is_away_it_waits_and_no_picture_counts_as_lost(
        self,
        away: Callable[[], None],
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = make_style()
        away()
        style = self.sent(lambda: style, alice)
        assert (style.state, style.reason) == (State.QUEUED, "storage_away")
        assert style.last_attempt and style.last_attempt.outcome == Verdict.NOT_SENT
        assert style.filled() == {1, 2, 3}
        assert sandbox.ledger.account()["charged"] == 0

    def test_a_bucket_that_is_gone_makes_no_picture_a_lost_one(
        self,
        bucket: Any,
        make_style: MakeStyle,
        sandbox: Sandbox,
        sandbox_key: PikzelsKey,
        alice: User,
    ) -> None:
        style = make_style()
        for name in names(bucket):
            bucket.delete_object(Bucket=in_bucket.NAME, Key=name)
        bucket.delete_bucket(Bucket=in_bucket.NAME)
        assert all(image.is_intact() for image in style.images.all())
        style = self.sent(lambda: style, alice)
        assert (style.state, style.reason) == (State.QUEUED, "storage_away")

    def sent(self, make: MakeStyle, who: User) -> Style:
        style = make()
        style.submit(who)
        attempt = creation.claim(style.pk)
        assert attempt
        creation.record(attempt, creation.send(attempt, stop=NEVER))
        style.refresh_from_db()
        return style


class TestAway:
    """Nobody sees a 500, and nothing is stored by halves."""

    def test_a_form_says_that_it_could_not_be_stored(
        self, away: Callable[[], None], team: Team, alice: User, key: PikzelsKey
    ) -> None:
        away()
        response = browser_of(alice).post("/styles/new/", form_data(team))
        assert response.status_code == 422
        assert "could not be stored" in response.content.decode()

    def test_a_picture_is_not_there_just_now(
        self, away: Callable[[], None], make_style: MakeStyle, alice: User
    ) -> None:
        style = make_style()
        away()
        response = browser_of(alice).get(f"/styles/{style.pk}/images/1/")
        assert (response.status_code, response["Retry-After"]) == (503, "10")
        assert browser_of(alice).get(f"/styles/{style.pk}/").status_code == 200
        assert browser_of(alice).get("/").status_code == 200

    def test_a_draft_is_shown_changed_and_deleted(
        self, away: Callable[[], None], make_style: MakeStyle, alice: User, team: Team
    ) -> None:
        style, browser = make_style(), browser_of(alice)
        away()
        form = {"team": team.pk, "token": str(style.form_token), "name": "Mars", "do": ""}
        assert browser.get(f"/styles/{style.pk}/edit/").status_code == 200
        for do in ("crop 1", "frame 1", "swap 1 2", "remove 3"):
            answer = browser.post(f"/styles/{style.pk}/edit/", {**form, "do": do})
            assert answer.status_code in {200, 302, 422}, do
        assert style.filled() == {1, 2}
        assert drafts.delete(Style.objects.filter(pk=style.pk)) == 1

    def test_what_is_left_of_it_is_swept_later(
        self,
        away: Callable[[], None],
        bucket: Any,
        make_style: MakeStyle,
        settings: LazySettings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        style = make_style(pictures=1)
        here = settings.STORAGES
        away()
        image = style.images.get()
        image.delete()
        image.forget_file()
        settings.STORAGES = here
        monkeypatch.setattr(files, "LEFT_ALONE", timedelta(seconds=-5))
        assert files.forget(list(files.orphans())) == 1
        assert names(bucket) == []

    def test_what_is_said_of_it_has_no_secret(
        self, away: Callable[[], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        away()
        with pytest.raises(OSError, match="does not answer") as caught:
            default_storage.open("references/ab/abc.jpg")
        assert caught.value.errno == errno.EIO
        assert "canary" not in str(caught.value) + caplog.text

    def test_what_is_not_there_is_a_file_that_is_not_there(self) -> None:
        for look in (default_storage.open, default_storage.size, default_storage.get_modified_time):
            with pytest.raises(FileNotFoundError):
                look("references/ab/none.jpg")
        assert not default_storage.exists("references/ab/none.jpg")
        default_storage.delete("references/ab/none.jpg")


class TestKept:
    def test_what_no_row_names_is_swept_after_a_day(
        self, bucket: Any, make_style: MakeStyle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_style()
        known = names(bucket)
        default_storage.save("references/ab/left.jpg", ContentFile(b"left"))
        assert list(files.orphans()) == []
        monkeypatch.setattr(files, "LEFT_ALONE", timedelta(seconds=-5))
        assert files.forget(list(files.orphans())) == 1
        assert sorted(names(bucket)) == sorted(known)

    def test_an_original_goes_and_its_preview_stays(
        self, bucket: Any, make_style: MakeStyle
    ) -> None:
        style = make_style(state=State.READY, pictures=1, pikzels_id="p-1")
        assert originals.forget([image.pk for image in style.images.all()]) == 1
        assert names(bucket) == [str(style.images.get().preview)]

    def test_a_discarded_draft_takes_its_files_along(
        self, bucket: Any, make_style: MakeStyle, alice: User
    ) -> None:
        for image in make_style().images.all():
            image.delete()
            image.forget_file()
        assert names(bucket) == []

    def test_a_person_takes_the_pictures_along(
        self, make_style: MakeStyle, alice: User, tmp_path: Path
    ) -> None:
        make_style()
        call_command("export_person", alice.email, tmp_path / "alice.zip", stdout=StringIO())
        with zipfile.ZipFile(tmp_path / "alice.zip") as packed:
            assert len([name for name in packed.namelist() if name.endswith(".jpg")]) == 3

    @pytest.mark.django_db(transaction=True)
    def test_a_backup_has_no_pictures_and_says_where_they_are(
        self, make_style: MakeStyle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_style()
        said, warned = StringIO(), StringIO()
        call_command("backup", str(tmp_path / "b"), stdout=said, stderr=warned)
        assert "1 styles" in said.getvalue()
        assert "The pictures are in the bucket pictures, and not in this backup." in (
            warned.getvalue()
        )
        assert "were not there" not in warned.getvalue()
        assert not list((tmp_path / "b").rglob("*.jpg"))


class TestDoctor:
    def found(self) -> list[str]:
        checks = [doctor.Check("storage", shared.bucket_there)]
        checks.append(doctor.Check("storage", shared.bucket_takes))
        looks = doctor.run(checks)
        return [each.says for each in looks if each.level is doctor.Level.WRONG]

    def test_finds_a_bucket_that_takes_and_gives(self, db: None) -> None:
        assert self.found() == []

    def test_says_that_nobody_answers(self, away: Callable[[], None], db: None) -> None:
        away()
        says = self.found()[0]
        assert says.startswith("The bucket pictures cannot be used: the bucket does not answer")

    def test_says_that_the_bucket_is_not_there(self, bucket: Any, db: None) -> None:
        bucket.delete_bucket(Bucket=in_bucket.NAME)
        assert "is not there" in self.found()[0]

    def test_readiness_is_503_without_it(
        self, away: Callable[[], None], client: Client, db: None
    ) -> None:
        away()
        readiness.forget()
        assert client.get("/readyz").status_code == 503
        readiness.forget()
