"""Who belongs to a team: inviting, joining, roles, leaving.

Every change locks the team's row first, so that of two at once the second sees what the first did.
Not its key: a worker that has a style in hand may be writing a row that points to the team.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from styles.creation import set_aside_styles_of

from .models import CallCount, Invitation, Membership, Team, User, new_token
from .team_events import TeamEvent

log = logging.getLogger(__name__)
What = TeamEvent.What

MOST_OPEN = 50
# How many mails one person may have sent in an hour, and one address may get from all teams.
MOST_SENT, MOST_GOTTEN = 60, 5
RANKS = {Membership.Role.MEMBER: 0, Membership.Role.REVIEWER: 1, Membership.Role.OWNER: 2}


class NotPossible(Exception):
    """What was asked for cannot be done; the message says why, and what would help."""


def may_give(giver: Membership, role: str) -> bool:
    """Whether a person may give a role: owners may, and never one above their own."""
    return giver.is_owner and RANKS[Membership.Role(role)] <= RANKS[Membership.Role(giver.role)]


# Inviting


def invite(inviter: Membership, email: str, role: str) -> str:
    """Invite an address, in the stead of an earlier invitation of it; return the link.

    Only its hash is stored: the link is in the mail, on the page that follows, and nowhere else.
    Raises NotPossible.
    """
    token = new_token()
    with transaction.atomic():
        team = Team.objects.select_for_update(no_key=True).get(pk=inviter.team_id)
        _check_invitation(team, inviter, email, role)
        open_invitations(team).filter(email__iexact=email).update(revoked_at=timezone.now())
        if open_invitations(team).count() >= MOST_OPEN:
            text = _("%(n)d invitations are open already. Take some back first.")
            raise NotPossible(text % {"n": MOST_OPEN})
        TeamEvent.note(team, inviter.user, What.INVITED, _with_role(email, role))
        Invitation.objects.create(
            team=team,
            email=email,
            role=role,
            token_hash=Invitation.hash_token(token),
            invited_by=inviter.user,
            expires_at=timezone.now() + Invitation.LIFETIME,
        )
    return settings.PUBLIC_URL + reverse("invitation", args=[token])


def _check_invitation(team: Team, inviter: Membership, email: str, role: str) -> None:
    giver = team.memberships.filter(pk=inviter.pk).first()
    if giver is None or not may_give(giver, role):
        raise NotPossible(_("Only an owner invites, and gives no more than their own role."))
    if team.members.filter(email__iexact=email).exists():
        raise NotPossible(_("%(email)s is on this team already.") % {"email": email})


def must_wait(inviter: User, email: str) -> int:
    """Count an invitation; return 0, or for how many seconds no more are sent by or to somebody."""
    address = hashlib.sha256(email.lower().encode()).hexdigest()[:40]
    return max(
        CallCount.wait(f"invites {inviter.pk}", most=MOST_SENT, within=CallCount.HOUR),
        CallCount.wait(f"invited {address}", most=MOST_GOTTEN, within=CallCount.HOUR),
    )


def open_invitations(team: Team) -> QuerySet[Invitation]:
    """Return those that nobody has accepted or taken back; some may have run out."""
    return team.invitations.filter(accepted_at=None, revoked_at=None).order_by("-created_at")


def send_invitation(inviter: Membership, email: str, link: str) -> bool:
    """Send the link by mail; return whether that worked.

    At once and not by a row that outlives a crash, as all other mails: such a row would have to
    keep the link, of which only the hash is stored. The page shows it all the same.
    """
    text = _(
        "%(who)s invites you to the team “%(team)s”, which makes styles for Pikzels thumbnails.\n\n"
        "Join with this link, within %(days)d days:\n%(link)s\n\n"
        "If you do not know what this is about, there is nothing to do.\n"
    )
    words = {
        "who": inviter.user.display_name,
        "team": inviter.team.name,
        "days": Invitation.LIFETIME.days,
        "link": link,
    }
    subject = _("Join the team %(team)s") % {"team": " ".join(inviter.team.name.split())}
    try:
        send_mail(subject, text % words, None, [email])
    except (OSError, smtplib.SMTPException):
        log.exception("an invitation could not be mailed")
        return False
    return True


@transaction.atomic
def revoke(owner: Membership, invitation_id: int) -> bool:
    """Take an invitation back; return whether it was still open."""
    row = open_invitations(owner.team).filter(pk=invitation_id)
    email = row.values_list("email", flat=True).first()
    if not row.update(revoked_at=timezone.now()):
        return False
    TeamEvent.note(owner.team, owner.user, What.INVITATION_REVOKED, email or "")
    return True


# Joining


def find_invitation(token: str) -> Invitation | None:
    """Return the invitation of a link, as long as it can be accepted."""
    return (
        Invitation.objects.select_related("team", "invited_by")
        .filter(
            token_hash=Invitation.hash_token(token),
            accepted_at=None,
            revoked_at=None,
            expires_at__gt=timezone.now(),
        )
        .first()
    )


def belongs_to(invitation: Invitation, user: User) -> bool:
    """Whether a person has shown that the invited address is theirs."""
    addresses = EmailAddress.objects.filter(user=user, verified=True)
    return addresses.filter(email__iexact=invitation.email).exists()


@transaction.atomic
def join(invitation: Invitation, user: User) -> bool:
    """Make the person a member; return whether the invitation was still open.

    Somebody who is on the team already keeps their role.
    """
    Team.objects.select_for_update(no_key=True).get(pk=invitation.team_id)
    row = open_invitations(invitation.team).filter(pk=invitation.pk, expires_at__gt=timezone.now())
    if not row.update(accepted_at=timezone.now(), accepted_by=user):
        return False
    member, _is_new = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    TeamEvent.note(invitation.team, user, What.JOINED, _with_role(user.email, member.role))
    return True


@transaction.atomic
def join_as_new(invitation: Invitation, *, name: str, password: str) -> User | None:
    """Make an account of the invited address, and join; None where the link was used meanwhile.

    Whoever has the link has read the mail, or was given it by an owner: the address is theirs.
    """
    user = User.objects.create_user(invitation.email, password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    if not join(invitation, user):
        transaction.set_rollback(True)
        return None
    return user


# Roles, and leaving


def change_role(owner: Membership, member_id: int, role: str) -> Membership:
    """Give a member another role. Raises NotPossible."""
    with transaction.atomic():
        member = _locked(owner, member_id)
        if not may_give(owner, role):
            raise NotPossible(_("Only an owner changes roles."))
        if member.is_owner and role != Membership.Role.OWNER:
            _keep_an_owner(member)
            _take_back_invitations_of(member)
        Membership.objects.filter(pk=member.pk).update(role=role)
        about = _with_role(member.user.email, role)
        TeamEvent.note(member.team, owner.user, What.ROLE_CHANGED, about)
    return member


def remove(remover: Membership, member_id: int) -> Membership:
    """Take a person off the team, or leave it oneself. Raises NotPossible.

    Nothing of theirs is sent any more unless somebody who is still here approves it.
    """
    with transaction.atomic():
        member = _locked(remover, member_id)
        if member.pk != remover.pk and not remover.is_owner:
            raise NotPossible(_("Only an owner removes other people."))
        if member.is_owner:
            _keep_an_owner(member)
        _take_back_invitations_of(member)
        Membership.objects.filter(pk=member.pk).delete()
        set_aside_styles_of(member.team, member.user)
        what = What.LEFT if member.pk == remover.pk else What.REMOVED
        TeamEvent.note(member.team, remover.user, what, member.user.email)
    return member


def _with_role(email: str, role: str) -> str:
    return f"{email}: {Membership.Role(role).label}"


def _locked(actor: Membership, member_id: int) -> Membership:
    """Return the member, with the team locked and the actor as they are now."""
    Team.objects.select_for_update(no_key=True).get(pk=actor.team_id)
    present = Membership.objects.select_related("team", "user").filter(team=actor.team_id)
    me, member = present.filter(pk=actor.pk).first(), present.filter(pk=member_id).first()
    if me is None or member is None:
        raise NotPossible(_("They are not on this team any more."))
    actor.role = me.role
    return member


def _keep_an_owner(member: Membership) -> None:
    owners = Membership.objects.filter(team=member.team, role=Membership.Role.OWNER)
    if not owners.exclude(pk=member.pk).exists():
        raise NotPossible(_("A team needs an owner. Make somebody else an owner first."))


def _take_back_invitations_of(member: Membership) -> None:
    theirs = open_invitations(member.team).filter(invited_by=member.user)
    theirs.update(revoked_at=timezone.now())
