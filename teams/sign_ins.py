"""Who signed in, how and from where; and who tried to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

BROWSER_CHARACTERS = 120


class SignIn(models.Model):
    """Somebody signed in, or tried to: written once, never edited, and deleted after its time.

    `who` stays when the account is deleted, but not when the person is erased. Of an address that
    no account has it is a keyed hash alone, by which tries can be told apart: people type their
    password into the wrong field.
    """

    class How(models.TextChoices):
        PASSWORD = "password", _("Password")
        CODE = "code", _("Password and code")
        PASSKEY = "passkey", _("Passkey")
        RESET = "reset", _("Link for a new password")
        INVITATION = "invitation", _("Invitation")
        SETUP = "setup", _("Link of the first start")

    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    who = models.CharField(_("who"), max_length=254)
    how = models.CharField(_("how"), max_length=10, choices=How)
    worked = models.BooleanField(_("let in"))
    address = models.GenericIPAddressField(_("from"), null=True, blank=True)
    browser = models.CharField(_("browser"), max_length=BROWSER_CHARACTERS, blank=True)

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        ordering = ["-at", "-id"]
        indexes = [
            # The admin's list, and forgetting the old ones.
            models.Index(models.F("at").desc(), models.F("id").desc(), name="sign_in_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.who}, {self.at:%Y-%m-%d %H:%M}"
