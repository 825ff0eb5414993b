"""Days as people's exports write them. Whether 3/4 is in April or in March is asked, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

from bankfeeds.validation.unreadable import Unreadable

Order = Literal["day_first", "month_first"]

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.]?)(\d{{2}})\2(\d{{2}}){_TIME}")
_NUMBERS = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")
_DAY_NAME = re.compile(r"(\d{1,2})[-. ]+([A-Za-z]{3,9})\.?[-, ]+(\d{4}|\d{2})")
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.? +(\d{1,2}),? +(\d{4})")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip


def day_order(cells: Iterable[str]) -> tuple[Order | None, str]:
    """Return the order of day and month that the days of a column prove, and a day that leaves it open.

    None with a day: somebody must say; None without one: no day of the column needs it.
    """
    proven: set[Order] = set()
    example = ""
    for cell in cells:
        found = _NUMBERS.fullmatch(cell.strip())
        if not found or found[1].zfill(2) == found[3].zfill(2):
            continue
        first, second = int(found[1]), int(found[3])
        if first > 12 >= second:
            proven.add("day_first")
        elif second > 12 >= first:
            proven.add("month_first")
        example = example or cell.strip()
    return (proven.pop(), "") if len(proven) == 1 else (None, example)


def read_day(text: str, *, order: Order | None) -> date:
    """Return the day of a cell; a time of day is left out. Raises Unreadable."""
    cell = text.strip()
    try:
        return date(*_parts(cell, order))
    except (ValueError, StopIteration):
        raise Unreadable(f"“{cell[:40]}” is not a day" if cell else "there is no day") from None


def _parts(cell: str, order: Order | None) -> tuple[int, int, int]:
    if found := _YEAR_FIRST.fullmatch(cell):
        return int(found[1]), int(found[3]), int(found[4])
    if found := _NUMBERS.fullmatch(cell):
        first, second, year = int(found[1]), int(found[3]), _year(found[4])
        if order is None and first != second:
            raise ValueError(cell)
        return (year, first, second) if order == "month_first" else (year, second, first)
    if found := _DAY_NAME.fullmatch(cell):
        return _year(found[3]), _month(found[2]), int(found[1])
    if found := _NAME_DAY.fullmatch(cell):
        return int(found[3]), _month(found[1]), int(found[2])
    raise ValueError(cell)


def _month(name: str) -> int:
    """Return the month of an English name or of its first three letters."""
    word = name.lower()
    return next(at for at, month in enumerate(_MONTHS, 1) if word in (month, month[:3]))


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)
