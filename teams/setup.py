"""The first start: the owner's account, the first team, and the keys that come with the server."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from styles import breaker

from .encryption import fingerprints
from .models import Membership, PikzelsKey, Team, User, new_token
from .rotation import fingerprint_anew


def prepare(write: Callable[[str], None]) -> None:
    """Make ready what the server needs, and say how to make the owner's account."""
    call_command("createcachetable", verbosity=0)
    if not User.objects.exists():
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL", "")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        if email and password:
            make_owner(email=email, password=password, name="", team_name=_("My team"))
            write(_("Made the account %(email)s.") % {"email": email})
        else:
            write(_("Make the first account at %(url)s") % {"url": setup_link()})
    fingerprint_anew()
    for team in Team.objects.all():
        ensure_keys(team)


# The one-time link


def _token_file() -> Path:
    return Path(settings.DATA_DIR) / "keys" / "setup_token"


def setup_link() -> str:
    """Return the one-time link, making its token where there is none."""
    path = _token_file()
    # An empty one is what a crash left between making the file and writing it.
    if not path.exists() or not path.read_text():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(new_token())
    return settings.PUBLIC_URL + reverse("setup", args=[path.read_text()])


def is_setup_token(token: str) -> bool:
    # The first account may have come from the environment, and left an unused link behind.
    if User.objects.exists():
        return False
    try:
        expected = _token_file().read_text()
    except FileNotFoundError:
        return False
    return bool(expected) and secrets.compare_digest(expected.encode(), token.encode())


def use_up_token() -> bool:
    """Use the link up. Return whether this call did: of two at the same time one wins."""
    try:
        _token_file().unlink()
    except FileNotFoundError:
        return False
    return True


# What is made


@transaction.atomic
def make_owner(*, email: str, password: str, name: str, team_name: str) -> User:
    """Make the first account, verified, with every right, and its team."""
    user = User.objects.create_superuser(email, password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    team = Team.objects.create(name=team_name)
    Membership.objects.create(team=team, user=user, role=Membership.Role.OWNER)
    ensure_keys(team)
    return user


def ensure_keys(team: Team) -> None:
    """Give a team the keys that come with the server, and take away those that no longer do.

    The environment's key serves the first team only; the sandbox serves every team.
    """
    first = Team.objects.order_by("pk").first() == team
    api_key = settings.PIKZELS_API_KEY if first else ""
    _keep_only(team, PikzelsKey.Kind.ENVIRONMENT, api_key, settings.PIKZELS_BASE_URL)
    key_of_sandbox = sandbox_key(team) if settings.SANDBOX_ENABLED else ""
    _keep_only(team, PikzelsKey.Kind.SANDBOX, key_of_sandbox, sandbox_url())
    breaker.take_up(team)


def sandbox_url() -> str:
    return f"http://127.0.0.1:{settings.SANDBOX_PORT}"


def sandbox_key(team: Team) -> str:
    # Not random: a restart must not make a new row, and it opens nothing but the local sandbox.
    return f"pkz_sandbox_{team.pk:04d}"


def _keep_only(team: Team, kind: PikzelsKey.Kind, api_key: str, base_url: str) -> None:
    marks = fingerprints(api_key, base_url) if api_key else []
    for other in team.keys.in_use().filter(kind=kind).exclude(fingerprint__in=marks):
        breaker.retire(other)
    if api_key and not team.keys.in_use().filter(fingerprint__in=marks).exists():
        PikzelsKey.seal(api_key, base_url=base_url, team=team, kind=kind, name=kind.label).save()
