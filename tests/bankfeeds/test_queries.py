"""What the gates, the landing page and the probes ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bankfeeds import queries
from bankfeeds.models import Day, Line
from tests.bankfeeds.feeds import TODAY, Feed, feed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed(accounts=2) as found:
        yield found


def evidence(harbor: Feed) -> queries.FeedEvidence:
    return queries.feed_evidence(harbor.connection, now=timezone.now())


def test_evidence_of_a_connection_before_during_and_after_its_first_pulls(harbor: Feed) -> None:
    before = evidence(harbor)
    assert (before.accounts, before.key_requested, before.key_usable) == (2, True, True)
    assert (before.lines, before.days_total, before.has_connection_test_ok, before.all_days_proven) == (
        0,
        0,
        False,
        False,
    )
    harbor.pull_all()
    after = evidence(harbor)
    assert after.lines == sum(len(harbor.bank_lines(account)) for account in harbor.accounts)
    assert (after.days_proven, after.days_broken, after.days_missing) == (after.days_total, 0, 0)
    assert (after.all_days_proven, after.has_connection_test_ok, after.accounts_booked) == (True, True, 2)
    assert (after.first_day, after.last_day) == (harbor.bank.history_start, TODAY - timedelta(days=1))
    assert (after.duplicates, after.open_findings, after.reason) == (0, 0, "")
    assert not after.second_pull_wrote_nothing
    harbor.pull_all()
    assert evidence(harbor).second_pull_wrote_nothing


def test_evidence_names_what_fails(harbor: Feed) -> None:
    harbor.pull_all()
    harbor.bank.withdraw_approval(harbor.bank.client.client_id)
    harbor.pull()
    found = evidence(harbor)
    assert (found.last_pull_ok, found.open_findings) == (False, 1)
    assert queries.failing_connections() == {harbor.connection.pk: found.reason}
    assert found.reason
    harbor.bank.approve(harbor.bank.client.client_id)
    harbor.pull()
    assert queries.failing_connections() == {}


def test_freshness_counts_missing_days(harbor: Feed) -> None:
    account = harbor.account
    assert queries.freshness(account).through is None
    harbor.pull(start=TODAY - timedelta(days=20), end=TODAY - timedelta(days=16))
    harbor.pull(start=TODAY - timedelta(days=10), end=TODAY - timedelta(days=1))
    found = queries.freshness(account)
    assert (found.through, found.gaps) == (TODAY - timedelta(days=1), 5)
    harbor.pull()
    found = queries.freshness(account)
    assert (found.proven_through, found.gaps) == (TODAY - timedelta(days=1), 0)


def test_an_untold_line_would_show_as_a_duplicate(harbor: Feed) -> None:
    harbor.pull()
    line = Line.objects.first()
    assert line is not None
    line.ids.all().delete()
    assert queries.duplicates(harbor.connection) == 1


def test_days_to_reconcile_leave_out_the_silent_edges() -> None:
    with feed(history_days=40) as harbor:
        harbor.pull()
        days = queries.day_rows(connection=harbor.connection)
        assert days[0].as_of_date == harbor.bank.history_start
        assert Day.objects.filter(account=harbor.account, as_of_date__lt=days[0].as_of_date).exists()
