"""Erasing a person: what is theirs goes, what their teams have paid for stays and names nobody.

The row of the account stays without anything that tells whose it was. Histories, the ledger and who
decided what point to it, and would be unreadable with nothing in its place: an event without
anybody is one of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from styles import drafts
from styles.models import Notice, Style, Unwanted

from . import people
from .models import ApiToken, Invitation, Membership, SignIn, User
from .people import NotPossible
from .team_events import TeamEvent

log = logging.getLogger(__name__)

# In the place of an address. Nobody can sign in with it or be written to: RFC 2606 keeps it free.
NOWHERE = "somebody-{pk}@left.invalid"


def hindrances(user: User) -> list[str]:
    """Return in words why this person cannot be erased yet."""
    texts = [
        _("You alone own %(team)s. Make somebody else an owner first.") % {"team": team}
        for team in _owned_alone(user)
    ]
    if user.is_superuser and not _others_who_run_it(user):
        texts.append(_("You alone run this server. Let somebody else do that first."))
    return texts


def _owned_alone(user: User) -> Iterator[str]:
    owner = Membership.Role.OWNER
    for mine in user.memberships.filter(role=owner).select_related("team").order_by("joined_at"):
        if not mine.team.memberships.filter(role=owner).exclude(user=user).exists():
            yield mine.team.name


def _others_who_run_it(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return others.exists()


def erase(user: User) -> bool:
    """Erase a person for good; return False where that was done already. Raises NotPossible.

    In one transaction, but for drafts' files and mails, which go when it is certain.
    """
    with transaction.atomic():
        # Of two people who run the server, or own a team, one is left when both go at once.
        everybody = User.objects.select_for_update(no_key=True).filter(
            Q(pk=user.pk) | Q(is_superuser=True)
        )
        locked = {each.pk: each for each in everybody.order_by("pk")}
        person = locked.get(user.pk)
        if person is None or person.erased_at:
            return False
        if person.is_superuser and not _others_who_run_it(person):
            raise NotPossible(_("You alone run this server. Let somebody else do that first."))
        _leave_all_teams(person)
        addresses = _addresses(person)
        _forget_what_lets_in(person)
        _forget_what_was_told(person, addresses)
        _forget_names(person, addresses)
        _make_nobody(person)
    # Not before: their files do not come back where the rest is undone.
    drafts.delete(Style.objects.by(user).unsent().filter(attempts=None))
    _forget_mails(addresses)
    log.info("user %s was erased", user.pk)
    return True


def _leave_all_teams(person: User) -> None:
    for membership in person.memberships.select_related("team", "user").order_by("team_id"):
        people.remove(membership, membership.pk)


def _addresses(person: User) -> list[str]:
    known = EmailAddress.objects.filter(user=person).values_list("email", flat=True)
    return sorted({person.email, *(email.lower() for email in known)}, key=len, reverse=True)


def _forget_what_lets_in(person: User) -> None:
    keys = UserSession.objects.filter(user=person).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()
    holders: tuple[type[Model], ...] = (UserSession, Authenticator, EmailAddress, ApiToken)
    for model in holders:
        model._default_manager.filter(user=person).delete()
    person.groups.clear()
    person.user_permissions.clear()


def _forget_what_was_told(person: User, addresses: list[str]) -> None:
    Notice.objects.filter(user=person).delete()
    Unwanted.objects.filter(user=person).delete()
    for address in addresses:
        Invitation.objects.filter(email__iexact=address).delete()
    SignIn.objects.filter(Q(user=person) | Q(who__in=addresses)).delete()


def _forget_names(person: User, addresses: list[str]) -> None:
    """Put nobody in the place of their addresses in the history of teams and of the admin."""
    nobody = NOWHERE.format(pk=person.pk)
    for address in addresses:
        for event in TeamEvent.objects.filter(about__icontains=address):
            words = [nobody if _is(word, address) else word for word in event.about.split(" ")]
            TeamEvent.objects.filter(pk=event.pk).update(about=" ".join(words))
    about_them = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk)
    )
    about_them.update(object_repr=nobody, change_message="")


def _is(word: str, address: str) -> bool:
    """Whether a word is this address, and not one that only ends or begins like it."""
    return word.rstrip(":,.").lower() == address


def _make_nobody(person: User) -> None:
    person.set_unusable_password()
    User.objects.filter(pk=person.pk).update(
        email=NOWHERE.format(pk=person.pk),
        name="",
        password=person.password,
        is_active=False,
        is_staff=False,
        is_superuser=False,
        last_login=None,
        erased_at=timezone.now(),
    )


def _forget_mails(addresses: list[str]) -> None:
    """Those that an installation without a mail server has kept."""
    for path in Path(settings.MAIL_DIR).rglob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        if str(message["To"]).lower() in addresses:
            path.unlink(missing_ok=True)
