"""A feed told in a few words, without a bank: days, pulls and their states as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.models import Account, Connection, Day, Pull

ONE = timedelta(days=1)
LETTERS = {"p": "proven", "b": "broken", "f": "final", "m": "missing", "c": "provisional", "q": "final"}


def connection(label: str = "harbor-kettle", state: str = "active", **more: Any) -> Connection:
    facts = {"environment": "test", "auth": "mtls", "api_host": "https://bank.invalid", "client_id": "EXAMPLE",
             "trust_roots": "none", "created_at": datetime(2026, 1, 5, tzinfo=UTC)}  # fmt: skip
    return Connection.objects.create(label=label, state=state, **{**facts, **more})


def account(of: Connection, number: str = "700100200", currency: str = "USD") -> Account:
    return Account.objects.create(
        connection=of, number=number, given_number=number.zfill(12), currency=currency
    )


def booked(of: Account, at: datetime, **more: Any) -> Pull:
    facts = {"kind": "scheduled", "state": "booked", "today": at.date(), "requested_by": "test", "started_at": at,
             "finished_at": at, "requested_at": at}  # fmt: skip
    return Pull.objects.create(account=of, **{**facts, **more})


def days(of: Account, letters: str, *, last: date, pull: Pull | None = None) -> Sequence[Day]:
    """Write a day per letter, the last one on ``last``: p, b, f, m, c as the states begin (c: the current day), q a
    day of which the bank told nothing, a dot for a day without a row."""
    first = last - (len(letters) - 1) * ONE
    rows = [
        _day(of, letter, first + place * ONE, pull) for place, letter in enumerate(letters) if letter != "."
    ]
    return Day.objects.bulk_create(rows)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def _day(of: Account, letter: str, day: date, pull: Pull | None) -> Day:
    told = letter in "pb"
    return Day(
        account=of, as_of_date=day, state=LETTERS[letter], stated=told, opening=100 if told else None,
        closing=100 if told else None, difference={"b": Decimal("12.34")}.get(letter, 0 if told else None),
        lines=int(letter in "pbf"), pull=pull,
    )  # fmt: skip
