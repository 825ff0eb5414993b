"""Cells for spreadsheets."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bankfeeds.validation.tables import safe


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+SUM(A1)", "'+SUM(A1)"), ("-cmd", "'-cmd"), ("@x", "'@x"), ("\t=1", "'\t=1"),
        (" =1", "' =1"), ("-12.50", "-12.50"), ("+5", "+5"), (Decimal("-1E+3"), "-1000"), ("12.50", "12.50"),
        ("Tea = good", "Tea = good"), ("", ""), (7, "7"), ("\r=1", "'\r=1"), ("-", "'-"),
    ],
)  # fmt: skip
def test_nothing_is_taken_for_a_formula_and_numbers_stay_numbers(cell: object, written: str) -> None:
    assert safe(cell) == written
