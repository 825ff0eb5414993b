"""When an account is read next: where the customer is, on the bank's days, and not all at one second."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankfeeds.timetable import APART, Timetable, in_words, next_pull, problems, spread, tidy

NEW_YORK, LONDON = "America/New_York", "Europe/London"


def table(*times: str, zone: str = NEW_YORK, on_holidays: str = "once") -> Timetable:
    return Timetable(zone=zone, times=list(times), on_holidays=on_holidays)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def coming(found: Timetable, after: str, count: int, **more: Any) -> list[str]:
    """Return the next moments of the timetable in its own zone."""
    moment, told = utc(after), []
    for _ in range(count):
        moment = next_pull(found, after=moment, **more)
        told.append(moment.astimezone(ZoneInfo(found.zone)).strftime("%a %d %b %H:%M %Z"))
    return told


def test_a_business_day_has_all_its_times_and_a_weekend_the_first() -> None:
    found = table("06:30", "11:00", "19:30")
    assert coming(found, "2026-06-05T10:00", 6) == [
        "Fri 05 Jun 06:30 EDT",
        "Fri 05 Jun 11:00 EDT",
        "Fri 05 Jun 19:30 EDT",
        "Sat 06 Jun 06:30 EDT",
        "Sun 07 Jun 06:30 EDT",
        "Mon 08 Jun 06:30 EDT",
    ]


@pytest.mark.parametrize(
    ("on_holidays", "expected"),
    [
        ("all", ["Thu 02 Jul", "Fri 03 Jul", "Sat 04 Jul", "Sun 05 Jul", "Mon 06 Jul"]),
        ("none", ["Thu 02 Jul", "Fri 03 Jul", "Mon 06 Jul", "Tue 07 Jul", "Wed 08 Jul"]),
    ],
)
def test_of_a_holiday_on_a_saturday_the_friday_before_is_a_business_day(
    on_holidays: str, expected: list[str]
) -> None:
    found = coming(table("12:00", on_holidays=on_holidays), "2026-07-02T10:00", 5)
    assert [text[:10] for text in found] == expected


def test_the_bank_s_holidays_count_wherever_the_customer_is() -> None:
    found = table("08:00", zone=LONDON, on_holidays="none")
    assert coming(found, "2026-11-25T12:00", 2) == ["Fri 27 Nov 08:00 GMT", "Mon 30 Nov 08:00 GMT"]


def test_a_time_the_clock_leaves_out_is_taken_at_the_next_it_shows() -> None:
    found = table("02:10", "02:50", on_holidays="all")  # on 8 March 2026 New York goes from 02:00 to 03:00
    assert coming(found, "2026-03-08T06:00", 2) == ["Sun 08 Mar 03:00 EDT", "Mon 09 Mar 02:10 EDT"]


def test_a_time_the_clock_shows_twice_is_taken_once() -> None:
    found = table("01:30", on_holidays="all")  # on 1 November 2026 New York goes from 02:00 back to 01:00
    assert coming(found, "2026-11-01T04:00", 2) == ["Sun 01 Nov 01:30 EDT", "Mon 02 Nov 01:30 EST"]


def test_the_time_of_a_day_the_calendar_leaves_out_is_taken_as_the_next_day_begins() -> None:
    found = table("10:00", zone="Pacific/Apia", on_holidays="all")  # there was no 30 December 2011 in Samoa
    assert [text[:16] for text in coming(found, "2011-12-29T12:00", 3)] == [
        "Thu 29 Dec 10:00",
        "Sat 31 Dec 00:00",
        "Sat 31 Dec 10:00",
    ]


def test_the_spread_moves_the_moment_on_over_midnight_too() -> None:
    late = timedelta(minutes=29, seconds=59)
    assert coming(table("23:45"), "2026-06-03T04:05", 2, spread=late) == [
        "Wed 03 Jun 00:14 EDT",
        "Thu 04 Jun 00:14 EDT",
    ]


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from([NEW_YORK, LONDON, "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]),
    times=st.sets(st.integers(0, 47), min_size=1, max_size=8),
    on_holidays=st.sampled_from(["all", "once", "none"]),
    after=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)),
    account=st.integers(1, 10**9),
)
def test_moments_follow_each_other_and_show_a_time_of_the_timetable(
    zone: str, times: set[int], on_holidays: str, after: datetime, account: int
) -> None:
    found = table(
        *(f"{half // 2:02}:{half % 2 * 30:02}" for half in sorted(times)), zone=zone, on_holidays=on_holidays
    )
    moments = [after.replace(tzinfo=UTC)]
    for _ in range(4):
        moments.append(next_pull(found, after=moments[-1], spread=spread(account)))
    assert all(earlier < later for earlier, later in pairwise(moments))
    for moment in moments[1:]:
        shown = moment - spread(account)
        wall, before = (at.astimezone(ZoneInfo(zone)) for at in (shown, shown - timedelta(minutes=1)))
        jumped = before.utcoffset() != wall.utcoffset()
        assert f"{wall:%H:%M}" in found.times or jumped


def test_ten_thousand_accounts_at_one_time_of_day_never_fire_in_one_minute() -> None:
    seconds = [int(spread(account).total_seconds()) for account in range(1, 10_001)]
    minutes = Counter(second // 60 for second in seconds)
    assert set(minutes) == set(range(30))
    assert max(minutes.values()) <= 400  # 333 on average
    assert max(Counter(seconds).values()) <= 20


def test_the_spread_of_an_account_never_changes() -> None:
    assert [spread(account).total_seconds() for account in (1, 2, 3, 10_000)] == [29, 1713, 232, 365]
    assert all(timedelta(0) <= spread(account) < APART for account in range(1000))


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (table("06:30"), []),
        (table("00:15", "23:45"), []),
        (table("06:30", zone="Harbor/Kettle"), ["a time zone by its IANA name, such as America/New_York"]),
        (table("06:30", zone="../etc/passwd"), ["a time zone by its IANA name, such as America/New_York"]),
        (table("6:30", "25:00"), ["times of day as HH:MM instead of 6:30, 25:00"]),
        (table(), ["one to 8 times of day"]),
        (table(*(f"{hour:02}:00" for hour in range(9))), ["one to 8 times of day"]),
        (table("06:30", "06:59"), ["at least 30 minutes between two times of day"]),
        (table("00:10", "23:50"), ["at least 30 minutes between two times of day"]),
        (table("06:30", "06:30"), ["at least 30 minutes between two times of day"]),
        (table("06:30", on_holidays="maybe"), ["what to do on weekends and holidays: all, once or none"]),
    ],
)
def test_what_is_no_timetable_is_told_by_name(wrong: Timetable, missing: list[str]) -> None:
    assert problems(wrong) == missing


def test_a_timetable_in_words() -> None:
    assert in_words(table("06:30", "11:00", "15:00")) == (
        "At 06:30, 11:00 and 15:00 in America/New York, each account at a moment of its own within the half hour "
        "after. On weekends and bank holidays at 06:30 only."
    )
    assert in_words(table("06:30", on_holidays="none")).startswith("At 06:30 in America/New York, each")
    assert tidy(["19:30", "6:30"]) == ["06:30", "19:30"]
