"""What a text such as “US$ 0.38” says that a style costs, so that it can be added up."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

NUMBER = re.compile(r"[0-9](?:[0-9.,]*[0-9])?")
CENTS = 2


@dataclass(frozen=True, kw_only=True)
class Price:
    """An amount, and how it is written: the words around it, its point and its places.

    >>> str(Price.read("US$ 0.38") * 10)
    'US$ 3.80'
    """

    amount: Decimal
    before: str = ""
    after: str = ""
    point: str = "."
    places: int = CENTS

    @classmethod
    def read(cls, text: str) -> Price | None:
        """Return the price that a text names, or None where it names no amount or several."""
        found = NUMBER.findall(text)
        if len(found) != 1:
            return None
        before, number, after = text.partition(found[0])
        whole, point, part = _split(number)
        return cls(
            amount=Decimal(f"{whole}.{part or 0}"),
            before=before,
            after=after,
            point=point,
            places=max(CENTS, len(part)),
        )

    def __mul__(self, times: int) -> Price:
        return self._with(self.amount * times)

    def __str__(self) -> str:
        written = f"{self.amount:.{self.places}f}".replace(".", self.point)
        return f"{self.before}{written}{self.after}"

    def _with(self, amount: Decimal, places: int = 0) -> Price:
        return Price(
            amount=amount,
            before=self.before,
            after=self.after,
            point=self.point,
            places=max(self.places, places),
        )

    @property
    def currency(self) -> tuple[str, str, str]:
        return (self.before, self.after, self.point)

    @staticmethod
    def total(prices: Iterable[Price]) -> str:
        """Return the sum in words, one for each currency; "" for none."""
        by_currency: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
        for price in prices:
            by_currency[price.currency].append(price)
        sums = (_sum(some) for some in by_currency.values())
        return " + ".join(str(each) for each in sums if each.amount)


def _split(number: str) -> tuple[str, str, str]:
    """Return a number's whole part, its point and its decimals: "1,234.50" as 1234, ".", 50.

    Where one sign stands before exactly three digits it parts thousands, unless a 0 is before it.
    """
    signs = [sign for sign in number if sign in ".,"]
    last = signs[-1] if signs else "."
    whole, _point, part = number.rpartition(last)
    repeated = signs.count(last) > 1
    if not signs or repeated or (len(signs) == 1 and len(part) == 3 and whole.strip("0")):
        return re.sub("[.,]", "", number), "," if last == "." and signs else ".", ""
    return re.sub("[.,]", "", whole), last, part


def _sum(prices: list[Price]) -> Price:
    places = max(price.places for price in prices)
    return prices[0]._with(sum((price.amount for price in prices), Decimal(0)), places)
