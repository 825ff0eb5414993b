"""Late feeds: the day that should be proven is not, with the reason, in few queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bankfeeds.lateness import late_feeds
from bankfeeds.models import Account, BankHost, Connection, Day, Finding, Heartbeat, Outage, Pull
from bankfeeds.queries import WORKER
from tests.bankfeeds.keptdays import account, booked, connection, days

pytestmark = pytest.mark.django_db

DUE = date(2026, 6, 2)
"""A Tuesday: expected by Wednesday 11:00 in New York, late four hours after."""
LATE = datetime(2026, 6, 3, 19, 0, tzinfo=UTC)
BEGAN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LAST_READ = datetime(2026, 6, 3, 10, 30, tzinfo=UTC)


@pytest.fixture
def mine() -> Account:
    return feed("pppp", last=DUE - timedelta(days=1))


def feed(letters: str, *, last: date = DUE, **more: Any) -> Account:
    number = str(700100200 + Account.objects.count())
    found = account(connection(f"feed-{number}", **more), number)
    days(found, letters, last=last, pull=booked(found, BEGAN))
    booked(found, LAST_READ)
    return found


def reason(of: Account, now: datetime = LATE) -> str | None:
    found = late_feeds(now=now).get(of.pk)
    return found.reason if found else None


def test_it_is_late_once_the_time_and_the_grace_are_over(mine: Account) -> None:
    assert reason(mine, LATE - timedelta(minutes=1)) is None
    found = late_feeds(now=LATE)[mine.pk]
    assert (found.day, found.sentence("...0200", "America/New_York")) == (
        DUE,
        "...0200: 2 Jun 2026 was to be proven by 3 Jun 2026, 11:00 EDT (15:00 UTC) and is not: it has not been read.",
    )


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("pppp", None),
        ("ppbp", None),
        ("pppb", "it does not foot by 12.34 USD"),
        ("pppf", "the bank has not stated its balances"),
        ("pppm", "it is to be read again"),
    ],
)
def test_the_due_day_decides(letters: str, said: str | None) -> None:
    assert reason(feed(letters)) == said


def test_a_day_the_bank_tells_nothing_of_is_late_only_where_it_always_tells_something() -> None:
    assert reason(feed("p" * 4 + "q" * 4)) is None
    assert reason(feed("p" * 7 + "q")) == "the bank has not stated its balances"


def test_a_feed_whose_every_pull_was_undone_is_late_all_the_same(mine: Account) -> None:
    Pull.objects.update(state="undone")
    assert reason(mine) == "it has not been read"


def test_what_is_paused_closed_or_not_begun_is_not_late(mine: Account) -> None:
    for state in ("paused", "closed", "draft"):
        Connection.objects.update(state=state)
        assert reason(mine) is None
    fresh = account(connection("new"), "1")
    booked(fresh, LATE - timedelta(minutes=5))
    never = account(Connection.objects.get(label="new"), "2")
    assert (reason(fresh), reason(never)) == (None, None)


@pytest.mark.parametrize(
    ("pull", "said"),
    [
        ({"state": "held", "reason": "Many new ids."},
         "a pull of 3 Jun 2026, 07:30 EDT (11:30 UTC) is held for an answer"),
        ({"state": "failed", "reason": "The bank does not let us read this yet.", "needs_person": True},
         "the pull of 3 Jun 2026, 07:30 EDT (11:30 UTC) failed: The bank does not let us read this yet"),
        ({"state": "queued"}, "the pull asked for 3 Jun 2026, 07:30 EDT (11:30 UTC) is not done"),
    ],
)  # fmt: skip
def test_the_last_pull_is_the_reason_where_it_did_not_end_well(
    mine: Account, pull: dict[str, Any], said: str
) -> None:
    booked(mine, LAST_READ + timedelta(hours=1), **pull)
    assert reason(mine) == said


def test_an_outage_and_stopped_workers_are_named_before_anything_else(mine: Account) -> None:
    host = BankHost.objects.create(name="bank.invalid:443", state="open")
    Outage.objects.create(host=host, began_at=LAST_READ, sentence="It does not answer.")
    found = late_feeds(now=LATE)[mine.pk]
    since = "3 Jun 2026, 06:30 EDT (10:30 UTC)"
    assert (found.outage, found.reason) == (True, f"bank.invalid:443 cannot be reached since {since}")
    Heartbeat.objects.create(name=WORKER, at=LAST_READ)
    assert reason(mine) == f"no worker has run since {since}"


def test_refused_balances_are_named(mine: Account) -> None:
    Finding.objects.create(connection=mine.connection, account=mine, kind="balances_refused", key="x", sentence="No.",
                           opened_at=LATE)  # fmt: skip
    assert reason(mine) == "the bank refuses its balances"


def test_the_timetable_of_each_connection_counts(mine: Account) -> None:
    early = feed("pppp", last=DUE - timedelta(days=1), time_zone="Asia/Tokyo", pull_times=["08:00", "09:00"])
    assert set(late_feeds(now=datetime(2026, 6, 3, 12, 0, tzinfo=UTC))) == {early.pk}


def test_a_thousand_feeds_cost_as_many_queries_as_one(django_assert_max_num_queries: Any) -> None:
    feeds = [connection(f"feed-{n}") for n in range(100)]
    accounts = [account(one, str(1000 + n)) for n, one in enumerate(feeds)]
    for one in accounts:
        booked(one, BEGAN)
    days(accounts[0], "p", last=DUE)
    with django_assert_max_num_queries(10):
        found = late_feeds(now=LATE)
    assert len(found) == 99
    assert Day.objects.count() == 1
