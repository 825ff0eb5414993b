"""How far an account is complete: from its days alone, and never past one that is not proven."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from bankfeeds.freshness import doubt_sentence, freshness_of, sentence
from bankfeeds.models import Day
from tests.bankfeeds.keptdays import account, booked, connection, days, noon

pytestmark = pytest.mark.django_db

LAST = date(2026, 6, 5)
"""A Friday."""


@pytest.mark.parametrize(
    ("letters", "said", "doubt"),
    [
        pytest.param("", "Nothing has been read.", "", id="new"),
        pytest.param("ppppp", "Complete to 5 Jun 2026.", "", id="all proven"),
        pytest.param("qqppp", "Complete to 5 Jun 2026.", "", id="silent before its first day"),
        pytest.param("pppf", "Complete to 4 Jun 2026.",
                     "Not proven since 5 Jun 2026: the bank has not stated its balances.", id="no balances yet"),
        pytest.param("ppqbp", "Complete to 2 Jun 2026.",
                     "Not proven since 4 Jun 2026: it does not foot by 12.34 USD.", id="the cause behind a quiet day"),
        pytest.param("ppq", "Complete to 4 Jun 2026.",
                     "Not proven since 5 Jun 2026: the bank has stated no balances since.", id="quiet since"),
        pytest.param("pp.pp", "Complete to 2 Jun 2026.",
                     "Not proven since 3 Jun 2026: it has not been read.", id="a hole"),
        pytest.param("ppmpp", "Complete to 2 Jun 2026.",
                     "Not proven since 3 Jun 2026: it is to be read again.", id="taken back"),
        pytest.param("p.pbp", "Complete to 1 Jun 2026.",
                     "Not proven since 2 Jun 2026: it has not been read.", id="a hole before a broken day"),
        pytest.param("bpp", "No day is proven; read to 5 Jun 2026.",
                     "Not proven since 3 Jun 2026: it does not foot by 12.34 USD.", id="broken from the first day"),
    ],
)  # fmt: skip
def test_complete_means_proven_without_a_gap(letters: str, said: str, doubt: str) -> None:
    mine = account(connection())
    days(mine, letters, last=LAST)
    found = freshness_of([mine.pk])[mine.pk]
    assert (sentence(found, "America/New_York"), doubt_sentence(found)) == (said, doubt)


def test_the_current_day_is_told_with_the_moment_of_its_last_reading() -> None:
    mine = account(connection())
    pull = booked(mine, noon(LAST) + timedelta(hours=1, minutes=40))
    days(mine, "pppc", last=LAST, pull=pull)
    said = sentence(freshness_of([mine.pk])[mine.pk], "America/New_York")
    assert said == "Complete to 4 Jun 2026, provisional to 5 Jun 2026, 09:40 EDT (13:40 UTC)."


def test_records_that_could_not_be_taken_are_counted() -> None:
    mine = account(connection())
    days(mine, "ppb", last=LAST)
    Day.objects.filter(state="broken").update(rejected=2)
    assert doubt_sentence(freshness_of([mine.pk])[mine.pk]) == (
        "Not proven since 5 Jun 2026: it cannot be proven because of 2 records that could not be taken."
    )


def test_gaps_count_days_that_were_never_read_and_days_to_be_read_again() -> None:
    mine = account(connection())
    days(mine, "pp..pmpp", last=LAST)
    assert freshness_of([mine.pk])[mine.pk].gaps == 3


def test_a_hundred_accounts_of_years_cost_three_queries(django_assert_max_num_queries: Any) -> None:
    feed = connection()
    accounts = [account(feed, str(1000 + n)) for n in range(100)]
    days(accounts[0], "p" * 1000 + "b", last=LAST)
    for one in accounts[1:]:
        days(one, "pp.pb", last=LAST)
    with django_assert_max_num_queries(3):
        found = freshness_of([one.pk for one in accounts])
    assert [found[one.pk].proven_through for one in accounts[:2]] == [date(2026, 6, 4), date(2026, 6, 2)]
