"""When somebody must be told that a certificate ends. Pure: thresholds crossed, never "days left equals"."""

from __future__ import annotations

from datetime import datetime, timedelta

EXPIRED = 0
THRESHOLDS = (EXPIRED, 1, 7, 14, 30, 60, 90)
"""Days before the end at which a notice is due; 0 is the notice that it has ended."""


def threshold_due(*, not_after: datetime, now: datetime) -> int | None:
    """Return the smallest threshold (in days) the time left has crossed, or None while it is over 90 days.

    A certificate that arrives late, or after a scheduler that slept, gets the notice that fits now and
    none of the earlier ones.
    """
    left = not_after - now
    return next((days for days in THRESHOLDS if left <= timedelta(days=days)), None)
