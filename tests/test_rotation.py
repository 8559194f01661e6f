"""A new encryption key while the server runs: nothing becomes unreadable, whenever it ends."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db.models import Model, QuerySet

from pikzels_ui.supervisor import only_one
from teams import rotation
from teams.adapters import MFAAdapter
from teams.encryption import CannotDecrypt, encrypt
from teams.models import PikzelsKey, Team, User
from teams.setup import ensure_keys, prepare

OLD = "b2xkIGZvciB0ZXN0cyBvbmx5LCB0aGlydHktdHdvIGI="
API_KEY = "pkz_canary_1234abcd"
SEED = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def file(settings: LazySettings) -> Path:
    """The file of one encryption key, as the first start makes it."""
    path = Path(settings.DATA_DIR) / "keys" / "encryption_keys"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    path.write_text(OLD)
    settings.ENCRYPTION_KEYS_IN = path
    # What a process knows that was started before.
    settings.ENCRYPTION_KEYS = [OLD]
    return path


@pytest.fixture
def secrets(file: Path, team: Team, alice: User) -> None:
    """One of everything that is encrypted, with the old key."""
    key = PikzelsKey.seal(API_KEY, base_url="http://127.0.0.1:9", team=team, name="K")
    key.save()
    gone = PikzelsKey.seal(API_KEY, base_url="http://127.0.0.1:9", team=team, name="Gone")
    gone.removed_at = key.created_at
    gone.save()
    TOTP.activate(alice, SEED)
    RecoveryCodes.activate(alice)


def rotate(*options: str) -> str:
    said = StringIO()
    call_command("rotate_encryption_key", *options, stdout=said, stderr=said)
    return said.getvalue()


def ten_minutes_later(file: Path) -> None:
    past = time.time() - rotation.SETTLED_SECONDS - 1
    os.utime(file, (past, past))


def all_is_readable() -> None:
    """Every secret can be read, and is what it was."""
    keys = {key.open() for key in PikzelsKey.objects.all()}
    assert (keys, PikzelsKey.objects.count()) == ({API_KEY}, 2)
    factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert MFAAdapter().decrypt(factor.data["secret"]) == SEED
    codes = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    assert len(RecoveryCodes(codes).get_unused_codes()) == 10


def everything() -> list[dict[str, Any]]:
    return [*PikzelsKey.objects.values(), *Authenticator.objects.values()]


def with_key(key: str) -> int:
    """Return how many secrets can be read with this key alone."""
    stored = [bytes(row.secret) for row in PikzelsKey.objects.all()]
    for row in Authenticator.objects.all():
        stored += [value.encode() for name, value in row.data.items() if name in {"secret", "seed"}]
    fernet = Fernet(key)
    return sum(can_read(fernet, secret) for secret in stored)


def can_read(fernet: Fernet, secret: bytes) -> bool:
    try:
        return bool(fernet.decrypt(secret))
    except Exception:  # noqa: BLE001
        return False


@pytest.mark.usefixtures("secrets")
class TestHere:
    def test_encrypts_everything_with_a_new_key_and_keeps_the_old_one(self, file: Path) -> None:
        said = rotate()
        new, old = rotation.keys_in(file)
        assert old == OLD != new
        assert (with_key(new), with_key(OLD)) == (4, 0)
        all_is_readable()
        assert "Secrets encrypted anew: 4." in said and "--prune" in said
        assert API_KEY not in said and new not in said and OLD not in said

    def test_leaves_the_file_to_its_owner_alone_and_no_other_beside_it(self, file: Path) -> None:
        rotate()
        assert file.stat().st_mode & 0o777 == 0o600
        assert {path.name for path in file.parent.iterdir()} == {file.name, "rotation.lock"}

    def test_again_changes_nothing(self, file: Path) -> None:
        rotate()
        before = file.read_text(), everything()
        assert "Secrets encrypted anew: 0." in rotate()
        assert (file.read_text(), everything()) == before

    def test_reaches_processes_that_run(self, file: Path, settings: LazySettings) -> None:
        """They were started with the old key alone, and have never heard of the new one."""
        rotate()
        assert settings.ENCRYPTION_KEYS == [OLD]
        all_is_readable()
        assert can_read(Fernet(rotation.keys_in(file)[0]), encrypt("new"))

    def test_a_process_that_cannot_read_the_file_goes_on_with_what_it_knows(
        self, file: Path
    ) -> None:
        file.unlink()
        all_is_readable()

    def test_takes_up_what_a_page_encrypted_with_the_old_key_meanwhile(
        self, file: Path, team: Team
    ) -> None:
        late = Fernet(OLD).encrypt(API_KEY.encode())
        rotate()
        PikzelsKey.objects.filter(name="K").update(secret=late)
        assert with_key(OLD) == 1
        rotate()
        assert with_key(OLD) == 0

    def test_keeps_which_recovery_codes_were_used(self, file: Path) -> None:
        row = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
        codes = RecoveryCodes(row).get_unused_codes()
        assert RecoveryCodes(row).validate_code(codes[3])
        rotate()
        row.refresh_from_db()
        assert RecoveryCodes(row).get_unused_codes() == codes[:3] + codes[4:]

    def test_tells_of_what_no_key_can_read_and_leaves_it_as_it_is(self, file: Path) -> None:
        lost = Fernet(Fernet.generate_key()).encrypt(b"lost")
        PikzelsKey.objects.filter(name="Gone").update(secret=lost)
        said = rotate()
        assert "1 secrets can be read with none of the keys" in said
        assert "Secrets encrypted anew: 3." in said
        assert bytes(PikzelsKey.objects.get(name="Gone").secret) == lost

    def test_is_done_by_one_at_a_time(self, file: Path) -> None:
        with (
            only_one(file.parent / "rotation.lock"),
            pytest.raises(CommandError, match="is at it already"),
        ):
            rotate()
        assert rotation.keys_in(file) == [OLD]


@pytest.mark.usefixtures("secrets")
class TestPruning:
    def test_drops_the_old_key_when_nothing_needs_it(self, file: Path) -> None:
        rotate()
        new = rotation.keys_in(file)[0]
        ten_minutes_later(file)
        rotate("--prune")
        assert rotation.keys_in(file) == [new]
        all_is_readable()

    def test_is_not_for_a_key_that_is_just_new(self, file: Path) -> None:
        rotate()
        with pytest.raises(CommandError, match="not ten minutes old"):
            rotate("--prune")
        assert len(rotation.keys_in(file)) == 2

    def test_waits_ten_minutes_more_where_something_still_had_the_old_key(self, file: Path) -> None:
        rotate()
        PikzelsKey.objects.filter(name="K").update(secret=Fernet(OLD).encrypt(API_KEY.encode()))
        ten_minutes_later(file)
        with pytest.raises(CommandError, match="1 secrets had still been encrypted"):
            rotate("--prune")
        with pytest.raises(CommandError, match="not ten minutes old"):
            rotate("--prune")
        ten_minutes_later(file)
        rotate("--prune")
        all_is_readable()

    def test_of_one_key_drops_nothing(self, file: Path) -> None:
        assert "nothing to drop" in rotate("--prune")
        assert rotation.keys_in(file) == [OLD]

    def test_a_new_round_can_begin_afterwards(self, file: Path) -> None:
        for _ in range(2):
            rotate()
            ten_minutes_later(file)
            rotate("--prune")
        all_is_readable()
        assert len(rotation.keys_in(file)) == 1

    def test_keys_are_told_apart_as_before(
        self, file: Path, team: Team, settings: LazySettings
    ) -> None:
        """Else the next start would take the server's own key for another one."""
        settings.PIKZELS_API_KEY = "pkz_of_the_server_1111"
        ensure_keys(team)
        rotate()
        ten_minutes_later(file)
        rotate("--prune")
        ensure_keys(team)
        assert team.keys.filter(kind=PikzelsKey.Kind.ENVIRONMENT).count() == 1

    def test_so_they_are_after_a_restart_without_an_old_key(
        self, file: Path, team: Team, settings: LazySettings
    ) -> None:
        new = Fernet.generate_key().decode()
        settings.ENCRYPTION_KEYS_IN = None
        settings.ENCRYPTION_KEYS = [new, OLD]
        settings.PIKZELS_API_KEY = "pkz_of_the_server_1111"
        ensure_keys(team)
        rotate("--restarted")
        settings.ENCRYPTION_KEYS = [new]
        prepare(lambda _text: None)
        assert team.keys.filter(kind=PikzelsKey.Kind.ENVIRONMENT).count() == 1


class Ended(BaseException):
    """The process is no more: nothing catches it, as nothing catches a kill."""


def ending_at(nth: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the process end at the nth durable step; return how many there have been."""
    steps = itertools.count(1)
    done = [0]

    def trap(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def step(*args: Any, **kwargs: Any) -> Any:
            done[0] = next(steps)
            if done[0] == nth:
                raise Ended
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, step)

    trap(Path, "touch")
    trap(Path, "replace")
    trap(os, "fsync")
    trap(os, "utime")
    trap(Model, "save")
    trap(QuerySet, "update")
    return lambda: done[0]


@pytest.mark.usefixtures("secrets")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("prune", [False, True], ids=["rotating", "pruning"])
def test_whenever_it_ends_all_is_readable_and_another_run_finishes_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, prune: bool
) -> None:
    for nth in itertools.count(1):
        if prune:
            rotate()
            ten_minutes_later(file)
        with monkeypatch.context() as patch:
            steps = ending_at(nth, patch)
            try:
                rotate(*(["--prune"] if prune else []))
            except Ended:
                ended = True
            else:
                ended = False
            assert steps()
        all_is_readable()
        rotate()
        assert with_key(rotation.keys_in(file)[0]) == 4
        ten_minutes_later(file)
        rotate("--prune")
        all_is_readable()
        assert len(rotation.keys_in(file)) == 1
        if not ended:
            break
    assert nth > (3 if prune else 7)


@pytest.mark.usefixtures("secrets")
class TestKeysFromOutside:
    @pytest.fixture(autouse=True)
    def in_a_variable(self, settings: LazySettings, secrets: None) -> None:
        settings.ENCRYPTION_KEYS_IN = None

    @pytest.fixture
    def new(self, settings: LazySettings) -> str:
        """Put in front of the old one by whoever runs the server."""
        key = Fernet.generate_key().decode()
        settings.ENCRYPTION_KEYS = [key, OLD]
        return key

    def test_with_one_key_it_says_what_to_do(self, file: Path) -> None:
        said = rotate()
        assert "Put a new one in front of it" in said
        assert file.read_text() == OLD
        assert with_key(OLD) == 4

    def test_asks_for_a_restart_first(self, new: str) -> None:
        with pytest.raises(CommandError, match=r"4 secrets .* restart everything"):
            rotate()
        assert with_key(OLD) == 4

    def test_encrypts_anew_and_says_what_to_do(self, new: str) -> None:
        assert "Run this again in ten minutes" in rotate("--restarted")
        assert with_key(new) == 4
        assert "Nothing needs the older ones" in rotate()
        all_is_readable()

    def test_prunes_nothing_by_itself(self, new: str, settings: LazySettings) -> None:
        rotate("--restarted", "--prune")
        assert [new, OLD] == settings.ENCRYPTION_KEYS

    def test_from_a_file_that_is_not_ours_needs_no_restart(
        self, settings: LazySettings, tmp_path: Path
    ) -> None:
        new = Fernet.generate_key().decode()
        settings.ENCRYPTION_KEYS_IN = tmp_path / "secret"
        settings.ENCRYPTION_KEYS_IN.write_text(f"{new},{OLD}\n")
        rotate()
        assert with_key(new) == 4
        assert settings.ENCRYPTION_KEYS_IN.read_text() == f"{new},{OLD}\n"

    def test_a_process_without_the_new_key_cannot_read_which_is_why(
        self, new: str, settings: LazySettings
    ) -> None:
        rotate("--restarted")
        settings.ENCRYPTION_KEYS = [OLD]
        with pytest.raises(CannotDecrypt):
            PikzelsKey.objects.get(name="K").open()
