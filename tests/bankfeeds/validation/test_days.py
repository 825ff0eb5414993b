"""Days of a customer's export: read exactly, and the order of day and month proven or asked for."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankfeeds.validation.days import Order, day_order, read_day
from bankfeeds.validation.unreadable import Unreadable

DAY = date(2026, 6, 3)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-06-03", None),
        ("20260603", None),
        ("2026/06/03", None),
        ("2026-06-03T23:59:59Z", None),
        ("2026-06-03 00:00", None),
        ("03/06/2026", "day_first"),
        ("3.6.26", "day_first"),
        ("06/03/2026", "month_first"),
        ("6-3-2026 08:15", "month_first"),
        ("3 Jun 2026", None),
        ("03-JUN-26", None),
        ("June 3, 2026", None),
    ],
)
def test_reads_what_people_s_exports_write(text: str, order: Order | None) -> None:
    assert read_day(text, order=order) == DAY


@pytest.mark.parametrize(
    ("text", "order"),
    [("03/06/2026", None), ("31/02/2026", "day_first"), ("13/13/2026", "day_first"), ("", None), ("45810", None),
     ("3 Juli 2026", None), ("2026-6-3", None), ("03/06-2026", "day_first")],
)  # fmt: skip
def test_refuses_the_rest(text: str, order: Order | None) -> None:
    with pytest.raises(Unreadable):
        read_day(text, order=order)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["03/04/2026", "13/04/2026"], ("day_first", "")),
        (["03/04/2026", "04/13/2026"], ("month_first", "")),
        (["03/04/2026", "05/04/2026"], (None, "03/04/2026")),
        (["13/04/2026", "04/13/2026", "1/2/2026"], (None, "13/04/2026")),
        (["04/04/2026", "2026-04-05", "5 Apr 2026", "total"], (None, "")),
    ],
)
def test_the_order_is_proven_by_the_column_or_asked_for_with_an_example(
    cells: list[str], found: tuple[Order | None, str]
) -> None:
    assert day_order(cells) == found


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from("/-."), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(day: date, mark: str, day_first: bool, short: bool) -> None:
    year = f"{day:%y}" if short else str(day.year)
    first, second = (day.day, day.month) if day_first else (day.month, day.day)
    text = f"{first}{mark}{second:02}{mark}{year}"
    assert read_day(text, order="day_first" if day_first else "month_first") == day
