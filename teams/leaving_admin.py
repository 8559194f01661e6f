"""In the admin people are erased and not deleted: their teams' histories stay whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from . import leaving
from .models import User
from .people import NotPossible


class ErasedNotDeleted(admin.ModelAdmin):
    """What the admin calls deleting is erasing, and its page says so."""

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what goes, how many, missing rights, and what stands in the way."""
        people = list(objs)
        goes = _("name, addresses, sign-ins, tokens, passkeys, sessions, drafts never sent")
        stays = _("Styles that were sent stay with their teams, made by somebody who has left")
        texts = [f"{user.email}: {goes}" for user in people]
        hindrances = [
            f"{user.email}: {text}" for user in people for text in leaving.hindrances(user)
        ]
        missing: set[str] = set()
        if not self.has_delete_permission(request):
            missing.add(str(User._meta.verbose_name))
        return (
            [*texts, stays],
            {str(User._meta.verbose_name_plural): len(people)},
            missing,
            hindrances,
        )

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        try:
            leaving.erase(obj)
        except NotPossible as problem:
            messages.error(request, f"{obj.email}: {problem}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for user in queryset:
            self.delete_model(request, user)
