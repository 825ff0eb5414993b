"""What is handed from fetching to booking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bankfeeds.jpmorgan.client import Page
from bankfeeds.pipeline import normalise
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


def read(window: Window, pages: Sequence[Page], balances: BalanceAnswer | None, *, now: datetime) -> Reading:
    """Return what the pages of one walk say of ``window``. Raises WireError as ``normalise.lines`` does."""
    return Reading(
        window=window,
        lines=normalise.lines(pages),
        balances=balances,
        read_at=min((page.received_at for page in pages), default=now),
    )


def unfinished_day(answer: BalanceAnswer, today: date) -> date | None:
    """Return yesterday, if the bank still calls it the current day; else None.

    The bank's business day ends when the bank says so, not at midnight. Only yesterday: a test bank whose data stands
    still calls days long past current.
    """
    yesterday = today - timedelta(days=1)
    return yesterday if any(one.current_day and one.as_of_date == yesterday for one in answer.days) else None


def final_balances(answer: BalanceAnswer, unfinished: date | None) -> BalanceAnswer | None:
    """Return the balances of the days before ``unfinished``; None when the bank said nothing of this account.

    An empty list alone says nothing: that there was no activity, the bank says in so many words.
    """
    if answer.error or not (answer.days or answer.no_activity):
        return None
    if unfinished is not None:
        answer = replace(answer, days=[one for one in answer.days if one.as_of_date < unfinished])
    return answer


def finished(reading: Reading, unfinished: date | None) -> Reading | None:
    """Return the reading without the day the bank calls current: its lines are intraday, whatever was asked."""
    if unfinished is None or reading.window.end < unfinished:
        return reading
    if reading.window.start >= unfinished:
        return None
    told = reading.lines
    lines = [line for line in told.lines if line.as_of_date < unfinished]
    rejections = [one for one in told.rejections if one.as_of_date is None or one.as_of_date < unfinished]
    taken = len(lines) + len(rejections) + told.repeated
    return replace(
        reading,
        window=replace(reading.window, end=unfinished - timedelta(days=1)),
        lines=replace(told, lines=lines, rejections=rejections, read=taken),
    )
