"""A world with one of everything, for tests that visit every page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.db.models import Model
from django.utils import timezone

from styles import creation
from styles.models import Attempt, Style
from styles.pikzels.errors import Code, Verdict
from styles.pikzels.outcome import Outcome, Reply
from styles.states import State
from teams.models import ApiToken, Invitation, PikzelsKey, User
from teams.setup import setup_link
from teams.sign_ins import SignIn
from teams.team_events import TeamEvent

from .pictures import photo
from .routes import Route

INVITATION = "a-token"


class World(NamedTuple):
    """What Alice's team has, and how an address names it."""

    style: Style
    attempt: Attempt
    key: PikzelsKey
    rows: Mapping[str, Model]

    def address(self, route: Route) -> str:
        """Return an address of `route` that names something of Alice's team."""
        values = {
            "style_id": self.style.pk,
            "position": 1,
            "key_id": self.key.uuid,
            "token": INVITATION
            if route.name == "invitation"
            else setup_link().rstrip("/").rpartition("/")[2],
            "invitation_id": self.rows["teams.invitation"].pk,
            "member_id": self.style.team.memberships.get(user=self.style.creator).pk,
            "key": "MQ:1abcde",
            "uidb36": "1",
            "id": self.style.creator_id,
            "app_label": "styles",
            "url": "nowhere",
            "content_type_id": 1,
            "way": "give_up",
        }
        values["pk"] = self.rows["mfa.authenticator"].pk
        values["session_id"] = self.rows["usersessions.usersession"].pk
        values["api_token_id"] = self.rows["teams.apitoken"].pk
        if row := self.rows.get(route.model):
            values["object_id"] = row.pk
        return route.path({"object_id": 1, **values})


def make_world(make_style: Callable[..., Style], alice: User, key: PikzelsKey) -> World:
    """Make a style whose outcome is unknown, with its history, and one row of everything else."""
    style = make_style()
    style.portrait.save("portrait.jpg", ContentFile(photo(160, 90, seed=9)))
    style.submit(alice)
    attempt = creation.claim(style.pk)
    assert attempt and creation.commit(attempt)
    lost = Outcome(
        verdict=Verdict.IN_DOUBT, reason="no_answer", committed=True, reply=Reply(status=500)
    )
    creation.record(attempt, lost)
    style.refresh_from_db()
    assert style.state == State.IN_DOUBT
    key.hold(Code.INSUFFICIENT_CREDITS)
    rows: list[Model] = [
        alice,
        style,
        attempt,
        style.events.latest("id"),
        style.events.latest("id").notices.get(user=alice),
        style.team,
        key,
        TeamEvent.objects.create(
            team=style.team, who=alice, what=TeamEvent.What.KEY_ADDED, key=key
        ),
        EmailAddress.objects.get(user=alice),
        Group.objects.get_or_create(name="Reviewers")[0],
        Invitation.objects.create(
            team=style.team,
            email="dora@example.com",
            token_hash=Invitation.hash_token(INVITATION),
            invited_by=alice,
            expires_at=timezone.now() + timedelta(days=7),
        ),
        ApiToken.objects.create(user=alice, name="Bot", token_hash="canary-of-token"),
        Authenticator.objects.create(
            user=alice, type=Authenticator.Type.TOTP, data={"secret": "canary-of-totp"}
        ),
        UserSession.objects.create(user=alice, ip="127.0.0.1", session_key="canary-of-session"),
        SignIn.objects.create(user=alice, who=alice.email, how=SignIn.How.PASSWORD, worked=True),
        LogEntry.objects.create(user=alice, object_repr="styles", action_flag=CHANGE),
    ]
    return World(style, attempt, key, {row._meta.label_lower: row for row in rows})
