from datetime import date

import pytest

from onboarding.calendars import add_business_days, business_days, is_business_day


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        (date(2026, 5, 22), True),
        (date(2026, 5, 25), False),
        (date(2026, 6, 19), False),
        (date(2026, 7, 3), True),
        (date(2026, 7, 4), False),
        (date(2023, 1, 2), False),
    ],
)
def test_the_federal_reserve_is_open_on_the_friday_before_a_saturday_holiday(day: date, open_: bool) -> None:
    assert is_business_day(day) is open_


def test_business_days_leave_the_first_day_out_and_the_last_in() -> None:
    assert business_days(date(2026, 5, 22), date(2026, 5, 27)) == 2
    assert business_days(date(2026, 5, 27), date(2026, 5, 22)) == 0


def test_neighbouring_spans_sum_up() -> None:
    days = [date(2026, 5, d) for d in range(20, 31)]
    whole = business_days(days[0], days[-1])
    assert all(business_days(days[0], d) + business_days(d, days[-1]) == whole for d in days)


def test_adding_counts_open_days_only() -> None:
    assert add_business_days(date(2026, 6, 18), 1) == date(2026, 6, 22)
    assert add_business_days(date(2026, 6, 20), 0) == date(2026, 6, 20)
