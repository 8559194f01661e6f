"""People for a server that is measured: teams with a key and a library each, and somebody in it.

`python -m bench.people TEAMS PEOPLE STYLES` makes them in the database that the environment names,
with so many styles in each team, and prints the people as JSON: how each is signed in, and where
their work is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styles.models import Style
    from teams.models import Team, User

HERE = Path(__file__).resolve().parents[1]
# Nobody is to be told that they did too much within the hour.
UNLIMITED = {
    **dict.fromkeys(("STYLES_PER_HOUR", "TEAM_STYLES_PER_HOUR", "UPLOADS_PER_HOUR"), "1000000"),
    "UPLOAD_MB_PER_HOUR": "10000000",
}
SECRET = "y" * 32  # what a browser's CSRF cookie and form say


@dataclass(frozen=True)
class Person:
    """`style` is the path of the page of one of their styles, `team` what their forms name."""

    session: str
    team: int
    style: str

    @property
    def cookies(self) -> str:
        return f"sessionid={self.session}; csrftoken={SECRET}"


def make(environment: Mapping[str, str], *, teams: int, people: int, styles: int) -> list[Person]:
    """Make them in the database of a product that was started with this environment."""
    command = [sys.executable, "-m", "bench.people", *map(str, (teams, people, styles))]
    done = subprocess.run(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return [Person(**fields) for fields in json.loads(done.stdout)]


def start_django() -> None:
    """Let this process use the models, with the settings of its environment."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")
    django.setup()


def make_here(teams: int, people: int, styles: int) -> list[Person]:
    members = [_member(number) for number in range(people)]
    groups = [_team(number, members[number::teams]) for number in range(teams)]
    shown = [_library(group, members[number], styles) for number, group in enumerate(groups)]
    return [
        Person(_session(user), groups[n % teams].pk, shown[n % teams].get_absolute_url())
        for n, user in enumerate(members)
    ]


def _member(number: int) -> User:
    from teams.models import User

    return User.objects.create(email=f"person{number}@example.com", name=f"Person {number}")


def _team(number: int, members: list[User]) -> Team:
    from django.conf import settings

    from teams.models import Membership, PikzelsKey, Team

    team = Team.objects.create(name=f"Studio {number}")
    Membership.objects.bulk_create(
        Membership(team=team, user=user, role="member" if place else "owner")
        for place, user in enumerate(members)
    )
    address = settings.PIKZELS_BASE_URL
    PikzelsKey.seal(f"pkz_team_{number:04}", base_url=address, team=team, name="Ours").save()
    return team


def _library(team: Team, creator: User, number: int) -> Style:
    """Give the team styles that are ready, each with its history; return the newest."""
    from django.utils import timezone

    from styles.models import Attempt, Event, ReferenceImage, Style
    from styles.pikzels.errors import Verdict
    from styles.states import State

    now, key = timezone.now(), team.current_key()
    styles = Style.objects.bulk_create(
        Style(
            team=team, creator=creator, name=f"Mars diary {n}", state=State.READY, key=key,
            pikzels_id=str(uuid.uuid4()), created_at=now - timedelta(hours=number - n),
            submitted_at=now, made_at=now, ready_at=now, progress=100,
        )
        for n in range(number)
    )  # fmt: skip
    ReferenceImage.objects.bulk_create(
        ReferenceImage(
            style=style, position=n, file=f"references/x/{style.pk}-{n}",
            preview=f"previews/x/{style.pk}-{n}.jpg", original_name="mars.jpg", sha256="0" * 64,
            media_type="image/jpeg", width=1280, height=720, bytes=5_000_000,
        )
        for style in styles
        for n in (1, 2, 3)
    )  # fmt: skip
    attempts = Attempt.objects.bulk_create(
        Attempt(
            style=style, number=1, name=style.name, key=key, asked_by=creator, lease_until=now,
            committed_at=now, closed_at=now, answered_at=now, outcome=Verdict.MADE,
            bytes_total=20_000_000, bytes_sent=20_000_000, http_status=200,
            request_id=str(uuid.uuid4()), pikzels_id=style.pikzels_id,
        )
        for style in styles
    )  # fmt: skip
    way = [State.DRAFT, State.QUEUED, State.SENDING, State.COMMITTED, State.TRAINING, State.READY]
    Event.objects.bulk_create(
        Event(
            style=one.style,
            what=Event.What.MOVED,
            from_state=old,
            to_state=new,
            attempt=one,
        )
        for one in attempts
        for old, new in pairwise(way)
    )
    return styles[-1]


def _session(user: User) -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from teams.sessions import BACKEND

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


if __name__ == "__main__":
    start_django()
    print(json.dumps([asdict(each) for each in make_here(*map(int, sys.argv[1:]))]))
