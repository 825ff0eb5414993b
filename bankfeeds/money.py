"""Exact money: ISO 4217 minor units, and amounts that are never rounded."""

from decimal import Context, Decimal, Inexact, InvalidOperation

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
        "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
        "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
        "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Withdrawn in 2025 and 2026; lines booked before still carry them. The table leaves out the codes that have
# no minor unit (metals, XDR, XSU, XUA, bond units, XTS, XXX): no account is kept in them.
_WITHDRAWN = {2: "ANG BGN"}

MINOR_DIGITS: dict[str, int] = {
    code: count
    for table in (_BY_DIGITS, _WITHDRAWN)
    for count, codes in table.items()
    for code in codes.split()
}
LARGEST_WHOLE_DIGITS = 18

_STEP = {count: Decimal(1).scaleb(-count) for count in range(5)}
_LIMIT = Decimal(10) ** LARGEST_WHOLE_DIGITS
_EXACT = Context(prec=LARGEST_WHOLE_DIGITS + 5, traps=[Inexact, InvalidOperation])


class MoneyError(ValueError):
    """What was given is not an amount of money; the message is a sentence for the operator."""


class UnknownCurrency(MoneyError):
    """The code is not an ISO 4217 currency that an account can be kept in."""


class SurplusDigits(MoneyError):
    """The amount has more decimal digits than its currency has; rounding it would invent money."""


class NotAnAmount(MoneyError):
    """The amount is not finite, or larger than any account holds."""


def digits(currency: str) -> int:
    """Return the number of decimal digits of `currency` (ISO 4217 alphabetic code, upper case).

    Raises UnknownCurrency. Source: ISO 4217 list one.
    """
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency[:8]!r} is not an ISO 4217 currency.") from None


def exact(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` with exactly the digits of `currency`, equal in value to what was given.

    12.5 USD becomes 12.50; 12.500 USD becomes 12.50; 12.505 USD is refused. Zero has no sign.
    Raises UnknownCurrency, SurplusDigits, or NotAnAmount (NaN, Infinity, 10^18 and beyond).
    """
    step = _STEP[digits(currency)]
    if not amount.is_finite() or amount.copy_abs() >= _LIMIT:
        raise NotAnAmount("The amount is not a finite number of a size an account can hold.")
    try:
        quantised = amount.quantize(step, context=_EXACT)
    except (Inexact, InvalidOperation):
        raise SurplusDigits(
            f"The amount has more than the {digits(currency)} decimal digits of {currency}."
        ) from None
    return quantised if quantised else quantised.copy_abs()
