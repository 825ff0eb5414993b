"""Amounts keep every digit the bank gave, or are refused."""

from decimal import Decimal, getcontext, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankfeeds.money import (
    LARGEST_WHOLE_DIGITS,
    MINOR_DIGITS,
    MoneyError,
    NotAnAmount,
    SurplusDigits,
    UnknownCurrency,
    digits,
    exact,
)


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("UYW", 4),
    ],
)
def test_each_currency_has_its_own_number_of_digits(currency: str, expected: int) -> None:
    assert digits(currency) == expected


def test_the_table_holds_every_active_currency_once() -> None:
    counts = [sum(1 for count in MINOR_DIGITS.values() if count == wanted) for wanted in range(5)]

    assert counts == [17, 0, 141, 7, 2]
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in MINOR_DIGITS)


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDX", "XXX", "XAU", "XTS", "DEM", "US D", "ＵＳＤ"])
def test_a_code_no_account_is_kept_in_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency, match="is not an ISO 4217 currency"):
        exact(Decimal("1"), currency)


@pytest.mark.parametrize(
    ("given_text", "currency", "expected"),
    [
        ("12.5", "USD", "12.50"),
        ("12.500", "USD", "12.50"),
        ("12", "USD", "12.00"),
        ("1.2E+3", "USD", "1200.00"),
        ("-48.07", "USD", "-48.07"),
        ("1200", "JPY", "1200"),
        ("1200.00", "JPY", "1200"),
        ("1.2345", "CLF", "1.2345"),
        ("0.001", "KWD", "0.001"),
        ("1000000000000000", "USD", "1000000000000000.00"),
        ("1E+15", "USD", "1000000000000000.00"),
        ("999999999999999999.9999", "CLF", "999999999999999999.9999"),
        ("-0.0", "USD", "0.00"),
        ("0E-30", "USD", "0.00"),
    ],
)
def test_an_amount_gets_the_digits_of_its_currency(given_text: str, currency: str, expected: str) -> None:
    assert str(exact(Decimal(given_text), currency)) == expected


@pytest.mark.parametrize(
    ("given_text", "currency"),
    [
        ("12.505", "USD"),
        ("0.1", "JPY"),
        ("0.0001", "KWD"),
        ("1.00001", "UYW"),
        ("1E-400", "USD"),
        ("0.009999", "EUR"),
    ],
)
def test_surplus_digits_are_refused_not_rounded(given_text: str, currency: str) -> None:
    with pytest.raises(SurplusDigits, match=f"more than the . decimal digits of {currency}"):
        exact(Decimal(given_text), currency)


@pytest.mark.parametrize(
    "given_text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+18", "-1E+18", "1E+999999", "1E+9999999999"]
)
def test_what_no_account_can_hold_is_refused(given_text: str) -> None:
    with pytest.raises(NotAnAmount):
        exact(Decimal(given_text), "USD")


def test_every_refusal_is_one_family_of_errors() -> None:
    assert [issubclass(error, MoneyError) for error in (UnknownCurrency, SurplusDigits, NotAnAmount)] == [
        True
    ] * 3


@given(
    units=st.integers(min_value=-(10 ** (LARGEST_WHOLE_DIGITS)) + 1, max_value=10**LARGEST_WHOLE_DIGITS - 1),
    currency=st.sampled_from(sorted(MINOR_DIGITS)),
)
def test_every_amount_in_minor_units_survives_unchanged(units: int, currency: str) -> None:
    with localcontext() as context:
        context.prec = 60
        amount = Decimal(units).scaleb(-digits(currency))

    money = exact(amount, currency)

    assert (money, -int(money.as_tuple().exponent)) == (amount, digits(currency))


@given(st.decimals(), st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_an_amount_is_taken_at_its_exact_value_or_refused(amount: Decimal, currency: str) -> None:
    try:
        money = exact(amount, currency)
    except MoneyError:
        return
    assert money == amount


def test_the_callers_decimal_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        money = exact(Decimal("123456789.5"), "USD")

    assert str(money) == "123456789.50"
    assert getcontext().prec == 28
