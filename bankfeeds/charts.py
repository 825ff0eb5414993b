"""From numbers to the places of a picture's parts. Pure: no text of a page, no colour, no scale of a screen.

Bars and lines are laid out in a box of ``width`` by 100 units that a page may stretch; the calendar is in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

HEIGHT = 100
SLOT, BAR = 10, 7
PITCH, CELL = 15, 12
LEFT, TOP = 34, 18
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one day: its value and its place."""

    day: date
    value: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars from the first to the last day; ``ticks`` from the top down, at equal distances."""

    width: int
    bars: tuple[Bar, ...]
    ticks: tuple[int, ...]
    grid: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in steps, broken where a day has no value, and a dot for its last value; ``ticks`` from the top down."""

    width: int
    path: str
    dot: tuple[float, float] | None
    ticks: tuple[Decimal, ...]
    grid: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of the calendar, at the upper left corner of its square."""

    day: date
    x: int
    y: int

    @property
    def weekend(self) -> bool:
        return self.day.weekday() > 4


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weeks as columns, Monday on top; ``months`` are the places of the names above the columns."""

    width: int
    height: int
    cells: tuple[Cell, ...]
    months: tuple[tuple[int, date], ...]
    weekdays: tuple[tuple[int, str], ...]


def bars(values: Mapping[date, int], *, first: date, last: date) -> Bars:
    """Return a bar per day from ``first`` to ``last``; days without a value have none."""
    days = (last - first).days + 1
    top = _even_top(max((n for day, n in values.items() if first <= day <= last), default=0))
    found = []
    for place in range(days):
        day = first + place * ONE
        value = values.get(day, 0)
        if value > 0:
            height = max(round(HEIGHT * value / top, 2), 1.0)
            found.append(Bar(day, value, place * SLOT, round(HEIGHT - height, 2), height))
    return Bars(days * SLOT, tuple(found), (top, top // 2, 0), grid(3))


def curve(values: Mapping[date, Decimal], *, first: date, last: date) -> Curve:
    """Return the values as a line in steps: each holds until the next day's, and a day without one breaks the line."""
    shown = {day: value for day, value in sorted(values.items()) if first <= day <= last}
    width = ((last - first).days + 1) * SLOT
    if not shown:
        return Curve(width, "", None, (), ())
    ticks = scale(min(shown.values()), max(shown.values()))
    span = ticks[0] - ticks[-1]
    parts: list[str] = []
    before: date | None = None
    x = y = 0.0
    for day, value in shown.items():
        x = (day - first).days * SLOT
        y = float(round(HEIGHT * (ticks[0] - value) / span, 2))
        parts.append(f"V{y}H{x + SLOT}" if before == day - ONE else f"M{x} {y}H{x + SLOT}")
        before = day
    return Curve(width, "".join(parts), (x + SLOT, y), ticks, grid(len(ticks)))


def calendar(*, first: date, last: date) -> Calendar:
    """Return the days from ``first`` to ``last`` in weeks; the first week begins on the Monday before or on it."""
    monday = first - timedelta(days=first.weekday())
    cells = []
    months: list[tuple[int, date]] = []
    for place in range((last - first).days + 1):
        day = first + place * ONE
        week = (day - monday).days // 7
        x = LEFT + week * PITCH
        cells.append(Cell(day, x, TOP + day.weekday() * PITCH))
        if day.day == 1 or place == 0:
            months.append((x, day))
    # A month of which only the last days are shown leaves its name no room.
    if len(months) > 1 and months[1][0] - months[0][0] < 2 * PITCH:
        del months[0]
    weeks = (last - monday).days // 7 + 1
    names = tuple((TOP + row * PITCH + CELL - 2, name) for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri")))
    return Calendar(LEFT + weeks * PITCH, TOP + 7 * PITCH, tuple(cells), tuple(months), names)


def scale(low: Decimal, high: Decimal) -> tuple[Decimal, ...]:
    """Return three to five round numbers at equal distances, the highest first, that hold ``low`` and ``high``."""
    if low == high:
        low, high = (Decimal(0), high) if high > 0 else (low, Decimal(0)) if low < 0 else (low, Decimal(1))
    step = _round_step((high - low) / 3)
    bottom = (low / step).to_integral_value(ROUND_FLOOR)
    top = (high / step).to_integral_value(ROUND_CEILING)
    return tuple(step * number for number in range(int(top), int(bottom) - 1, -1))


def short(amount: Decimal) -> str:
    """Return an amount as an axis says it: 1.25 M, 940 k, 12; exact for the round numbers of ``scale``."""
    for size, letter in ((12, "T"), (9, "bn"), (6, "M"), (3, "k")):
        if abs(amount) >= Decimal(10) ** size:
            return f"{_plain(amount.scaleb(-size))} {letter}"
    return _plain(amount)


def grid(ticks: int) -> tuple[float, ...]:
    """Return the heights of so many lines at equal distances, from the top down."""
    return tuple(round(HEIGHT * n / (ticks - 1), 2) for n in range(ticks))


def _plain(amount: Decimal) -> str:
    return format(amount.normalize() + 0, ",f").replace("-", "−")


def _round_step(rough: Decimal) -> Decimal:
    size = Decimal(10) ** rough.adjusted()
    return next(size * factor for factor in _FACTORS if size * factor >= rough)


def _even_top(most: int) -> int:
    """Return a round even number that is at least ``most``, and at least 2."""
    if most <= 2:
        return 2
    size = 10 ** int(math.log10(most))
    tops: Sequence[int] = [n * size // 10 for n in (10, 20, 40, 60, 80, 100)]
    return next(top for top in tops if top >= most and top % 2 == 0)


_FACTORS = [Decimal(n) for n in ("1", "2", "2.5", "5", "10")]
