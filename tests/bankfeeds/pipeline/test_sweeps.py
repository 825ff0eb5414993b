"""Late lines that no balance tells of: the weekly sweep finds those of a month, the monthly one those of three."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bankfeeds.models import Account, Pull
from tests.bankfeeds.feeds import TODAY, Feed, feed
from tests.bankfeeds.pipeline.looking import assert_right

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed(lines_per_day=2, history_days=60) as found:
        found.pull()
        yield found


def days_later(harbor: Feed, days: int) -> Pull:
    """Pull so many days after the first one."""
    harbor.bank.advance_to(TODAY + timedelta(days=days))
    return harbor.pull(today=TODAY + timedelta(days=days))


def late_pair(harbor: Feed, day: date) -> None:
    """Book a payment and its return on a day long read: the day's balances stay as they were."""
    for direction in ("CREDIT", "DEBIT"):
        harbor.bank.add_late_line(
            harbor.account.given_number, day, amount=Decimal("512.25"), direction=direction
        )


def missing(harbor: Feed) -> int:
    return len(harbor.bank_lines()) - len(harbor.our_lines())


def swept() -> tuple[date | None, date | None]:
    account = Account.objects.get()
    return account.deep_read_on, account.wide_read_on


def test_a_late_line_beyond_the_overlap_is_found_within_a_week_and_an_older_one_within_a_month(
    harbor: Feed,
) -> None:
    assert swept() == (TODAY, TODAY)
    late_pair(harbor, date(2026, 5, 13))  # three weeks before
    late_pair(harbor, date(2026, 4, 15))  # seven weeks before
    days_later(harbor, 1)
    assert (missing(harbor), swept()) == (4, (TODAY, TODAY))
    days_later(harbor, 7)
    assert (missing(harbor), swept()) == (2, (TODAY + timedelta(days=7), TODAY))
    days_later(harbor, 30)
    assert swept() == (TODAY + timedelta(days=30), TODAY + timedelta(days=30))
    assert_right(harbor)


def test_a_sweep_that_was_refused_has_not_taken_place(harbor: Feed) -> None:
    late_pair(harbor, date(2026, 5, 13))
    client = harbor.bank.client.client_id
    harbor.bank.faults.add("403", path="transactions", after=7, client_id=client)
    refused = days_later(harbor, 7)
    assert (refused.state, refused.windows > 0, swept()) == ("failed", True, (TODAY, TODAY))
    days_later(harbor, 7)
    assert swept() == (TODAY + timedelta(days=7), TODAY)
    assert_right(harbor)


def test_a_reading_within_a_persons_limits_is_no_sweep(harbor: Feed) -> None:
    harbor.bank.advance_to(TODAY + timedelta(days=30))
    harbor.pull(today=TODAY + timedelta(days=30), start=TODAY, end=TODAY + timedelta(days=3))
    assert swept() == (TODAY, TODAY)
