"""How many, up to a thousand: counting everything costs as much as there is."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import IntegerField, QuerySet, Subquery
from django.utils.functional import cached_property

from .library import COUNTED


class Number(int):
    """A number of rows, which says “1000+” where there are more."""

    def __str__(self) -> str:
        return f"{COUNTED}+" if self > COUNTED else super().__repr__()


def count(rows: QuerySet[Any]) -> Number:
    return Number(rows.order_by()[: COUNTED + 1].count())


class CountOf(Subquery):
    """How many rows the inner query has, up to a thousand, beside each row of the outer one."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) few)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: COUNTED + 1])


class FewPages(Paginator):
    """Pages of the first thousand; what lies beyond is found by searching and filtering."""

    @cached_property
    def count(self) -> Number:
        return count(cast(QuerySet[Any], self.object_list))
