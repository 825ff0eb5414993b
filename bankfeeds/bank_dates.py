"""Which day it is at the bank."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


def business_date(now: datetime) -> date:
    """Return the calendar date in New York at ``now``, the bank's business date."""
    return now.astimezone(NEW_YORK).date()
