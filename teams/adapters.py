"""How django-allauth behaves here: nobody signs up by themselves, and second factors are sealed."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from .browsers import named
from .encryption import decrypt, encrypt


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_http_user_agent(self, request: HttpRequest) -> str:
        """Return the browser in words, for the mails that tell of a change."""
        return named(super().get_http_user_agent(request))


class MFAAdapter(DefaultMFAAdapter):
    """A copy of the database alone must not be enough to make anybody's codes."""

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode())
