"""When a day is expected to be proven: by the second pull of the next business day, in the customer's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bankfeeds import expectation

TIMES = ["06:30", "11:00", "15:00", "19:30"]
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("day", "times", "zone", "at"),
    [
        pytest.param(date(2026, 6, 2), TIMES, NEW_YORK, datetime(2026, 6, 3, 15, 0), id="the next day at 11:00"),
        pytest.param(date(2026, 6, 5), TIMES, NEW_YORK, datetime(2026, 6, 8, 15, 0), id="Friday: on Monday"),
        pytest.param(date(2026, 7, 2), TIMES, NEW_YORK, datetime(2026, 7, 3, 15, 0), id="Saturday's holiday"),
        pytest.param(date(2026, 11, 25), TIMES, NEW_YORK, datetime(2026, 11, 27, 16, 0), id="over a holiday"),
        pytest.param(date(2026, 6, 2), TIMES, "Asia/Kolkata", datetime(2026, 6, 3, 5, 30), id="in the customer's zone"),
        pytest.param(date(2026, 6, 2), ["08:00"], "UTC", datetime(2026, 6, 3, 8, 0), id="one pull a day: by that"),
        pytest.param(date(2026, 6, 2), ["15:00", "07:00"], "UTC", datetime(2026, 6, 3, 15, 0), id="in any order"),
        pytest.param(date(2026, 6, 2), [], "UTC", datetime(2026, 6, 3, 23, 59), id="no times: the end of the day"),
        pytest.param(date(2026, 6, 2), TIMES, "No/Where", datetime(2026, 6, 3, 15, 0), id="no such zone: the bank's"),
    ],
)  # fmt: skip
def test_a_day_is_due(day: date, times: list[str], zone: str, at: datetime) -> None:
    assert expectation.due(day, times=times, zone=zone) == at.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 6, 3, 18, 59), date(2026, 6, 1)),
        (datetime(2026, 6, 3, 19, 0), date(2026, 6, 2)),
        (datetime(2026, 6, 6, 12, 0), date(2026, 6, 4)),
        (datetime(2026, 6, 8, 19, 0), date(2026, 6, 5)),
    ],
)
def test_the_newest_day_that_must_be_proven(now: datetime, day: date) -> None:
    found = expectation.overdue_day(
        now=now.replace(tzinfo=UTC), times=TIMES, zone=NEW_YORK, grace=timedelta(hours=4)
    )
    assert found == day


def test_the_awaited_day_is_the_business_day_after_what_is_complete() -> None:
    now = datetime(2026, 6, 6, 12, 0, tzinfo=UTC)
    terms = {"now": now, "times": TIMES, "zone": NEW_YORK}
    assert expectation.awaited_day(known=date(2026, 6, 5), **terms) == date(2026, 6, 8)
    assert expectation.awaited_day(known=None, **terms) == date(2026, 6, 5)


@pytest.mark.parametrize(
    ("at", "zone", "words"),
    [
        (datetime(2026, 6, 12, 13, 40), NEW_YORK, "12 Jun 2026, 09:40 EDT (13:40 UTC)"),
        (datetime(2026, 6, 12, 2, 5), NEW_YORK, "11 Jun 2026, 22:05 EDT (12 Jun 2026, 02:05 UTC)"),
        (datetime(2026, 6, 12, 13, 40), "UTC", "12 Jun 2026, 13:40 UTC"),
        (datetime(2026, 6, 12, 3, 40), "America/Sao_Paulo", "12 Jun 2026, 00:40 UTC-0300 (03:40 UTC)"),
    ],
)
def test_a_moment_is_told_in_the_customers_zone_and_in_utc(at: datetime, zone: str, words: str) -> None:
    assert expectation.moment_words(at.replace(tzinfo=UTC), zone) == words
