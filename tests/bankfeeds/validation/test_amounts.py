"""Amounts of a customer's export: read exactly, and the decimal mark proven or asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankfeeds.money import digits
from bankfeeds.validation.amounts import Mark, decimal_mark, read_amount
from bankfeeds.validation.unreadable import Unreadable


@pytest.mark.parametrize(
    ("text", "mark", "amount"),
    [
        ("1,234.56", ".", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("(123.45)", ".", "-123.45"),
        ("99.00-", ".", "-99.00"),
        ("−5", ".", "-5.00"),
        ("+5.5", ".", "5.50"),
        ("$1,000", ".", "1000.00"),
        ("USD 12.00", ".", "12.00"),
        ("12.00 USD", ".", "12.00"),
        ("12.00 DR", ".", "-12.00"),
        ("12.00 CR", ".", "12.00"),
        ("1'234.50", ".", "1234.50"),
        ("1\u00a0234,50", ",", "1234.50"),
        (".5", ".", "0.50"),
        ("-0.00", ".", "0.00"),
        ("1,00,000.00", ".", "100000.00"),
    ],
)
def test_reads_what_people_s_exports_write(text: str, mark: Mark, amount: str) -> None:
    read = read_amount(text, mark=mark, currency="USD")
    assert (str(read), read.is_signed()) == (amount, amount.startswith("-"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "“” is not an amount"),
        ("total", "“total” is not an amount"),
        ("1.2.3", "the amount “1.2.3” cannot be read with a point as the decimal mark"),
        ("12,34.00", "the amount “12,34.00” cannot be read with a point as the decimal mark"),
        ("1.234,56", "the amount “1.234,56” cannot be read with a point as the decimal mark"),
        ("12.345", "the amount has more than the 2 decimal digits of USD"),
        ("EUR 5.00", "“EUR 5.00” is not an amount"),
        ("1e5", "“1e5” is not an amount"),
        ("NaN", "“NaN” is not an amount"),
    ],
)
def test_refuses_the_rest_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Unreadable) as problem:
        read_amount(text, mark=".", currency="USD")
    assert str(problem.value) == reason


@pytest.mark.parametrize(
    ("cells", "currency", "mark"),
    [
        (["1,234", "5"], "USD", "."),  # with a comma as the mark it would have three digits
        (["1.234", "5"], "USD", ","),
        (["1,234", "5"], "BHD", None),
        (["1,234", "0,500"], "BHD", ","),
        (["12.50", "1,234"], "USD", "."),
        (["1.234.567"], "JPY", ","),
        (["5", "1000"], "USD", "."),
        (["12.50", "12,50"], "USD", None),
        (["1,234.00", "total"], "USD", "."),
        ([], "USD", "."),
    ],
)
def test_the_mark_is_proven_by_the_column_or_left_open(
    cells: list[str], currency: str, mark: Mark | None
) -> None:
    assert decimal_mark(cells, currency) == mark


@settings(max_examples=80, deadline=None)
@given(
    st.integers(-(10**15), 10**15), st.sampled_from(["USD", "JPY", "BHD"]), st.sampled_from([".", ","]),
    st.sampled_from(["plain", "brackets", "trailing"]), st.booleans(),
)  # fmt: skip
def test_what_is_written_is_read_back(
    units: int, currency: str, mark: Mark, style: str, grouped: bool
) -> None:
    amount = Decimal(units).scaleb(-digits(currency))
    text = f"{abs(amount):,f}" if grouped else f"{abs(amount):f}"
    text = text.translate({ord("."): mark, ord(","): "," if mark == "." else "."})
    signed = {"plain": f"-{text}", "brackets": f"({text})", "trailing": f"{text}-"}[style]
    assert read_amount(signed if amount < 0 else text, mark=mark, currency=currency) == amount
