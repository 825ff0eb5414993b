"""Which day it is at the bank, and on which it is open: the Federal Reserve's calendar."""

from collections.abc import Container
from datetime import date, datetime
from zoneinfo import ZoneInfo

import holidays

NEW_YORK = ZoneInfo("America/New_York")
# Not the civil calendar: of a holiday on a Saturday the Federal Reserve leaves the Friday before it open.
_FEDERAL_RESERVE: Container[date] = holidays.FederalReserve()


def business_date(now: datetime) -> date:
    """Return the calendar date in New York at ``now``, the bank's business date."""
    return now.astimezone(NEW_YORK).date()


def is_business_day(day: date) -> bool:
    """Say whether the bank is open on ``day``."""
    return day.weekday() < 5 and day not in _FEDERAL_RESERVE


def holidays_until(today: date) -> frozenset[date]:
    """Return the bank's holidays of the year of ``today`` and of the one before."""
    return frozenset(holidays.FederalReserve(years=(today.year - 1, today.year)))
