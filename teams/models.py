"""Whose styles they are, who may do what, and with which key."""

from __future__ import annotations

import hashlib
import math
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from .encryption import decrypt, encrypt, fingerprint
from .sign_ins import SignIn as SignIn  # models, too: Django looks for them here
from .team_events import TeamEvent as TeamEvent


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address, kept in small letters: so they are looked up."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email__iexact=email)


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_staff = models.BooleanField(_("may open the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # Since when nothing is known of them: the row stays for the history (`leaving.py`).
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        if self.erased_at:
            return str(_("Somebody who has left"))
        return self.name or self.email.partition("@")[0]

    @property
    def initials(self) -> str:
        words = self.display_name.split()
        return "".join(word[0] for word in (words if len(words) > 1 else self.display_name))[
            :2
        ].upper()

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name


class Team(models.Model):
    name = models.CharField(_("name"), max_length=60)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    review_required = models.BooleanField(
        _("styles are reviewed before they are sent"), default=False
    )
    may_review_own = models.BooleanField(_("authors may approve their own styles"), default=False)
    asks_for_rights = models.BooleanField(_("asks whether the pictures may be used"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name

    def current_key(self) -> PikzelsKey | None:
        """Return the key that new styles of this team are sent with, or None."""
        return self.keys.in_use().preferred_first().first()


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        REVIEWER = "reviewer", _("Reviewer")
        MEMBER = "member", _("Member")

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once_per_team"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "reviewer", "member"]), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.team}"

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER

    @property
    def is_reviewer(self) -> bool:
        return self.role in {self.Role.OWNER, self.Role.REVIEWER}

    def may_review(self, *authors: User | None) -> bool:
        """Whether this person may decide about what these people made and submitted."""
        return self.is_reviewer and (self.user not in authors or self.team.may_review_own)


class Invitation(models.Model):
    """A way into a team, for one address and one role, once, for seven days.

    The token itself is in the link and nowhere else; the row keeps its SHA-256.
    """

    LIFETIME = timedelta(days=7)

    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(
        _("role"), max_length=10, choices=Membership.Role, default=Membership.Role.MEMBER
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "team",
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_one_open_per_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.team}"

    @staticmethod
    def hash_token(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()


class PikzelsKeyQuerySet(models.QuerySet["PikzelsKey"]):
    def in_use(self) -> PikzelsKeyQuerySet:
        return self.filter(removed_at=None)

    def held(self) -> PikzelsKeyQuerySet:
        return self.filter(held_at__isnull=False)

    def preferred_first(self) -> PikzelsKeyQuerySet:
        """A team's own key before the environment's, that before the sandbox's; newest first."""
        rank = models.Case(
            models.When(kind=PikzelsKey.Kind.OWN, then=0),
            models.When(kind=PikzelsKey.Kind.ENVIRONMENT, then=1),
            default=2,
        )
        return self.order_by(rank, "-pk")


class PikzelsKey(models.Model):
    """A key to Pikzels, and the breaker that holds back what it would send.

    free ──401, 402, 403──→ held ──resume──→ on trial ──one style is made──→ free
                             ↑──────401, 402, 403─────────┘
    `paused_until` (429, 503) is apart from that and ends by itself.
    """

    class Kind(models.TextChoices):
        OWN = "own", _("The team's")
        ENVIRONMENT = "environment", _("The server's")
        SANDBOX = "sandbox", _("Sandbox")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="keys")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.OWN)
    name = models.CharField(_("name"), max_length=60)
    base_url = models.URLField(_("address"), max_length=200)
    fingerprint = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(_("last four"), max_length=4, editable=False)
    secret = models.BinaryField(editable=False)
    held_code = models.CharField(_("held because of"), max_length=100, blank=True)
    held_at = models.DateTimeField(_("held since"), null=True, blank=True)
    on_trial = models.BooleanField(_("on trial"), default=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    objects = PikzelsKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("Pikzels key")
        verbose_name_plural = _("Pikzels keys")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "fingerprint"],
                condition=Q(removed_at=None),
                name="key_once_per_team",
            ),
            models.CheckConstraint(
                condition=Q(held_at=None, held_code="")
                | Q(held_at__isnull=False) & ~Q(held_code=""),
                name="key_held_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @classmethod
    def seal(cls, api_key: str, *, base_url: str, **fields: Any) -> PikzelsKey:
        """Return an unsaved row that keeps `api_key` encrypted."""
        return cls(
            secret=encrypt(api_key),
            fingerprint=fingerprint(api_key, base_url),
            last_four=api_key[-4:],
            base_url=base_url,
            **fields,
        )

    def open(self) -> str:
        """Return the API key. Raises CannotDecrypt where its encryption key is missing."""
        return decrypt(bytes(self.secret))

    @property
    def shown(self) -> str:
        return f"pkz_…{self.last_four}"

    @property
    def is_sandbox(self) -> bool:
        return self.kind == self.Kind.SANDBOX

    @property
    def is_held(self) -> bool:
        return self.held_at is not None

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now

    def hold(self, code: str) -> bool:
        """Hold everything this key would send. Return whether it was not held before."""
        return bool(
            PikzelsKey.objects.filter(pk=self.pk, held_at=None).update(
                held_code=code, held_at=timezone.now(), on_trial=False
            )
        )

    def release(self) -> bool:
        """Let one style go, as a trial. Return whether the key was held."""
        return bool(
            PikzelsKey.objects.filter(pk=self.pk, held_at__isnull=False).update(
                held_code="", held_at=None, on_trial=True, paused_until=None
            )
        )

    def prove(self) -> bool:
        """Note that a style was made with it. Return whether that ended a trial."""
        return bool(
            PikzelsKey.objects.filter(pk=self.pk, on_trial=True, held_at=None).update(
                on_trial=False
            )
        )

    def pause(self, until: datetime) -> None:
        """Send nothing before `until`; a longer pause that is under way stands."""
        PikzelsKey.objects.filter(
            Q(paused_until=None) | Q(paused_until__lt=until), pk=self.pk
        ).update(paused_until=until)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def in_use(self) -> ApiTokenQuerySet:
        return self.filter(revoked_at=None)

    def that_open(self) -> ApiTokenQuerySet:
        """Those that let in now: neither revoked nor expired, of people who may sign in."""
        lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.in_use().filter(lasting, user__is_active=True)


class ApiToken(models.Model):
    """A person's way into the API for their bots; it sees what the person sees.

    The token itself is shown once and kept nowhere; the row keeps its SHA-256, which is enough for
    256 random bits, and by which it is found: nothing is compared sign by sign.
    """

    PREFIX = "pzu_"
    MOST = 20  # in use, of one person

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=60)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    last_four = models.CharField(_("last four"), max_length=4, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # Written at most once a minute.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            # A page that is sent twice makes one.
            models.UniqueConstraint(
                fields=["user", "name"], condition=Q(revoked_at=None), name="api_token_once_by_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @classmethod
    @sensitive_variables("token")
    def issue(
        cls, user: User, name: str, expires_at: datetime | None = None
    ) -> tuple[str, ApiToken]:
        """Make one; return the token, for the one time that it is shown, and its row.

        Raises IntegrityError where the person has one in use by this name.
        """
        token = cls.PREFIX + new_token()
        row = ApiToken.objects.create(
            user=user,
            name=name,
            token_hash=cls.hash_token(token),
            last_four=token[-4:],
            expires_at=expires_at,
        )
        return token, row

    @staticmethod
    @sensitive_variables("token")
    def hash_token(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @property
    def shown(self) -> str:
        return f"{self.PREFIX}…{self.last_four}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def revoke(self) -> bool:
        """End it at once. Return whether it was in use."""
        mine = ApiToken.objects.in_use().filter(pk=self.pk)
        return bool(mine.update(revoked_at=timezone.now()))

    def note_use(self) -> None:
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at >= timedelta(minutes=1):
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)


class CallCount(models.Model):
    """How often somebody has called or tried in the current minute, counted by all processes."""

    MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

    who = models.CharField(primary_key=True, max_length=60)
    since = models.DateTimeField(db_index=True)  # for forgetting old ones
    calls = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return self.who

    @classmethod
    def wait(cls, who: str, *, most: int, within: timedelta = MINUTE, calls: int = 1) -> int:
        """Count a call; return 0, or for how many seconds `who` has had `most` in this minute.

        `within` is another time than a minute, an hour at most. Several `calls` are counted all or
        none; the first ones of a time are taken however many they are, or they never could be.
        Conditional UPDATEs alone, so that of any number of processes none counts over another.
        """
        now = timezone.now()
        mine = cls.objects.filter(who=who)
        old, free = mine.filter(since__lte=now - within), mine.filter(calls__lte=most - calls)
        if old.update(since=now, calls=calls) or free.update(calls=F("calls") + calls):
            return 0
        # The second time for the case that another process has just begun to count.
        if cls._begin(who, now, calls) or free.update(calls=F("calls") + calls):
            return 0
        over = mine.values_list("since", flat=True).get() + within
        return max(1, math.ceil((over - now).total_seconds()))

    @classmethod
    def _begin(cls, who: str, now: datetime, calls: int) -> bool:
        start = {"since": now, "calls": calls}
        _row, is_new = cls.objects.get_or_create(who=who, defaults=start)
        if is_new:
            cls.objects.filter(since__lt=now - cls.HOUR).delete()
        return is_new


def new_token() -> str:
    """Return 256 random bits for a link or for an API token."""
    return secrets.token_urlsafe(32)
