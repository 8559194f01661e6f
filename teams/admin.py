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
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from styles.admin import ReadOnly

from .models import ApiToken, Invitation, Membership, PikzelsKey, Team, User
from .setup import ensure_keys
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
class UserAdmin(StockUserAdmin):
    form = UserEditForm
    add_form = UserCreationForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            _("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )
    inlines = (MembershipInline,)

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

    list_display = ("name", "shown", "team", "kind", "held_code", "held_at", "paused_until")
    list_filter = ("kind", ("held_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    readonly_fields = tuple(
        field.name
        for field in PikzelsKey._meta.fields
        if field.name not in {"secret", "fingerprint", "name"}
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PikzelsKey | None = None) -> bool:
        return False


@admin.register(TeamEvent)
class TeamEventAdmin(ReadOnly, admin.ModelAdmin):
    date_hierarchy = "at"
    list_display = ("at", "team", "what", "who", "key", "about")
    list_filter = ("what",)
    list_select_related = ("team", "who", "key")
    search_fields = ("about", "team__name", "who__email")


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):
    list_display = ("email", "team", "role", "created_at", "expires_at", "accepted_at")
    list_select_related = ("team",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False


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
class ApiTokenAdmin(ToTakeAway):
    """Tokens as `pzu_…last4`: whoever runs the server can end one and use none."""

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
    list_select_related = ("user",)
    search_fields = ("name", "user__email")
