"""Old attempts and events go to a file: nothing is lost, nothing twice, nothing that is needed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from pikzels_ui.backups import durable
from pikzels_ui.supervisor import only_one
from styles import journal, old_history, recovery
from styles.models import Attempt, Event, HistoryArchive, Notice, SafeMode, Style
from styles.pikzels.errors import Verdict
from styles.states import State
from teams.models import PikzelsKey, User

from .conftest import browser_of

MakeStyle = Callable[..., Style]
MakeOld = Callable[..., Style]
pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = timedelta(days=1000)


class Killed(BaseException):
    """What a kill leaves: nothing that comes after it is done."""


@pytest.fixture
def old(make_style: MakeStyle, key: PikzelsKey, alice: User) -> MakeOld:
    """Make a style that was over long ago, with an attempt and two events."""

    def make(state: State = State.READY, verdict: str = Verdict.MADE, **fields: Any) -> Style:
        then, number = timezone.now() - LONG_AGO, Style.objects.count()
        pikzels_id = f"id-{number}" if state in old_history.OVER[:3] else ""
        times = {"created_at": then, "submitted_at": then}
        about = {"pikzels_id": pikzels_id, "key": key, "due_at": None, **times, **fields}
        style = make_style(f"Old {number}", state=state, pictures=0, **about)
        attempt = Attempt.objects.create(
            style=style, number=1, key=key, asked_by=alice, opened_at=then, closed_at=then,
            lease_until=then, outcome=verdict, message="what Pikzels said", price="US$ 0.38",
            request_id=f"req-{number}", pikzels_id=pikzels_id,
        )  # fmt: skip
        for to in (State.QUEUED, state):
            style.events.create(what=Event.What.MOVED, to_state=to, attempt=attempt, at=then)
        return style

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def archive(folder: Path, *options: str) -> str:
    said = StringIO()
    call_command("archive_history", "--to", str(folder), *options, stdout=said)
    return said.getvalue()


def lines(folder: Path) -> list[dict[str, Any]]:
    found = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt") as text:
            found += [json.loads(line) for line in text]
    return found


def archived(folder: Path) -> Counter[tuple[str, object]]:
    return Counter((line["row"], line["id"]) for line in lines(folder) if line["row"] != "style")


def here() -> set[tuple[str, object]]:
    rows = {("attempt", pk) for pk in Attempt.objects.values_list("pk", flat=True)}
    return rows | {("event", pk) for pk in Event.objects.values_list("pk", flat=True)}


# What goes


def test_what_is_old_is_in_the_file_and_not_in_the_database(old: MakeOld, folder: Path) -> None:
    style, rows = old(), here()
    assert archive(folder).startswith("3 rows of 1 styles are in ")
    assert here() == set()
    assert archived(folder) == dict.fromkeys(rows, 1)
    first, attempt, *_events = lines(folder)
    assert (first["id"], first["pikzels_id"]) == (str(style.pk), style.pikzels_id)
    assert attempt.items() >= {
        "outcome": "made", "price": "US$ 0.38", "message": "what Pikzels said",
        "pikzels_id": style.pikzels_id, "request_id": "req-0",
    }.items()  # fmt: skip
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]


def test_every_field_of_a_row_is_in_its_line(old: MakeOld, folder: Path) -> None:
    old()
    archive(folder)
    for line in lines(folder):
        model = {"attempt": Attempt, "event": Event}.get(line["row"])
        if model:
            assert {field.attname for field in model._meta.concrete_fields} <= line.keys()


def test_the_style_stays(old: MakeOld, folder: Path) -> None:
    style = old()
    before = Style.objects.filter(pk=style.pk).values().get()
    archive(folder)
    assert Style.objects.filter(pk=style.pk).values().get() == before


def test_what_is_not_as_old_stays(old: MakeOld, folder: Path) -> None:
    old()
    assert archive(folder, "--older-than", "1001") == "Nothing is as old as that.\n"
    assert len(here()) == 3
    assert not folder.exists()


@pytest.mark.parametrize("state", [state for state in State if state not in old_history.OVER])
def test_what_is_not_over_stays(old: MakeOld, folder: Path, state: State) -> None:
    made = {"pikzels_id": "id-1"} if state == State.TRAINING else {}
    old(state, Verdict.REFUSED, **made)
    archive(folder)
    assert len(here()) == 3


def test_what_is_in_doubt_stays(old: MakeOld, folder: Path) -> None:
    old(State.DROPPED, Verdict.IN_DOUBT)
    archive(folder)
    assert len(here()) == 3


def test_what_is_open_or_due_stays(old: MakeOld, folder: Path) -> None:
    opened, _due = old(), old(due_at=timezone.now())
    opened.attempts.update(closed_at=None, outcome="")
    archive(folder)
    assert len(here()) == 6


@pytest.mark.parametrize("young", ["event", "answer"])
def test_of_what_something_happened_to_lately_all_stays(
    old: MakeOld, folder: Path, young: str
) -> None:
    style = old()
    if young == "event":
        style.events.create(what=Event.What.NOTED)
    else:
        style.attempts.update(closed_at=timezone.now())
    kept = here()
    archive(folder)
    assert here() == kept


def test_of_what_somebody_has_still_to_be_told_all_stays(
    old: MakeOld, folder: Path, alice: User
) -> None:
    style = old()
    event = style.events.last()
    notice = Notice.objects.create(user=alice, team=style.team, kind="ready", event=event)
    archive(folder)
    assert len(here()) == 3
    Notice.objects.filter(pk=notice.pk).update(
        outcome=Notice.Outcome.TOLD, due_at=None, closed_at=timezone.now()
    )
    archive(folder)
    assert here() == set()


def test_a_dry_run_only_says_how_many(old: MakeOld, folder: Path) -> None:
    old()
    assert archive(folder, "--dry-run") == "1 styles have such a history.\n"
    assert len(here()) == 3
    assert not folder.exists()


def test_what_the_page_of_usage_shows_cannot_be_archived(old: MakeOld, folder: Path) -> None:
    with pytest.raises(CommandError, match="400 days or more"):
        archive(folder, "--older-than", "399")


# Whatever ends it


def killed_at(monkeypatch: pytest.MonkeyPatch, place: object, name: str, calls: int) -> None:
    """Have the so-manieth call of a function be where the process is killed."""
    real, counted = getattr(place, name), [0]

    def killed(*args: Any, **kwargs: Any) -> Any:
        counted[0] += 1
        if counted[0] == calls:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(place, name, killed)


PLACES = {
    "before the file": (old_history, "_write", 1),
    "before the first line": (old_history, "_fields", 1),
    "in the middle of the file": (old_history, "_fields", 5),
    "before the file has its name": (durable, "rename", 1),
    "before anything is deleted": (old_history, "_delete", 1),
    "before the first batch": (old_history, "_delete_some", 1),
    "between two batches": (old_history, "_delete_some", 2),
}


@pytest.mark.parametrize("killed", PLACES)
def test_killed_nothing_is_lost_and_afterwards_nothing_is_there_twice(
    old: MakeOld, folder: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    monkeypatch.setattr(old_history, "BATCH", 1)
    for _ in range(3):
        old()
    rows = here()
    with monkeypatch.context() as patch:
        killed_at(patch, *PLACES[killed])
        with pytest.raises(Killed):
            archive(folder)
    assert here() | archived(folder).keys() == rows
    old()
    rows |= here()
    archive(folder)
    assert here() == set()
    assert archived(folder) == dict.fromkeys(rows, 1)
    assert not list(folder.glob("*.part"))
    assert archive(folder) == "Nothing is as old as that.\n"


def test_run_twice_nothing_is_archived_twice(old: MakeOld, folder: Path) -> None:
    old()
    archive(folder)
    once = lines(folder)
    archive(folder)
    assert lines(folder) == once
    assert HistoryArchive.objects.count() == 1


def test_a_file_that_is_damaged_has_nothing_deleted(
    old: MakeOld, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old()
    with monkeypatch.context() as patch:
        killed_at(patch, old_history, "_delete", 1)
        with pytest.raises(Killed):
            archive(folder)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with pytest.raises(CommandError, match="damaged"):
        archive(folder)
    assert len(here()) == 3
    file.write_bytes(whole)
    archive(folder)
    assert here() == set()


def test_a_file_that_was_taken_away_meanwhile_is_asked_for(
    old: MakeOld, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old()
    with monkeypatch.context() as patch:
        killed_at(patch, old_history, "_delete_some", 1)
        with pytest.raises(Killed):
            archive(folder)
    (file,) = folder.iterdir()
    file.rename(tmp_path / file.name)
    with pytest.raises(CommandError, match="Put it back"):
        archive(folder)
    assert len(here()) == 3


def test_a_full_disk_is_said_and_nothing_is_deleted(
    old: MakeOld, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "rename", full)
    with pytest.raises(CommandError, match=r"No space left on device\. Nothing is lost"):
        archive(folder)
    assert len(here()) == 3


def test_what_happens_while_it_is_written_keeps_a_history_here(
    old: MakeOld, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, other = old(), old()
    delete = old_history._delete

    def meanwhile(written: HistoryArchive) -> None:
        style.events.create(what=Event.What.NOTED)
        delete(written)

    monkeypatch.setattr(old_history, "_delete", meanwhile)
    assert archive(folder).startswith("3 rows of ")
    assert style.events.count() == 3
    assert not other.events.exists()


def test_two_do_not_archive_at_once(old: MakeOld, folder: Path, settings: Any) -> None:
    old()
    with (
        only_one(Path(settings.DATA_DIR) / "archive.lock"),
        pytest.raises(CommandError, match="archiving already"),
    ):
        archive(folder)


# What is seen of it


def test_the_journal_does_not_take_what_is_archived_for_lost(old: MakeOld, folder: Path) -> None:
    style = old()
    attempt = style.attempts.get()
    journal.opened(attempt)
    journal.committed(attempt)
    archive(folder)
    recovery.merge()
    assert not SafeMode.is_on()


def test_the_journal_still_notices_what_a_restored_database_lacks(
    old: MakeOld, folder: Path
) -> None:
    old()
    archive(folder)
    lost = old()
    attempt = lost.attempts.get()
    attempt.opened_at = timezone.now()
    journal.opened(attempt)
    lost.events.all().delete()
    lost.attempts.all().delete()
    recovery.merge()
    assert SafeMode.is_on()


def test_the_page_of_a_style_says_where_its_history_is(
    old: MakeOld, folder: Path, bob: User
) -> None:
    style, browser = old(), browser_of(bob)
    said = "Its attempts and its history until"
    assert said not in browser.get(style.get_absolute_url()).content.decode()
    archive(folder)
    page = browser.get(style.get_absolute_url())
    assert page.status_code == 200
    assert said in page.content.decode()


def test_the_page_of_usage_says_what_the_file_lacks(old: MakeOld, folder: Path, bob: User) -> None:
    old()
    browser, said = browser_of(bob), "Of months up to"
    assert said not in browser.get("/team/usage/").content.decode()
    archive(folder)
    assert said in browser.get("/team/usage/").content.decode()


def test_a_style_of_which_there_never_was_an_attempt_says_nothing(
    old: MakeOld, folder: Path, make_style: MakeStyle, bob: User
) -> None:
    old()
    archive(folder)
    dropped = make_style("Never sent", state=State.DROPPED)
    assert (
        "were archived on" not in browser_of(bob).get(dropped.get_absolute_url()).content.decode()
    )
