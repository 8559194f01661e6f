"""The cast of a new installation: `python -m tests.scaled.cast`, on one of its hosts.

Alice owns a team that Bob is on, Charlie another one, each with a key of its own. Prints a token
of Alice's for the API.
"""

from __future__ import annotations

import sys

import django
from django.conf import settings


def main() -> None:
    django.setup()
    from teams.models import ApiToken, PikzelsKey, Team

    from ..conftest import person

    for team_name, owner, key in (
        ("Studio North", "Alice", "pkz_alice_1234"),
        ("Elsewhere", "Charlie", "pkz_charlie_5678"),
    ):
        team = Team.objects.create(name=team_name)
        person(owner, team, "owner")
        PikzelsKey.seal(key, base_url=settings.PIKZELS_BASE_URL, team=team, name="Main").save()
    north = Team.objects.get(name="Studio North")
    person("Bob", north)
    token, _row = ApiToken.issue(north.members.get(email="alice@example.com"), "Bot")
    sys.stdout.write(token)


if __name__ == "__main__":
    main()
