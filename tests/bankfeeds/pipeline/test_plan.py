"""What is asked for, from what is known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankfeeds.pipeline.plan import (
    Coverage,
    Window,
    Wish,
    business_days_back,
    days_between,
    first_day,
    groups,
    slices,
    windows,
)

TODAY = date(2026, 6, 3)  # a Wednesday
PROVEN = Coverage(state="proven")


def d(day: int, month: int = 6) -> date:
    return date(2026, month, day)


def proven(start: date, end: date) -> dict[date, Coverage]:
    return dict.fromkeys(days_between(start, end), PROVEN)


def posted(found: list[Window]) -> list[tuple[date, date]]:
    return [(window.start, window.end) for window in found if not window.current_day]


def test_a_new_account_is_asked_for_ninety_days_and_today_in_windows_of_five_dates() -> None:
    found = windows({}, Wish(today=TODAY))
    assert found[0] == Window(start=TODAY - timedelta(days=90), end=TODAY - timedelta(days=86))
    assert found[-1] == Window(start=TODAY, end=TODAY, current_day=True)
    assert [day for window in found[:-1] for day in window.days()] == days_between(
        TODAY - timedelta(days=90), TODAY - timedelta(days=1)
    )


def test_a_settled_feed_is_asked_for_the_last_five_business_days_only() -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    # Tue 2, Mon 1, Fri 29, Thu 28, Wed 27: seven dates, because weekends are asked for too.
    assert posted(windows(known, Wish(today=TODAY))) == [(d(27, 5), d(31, 5)), (d(1), d(2))]


def test_holidays_reach_further_back() -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    found = posted(windows(known, Wish(today=TODAY, holidays={d(1)})))
    assert found[0][0] == d(26, 5)


def test_a_deep_reading_covers_thirty_one_days() -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    found = posted(windows(known, Wish(today=TODAY, deep=True)))
    assert (found[0][0], found[-1][1]) == (TODAY - timedelta(days=31), TODAY - timedelta(days=1))


def test_nothing_before_the_first_day_of_the_feed_is_asked_for() -> None:
    wish = Wish(today=TODAY, history_start=d(1), deep=True)
    assert posted(windows({}, wish)) == [(d(1), d(2))]
    assert posted(windows(proven(d(1), d(2)), wish)) == [(d(1), d(2))]
    assert posted(windows(proven(d(25, 5), d(2)), wish))[0] == (
        d(25, 5),
        d(29, 5),
    )  # covered once, covered ever


@pytest.mark.parametrize("state", ["missing", "provisional", "broken"])
def test_an_unsettled_day_is_asked_for_again_however_old(state: str) -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    known[d(1, 4)] = Coverage(state=state)  # type: ignore[arg-type]
    assert posted(windows(known, Wish(today=TODAY)))[0] == (d(1, 4), d(1, 4))


def test_a_gap_is_asked_for_again() -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    for day in (d(1, 4), d(3, 4), d(7, 4)):
        del known[day]
    assert posted(windows(known, Wish(today=TODAY)))[:2] == [(d(1, 4), d(3, 4)), (d(7, 4), d(7, 4))]


def test_a_final_day_with_lines_is_asked_for_until_proven_and_one_without_business_is_not() -> None:
    known = proven(TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    known[d(1, 4)] = Coverage(state="final", quiet=True)
    known[d(2, 4)] = Coverage(state="final")
    assert posted(windows(known, Wish(today=TODAY)))[0] == (d(2, 4), d(2, 4))


def test_a_pause_of_any_length_heals_itself() -> None:
    known = proven(d(1, 2), d(10, 3))
    found = posted(windows(known, Wish(today=TODAY)))
    assert [day for start, end in found for day in days_between(start, end)] == days_between(d(11, 3), d(2))


def test_start_alone_is_an_earlier_start_of_the_same_plan() -> None:
    known = proven(d(1, 3), d(2))
    found = posted(windows(known, Wish(today=TODAY, start=d(20, 2))))
    assert found[0] == (d(20, 2), d(24, 2))
    assert found[-1][1] == d(2)


def test_start_and_end_read_every_day_between_and_nothing_else() -> None:
    known = proven(d(1, 3), d(2))
    found = windows(known, Wish(today=TODAY, start=d(4, 5), end=d(12, 5)))
    assert found == [Window(start=d(4, 5), end=d(8, 5)), Window(start=d(9, 5), end=d(12, 5))]


def test_an_end_of_today_includes_the_current_day_and_the_future_is_never_asked_for() -> None:
    found = windows({}, Wish(today=TODAY, start=d(1), end=d(30)))
    assert found == [Window(start=d(1), end=d(2)), Window(start=TODAY, end=TODAY, current_day=True)]
    assert windows({}, Wish(today=TODAY, start=TODAY)) == [Window(start=TODAY, end=TODAY, current_day=True)]


def test_the_first_day_never_moves_past_what_is_covered() -> None:
    assert first_day([d(1, 1)], Wish(today=TODAY)) == d(1, 1)
    assert first_day([d(1, 5)], Wish(today=TODAY, history_start=d(1, 4))) == d(1, 4)
    assert first_day([], Wish(today=TODAY, history_start=d(1))) == d(1)


def test_business_days_count_back_over_weekends_and_holidays() -> None:
    assert business_days_back(d(2), 1, ()) == d(2)
    assert business_days_back(d(31, 5), 1, ()) == d(29, 5)  # a Sunday
    assert business_days_back(d(2), 5, {d(29, 5)}) == d(26, 5)


def test_groups_fit_one_question_for_balances_and_the_current_day_stands_alone() -> None:
    found = groups(windows({}, Wish(today=TODAY)))
    assert [(group[0].start, group[-1].end) for group in found] == [
        (d(5, 3), d(3, 4)),
        (d(4, 4), d(3, 5)),
        (d(4, 5), d(2)),
        (TODAY, TODAY),
    ]


@given(st.sets(st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31))))
def test_slices_hold_every_day_once_in_order_within_five_dates(days: set[date]) -> None:
    found = slices(days)
    covered = [day for window in found for day in window.days()]
    assert covered == sorted(set(covered))
    assert days <= set(covered)
    assert all(
        (window.end - window.start).days < 5 and {window.start, window.end} <= days for window in found
    )
