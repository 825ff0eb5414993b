from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bankfeeds.simulator.jsontext import encode, encode_plain


@pytest.mark.parametrize(
    "digits", ["0", "0.0", "12500.00", "-0.01", "90000.000", "123456789012345678.99", "1E+3", "0.00001"]
)
def test_a_decimal_becomes_a_json_number_with_exactly_its_digits(digits: str) -> None:
    amount = Decimal(digits)
    assert encode({"amount": amount}) == f'{{"amount": {amount:f}}}'.encode()


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert encode({"checkNumber": 0, "ref": "12500.00", "none": None}) == (
        b'{"checkNumber": 0, "ref": "12500.00", "none": null}'
    )


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        encode({"day": date(2026, 6, 3)})


def test_the_control_listener_writes_amounts_as_strings_and_dates_in_iso_form() -> None:
    assert (
        encode_plain({"a": Decimal("1.50"), "d": date(2026, 6, 3)})
        == b'{\n "a": "1.50",\n "d": "2026-06-03"\n}'
    )
    with pytest.raises(TypeError):
        encode_plain({"a": object()})
