"""What is handed from fetching to booking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bankfeeds.jpmorgan.client import Page
from bankfeeds.pipeline import normalise
from bankfeeds.pipeline.normalise import BalanceAnswer, Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.walk import Walk

SMALL = 2000  # records: what so few say is kept until it is booked, more are read again


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


@dataclass(slots=True, kw_only=True)
class Unread:
    """The bank's answer for one window while its pages are still to be read; else as a Reading.

    ``until``: the day the bank calls current, where the window reaches it; nothing is taken of it and what follows.
    """

    window: Window
    walk: Walk
    balances: BalanceAnswer | None
    until: date | None = None
    asked: frozenset[date] = frozenset()
    last: bool = True
    lines: Lines | None = field(default=None, repr=False)  # of a small answer, once it was read

    @property
    def read_at(self) -> datetime:
        return self.walk.received_at

    @property
    def whole(self) -> bool:
        """Say whether the answer is taken as it came, and not as far as a day that is not over."""
        return self.until is None

    def reading(self) -> Reading:
        """Return what the pages say. Raises WireError as ``normalise.lines`` does."""
        told = self.lines or normalise.lines(self.walk.pages)
        if self.walk.records <= SMALL:
            self.lines = told
        return Reading(
            window=self.window,
            lines=told if self.until is None else _before(told, self.until),
            balances=self.balances,
            read_at=self.read_at,
            asked=self.asked,
            last=self.last,
        )


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


def finished(answer: Unread, unfinished: date | None) -> Unread | None:
    """Return the answer without the day the bank calls current: its lines are intraday, whatever was asked."""
    if unfinished is None or answer.window.end < unfinished:
        return answer
    if answer.window.start >= unfinished:
        return None
    window = replace(answer.window, end=unfinished - timedelta(days=1))
    return replace(answer, window=window, until=unfinished)


def _before(told: Lines, day: date) -> Lines:
    lines = [line for line in told.lines if line.as_of_date < day]
    rejections = [one for one in told.rejections if one.as_of_date is None or one.as_of_date < day]
    taken = len(lines) + len(rejections) + told.repeated
    return replace(told, lines=lines, rejections=rejections, read=taken)
