"""What was right is kept: a form's pictures and name, on the server, as a draft."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, Sum
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from teams.models import Team, User

from . import storage
from .access import MemberRequest
from .forms import StyleForm
from .images import Accepted, accept
from .models import Attempt, ReferenceImage, Style, StyleQuerySet
from .pikzels.errors import Verdict
from .states import State

MOST_DRAFTS = 20
MOST_BYTES = 300_000_000
LATELY = timedelta(days=1)
# Of these nothing is made, unless a person starts anew.
NOT_MADE = (State.DRAFT, State.REFUSED, State.DECLINED, State.DROPPED, State.GONE)


class NoRoom(Exception):
    """A person has as many drafts as are kept; the message says what to do."""


def find_draft(request: MemberRequest, team: Team) -> Style | None:
    """Return the style that this form has made already, by its one-time token."""
    token = _token(request)
    style = Style.objects.filter(form_token=token).select_related("key", "team").first()
    if style and (style.team != team or style.creator != request.user):
        raise Http404
    return style


def unsent(user: User) -> StyleQuerySet:
    """Return the person's drafts that were never sent, the latest first."""
    return Style.objects.by(user).unsent().order_by("-edited_at", "-id")


def keep(request: MemberRequest, form: StyleForm, style: Style | None) -> Style | None:
    """Store what the form has that is right; return its style, or None where nothing was.

    A style that cannot be edited any more is returned as it is. Raises NoRoom, and then nothing
    was stored.
    """
    name = form.cleaned_data.get("name", "")
    if style is None and not name and not form.accepted and not form.handed:
        return None
    check_room(request.user, style, form.accepted.values())
    if style is None:
        style = _draft(_token(request), request.team, request.user, name)
    if form.accepted:
        style.keep_pictures(form.accepted, request.user, form.sources)
    for position, link in form.handed.items():
        style.keep_link(position, link.candidates[-1], link.label, request.user)
    # One that was not touched on this page is no word against a name from another tab.
    if name not in {"", style.name, request.POST.get("known_name")}:
        style.rename(name)
    style.refresh_from_db()
    return style


def check_room(user: User, style: Style | None, pictures: Iterable[Accepted] = ()) -> None:
    """Raise NoRoom, and throw the pictures away, where they would be one draft too many."""
    pictures = list(pictures)
    if style and (style.submitted_at or not pictures):
        return  # it takes no more room than it has: it can be sent, and pictures taken out
    drafts = unsent(user)
    if style:
        drafts = drafts.exclude(pk=style.pk)
    count = drafts.aggregate(n=Count("pk", distinct=True), size=Sum("images__bytes"))
    size = (count["size"] or 0) + sum(picture.size for picture in pictures)
    new = style is None
    if (new and count["n"] >= MOST_DRAFTS) or size > MOST_BYTES:
        for picture in pictures:
            picture.path.unlink(missing_ok=True)
        raise NoRoom(
            _(
                "You have %(n)d drafts, and no more are kept. "
                "Send one or discard one, and then try again."
            )
            % {"n": count["n"]}
        )


def made_lately(style: Style) -> Style | None:
    """Return a style of the same name and the same pictures that was sent a short while ago."""
    since = timezone.now() - LATELY
    others = Style.objects.of(style.team).filter(name=style.name, submitted_at__gte=since)
    # One that was given up while nobody knew whether it was made may be there, and paid for.
    doubts = Attempt.objects.filter(outcome=Verdict.IN_DOUBT).values("style")
    not_made = Q(state__in=NOT_MADE) & ~Q(state=State.DROPPED, pk__in=doubts)
    others = others.exclude(pk=style.pk).exclude(not_made).newest_first()
    mine = _checksums(style)
    return next((other for other in others[:10] if _checksums(other) == mine), None)


def _checksums(style: Style) -> list[str]:
    return sorted(style.images.values_list("sha256", flat=True))


def untouched(before: datetime) -> Iterable[uuid.UUID]:
    """Yield the drafts that were never sent and that nobody has touched since then."""
    old = Style.objects.unsent().filter(edited_at__lt=before, attempts=None)
    return old.values_list("pk", flat=True).iterator()


def forget(keys: Sequence[uuid.UUID]) -> int:
    """Delete these drafts, unless one was touched or sent just now; return how many went."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["drafts"])
    old = Style.objects.unsent().filter(edited_at__lt=before, attempts=None)
    return delete(old.filter(pk__in=keys))


def delete(some: StyleQuerySet) -> int:
    """Delete drafts with their files; return how many that were."""
    with transaction.atomic():
        # Locked, so that none is sent between being found and being deleted.
        found = [style.pk for style in some.select_for_update(of=("self",))]
        images = list(ReferenceImage.objects.filter(style__in=found))
        Style.objects.filter(pk__in=found).delete()
    for image in images:
        image.forget_file()
    return len(found)


def _draft(token: uuid.UUID, team: Team, user: User, name: str) -> Style:
    """Make the draft; of two requests with one token both get the same."""
    try:
        with transaction.atomic():
            return Style.objects.create(form_token=token, team=team, creator=user, name=name)
    except IntegrityError:
        return Style.objects.get(form_token=token, team=team, creator=user)


def _token(request: MemberRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("token", ""))
    except ValueError as error:
        raise Http404 from error


def shrink_pictures(style: Style, who: User) -> dict[int, str]:
    """Bring the pictures to half the size of the largest; return the checksums of all by position.

    Raises ImageProblem, OSError.
    """
    images = list(style.images.all())
    checksums = {image.position: image.sha256 for image in images}
    most = max((image.bytes for image in images), default=0) // 2
    for image in images:
        if image.bytes > most:
            folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
            with storage.on_disk(str(image.file.name)) as path:
                smaller = accept(path, name=image.original_name, directory=folder, max_bytes=most)
            checksums[image.position] = smaller.sha256
            url = image.source_url
            style.keep_picture(image.position, smaller, who, url, made_from=image)
    return checksums
