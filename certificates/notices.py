"""When somebody must be told that a certificate ends. Pure: thresholds crossed, never "days left equals"."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta

EXPIRED = 0
THRESHOLDS = (EXPIRED, 1, 7, 14, 30, 60, 90)
"""Days before the end at which a notice is due; 0 is the notice that it has ended."""
HORIZON = timedelta(days=max(THRESHOLDS))
"""How far ahead the monitor looks."""
PATIENCE = {14: timedelta(days=3), 7: timedelta(days=1), 1: timedelta(days=1), EXPIRED: timedelta()}
"""How long a notice may stay unacknowledged before it is escalated; earlier notices never are."""
MONITOR_LIMIT = timedelta(hours=26)
"""Without a run for longer than this the monitor counts as stopped."""


def threshold_due(*, not_after: datetime, now: datetime) -> int | None:
    """Return the smallest threshold (in days) the time left has crossed, or None while it is over 90 days.

    A certificate that arrives late, or after a scheduler that slept, gets the notice that fits now and
    none of the earlier ones.
    """
    left = not_after - now
    return next((days for days in THRESHOLDS if left <= timedelta(days=days)), None)


def slept_over(*, not_after: datetime, since: datetime, due: int, told: Container[int]) -> list[int]:
    """Return the thresholds wider than ``due`` that were crossed after ``since`` and told by nobody, widest first.

    The monitor slept while they were crossed; the notice of ``due`` takes their place. Those crossed before
    ``since`` (when the certificate was installed) were never due.
    """
    missed = [t for t in THRESHOLDS if t > due and t not in told and not_after - timedelta(days=t) > since]
    return sorted(missed, reverse=True)


def escalates_at(*, threshold: int, recorded_at: datetime) -> datetime | None:
    """Return when a notice nobody acknowledged is escalated; None: never."""
    patience = PATIENCE.get(threshold)
    return None if patience is None else recorded_at + patience


def week_of(now: datetime) -> str:
    """Return the ISO week of ``now`` (which begins on Monday, UTC) as ``2026-W23``."""
    year, week, _ = now.isocalendar()
    return f"{year}-W{week:02d}"
