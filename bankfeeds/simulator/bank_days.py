"""The simulated bank's own calendar: Monday to Friday without the Federal Reserve holidays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


@cache
def holidays_of(year: int) -> frozenset[date]:
    """Return the days of `year` on which the Federal Reserve is closed.

    A holiday on a Sunday is kept on the Monday; one on a Saturday is not moved.
    """
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    moving = [
        _nth(year, 1, MONDAY, 3),
        _nth(year, 2, MONDAY, 3),
        _last_monday_of_may(year),
        _nth(year, 9, MONDAY, 1),
        _nth(year, 10, MONDAY, 2),
        _nth(year, 11, THURSDAY, 4),
    ]
    kept = [day + timedelta(days=1) if day.weekday() == SUNDAY else day for day in fixed]
    return frozenset(kept + moving)


def is_business_day(day: date) -> bool:
    """Tell whether the bank books on `day`."""
    return day.weekday() < SATURDAY and day not in holidays_of(day.year)


def previous_business_day(day: date) -> date:
    """Return the last business day strictly before `day`."""
    day -= timedelta(days=1)
    while not is_business_day(day):
        day -= timedelta(days=1)
    return day


def business_days_before(day: date, count: int) -> date:
    """Return the business day `count` business days before `day`."""
    for _ in range(count):
        day = previous_business_day(day)
    return day


def business_days(start: date, end: date) -> Iterator[date]:
    """Yield the business days from `start` to `end`, both included."""
    day = start
    while day <= end:
        if is_business_day(day):
            yield day
        day += timedelta(days=1)
