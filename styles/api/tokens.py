"""Who calls, by the token in the Authorization header and by nothing else."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja.security.http import HttpAuthBase

from teams.limits import network
from teams.models import ApiToken, CallCount, User

from .errors import Refused

BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
# How many tokens that open nothing one address may try in a minute.
MOST_UNKNOWN = 30


class BearerToken(HttpAuthBase):
    """Give the view `request.auth`, the token's person. Raises Refused: 401, 429."""

    openapi_scheme = "bearer"
    openapi_description = "A personal token, from the account's page “API tokens”."

    @sensitive_variables("sent")
    def __call__(self, request: HttpRequest) -> User:
        sent = BEARER.fullmatch(request.headers.get("Authorization", ""))
        if sent is None:
            raise Refused(401, headers={"WWW-Authenticate": "Bearer"})
        hashed = ApiToken.hash_token(sent[1])
        found = ApiToken.objects.that_open().select_related("user").filter(token_hash=hashed)
        token = found.first()
        if token is None:
            _count(f"address {network(request)}", most=MOST_UNKNOWN)
            raise Refused(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        _count(f"token {token.pk}", most=settings.API_CALLS_PER_MINUTE)
        token.note_use()
        return token.user


def _count(who: str, *, most: int) -> None:
    if wait := CallCount.wait(who, most=most):
        raise Refused(429, headers={"Retry-After": str(wait)})
