"""Amounts as people's exports write them: 1,234.56, 1.234,56, (123.45), 99.00-. The decimal mark is never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from bankfeeds.money import MoneyError, digits, exact
from bankfeeds.validation.unreadable import Unreadable

Mark = Literal[".", ","]

_SPACES = re.compile(r"[\s'’\u00a0\u202f\u2009]")
_COINS = re.compile(r"[$€£¥]")
_CODE = re.compile(r"^[A-Z]{3}(?=[\d(+-])|(?<=[\d)-])[A-Z]{3}$")
_PLAIN = {
    ".": re.compile(r"(\d+|\d{1,3}(,\d{2,3})*,\d{3})(\.\d*)?|\.\d+"),
    ",": re.compile(r"(\d+|\d{1,3}(\.\d{2,3})*\.\d{3})(,\d*)?|,\d+"),
}
_OTHER: dict[str, Mark] = {".": ",", ",": "."}


def decimal_mark(cells: Iterable[str], currency: str) -> Mark | None:
    """Return the decimal mark that the amounts of a column prove; None: they leave it open, or contradict.

    ``1,234`` proves a point in a currency of two digits (a comma would leave three) and nothing in one of three.
    """
    proven: set[Mark] = set()
    undecided = False
    for cell in cells:
        try:
            body, _negative = _body(cell, currency)
        except Unreadable:
            continue
        mark, decided = _shown_by(body, digits(currency))
        undecided = undecided or not decided
        if mark:
            proven.add(mark)
    if len(proven) == 1:
        return proven.pop()
    return None if proven or undecided else "."


def read_amount(text: str, *, mark: Mark, currency: str) -> Decimal:
    """Return the amount, signed, with exactly the digits of ``currency``. Raises Unreadable."""
    body, negative = _body(text, currency)
    if not _PLAIN[mark].fullmatch(body):
        raise Unreadable(
            f"the amount “{text.strip()[:40]}” cannot be read with {_WORDS[mark]} as the decimal mark"
        )
    plain = body.replace(_OTHER[mark], "").replace(mark, ".")
    try:
        amount = exact(Decimal(plain), currency)
    except MoneyError as problem:
        raise Unreadable(str(problem)[:1].lower() + str(problem)[1:].rstrip(".")) from None
    return -amount if negative and amount else amount


_WORDS = {".": "a point", ",": "a comma"}


def _body(text: str, currency: str) -> tuple[str, bool]:
    """Return the digits and marks of a cell, and whether it is below zero. Raises Unreadable."""
    body = _COINS.sub("", _SPACES.sub("", text)).replace("−", "-").replace("–", "-").upper()
    negative = False
    for ending, below in (("CR", False), ("DR", True)):
        if body.endswith(ending):
            body, negative = body.removesuffix(ending), below
    code = _CODE.search(body)
    if code and code.group() == currency:
        body = body.replace(currency, "")
    if body.startswith("(") and body.endswith(")"):
        body, negative = body[1:-1], True
    if body.startswith(("+", "-")):
        negative, body = negative or body[0] == "-", body[1:]
    elif body.endswith("-"):
        negative, body = True, body[:-1]
    if not body or not re.fullmatch(r"[0-9.,]*[0-9][0-9.,]*", body):
        raise Unreadable(f"“{text.strip()[:40]}” is not an amount")
    return body, negative


def _shown_by(body: str, places: int) -> tuple[Mark | None, bool]:
    """Return the mark one amount proves, and whether it leaves nothing open."""
    point, comma = body.count("."), body.count(",")
    if not point and not comma:
        return None, True
    if point and comma:
        last: Mark = "." if body.rindex(".") > body.rindex(",") else ","
        return (last, True) if body.count(last) == 1 else (None, True)
    only: Mark = "." if point else ","
    if point + comma > 1:
        return _OTHER[only], True
    whole, _, rest = body.partition(only)
    if len(rest) != 3 or len(whole) > 3 or whole in ("", "0"):
        return only, True
    return (_OTHER[only], True) if places < 3 else (None, False)
