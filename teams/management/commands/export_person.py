import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from teams import taking_along
from teams.models import User


class Command(BaseCommand):
    help = "Write what is stored about a person, and what they made, into a ZIP file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, email: str, file: Path, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email, erased_at=None).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        try:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as to:
                to.writelines(taking_along.parts(user, everything=True))
        except FileExistsError as error:
            raise CommandError(f"{file} is there already. Choose another name.") from error
        except OSError as error:
            raise CommandError(f"It could not be written: {error}.") from error
        self.stdout.write(f"Written to {file}. It is for {user.email} alone.")
