"""Whether anything is known by a person's name, which would lose it with their account."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.db.models import SET_NULL, ForeignObjectRel

from .models import User


def has_left_traces(user: User) -> bool:
    """Whether a row of history says that it was them: one that outlives an account or logs it."""
    return any(
        _points_to(relation, user) for relation in User._meta.get_fields(include_hidden=True)
    )


def _points_to(relation: object, user: User) -> bool:
    if not isinstance(relation, ForeignObjectRel):
        return False
    outlives = getattr(relation, "on_delete", None) is SET_NULL
    if not outlives and relation.related_model is not LogEntry:
        return False
    rows = relation.related_model._default_manager.filter(**{relation.field.name: user.pk})
    return rows.exists()
