"""When the next proven day is expected: a promise by the calendar, to which a feed is held.

The bank gives the data of business day D on the next business day. The first pull of that day may come before it, so
D is expected to be proven by the second: at that time of day, in the customer's time zone.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from bankfeeds.bank_dates import NEW_YORK

BY_PULL = 2
"""Of the day's pulls the one by which the day before is expected."""
ONE = timedelta(days=1)
_FEDERAL_RESERVE: Container[date] = holidays.FederalReserve()


def is_business_day(day: date) -> bool:
    """Say whether the Federal Reserve is open on ``day``."""
    return day.weekday() < 5 and day not in _FEDERAL_RESERVE


def business_day_after(day: date) -> date:
    """Return the first business day after ``day``."""
    day += ONE
    while not is_business_day(day):
        day += ONE
    return day


def business_day_before(day: date) -> date:
    """Return the last business day before ``day``."""
    day -= ONE
    while not is_business_day(day):
        day -= ONE
    return day


def business_days_before(day: date, count: int) -> list[date]:
    """Return the ``count`` business days before ``day``, the newest first."""
    found: list[date] = []
    while len(found) < count:
        day = business_day_before(day)
        found.append(day)
    return found


def due(day: date, *, times: Sequence[str], zone: str) -> datetime:
    """Return when the business day ``day`` is expected to be proven (UTC).

    ``times`` are the day's pulls (HH:MM) in ``zone``. Where there is one pull a day, that one counts; where none is
    known, the end of the day.
    """
    ordered = sorted(times)
    at = time.fromisoformat(ordered[min(BY_PULL, len(ordered)) - 1]) if ordered else time(23, 59)
    local = datetime.combine(business_day_after(day), at, tzinfo=zone_of(zone))
    return local.astimezone(UTC)


def overdue_day(*, now: datetime, times: Sequence[str], zone: str, grace: timedelta) -> date:
    """Return the newest business day that must be proven at ``now``: its time and the grace are over."""
    day = business_day_before(now.astimezone(zone_of(zone)).date())
    while due(day, times=times, zone=zone) + grace > now:
        day = business_day_before(day)
    return day


def awaited_day(*, known: date | None, now: datetime, times: Sequence[str], zone: str) -> date:
    """Return the next business day to become proven: the first after ``known``, else the newest not yet due."""
    if known is not None:
        return business_day_after(known)
    return business_day_after(overdue_day(now=now, times=times, zone=zone, grace=timedelta(0)))


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone, or the bank's where the name is none: one odd row must not stop all feeds."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return NEW_YORK


def day_words(day: date) -> str:
    """Return “12 Jun 2026”."""
    return f"{day.day} {day:%b %Y}"


def moment_words(at: datetime, zone: str) -> str:
    """Return “12 Jun 2026, 09:40 EDT (13:40 UTC)”; the day in UTC too, where it is another one."""
    local, utc = at.astimezone(zone_of(zone)), at.astimezone(UTC)
    if not local.utcoffset():
        return f"{day_words(utc.date())}, {utc:%H:%M} UTC"
    name = local.tzname() or ""
    name = name if name.isalpha() else f"UTC{local:%z}"
    there = f"{utc:%H:%M} UTC" if utc.date() == local.date() else f"{day_words(utc.date())}, {utc:%H:%M} UTC"
    return f"{day_words(local.date())}, {local:%H:%M} {name} ({there})"
