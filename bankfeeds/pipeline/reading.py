"""What is handed from fetching to booking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bankfeeds.pipeline.normalise import BalanceAnswer, Lines
from bankfeeds.pipeline.plan import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The bank's answer for one window. ``balances`` may state further days; ``read_at`` is when the lines came.

    ``asked`` are the days the pull has read so far, with this window's. ``last``: no later window follows in this
    round, so that the days after it, and those between the windows, can be judged too.
    """

    window: Window
    lines: Lines
    balances: BalanceAnswer | None
    read_at: datetime
    asked: frozenset[date] = frozenset()
    last: bool = True
