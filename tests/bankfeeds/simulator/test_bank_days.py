from __future__ import annotations

from datetime import date

from bankfeeds.simulator.bank_days import (
    business_days,
    business_days_before,
    holidays_of,
    is_business_day,
    previous_business_day,
)


def test_the_holidays_of_2026_are_those_the_federal_reserve_publishes() -> None:
    assert sorted(holidays_of(2026)) == [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 7, 4),
        date(2026, 9, 7),
        date(2026, 10, 12),
        date(2026, 11, 11),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]


def test_a_holiday_on_a_sunday_is_kept_on_monday_and_one_on_a_saturday_is_not_moved() -> None:
    assert date(2027, 7, 5) in holidays_of(2027)
    assert is_business_day(date(2026, 7, 3))


def test_weekends_and_holidays_are_skipped() -> None:
    assert list(business_days(date(2026, 5, 22), date(2026, 5, 27))) == [
        date(2026, 5, 22),
        date(2026, 5, 26),
        date(2026, 5, 27),
    ]
    assert previous_business_day(date(2026, 5, 26)) == date(2026, 5, 22)
    assert business_days_before(date(2026, 5, 27), 3) == date(2026, 5, 21)
