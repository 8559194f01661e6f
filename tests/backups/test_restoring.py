"""Restoring: looked at before anything is moved, and nothing that was there is deleted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

import pytest

from pikzels_ui.backups import databases, manifest, restoring
from pikzels_ui.backups.making import into_file, into_folder
from pikzels_ui.backups.places import Problem
from pikzels_ui.backups.restoring import check_empty, check_room, check_version, opened, stage, swap

from .conftest import Installation
from .test_making import Full

ROOT = Path(__file__).resolve().parents[2]
MARS = "media/references/ma/Mars diary.jpg"


@pytest.fixture
def backup(here: Installation, shelf: Path) -> Path:
    path, _made = into_folder(here.source(), shelf)
    return path


def restore(backup: Path, to: Installation, keys: dict[str, str] | None = None) -> Path | None:
    with opened(backup) as known:
        return swap(to.place, stage(known, to.place), keys)


def edit(backup: Path, **changes: object) -> None:
    file = backup / manifest.NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


# What it does


def test_all_is_elsewhere_and_nothing_is_sent(backup: Path, elsewhere: Installation) -> None:
    assert restore(backup, elsewhere) is None
    assert elsewhere.styles() == ["Mars diary"]
    assert elsewhere.pictures() == {"Mars diary.jpg": b"red"}
    assert elsewhere.safe_modes() == 1
    assert (elsewhere.place.data / "journal" / "here-2026-11.jsonl").read_text() == "opened\n"
    assert not list(elsewhere.place.data.glob(".restoring*"))


def test_what_was_there_is_moved_aside_whole(
    backup: Path, here: Installation, tmp_path: Path
) -> None:
    here.add("Venus", b"yellow")
    aside = restore(backup, here)
    assert aside
    assert here.styles() == ["Mars diary"]
    assert here.pictures() == {"Mars diary.jpg": b"red"}
    assert (aside / "references/ve/Venus.jpg").read_bytes() == b"yellow"
    with closing(databases.sqlite3.connect(aside / "db.sqlite3")) as former:
        assert former.execute("SELECT count(*) FROM styles_style").fetchone() == (2,)


def test_a_second_one_in_the_same_second_is_moved_aside_too(
    backup: Path, here: Installation
) -> None:
    folders = {restore(backup, here), restore(backup, here), restore(backup, here)}
    assert len(folders) == 3


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("opened\ncommitted\nanswered\n", "opened\ncommitted\nanswered\n"),
        ("another machine's\n", "opened\n\nanother machine's\n"),
    ],
)
def test_the_journals_here_know_more_than_the_backup_and_stay(
    backup: Path, here: Installation, now: str, then: str
) -> None:
    here.write_journal(now)
    restore(backup, here)
    assert (here.place.data / "journal" / "here-2026-11.jsonl").read_text() == then


def test_the_newest_is_taken_of_a_folder_of_several(
    backup: Path, here: Installation, shelf: Path, elsewhere: Installation
) -> None:
    shutil.copytree(backup, shelf / "backup-20200101T000000Z")
    (shelf / "backup-99990101T000000Z").mkdir()  # half of one
    with opened(shelf) as known:
        assert known.name == backup.name


def test_a_file_holds_the_same(here: Installation, elsewhere: Installation, tmp_path: Path) -> None:
    into_file(here.source(), tmp_path / "mars.tar")
    restore(tmp_path / "mars.tar", elsewhere)
    assert (elsewhere.styles(), elsewhere.pictures()) == (here.styles(), here.pictures())


def test_keys_that_are_brought_take_the_place_of_those_that_are_there(
    backup: Path, here: Installation
) -> None:
    (here.place.data / "keys").mkdir()
    (here.place.data / "keys" / "secret_key").write_text("former")
    aside = restore(backup, here, {"SECRET_KEY": "brought", "ENCRYPTION_KEYS": "a,b"})
    assert aside
    assert (here.place.data / "keys" / "secret_key").read_text() == "brought"
    assert (here.place.data / "keys" / "encryption_keys").read_text() == "a,b"
    assert (aside / "keys" / "secret_key").read_text() == "former"


# What it does not


def refusal(backup: Path, to: Installation) -> str:
    """Return why it is not restored, having seen that nothing was touched."""
    before = contents(to.place.data)
    with pytest.raises(Problem) as problem:
        restore(backup, to)
    shutil.rmtree(to.place.data / ".restoring", ignore_errors=True)
    assert contents(to.place.data) == before
    return str(problem.value)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))
    }


def test_a_picture_that_has_changed(backup: Path, here: Installation) -> None:
    (backup / MARS).write_bytes(b"rot")
    assert f"{MARS} has changed" in refusal(backup, here)


def test_a_picture_that_is_gone(backup: Path, here: Installation) -> None:
    (backup / MARS).unlink()
    assert f"{MARS} is not in this backup any more" in refusal(backup, here)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "media/../../x", "media/references/../../../x", "keys/x",
        "media//references/x", "journal/../x.jsonl", "journal/x", "media/references", "",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere(backup: Path, here: Installation, name: str) -> None:
    files = json.loads((backup / manifest.NAME).read_text())["files"]
    edit(backup, files={**files, name: "0" * 64})
    assert "damaged" in refusal(backup, here)


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "oracle"}, {"files": []}, {"files": {}}, {"surprise": 1}, {"bytes": "many"},
        {"counts": None}, {"migrations": [1]}, {"made_at": None}, {"keys": 5},
    ],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense(
    backup: Path, here: Installation, changes: dict[str, object]
) -> None:
    edit(backup, **changes)
    assert "damaged" in refusal(backup, here)


@pytest.mark.parametrize("content", ["", "[]", "null", "{", '{"format": 1}', "\x00"])
def test_a_manifest_that_is_none(backup: Path, here: Installation, content: str) -> None:
    (backup / manifest.NAME).write_text(content)
    assert "damaged" in refusal(backup, here)


def test_a_newer_format(backup: Path, here: Installation) -> None:
    edit(backup, format=2)
    assert "Upgrade this one first" in refusal(backup, here)


def test_a_newer_database(backup: Path) -> None:
    with opened(backup) as known:
        check_version(known, {"styles.0001_initial"})
        with pytest.raises(Problem, match=r"newer Pikzels UI, which has styles\.0001_initial"):
            check_version(known, {"teams.0001_initial"})


def test_a_database_that_is_damaged_although_its_checksum_is_right(
    backup: Path, here: Installation
) -> None:
    (backup / "db.sqlite3").write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    files = json.loads((backup / manifest.NAME).read_text())["files"]
    edit(backup, files=files | {"db.sqlite3": restoring.durable.checksum(backup / "db.sqlite3")})
    assert "damaged" in refusal(backup, here)


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x00" * 10240])
def test_a_file_that_is_none(here: Installation, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.tar"
    file.write_bytes(content)
    assert "backup" in refusal(file, here)


def test_half_a_file(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    into_file(here.source(), file)
    whole = file.read_bytes()
    for size in range(512, len(whole) - 10240, 2048):
        file.write_bytes(whole[:size])
        assert refusal(file, here)


def test_a_link_in_a_file_leads_nowhere(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    with tarfile.open(file, "w") as tar:
        link = tarfile.TarInfo("backup/manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        big = tarfile.TarInfo("backup/other")
        big.size = 1
        tar.addfile(big, BytesIO(b"x"))
    assert "no manifest" in refusal(file, here)


def test_nothing_at_all(here: Installation, tmp_path: Path) -> None:
    assert "There is no whole backup at" in refusal(tmp_path / "nowhere", here)


def test_where_something_is_already(here: Installation, elsewhere: Installation) -> None:
    check_empty(elsewhere.place)
    with pytest.raises(Problem, match="moved aside, not deleted"):
        check_empty(here.place)


def test_where_there_is_no_room(backup: Path, elsewhere: Installation) -> None:
    edit(backup, bytes=10**18)
    with opened(backup) as known, pytest.raises(Problem, match="Make room first"):
        check_room(known, elsewhere.place)


def test_while_something_has_the_database_open(here: Installation) -> None:
    assert here.place.sqlite
    with closing(here.database) as used:
        used.execute("SELECT * FROM styles_style").fetchall()
        with pytest.raises(Problem, match="Stop the web server and every worker"):
            databases.check_unused(here.place.sqlite)
    databases.check_unused(here.place.sqlite)


# Every step may fail


def check_all_is_somewhere(here: Installation) -> None:
    """Either as it was, or as in the backup with the former aside, or cut short and saying so."""
    names = [path.name for path in here.place.data.rglob("*") if path.is_file()]
    assert names.count("Venus.jpg") == 1, "what was there was deleted"
    if here.place.unfinished.exists():
        return
    assert here.place.sqlite and here.place.sqlite.exists()
    if "Venus" in here.styles():
        assert here.pictures().keys() == {"Mars diary.jpg", "Venus.jpg"}
        assert here.safe_modes() == 0
    else:
        assert here.pictures().keys() == {"Mars diary.jpg"}
        assert here.safe_modes() == 1


def test_whichever_step_fails_it_can_be_run_again(backup: Path, tmp_path: Path) -> None:
    steps = 0
    for nth in range(1, 500):
        here = Installation(tmp_path / f"try-{nth}").begin()
        here.add("Venus", b"yellow")
        with pytest.MonkeyPatch.context() as patch:
            full = Full(patch, nth)
            with suppress(OSError):
                restore(backup, here)
        check_all_is_somewhere(here)
        restore(backup, here)
        check_all_is_somewhere(here)
        assert here.styles() == ["Mars diary"]
        assert not here.place.unfinished.exists()
        if full.calls < nth:
            break
        steps += 1
    assert steps > 15


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from pikzels_ui.backups import making, restoring
from tests.backups.conftest import Installation

def lethal(function, left):
    def call(*args, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return call

def job(what, here, backup):
    if what == "backup":
        making.into_folder(here.source(), backup, keep=1)
    else:
        with restoring.opened(backup) as known:
            restoring.swap(here.place, restoring.stage(known, here.place), None)

what, folder, backup = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
# Forked, for starting takes far longer than the job itself.
for line in sys.stdin:
    nth = int(line)
    child = os.fork()
    if not child:
        left = [nth]
        for name in ("fsync", "rename", "link", "mkdir", "unlink"):
            setattr(os, name, lethal(getattr(os, name), left))
        job(what, Installation(folder / str(nth), exist_ok=True), backup)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Killer:
    """A process whose children are killed at the n-th step that is to last."""

    def __init__(self, what: str, folder: Path, backup: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", KILLED_AT, what, str(folder), str(backup)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def at(self, nth: int) -> bool:
        """Return whether it was killed, or else had fewer steps."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{nth}\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        assert code in {0, -signal.SIGKILL}
        return bool(code)

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.mark.faults
def test_a_restore_that_is_killed_anywhere_is_finished_by_running_it_again(
    backup: Path, tmp_path: Path
) -> None:
    with Killer("restore", tmp_path / "tries", backup) as killer:
        (tmp_path / "tries").mkdir()
        for nth in range(1, 500):
            here = Installation(tmp_path / "tries" / str(nth)).begin()
            here.add("Venus", b"yellow")
            if not killer.at(nth):
                break
            check_all_is_somewhere(here)
            restore(backup, here)
            check_all_is_somewhere(here)
            assert here.styles() == ["Mars diary"]
    assert nth > 15


@pytest.mark.faults
def test_a_backup_that_is_killed_anywhere_leaves_no_half_one(
    backup: Path, tmp_path: Path, shelf: Path
) -> None:
    with Killer("backup", tmp_path / "tries", shelf) as killer:
        (tmp_path / "tries").mkdir()
        for nth in range(1, 500):
            here = Installation(tmp_path / "tries" / str(nth)).begin()
            here.add("Venus", b"yellow")
            killed = killer.at(nth)
            whole = [*manifest.whole_backups(shelf)]
            assert whole
            for path in whole:
                with opened(path) as known:
                    other = Installation(tmp_path / f"restored-{nth}-{path.name}")
                    swap(other.place, stage(known, other.place), None)
                    assert "Mars diary.jpg" in other.pictures()
            if not killed:
                break
    assert nth > 15
    assert len(whole) == 1
    assert not list(shelf.glob(".unfinished*"))
