"""The product in this process, in a folder that is thrown away, with a team and somebody on it.

Django is set up by entering it, so that whatever needs the models is imported inside.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

# Nobody is measured while they are turned away.
UNLIMITED = ("STYLES_PER_HOUR", "TEAM_STYLES_PER_HOUR", "UPLOADS_PER_HOUR", "UPLOAD_MB_PER_HOUR")


class Furnished(NamedTuple):
    """Somebody who is signed in: their user, their team, their membership and their session."""

    user: Any
    team: Any
    membership: Any
    session: str


@contextmanager
def furnished() -> Iterator[Furnished]:
    with tempfile.TemporaryDirectory(prefix="pikzels-ui-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "LOG_LEVEL": "ERROR"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "pikzels_ui.settings"}
        os.environ |= dict.fromkeys(UNLIMITED, "1000000000")
        os.environ.pop("DATABASE_URL", None)
        _set_up()
        yield _somebody()


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def _somebody() -> Furnished:
    from django.test import Client

    from teams.models import Membership, PikzelsKey, Team, User

    team = Team.objects.create(name="Studio North")
    user = User.objects.create_user("alice@example.com", "a light table for slides", name="Alice")
    membership = Membership.objects.create(team=team, user=user, role="owner")
    PikzelsKey.seal("pkz_bench_1234abcd", base_url="http://127.0.0.1:9", team=team, name="K").save()
    browser = Client()
    browser.force_login(user)
    return Furnished(user, team, membership, browser.cookies["sessionid"].value)
