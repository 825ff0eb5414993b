"""Whose turn it is and for how long: business days per holder, from the hand-overs of a step.

A day counts for whoever holds the step at its end, in the customer's time zone. So the day of a hand-over is never
counted twice, and the holders' days plus the days on hold sum up to the elapsed business days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from onboarding.calendars import business_days

CUSTOMER, US, BANK, HOLD, NOBODY = "customer", "us", "bank", "hold", ""


@dataclass(frozen=True, slots=True)
class Turn:
    """From ``at`` on, ``holder`` has the step: customer, us, bank, hold, or nobody (empty) once it is closed."""

    holder: str
    at: datetime


def totals(turns: Sequence[Turn], *, zone: tzinfo, now: datetime) -> dict[str, int]:
    """Return the business days per holder, hold included and nobody left out. ``turns`` in order of time."""
    found: dict[str, int] = {}
    for holder, since, until in _spans(turns, zone=zone, now=now):
        if holder != NOBODY:
            found[holder] = found.get(holder, 0) + business_days(since, until)
    return found


def elapsed(turns: Sequence[Turn], *, zone: tzinfo, now: datetime) -> int:
    """Return the business days of the step, time on hold left out."""
    return sum(days for holder, days in totals(turns, zone=zone, now=now).items() if holder != HOLD)


def age(turns: Sequence[Turn], *, zone: tzinfo, now: datetime) -> int:
    """Return for how many business days the present holder has had the step; a hold in between does not count."""
    spans = _spans(turns, zone=zone, now=now)
    present = next((holder for holder, _, _ in reversed(spans) if holder != HOLD), NOBODY)
    days = 0
    for holder, since, until in reversed(spans):
        if holder not in (HOLD, present):
            break
        days += business_days(since, until) if holder == present else 0
    return days


def words(holder: str, days: int, *, page: str) -> str:
    """Return in words how long ``holder`` has had the step, for the customer's ``page`` or the console's.

    ``page`` is ``customer`` or ``console``.
    """
    if holder == NOBODY:
        return ""
    if holder == HOLD:
        return "On hold: no clock runs"
    span = "since today" if days == 0 else f"for {days} business day{'' if days == 1 else 's'}"
    return f"{_WITH[page][holder]} {span}"


_WITH = {
    "customer": {CUSTOMER: "With you", US: "With us", BANK: "With J.P. Morgan"},
    "console": {CUSTOMER: "With the customer", US: "With us", BANK: "With J.P. Morgan"},
}


def _spans(turns: Sequence[Turn], *, zone: tzinfo, now: datetime) -> list[tuple[str, date, date]]:
    ends = [*(turn.at for turn in turns[1:]), now][: len(turns)]
    return [
        (turn.holder, turn.at.astimezone(zone).date(), end.astimezone(zone).date())
        for turn, end in zip(turns, ends, strict=True)
    ]
