"""The admin's side of people, teams and keys."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin as StockAuthenticatorAdmin
from allauth.mfa.models import Authenticator
from allauth.usersessions.admin import UserSessionAdmin as StockUserSessionAdmin
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from styles.admin_parts import OnlyChosen, ReadOnly, narrowing

from .leaving_admin import ErasedNotDeleted
from .models import ApiToken, Invitation, Membership, PikzelsKey, Team, User
from .setup import ensure_keys
from .sign_ins import SignIn
from .team_events import TeamEvent


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "team")


class FreeAddress(forms.ModelForm):
    """Addresses sign people in: one that another account has is not taken twice."""

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        others = User.objects.exclude(pk=self.instance.pk)
        known = EmailAddress.objects.filter(email__iexact=email, user__in=others)
        if others.filter(email__iexact=email).exists() or known.exists():
            raise forms.ValidationError(_("Another account has this address"))
        return email


class UserCreationForm(FreeAddress, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes: dict[str, type[forms.Field]] = {}


class UserEditForm(FreeAddress, UserChangeForm):
    class Meta:
        model = User
        fields = (
            "email", "name", "password",
            "is_active", "is_staff", "is_superuser", "groups", "user_permissions",
        )  # fmt: skip
        field_classes: dict[str, type[forms.Field]] = {}


@admin.register(User)
class UserAdmin(ErasedNotDeleted, StockUserAdmin):
    form = UserEditForm
    add_form = UserCreationForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    # Django's widget for choosing sets styles inline, which the CSP forbids.
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            _("Rights"),
            {
                "fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
                "description": _(
                    "To keep somebody out, take “Active” away: it stays known who did what. "
                    "“Delete” erases them for good: it was somebody who has left."
                ),
            },
        ),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """One by one only, and nobody a second time."""
        if obj is None or obj.erased_at:
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # Whoever may make accounts vouches for the address: no mail has to be answered first.
        addresses = EmailAddress.objects.filter(user=obj)
        addresses.filter(primary=True).exclude(email__iexact=obj.email).delete()
        addresses.update_or_create(
            email__iexact=obj.email,
            defaults={"user": obj, "email": obj.email, "verified": True, "primary": True},
        )


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("name", "review_required", "created_at")
    search_fields = ("name",)
    inlines = (MembershipInline,)

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        ensure_keys(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return False  # with it would go the IDs of its styles


@admin.register(PikzelsKey)
class PikzelsKeyAdmin(admin.ModelAdmin):
    """Keys as `pkz_…last4`; they come in on the team's page, and the secret never comes out."""

    list_display = ("name", "shown", "of_team", "kind", "held_code", "held_at", "paused_until")
    list_filter = ("kind", ("held_at", admin.EmptyFieldListFilter), ("team", OnlyChosen))
    search_fields = ("name", "=last_four", "team__name")
    search_help_text = _("By its name, its last four signs, or the team")
    list_select_related = ("team",)
    readonly_fields = tuple(
        field.name
        for field in PikzelsKey._meta.fields
        if field.name not in {"secret", "fingerprint", "name"}
    )

    @admin.display(description=_("team"), ordering="team__name")
    def of_team(self, key: PikzelsKey) -> SafeString | str:
        return narrowing("team", key.team)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PikzelsKey | None = None) -> bool:
        return False


@admin.register(TeamEvent)
class TeamEventAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("at", "of_team", "what", "by", "key", "about")
    list_filter = (
        "what",
        ("at", admin.DateFieldListFilter),
        ("team", OnlyChosen),
        ("who", OnlyChosen),
    )
    list_select_related = ("team", "who", "key")
    search_fields = ("about", "team__name", "who__email")
    ordering = ("-at", "-id")

    @admin.display(description=_("team"), ordering="team__name")
    def of_team(self, event: TeamEvent) -> SafeString | str:
        return narrowing("team", event.team)

    @admin.display(description=_("who"))
    def by(self, event: TeamEvent) -> SafeString | str:
        return narrowing("who", event.who)


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "email", "of_team", "role", "invited_by", "created_at", "expires_at", "accepted_at",
        "revoked_at",
    )  # fmt: skip
    list_filter = (
        "role",
        ("created_at", admin.DateFieldListFilter),
        ("accepted_at", admin.EmptyFieldListFilter),
        ("team", OnlyChosen),
    )
    list_select_related = ("team", "invited_by")
    search_fields = ("email", "team__name", "invited_by__email")
    ordering = ("-created_at", "-id")

    @admin.display(description=_("team"), ordering="team__name")
    def of_team(self, invitation: Invitation) -> SafeString | str:
        return narrowing("team", invitation.team)


@admin.register(SignIn)
class SignInAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("at", "who", "how", "worked", "address", "browser")
    list_filter = ("worked", "how", ("at", admin.DateFieldListFilter), ("user", OnlyChosen))
    search_fields = ("who", "=address")
    search_help_text = _("By the e-mail address or where it came from; kept for 90 days")
    ordering = ("-at", "-id")
    readonly_fields = ("at",)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly, admin.ModelAdmin):
    """What was done by hand in the admin, and what was taken along from it."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_filter = (("action_time", admin.DateFieldListFilter), ("user", OnlyChosen))
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "user__email")
    ordering = ("-id",)

    @admin.display(description=_("what"))
    def what(self, entry: LogEntry) -> str:
        return entry.get_change_message()


class ToTakeAway(admin.ModelAdmin):
    """What lets a person in: it can be taken away here, but neither made nor read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


admin.site.unregister([Authenticator, UserSession])


@admin.register(Authenticator)
class AuthenticatorAdmin(ToTakeAway, StockAuthenticatorAdmin):
    exclude = ("data",)
    list_select_related = ("user",)


@admin.register(UserSession)
class UserSessionAdmin(ToTakeAway, StockUserSessionAdmin):
    exclude = ("session_key", "data")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, admin.ModelAdmin):
    """Tokens as `pzu_…last4`: whoever runs the server can end one and use none."""

    actions = ("revoke",)

    exclude = ("token_hash",)
    list_display = (
        "name",
        "shown",
        "user",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), ("user", OnlyChosen))
    list_select_related = ("user",)
    search_fields = ("name", "=last_four", "user__email")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("teams.change_apitoken")

    @admin.action(description=_("Revoke the chosen tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        ended = [token for token in chosen if token.revoke()]
        for token in ended:
            self.log_change(request, token, _g("Revoked"))
        text = ngettext("%(n)d token is revoked.", "%(n)d tokens are revoked.", len(ended))
        self.message_user(request, text % {"n": len(ended)})
