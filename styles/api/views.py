"""The two calls of the API, and their description as OpenAPI."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Query
from ninja.errors import ValidationError

from styles.models import Style, StyleQuerySet
from teams.models import Membership, User

from .answers import ErrorAnswer, StyleAnswer, StylesAnswer, answer_of, rfc3339
from .errors import Refused, error_response
from .parameters import Cursor, Filters, only_known, what_is_wrong
from .tokens import BearerToken


class TokenRequest(HttpRequest):
    """A call with a token that is in use; `auth` is its person."""

    auth: User


api = NinjaAPI(
    title="Pikzels UI",
    version="1",
    description="Read the styles of your teams: their state, and their ID once they are made.",
    urls_namespace="api",
    auth=BearerToken(),
    docs_url=None,
    docs_decorator=lambda view: csrf_exempt(require_safe(view)),
)
WAIT = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
WHO = {"WWW-Authenticate": {"schema": {"type": "string"}}}
OPERATION: dict[str, Any] = {
    "openapi_extra": {"responses": {401: {"headers": WHO}, 429: {"headers": WAIT}}}
}
ERRORS = dict.fromkeys((401, 422, 429, 500), ErrorAnswer)


# With HEAD beside GET, as for every page.
@api.api_operation(["HEAD"], "/styles", include_in_schema=False)
@api.get(
    "/styles",
    url_name="styles",
    operation_id="listStyles",
    summary="List styles",
    response={200: StylesAnswer, **ERRORS},
    **OPERATION,
)
def styles(request: TokenRequest, filters: Query[Filters]) -> StylesAnswer:
    """The styles that the token's person sees in their library, of all their teams, the latest
    change first."""
    only_known(request, Filters.model_fields)
    found = narrow(seen_by(request.auth).not_archived(), filters)
    page = list(found[: filters.limit + 1])
    last = page[filters.limit - 1] if len(page) > filters.limit else None
    return StylesAnswer(
        styles=[answer_of(style) for style in page[: filters.limit]],
        next=_next(request, filters, last) if last else None,
    )


@api.api_operation(["HEAD"], "/styles/{uuid:style_id}", include_in_schema=False)
@api.get(
    "/styles/{uuid:style_id}",
    url_name="style",
    operation_id="getStyle",
    summary="Get a style",
    response={200: StyleAnswer, 404: ErrorAnswer, **ERRORS},
    **OPERATION,
)
def style(request: TokenRequest, style_id: uuid.UUID) -> StyleAnswer:
    """One style, by its ID here."""
    only_known(request)
    found = seen_by(request.auth).filter(pk=style_id).first()
    if found is None:
        raise Refused(404)
    return answer_of(found)


def seen_by(user: User) -> StyleQuerySet:
    """Return the styles of the teams that the person belongs to now."""
    # The teams first: of one team, which most people have, the index then gives the order, too.
    teams = list(Membership.objects.filter(user=user).values_list("team", flat=True))
    return Style.objects.filter(team__in=teams).select_related("team", "creator", "key")


def narrow(styles: StyleQuerySet, filters: Filters) -> StyleQuerySet:
    if filters.state:
        styles = styles.filter(state=filters.state)
    if filters.updated_since:
        styles = styles.filter(updated_at__gte=filters.updated_since)
    if filters.cursor:
        at, style_id = filters.cursor.at, filters.cursor.style_id
        # As in the library: the index is used by the first condition alone.
        styles = styles.filter(Q(updated_at__lt=at) | Q(id__lt=style_id), updated_at__lte=at)
    return styles.latest_change_first()


def _next(request: HttpRequest, filters: Filters, last: Style) -> str:
    query: dict[str, Any] = {"cursor": Cursor(last.updated_at, last.pk).text()}
    query["limit"] = filters.limit
    if filters.state:
        query["state"] = filters.state.value
    if filters.updated_since:
        query["updated_since"] = rfc3339(filters.updated_since)
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")


@api.exception_handler(Refused)
def refused(_request: HttpRequest, why: Refused) -> HttpResponse:
    return error_response(why.status, why.message, why.headers)


@api.exception_handler(ValidationError)
def not_understood(_request: HttpRequest, why: ValidationError) -> HttpResponse:
    return error_response(422, what_is_wrong(error["loc"][-1] for error in why.errors))


urls = api.urls
for each in urls[0]:
    # Nobody signs in here: a call without a token is told so in the API's own words.
    assert isinstance(each, URLPattern)
    login_not_required(each.callback)
