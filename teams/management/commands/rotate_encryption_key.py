from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pikzels_ui.supervisor import AlreadyRunningError, only_one
from teams import rotation
from teams.encryption import known_keys

MAKE_ONE = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class Command(BaseCommand):
    help = (
        "Encrypt everything secret with a new encryption key, while the server runs. Once begun, "
        "it is finished by running it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--prune", action="store_true", help="drop the old keys, if nothing needs them"
        )
        parser.add_argument(
            "--restarted",
            action="store_true",
            help="every process of this server knows the first of ENCRYPTION_KEYS",
        )

    def handle(self, *args: Any, prune: bool, restarted: bool, **options: Any) -> None:
        path = rotation.file_of_ours()
        try:
            with only_one(Path(settings.DATA_DIR) / "keys" / "rotation.lock"):
                if path is None:
                    self._rotate_elsewhere(restarted)
                elif prune:
                    self._prune(path)
                else:
                    self._rotate(path)
        except AlreadyRunningError as error:
            raise CommandError(f"Process {error.pid} is at it already.") from error
        except OSError as error:
            raise CommandError(
                f"Nothing was lost, but it could not be finished: {error}"
            ) from error

    def _rotate(self, path: Path) -> None:
        """Where the keys were made here, in a file that every process reads anew."""
        if len(rotation.keys_in(path)) == 1:
            rotation.put_a_new_key_in_front(path)
            self.stdout.write(f"Made a new encryption key, in front of the old one in {path}.")
        else:
            self.stdout.write(f"{path} has a new encryption key in front of an old one already.")
        self._encrypt()
        self.stdout.write(
            "The old key is kept. Ten minutes from now drop it: rotate_encryption_key --prune. "
            "Backups from before today can be read with it alone: keep it with them."
        )

    def _prune(self, path: Path) -> None:
        old = len(rotation.keys_in(path)) - 1
        if not old:
            self.stdout.write("There is one encryption key alone: nothing to drop.")
            return
        try:
            unreadable = rotation.drop_old_keys(path)
        except rotation.NotYet as problem:
            raise CommandError(
                f"{problem} Nothing was dropped. Try again in ten minutes."
            ) from None
        self.stdout.write(f"Dropped {old} old: everything is encrypted with the newest key.")
        self._tell_of(unreadable)

    def _rotate_elsewhere(self, restarted: bool) -> None:
        """Where the keys come from outside: only whoever runs the server can change them."""
        if len(known_keys()) == 1:
            self.stdout.write(
                "ENCRYPTION_KEYS comes from outside, and holds one key. Put a new one in front of "
                "it, with a comma between them, restart everything, then run this again.\n"
                f"To make one: {MAKE_ONE}"
            )
            return
        older = rotation.encrypt_all_anew(only_count=True).older
        if older and settings.ENCRYPTION_KEYS_IN is None and not restarted:
            raise CommandError(
                f"{older} secrets are encrypted with an older key. A process that was started "
                "before the first of ENCRYPTION_KEYS was there could not read them afterwards: "
                "restart everything, then run this again with --restarted."
            )
        if self._encrypt():
            self.stdout.write("Run this again in ten minutes, for what is being saved just now.")
        else:
            self.stdout.write(
                "Nothing needs the older ones of ENCRYPTION_KEYS: take them out and restart "
                "everything. Backups from before today can be read with them alone."
            )

    def _encrypt(self) -> int:
        found = rotation.encrypt_all_anew()
        self.stdout.write(f"Secrets encrypted anew: {found.older}.")
        self._tell_of(found.unreadable)
        return found.older

    def _tell_of(self, unreadable: int) -> None:
        if unreadable:
            self.stderr.write(
                f"{unreadable} secrets can be read with none of the keys, as before. Bring the "
                "missing key back, or enter those API keys and set up those second factors again."
            )
