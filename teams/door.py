"""The door: who was let in, how and from where, and who was not, is written down."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from .sign_ins import BROWSER_CHARACTERS, SignIn

HASH_CHARACTERS = 12


def note(request: HttpRequest, user: Any, how: str, *, worked: bool = True) -> None:
    """Write down that a person was let in, or was not although the account is known."""
    SignIn.objects.create(user=user, who=user.email, how=how, worked=worked, **_origin(request))


def note_wrong_password(request: HttpRequest, email: str) -> None:
    """Write down that a password did not fit, or that nobody has this address."""
    known = EmailAddress.objects.filter(email__iexact=email).select_related("user").first()
    if known:
        note(request, known.user, SignIn.How.PASSWORD, worked=False)
    else:
        who = unknown(email)
        SignIn.objects.create(who=who, how=SignIn.How.PASSWORD, worked=False, **_origin(request))


def unknown(text: str) -> str:
    """Return what stands for an address that no account has: it does not lead back to it."""
    mark = salted_hmac("teams.sign_ins", text.strip().lower(), algorithm="sha256").hexdigest()
    return str(_("unknown address %(mark)s")) % {"mark": mark[:HASH_CHARACTERS]}


def how(request: HttpRequest, user: Any) -> str:
    """Return how a person showed who they are, before they are let in."""
    steps = get_authentication_records(request, user)
    methods = {step["method"] for step in steps}
    if any(step.get("passwordless") for step in steps):
        return SignIn.How.PASSKEY
    if "password_reset" in methods:
        return SignIn.How.RESET
    return SignIn.How.CODE if "mfa" in methods else SignIn.How.PASSWORD


def _origin(request: HttpRequest) -> dict[str, Any]:
    try:
        address = get_adapter().get_client_ip(request)
    except PermissionDenied:  # it stands behind something that does not say
        address = None
    browser = request.headers.get("User-Agent", "").replace("\0", "")
    return {"address": address, "browser": browser[:BROWSER_CHARACTERS]}
