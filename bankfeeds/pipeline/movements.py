"""What moved on each day, added up by the database where that is exact."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from bankfeeds.models import Account, Line
from bankfeeds.pipeline.reconcile import ZERO

# SQLite keeps amounts as text with the digits of their currency. Its integers end at 2^63 and a sum beyond is an error,
# so the whole part is added in two halves; each of them and the places stay far below for any number of lines.
_HALF, _MOST_PLACES = 10**9, 4
_POINT = "instr(amount, '.')"
_DIGITS = f"CASE {_POINT} WHEN 0 THEN 0 ELSE length(amount) - {_POINT} END"
_PLACES = f"CASE {_POINT} WHEN 0 THEN 0 ELSE CAST(substr(substr(amount, {_POINT} + 1) || '0000', 1, 4) AS INTEGER) END"
_SQLITE = f"""SELECT CAST(as_of_date AS TEXT), direction, currency, count(*), max({_DIGITS}),
    sum(CAST(amount AS INTEGER) / {_HALF}), sum(CAST(amount AS INTEGER) %% {_HALF}), sum({_PLACES}),
    sum(amount GLOB '*[^0-9.]*' OR amount GLOB '*.*.*' OR amount GLOB '.*' OR {_DIGITS} > {_MOST_PLACES}
        OR CAST(amount AS INTEGER) > 999999999999999999)
    FROM {Line._meta.db_table}
    WHERE account_id = %s AND state = 'booked' AND as_of_date IN (SELECT value FROM json_each(%s))
    GROUP BY as_of_date, direction, currency"""  # noqa: S608

Row = tuple[date, str, str, int, Decimal]


@dataclass(slots=True)
class Movements:
    """A day's booked lines, added up."""

    credits: Decimal = ZERO
    debits: Decimal = ZERO
    lines: int = 0
    currencies: set[str] = field(default_factory=set)


def by_day(account: Account, days: Collection[date]) -> dict[date, Movements]:
    """Return the movements of the days; a day without booked lines has none."""
    found: dict[date, Movements] = defaultdict(Movements)
    for day, direction, currency, count, total in (
        _exact_in_sqlite(account, days) if connection.vendor == "sqlite" else _in_database(account, days)
    ):
        one = found[day]
        one.lines += count
        one.currencies.add(currency)
        if direction == "CREDIT":
            one.credits += total
        else:
            one.debits += total
    return found


def _in_database(account: Account, days: Collection[date]) -> Iterable[Row]:
    return (
        _booked(account, days)
        .order_by()
        .values_list("as_of_date", "direction", "currency")
        .annotate(Count("pk"), Sum("amount"))
    )


def _exact_in_sqlite(account: Account, days: Collection[date]) -> Iterable[Row]:
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE, [account.pk, json.dumps([day.isoformat() for day in days])])
        rows = cursor.fetchall()
    if any(odd for *_rest, odd in rows):  # not written by us; Python reads whatever it is
        return _one_by_one(account, days)
    return [
        (date.fromisoformat(day), direction, currency, count, _total(high * _HALF + low, places, digits))
        for day, direction, currency, count, digits, high, low, places, _odd in rows
    ]


def _total(whole: int, places: int, digits: int) -> Decimal:
    """Return the sum with as many places as its longest amount, as adding them one by one gives it."""
    units = (whole * 10**_MOST_PLACES + places) // 10 ** (_MOST_PLACES - digits)
    return Decimal(units).scaleb(-digits)


def _one_by_one(account: Account, days: Collection[date]) -> Iterable[Row]:
    rows = _booked(account, days).values_list("as_of_date", "direction", "currency", "amount")
    return ((day, direction, currency, 1, amount) for day, direction, currency, amount in rows.iterator())


def _booked(account: Account, days: Collection[date]) -> QuerySet[Line]:
    return Line.objects.filter(account=account, as_of_date__in=days, state="booked")
