"""Prices as texts: read, multiplied and added up without losing a cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styles.prices import Price


@pytest.mark.parametrize(
    ("text", "amount", "ten"),
    [
        ("US$ 0.38", "0.38", "US$ 3.80"),
        ("0,38 €", "0.38", "3,80 €"),
        ("€1", "1", "€10.00"),
        ("0.385 USD", "0.385", "3.850 USD"),
        ("1,234.50 ¥", "1234.50", "12345.00 ¥"),
        ("1.234,50 ¥", "1234.50", "12345,00 ¥"),
        ("1,200 ¥", "1200", "12000.00 ¥"),
        ("1.200 ¥", "1200", "12000,00 ¥"),
        ("1,200,000", "1200000", "12000000.00"),
        ("US$ 0.38.", "0.38", "US$ 3.80."),
    ],
)
def test_a_text_is_read_and_written_as_its_own_kind(text: str, amount: str, ten: str) -> None:
    price = Price.read(text)
    assert price and price.amount == Decimal(amount)
    assert str(price * 10) == ten


@pytest.mark.parametrize("text", ["", "free", "US$", "US$ 0.38 (20% off)", "0.38–0.40", "½", "٣"])
def test_a_text_without_one_amount_has_no_sum(text: str) -> None:
    assert Price.read(text) is None


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    price = Price.read(text)
    assert price is None or str(price * 3)


def test_currencies_are_added_apart() -> None:
    prices = [Price.read(text) for text in ("US$ 0.38", "0,50 €", "US$ 0.4", "0,25 €", "US$ 0")]
    assert Price.total(filter(None, prices)) == "US$ 0.78 + 0,75 €"
    assert Price.total([]) == ""


@given(st.lists(st.tuples(st.decimals(0, 1000, places=2), st.integers(0, 10**6))))
def test_sums_are_exact(bought: list[tuple[Decimal, int]]) -> None:
    prices = [Price(amount=amount, before="$") * number for amount, number in bought]
    exact = sum((amount * number for amount, number in bought), Decimal(0))
    assert Price.total(prices) == (f"${exact:.2f}" if exact else "")
