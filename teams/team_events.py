"""What happened in a team besides its styles: keys, people, settings, exports; for the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .models import PikzelsKey, Team, User

ABOUT_CHARACTERS = 200


class TeamEvent(models.Model):
    """Who did what, and when: written in the transaction of the change, and never edited.

    `about` is a text for people, and never a secret.
    """

    class What(models.TextChoices):
        KEY_ADDED = "key_added", _("Added a key")
        KEY_RENAMED = "key_renamed", _("Renamed a key")
        KEY_REPLACED = "key_replaced", _("Replaced a key")
        KEY_REMOVED = "key_removed", _("Removed a key")
        KEY_TESTED = "key_tested", _("Tested a key")
        KEY_RESUMED = "key_resumed", _("Resumed a key")
        INVITED = "invited", _("Invited somebody")
        INVITATION_REVOKED = "invitation_revoked", _("Took an invitation back")
        JOINED = "joined", _("Joined")
        ROLE_CHANGED = "role_changed", _("Changed a role")
        REMOVED = "removed", _("Removed somebody")
        LEFT = "left", _("Left")
        SETTINGS = "settings", _("Changed the settings")
        EXPORTED = "exported", _("Exported the library")

    team = models.ForeignKey("teams.Team", models.CASCADE, related_name="events")
    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who"),
    )
    what = models.CharField(_("what"), max_length=20, choices=What)
    key = models.ForeignKey(
        "teams.PikzelsKey",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="events",
        verbose_name=_("key"),
    )
    about = models.CharField(_("about"), max_length=ABOUT_CHARACTERS, blank=True)

    class Meta:
        verbose_name = _("event of a team")
        verbose_name_plural = _("events of teams")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.team}: {self.get_what_display()}"

    @classmethod
    def note(
        cls, team: Team, who: User | None, what: str, about: str = "", key: PikzelsKey | None = None
    ) -> None:
        cls.objects.create(team=team, who=who, what=what, about=about[:ABOUT_CHARACTERS], key=key)
