"""What was right is kept: a form's pictures and name, on the server, as a draft."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import Http404

from teams.models import Team, User

from .access import MemberRequest
from .forms import StyleForm
from .images import accept
from .models import Style


def find_draft(request: MemberRequest, team: Team) -> Style | None:
    """Return the style that this form has made already, by its one-time token."""
    token = _token(request)
    style = Style.objects.filter(form_token=token).select_related("key", "team").first()
    if style and (style.team != team or style.creator != request.user):
        raise Http404
    return style


def keep(request: MemberRequest, form: StyleForm, style: Style | None) -> Style | None:
    """Store what the form has that is right; return its style, or None where nothing was.

    A style that cannot be edited any more is returned as it is.
    """
    name = form.cleaned_data.get("name", "")
    if style is None:
        if not name and not form.accepted:
            return None
        style = _draft(_token(request), request.team, request.user)
    for position, picture in form.accepted.items():
        style.keep_picture(position, picture, request.user)
    if name:
        style.rename(name)
    style.refresh_from_db()
    return style


def _draft(token: uuid.UUID, team: Team, user: User) -> Style:
    """Make the draft; of two requests with one token both get the same."""
    try:
        with transaction.atomic():
            return Style.objects.create(form_token=token, team=team, creator=user)
    except IntegrityError:
        return Style.objects.get(form_token=token, team=team, creator=user)


def _token(request: MemberRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("token", ""))
    except ValueError as error:
        raise Http404 from error


def shrink_pictures(style: Style, who: User) -> None:
    """Bring the pictures to half the size of the largest. Raises ImageProblem, OSError."""
    images = list(style.images.all())
    most = max(image.bytes for image in images) // 2
    for image in images:
        if image.bytes > most:
            folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
            smaller = accept(
                Path(image.file.path), name=image.original_name, directory=folder, max_bytes=most
            )
            style.keep_picture(image.position, smaller, who)
