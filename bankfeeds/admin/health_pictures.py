"""The pictures of a feed's days, each with its meaning in a sentence and its figures as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.urls import reverse

from bankfeeds import charts
from bankfeeds.expectation import day_words
from bankfeeds.health import DayFacts
from bankfeeds.models.day import DayState
from bankfeeds.reports import amount_text

YEAR, QUARTER = timedelta(days=364), timedelta(days=89)
ONE = timedelta(days=1)
STATES = ("proven", "final", "broken", "missing", "provisional")
MEANINGS = {
    "proven": "Proven",
    "final": "Read, not proven yet",
    "broken": "Does not foot, or cannot be proven",
    "missing": "Not read",
    "provisional": "Provisional",
}


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A day in the calendar: where, which state, in words, and its page where it has one."""

    cell: charts.Cell
    state: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A year of days. ``legend``: state, meaning, number of days; ``months``: a name and the numbers by state."""

    shape: charts.Calendar
    cells: Sequence[HeatCell]
    month_names: Sequence[tuple[int, str]]
    legend: Sequence[tuple[str, str, int]]
    months: Sequence[tuple[str, Sequence[int]]]
    sentence: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines per day over 90 days."""

    shape: charts.Bars
    bars: Sequence[tuple[charts.Bar, str]]
    dates: Sequence[str]
    sentence: str


@dataclass(frozen=True, slots=True)
class Row:
    """A day of the table behind the pictures."""

    day: str
    url: str
    state: str
    lines: int
    closing: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Closing balances over 90 days, and the table of these days, newest first."""

    shape: charts.Curve
    ticks: Sequence[str]
    dates: Sequence[str]
    sentence: str
    rows: Sequence[Row]


def heat(days: Mapping[date, DayFacts], *, today: date) -> Heat:
    """Return the year up to today.

    Days before the first of which the bank told anything stand for nothing, and so does today while it is unread.
    """
    shape = charts.calendar(first=today - YEAR, last=today)
    told = (day for day, facts in days.items() if facts.lines or facts.rejected or facts.closing is not None)
    begun = min(told, default=today)
    cells, counts, months = [], Counter[str](), dict[date, Counter[str]]()
    for cell in shape.cells:
        facts = days.get(cell.day)
        outside = cell.day < begun or (cell.day == today and facts is None)
        state = "outside" if outside else facts.state if facts else "missing"
        cells.append(HeatCell(cell, state, _cell_words(cell.day, state, facts), _url(facts)))
        if not outside:
            counts[state] += 1
            months.setdefault(cell.day.replace(day=1), Counter())[state] += 1
    return Heat(
        shape,
        cells,
        [(x, f"{day:%b}") for x, day in shape.months],
        [(state, MEANINGS[state], counts[state]) for state in STATES if counts[state] or state in STATES[:3]],
        [
            (f"{month:%b %Y}", [row[state] for state in STATES])
            for month, row in sorted(months.items(), reverse=True)
        ],
        _heat_sentence(counts, begun, today),
    )


def lines(days: Mapping[date, DayFacts], *, today: date) -> Lines:
    """Return the lines of each day over the 90 days up to today."""
    first = today - QUARTER
    counts = {day: facts.lines for day, facts in days.items() if day >= first}
    shape = charts.bars(counts, first=first, last=today)
    total, busy = sum(counts.values()), sum(n > 0 for n in counts.values())
    said = f"{total:,} line{_s(total)} on {busy} day{_s(busy)} since {day_words(first)}"
    if busy:
        most = max(counts, key=lambda day: (counts[day], day))
        said += f"; the most, {counts[most]:,}, on {day_words(most)}"
    bars = [(bar, f"{day_words(bar.day)}: {bar.value:,} line{_s(bar.value)}") for bar in shape.bars]
    return Lines(shape, bars, _dates(first, today), f"{said}.")


def balance(days: Mapping[date, DayFacts], currency: str, *, today: date) -> Balance:
    """Return the closing balances of the 90 days up to today, and all that is known of these days as a table."""
    first = today - QUARTER
    shown = {
        day: facts
        for day, facts in sorted(days.items(), reverse=True)
        if day >= first and facts.state != "missing"
    }
    values = {day: facts.closing for day, facts in shown.items() if facts.closing is not None}
    shape = charts.curve(values, first=first, last=today)
    said = f"The bank has stated no balance since {day_words(first)}."
    if values:
        low, high, last = (f(values, key=lambda day: (values[day], day)) for f in (min, max, _latest))
        low_said, high_said, last_said = (
            f"{_money(values[day], currency)} {currency} on {day_words(day)}" for day in (low, high, last)
        )
        said = f"Last {last_said}; lowest {low_said}, highest {high_said}."
    rows = [
        Row(day_words(day), _url(facts), DayState(facts.state).label, facts.lines,
            _money(facts.closing, currency) if facts.closing is not None else "–")
        for day, facts in shown.items()
    ]  # fmt: skip
    return Balance(shape, [charts.short(tick) for tick in shape.ticks], _dates(first, today), said, rows)


def _money(amount: Decimal, currency: str) -> str:
    return format(Decimal(amount_text(amount, currency)), ",f")


def _latest(values: Mapping[date, object], key: object) -> date:
    return max(values)


def _cell_words(day: date, state: str, facts: DayFacts | None) -> str:
    said = f"{day:%a} {day_words(day)}: "
    if state == "outside":
        return said + "nothing known, and nothing awaited"
    said += MEANINGS[state].lower()
    if facts and facts.lines:
        said += f", {facts.lines:,} line{_s(facts.lines)}"
    if facts and facts.rejected:
        said += f", {facts.rejected} record{_s(facts.rejected)} not taken"
    return said


def _heat_sentence(counts: Mapping[str, int], begun: date, today: date) -> str:
    total = sum(counts.values())
    if not total:
        return "No day has been read."
    since = max(begun, today - YEAR)
    parts = [f"{counts[state]} {state}" for state in STATES if counts.get(state)]
    return f"{total} day{_s(total)} since {day_words(since)}: {', '.join(parts)}."


def _url(facts: DayFacts | None) -> str:
    return reverse("admin:bankfeeds_day_change", args=[facts.pk]) if facts else ""


def _dates(first: date, last: date) -> list[str]:
    middle = first + (last - first) // 2
    return [f"{day.day} {day:%b}" for day in (first, middle, last)]


def _s(number: int) -> str:
    return "" if number == 1 else "s"
