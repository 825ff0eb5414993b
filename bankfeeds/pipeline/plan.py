"""What to ask the bank for: the days that are not settled, oldest first, in windows the bank accepts.

Nothing remembers how far we are. A gap, a backfill and a pause of any length are the same question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

HISTORY_DAYS = 90
WINDOW_DAYS = 5
BALANCE_DAYS = 31
TRAILING_BUSINESS_DAYS = 5
DEEP_DAYS = 31
WIDE_DAYS = 90
MOST_DAYS = 100
"""A pull asks for all unsettled days while there are no more; else older ones are left to pulls of their own."""
SLICE_DAYS = 31
"""The span of one such pull, so that another one need not wait for long."""
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days to ask for, both ends included. ``current_day``: today's set so far, which is never booked."""

    start: date
    end: date
    current_day: bool = False

    def days(self) -> list[date]:
        return days_between(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What is known of one day: its state, and whether the bank gave any reason to ask about it again."""

    state: Literal["missing", "provisional", "final", "proven", "broken"]
    quiet: bool = False

    @property
    def settled(self) -> bool:
        """Say whether the day need not be asked for: proven, or without lines and without balances."""
        return self.state == "proven" or (self.state == "final" and self.quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a pull is to cover. ``start`` and ``end`` are a person's limits; with both, every day between is read.

    ``deep`` reads 31 days again, ``wide`` 90. ``older``: the next days nobody has read, oldest first, and nothing
    else; those ``asked`` for lately without the bank saying anything of them are passed over.
    """

    today: date
    history_start: date | None = None
    start: date | None = None
    end: date | None = None
    deep: bool = False
    wide: bool = False
    older: bool = False
    asked: Collection[date] = ()
    holidays: Collection[date] = ()


def windows(coverage: Mapping[date, Coverage], wish: Wish) -> list[Window]:
    """Return the windows to ask for, oldest first, the current day last. Each spans at most five dates."""
    if wish.older:
        return slices(_next_older(coverage, wish))
    yesterday = wish.today - ONE
    last = min(wish.end, yesterday) if wish.end else yesterday
    wanted = _unsettled(coverage, wish, last)
    if wish.start and wish.end:
        wanted |= set(days_between(wish.start, last))
    else:
        wanted |= _trailing(coverage, wish, last)
    found = slices(day for day in wanted if day <= last)
    if (wish.end is None or wish.end >= wish.today) and (wish.start is None or wish.start <= wish.today):
        found.append(Window(start=wish.today, end=wish.today, current_day=True))
    return found


def backlog(coverage: Mapping[date, Coverage], wish: Wish) -> list[date]:
    """Return the days nobody has read that are too old for every pull to ask for, oldest first."""
    last = wish.today - timedelta(days=DEEP_DAYS + 1)
    wanted = days_between(_first_wanted(coverage, wish), last)
    return [day for day in wanted if day not in wish.asked and not _is_read(coverage.get(day))]


def leaves_older_days(coverage: Mapping[date, Coverage], wish: Wish) -> bool:
    """Say whether a pull by this wish asks for the newest days only, and leaves a backlog."""
    if wish.start or wish.end or wish.older:
        return False
    unsettled = _all_unsettled(coverage, wish, wish.today - ONE)
    return len(unsettled) > MOST_DAYS and bool(backlog(coverage, wish))


def doubtful(coverage: Mapping[date, Coverage], wish: Wish) -> set[date]:
    """Return the broken days within the wish, and the unproven ones right before each: a late line may be theirs."""
    found: set[date] = set()
    for day in (day for day, known in coverage.items() if known.state == "broken"):
        found.add(day)
        while (day := day - ONE) in coverage and coverage[day].state == "final":
            found.add(day)
    last = min(wish.end or wish.today, wish.today - ONE)
    return {day for day in found if first_day(coverage, wish) <= day <= last}


def first_day(coverage: Iterable[date], wish: Wish) -> date:
    """Return the first day of the feed: what a person said, else 90 days back; never later than what is covered."""
    if wish.start:
        return wish.start
    floor = wish.history_start or wish.today - timedelta(days=HISTORY_DAYS)
    return min([floor, *coverage])


def slices(days: Iterable[date]) -> list[Window]:
    """Return windows of at most five dates that hold all ``days``, oldest first, none beginning or ending idle."""
    found: list[Window] = []
    for day in sorted(set(days)):
        if found and (day - found[-1].start).days < WINDOW_DAYS:
            found[-1] = Window(start=found[-1].start, end=day)
        else:
            found.append(Window(start=day, end=day))
    return found


def groups(asked: Iterable[Window]) -> list[list[Window]]:
    """Return the windows in runs that one question for balances covers (at most 31 dates); the current day alone."""
    found: list[list[Window]] = []
    for window in asked:
        run = found[-1] if found else None
        fits = run is not None and not window.current_day and (window.end - run[0].start).days < BALANCE_DAYS
        if fits and run is not None:
            run.append(window)
        else:
            found.append([window])
    return found


def business_days_back(day: date, count: int, holidays: Collection[date]) -> date:
    """Return the ``count``-th business day counting back from ``day``, which counts itself if it is one."""
    while True:
        if day.weekday() < 5 and day not in holidays:
            count -= 1
            if count <= 0:
                return day
        day -= ONE


def days_between(start: date, end: date) -> list[date]:
    """Return the dates from ``start`` to ``end``, both included; none when they are the wrong way round."""
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _unsettled(coverage: Mapping[date, Coverage], wish: Wish, last: date) -> set[date]:
    found = _all_unsettled(coverage, wish, last)
    if wish.start or wish.end or len(found) <= MOST_DAYS:
        return found
    return {day for day in found if day >= wish.today - timedelta(days=MOST_DAYS)}


def _all_unsettled(coverage: Mapping[date, Coverage], wish: Wish, last: date) -> set[date]:
    wanted = days_between(_first_wanted(coverage, wish), last)
    unknown = {day for day in wanted if day not in coverage}
    start = first_day(coverage, wish)
    return unknown | {day for day, known in coverage.items() if not known.settled and start <= day <= last}


def _first_wanted(coverage: Iterable[date], wish: Wish) -> date:
    """Return from when on days that nobody has read are wanted: where a person said so, not before."""
    return wish.start or wish.history_start or first_day(coverage, wish)


def _next_older(coverage: Mapping[date, Coverage], wish: Wish) -> list[date]:
    days = backlog(coverage, wish)
    return [day for day in days if (day - days[0]).days < SLICE_DAYS]


def _is_read(known: Coverage | None) -> bool:
    return known is not None and known.state not in {"missing", "provisional"}


def _trailing(coverage: Iterable[date], wish: Wish, last: date) -> set[date]:
    yesterday = wish.today - ONE
    start = business_days_back(yesterday, TRAILING_BUSINESS_DAYS, wish.holidays)
    again = WIDE_DAYS if wish.wide else DEEP_DAYS if wish.deep else 0
    if again:
        start = min(start, wish.today - timedelta(days=again))
    return set(days_between(max(start, first_day(coverage, wish)), last))
