from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from teams import leaving
from teams.models import User
from teams.people import NotPossible


class Command(BaseCommand):
    help = "Erase a person. What was paid for stays with their teams. It cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--yes", action="store_true", help="do not ask for the address again")

    def handle(self, *args: Any, email: str, yes: bool, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email, erased_at=None).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        if not yes and input(f"Type {user.email} to erase it for good: ") != user.email:
            raise CommandError("That is not the address. Nothing was erased.")
        try:
            leaving.erase(user)
        except NotPossible:
            # Its words are for the person; there may be more than one reason.
            reasons = " ".join(leaving.hindrances(user))
            raise CommandError(f"Not yet, for this person is told: {reasons}") from None
        self.stdout.write("Erased. Backups have it still: erase again after restoring one.")
