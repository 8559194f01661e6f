"""In the admin people are erased and not deleted: their teams' histories stay whole."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from . import leaving
from .models import User
from .people import NotPossible
from .traces import has_left_traces


class ErasedNotDeleted(admin.ModelAdmin):
    """What the admin calls deleting is erasing, and its page says so."""

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what goes, how many, missing rights, and what stands in the way.

        The right to delete was asked for before: nothing else is deleted with a person.
        """
        people = list(objs)
        goes = _("name, addresses, sign-ins, tokens, passkeys, sessions, drafts never sent")
        stays = _("Styles that were sent stay with their teams, made by somebody who has left")
        texts = [f"{user.email}: {goes}" for user in people]
        hindrances = [
            f"{user.email}: {text}" for user in people for text in leaving.hindrances(user)
        ]
        counts = {str(User._meta.verbose_name_plural): len(people)}
        return [*texts, stays], counts, set(), hindrances

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Erase a person; the row of one who never did anything goes, too."""
        is_known = has_left_traces(obj)
        try:
            leaving.erase(obj)
        except NotPossible as problem:
            messages.error(request, f"{obj.email}: {problem}")
            return
        if not is_known:
            User.objects.filter(pk=obj.pk).delete()
