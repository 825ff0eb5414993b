"""The proof of each day: opening + credits - debits = closing, and the opening is the day before's closing.

A day the bank stated no balances for (a weekend, a holiday, no activity) is proven by its neighbours: what was known
before, plus the movements since, must be what the next stated day opens with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, Protocol

ZERO = Decimal(0)
MOST_SUSPECTS = 10
Verdict = Literal["final", "proven", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """One completely read day. Balances are None where the bank stated none; amounts are in one currency.

    ``foreign``: lines or balances of another currency than the account's are among them, so sums mean nothing.
    """

    as_of_date: date
    credits: Decimal = ZERO
    debits: Decimal = ZERO
    lines: int = 0
    opening: Decimal | None = None
    closing: Decimal | None = None
    rejected: int = 0
    foreign: bool = False

    @property
    def moved(self) -> Decimal:
        return self.credits - self.debits


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a day has come to. ``difference``: opening + movements - closing; None where nothing is known.

    ``sentence`` says why the day is broken; empty otherwise.
    """

    as_of_date: date
    state: Verdict
    opening: Decimal | None
    closing: Decimal | None
    difference: Decimal | None
    sentence: str = ""


class Movement(Protocol):
    """A line, as far as the proof looks at it."""

    @property
    def transaction_id(self) -> str: ...

    @property
    def amount(self) -> Decimal: ...


def foots(opening: Decimal | None, closing: Decimal | None, moved: Decimal) -> bool:
    """Say whether the stated balances prove the movements; False when none were stated."""
    return opening is not None and closing is not None and opening + moved == closing


def judge(days: Iterable[DayFacts]) -> list[Judgement]:
    """Return a judgement per day, ascending. Days absent from ``days`` are unread: no proof reaches across them."""
    found: list[Judgement] = []
    waiting: list[DayFacts] = []  # read days without balances since the last stated one
    carried: Decimal | None = None  # the last known closing, as of the day before the first one waiting
    previous: date | None = None
    for day in sorted(days, key=lambda one: one.as_of_date):
        if previous is not None and day.as_of_date != previous + timedelta(days=1):
            found += [_unproven(one) for one in waiting]
            waiting, carried = [], None
        previous = day.as_of_date
        if day.opening is None or day.closing is None:
            waiting.append(day)
            continue
        gap_proven, expected = _bridge(waiting, carried, day.opening)
        found += gap_proven
        found.append(_stated(day, expected))
        waiting, carried = [], day.closing
    return found + [_unproven(one) for one in waiting]


def suspects(difference: Decimal, lines: Sequence[Movement]) -> list[str]:
    """Return the ids of lines that would explain ``difference``: that amount, half of it, or twice it; at most ten.

    The amount itself: a line too many, or one like it missing. Half: booked on the wrong side. Twice: counted half.
    """
    wanted = abs(difference)
    fits = [
        line.transaction_id for line in lines if wanted and line.amount in (wanted, wanted / 2, wanted * 2)
    ]
    return sorted(fits)[:MOST_SUSPECTS]


def _stated(day: DayFacts, expected: Decimal | None) -> Judgement:
    assert day.opening is not None  # noqa: S101 - narrowed by the caller
    assert day.closing is not None  # noqa: S101
    difference = day.opening + day.moved - day.closing
    judged = Judgement(
        as_of_date=day.as_of_date,
        state="proven",
        opening=day.opening,
        closing=day.closing,
        difference=difference,
    )
    if day.rejected:
        return replace(judged, state="broken", sentence=_rejected(day))
    if day.foreign:
        return replace(
            judged, state="broken", sentence="Lines or balances are in another currency than the account."
        )
    if difference:
        sentence = (
            f"Opening {day.opening} + credits {day.credits} - debits {day.debits} is not the closing "
            f"{day.closing}: the difference is {difference}."
        )
        return replace(judged, state="broken", sentence=sentence)
    if expected is not None and expected != day.opening:
        sentence = (
            f"The day opens with {day.opening}, but what is booked before it closes with {expected}: "
            f"the difference is {day.opening - expected}."
        )
        return replace(judged, state="broken", difference=day.opening - expected, sentence=sentence)
    return judged


def _bridge(
    waiting: Sequence[DayFacts], carried: Decimal | None, opening: Decimal
) -> tuple[list[Judgement], Decimal | None]:
    """Judge the days without balances between two stated ones; return them and what the next day should open with."""
    if carried is None:
        return [_unproven(one) for one in waiting], None
    expected = carried + sum((one.moved for one in waiting), ZERO)
    if expected != opening or any(one.rejected or one.foreign for one in waiting):
        return [_unproven(one) for one in waiting], expected
    found, balance = [], carried
    for one in waiting:
        closing = balance + one.moved
        found.append(
            Judgement(
                as_of_date=one.as_of_date, state="proven", opening=balance, closing=closing, difference=ZERO
            )
        )
        balance = closing
    return found, expected


def _unproven(day: DayFacts) -> Judgement:
    broken = bool(day.rejected or day.foreign)
    sentence = (
        _rejected(day)
        if day.rejected
        else "Lines are in another currency than the account."
        if broken
        else ""
    )
    return Judgement(
        as_of_date=day.as_of_date,
        state="broken" if broken else "final",
        opening=day.opening,
        closing=day.closing,
        difference=None,
        sentence=sentence,
    )


def _rejected(day: DayFacts) -> str:
    return f"{day.rejected} record{'s' if day.rejected > 1 else ''} of the day could not be taken."
