"""Business days. The Federal Reserve's calendar: a holiday on a Saturday leaves the Friday before it open."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta

import holidays

_DAY = timedelta(days=1)
_FEDERAL_RESERVE: Container[date] = holidays.FederalReserve()


def is_business_day(day: date) -> bool:
    """Say whether the Federal Reserve is open on ``day``."""
    return day.weekday() < 5 and day not in _FEDERAL_RESERVE


def business_days(after: date, through: date) -> int:
    """Return how many business days lie after ``after``, up to and including ``through``; 0 if that is earlier.

    Additive: the days of two neighbouring spans sum up to the days of both.
    """
    return sum(is_business_day(after + n * _DAY) for n in range(1, (through - after).days + 1))


def add_business_days(day: date, count: int) -> date:
    """Return the ``count``-th business day after ``day`` (``day`` itself for 0)."""
    while count > 0:
        day += _DAY
        count -= is_business_day(day)
    return day
