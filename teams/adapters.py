"""How django-allauth behaves here: nobody signs up by themselves, and second factors are sealed."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailConfirmation
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from . import door
from .browsers import named
from .encryption import decrypt, encrypt
from .models import User
from .passkeys import relying_host


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _as_people_know_it(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(
        self, request: HttpRequest, emailconfirmation: EmailConfirmation
    ) -> str:
        return _as_people_know_it(super().get_email_confirmation_url(request, emailconfirmation))

    def get_http_user_agent(self, request: HttpRequest) -> str:
        """Return the browser in words, for the mails that tell of a change."""
        return named(super().get_http_user_agent(request))

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        how = door.how(request, user)
        super().login(request, user)
        door.note(request, user, how)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        # Those that come too often are turned away before this.
        door.note_wrong_password(request, credentials.get("email", ""))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Not by the request's Host as well: with another port in it each time, and on each host of
        # ours, one could guess as often as one likes.
        return str(credentials.get("email", "")).lower()


def _as_people_know_it(url: str) -> str:
    """Return an address of ours under PUBLIC_URL, whatever name of this host a request made up.

    Else somebody could have a link that lets in mailed to another person, leading to a server that
    answers under one of the other names.
    """
    return settings.PUBLIC_URL + urlunsplit(("", "", *urlsplit(url)[2:]))


class MFAAdapter(DefaultMFAAdapter):
    """A copy of the database alone must not be enough to make anybody's codes.

    Of a passkey the public key is kept, which is no secret, and not sealed.
    """

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": relying_host(context.request), "name": "Pikzels UI"}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        """Return what a new passkey is called until its person says otherwise."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        name = named(context.request.headers.get("User-Agent", ""))
        return name if number == 1 else f"{name} ({number})"
