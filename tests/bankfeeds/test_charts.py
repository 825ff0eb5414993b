"""From numbers to places: bars, a line in steps, a calendar of weeks, and the figures beside them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bankfeeds import charts

MONDAY = date(2026, 6, 1)


def test_a_bar_is_as_high_as_its_share_of_a_round_top() -> None:
    found = charts.bars(
        {MONDAY: 5, MONDAY + timedelta(days=2): 10}, first=MONDAY, last=MONDAY + timedelta(days=2)
    )
    assert (found.width, found.ticks, found.grid) == (30, (10, 5, 0), (0.0, 50.0, 100.0))
    assert [(bar.x, bar.y, bar.height) for bar in found.bars] == [(0, 50.0, 50.0), (20, 0.0, 100.0)]


def test_one_line_among_thousands_is_still_seen() -> None:
    found = charts.bars(
        {MONDAY: 1, MONDAY + timedelta(days=1): 9000}, first=MONDAY, last=MONDAY + timedelta(days=1)
    )
    assert (found.ticks[0], found.bars[0].height) == (10000, 1.0)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (2, 2), (3, 4), (7, 8), (9, 10), (10, 10), (11, 20), (61, 80), (999, 1000)]
)
def test_the_top_is_round_and_even(most: int, top: int) -> None:
    assert charts.bars({MONDAY: most}, first=MONDAY, last=MONDAY).ticks == (top, top // 2, 0)


def test_the_line_holds_each_value_and_breaks_where_none_is_known() -> None:
    values = {
        MONDAY: Decimal(0),
        MONDAY + timedelta(days=1): Decimal(30),
        MONDAY + timedelta(days=3): Decimal(15),
    }
    found = charts.curve(values, first=MONDAY, last=MONDAY + timedelta(days=4))
    assert found.ticks == (Decimal(30), Decimal(20), Decimal(10), Decimal(0))
    assert (found.path, found.dot) == ("M0 100.0H10V0.0H20M30 50.0H40", (40, 50.0))
    assert charts.curve({}, first=MONDAY, last=MONDAY).path == ""


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        ("364075.62", "671117.03", ["800 k", "600 k", "400 k", "200 k"]),
        ("-1250", "1000", ["1 k", "0", "−1 k", "−2 k"]),
        ("12", "12", ["15", "10", "5", "0"]),
        ("0", "0", ["1", "0.5", "0"]),
        (
            "1000000000000000",
            "1000000000000001",
            ["1,000.000000000001 T", "1,000.0000000000005 T", "1,000 T"],
        ),
    ],
)
def test_an_axis_has_a_few_round_numbers_that_hold_all_values(low: str, high: str, ticks: list[str]) -> None:
    assert [charts.short(tick) for tick in charts.scale(Decimal(low), Decimal(high))] == ticks


def test_the_calendar_has_weeks_as_columns_with_monday_on_top() -> None:
    found = charts.calendar(first=MONDAY - timedelta(days=1), last=MONDAY + timedelta(days=1))
    assert [(cell.day.isoformat(), cell.x, cell.y, cell.weekend) for cell in found.cells] == [
        ("2026-05-31", 34, 108, True),
        ("2026-06-01", 49, 18, False),
        ("2026-06-02", 49, 33, False),
    ]
    assert (found.width, found.height) == (64, 123)
    assert found.months == ((49, MONDAY),)  # of May there is one day only: no room for its name
