"""A year of late lines, corrections, withdrawn lines, re-issued ids, failing calls and a long outage."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from django.db import connection

from bankfeeds import operations
from bankfeeds.models import Day, Line
from tests.bankfeeds.feeds import ACTOR, command
from tests.journeys.bank_year import LAST, OUTAGE, LossyQueue, Year, read_on, year

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = (
    os.environ.get("YEARS") == "both"
)  # a year takes about a minute: each database lives one of them by default


@pytest.mark.skipif(connection.vendor != "sqlite" and not BOTH, reason="SQLite lives this year; YEARS=both")
def test_after_a_year_every_day_is_proven_and_the_ledger_is_the_banks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with year(monkeypatch) as harbor:
        harbor.read()
        for day in harbor.days():
            down = OUTAGE[0] <= day <= OUTAGE[1]
            if read_on(day):
                harbor.read(patient=not down)
        assert_all_is_well(harbor)


@pytest.mark.skipif(
    connection.vendor != "postgresql" and not BOTH, reason="PostgreSQL lives this year; YEARS=both"
)
def test_the_same_year_with_a_queue_that_loses_and_doubles_its_deliveries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with year(monkeypatch) as harbor:
        operations.set_schedule(
            pk=harbor.feed.connection.pk,
            time_zone="America/New_York",
            pull_times=["06:30"],
            on_holidays="all",
            actor=ACTOR,
            now=harbor.clock(),
        )
        queue = LossyQueue()
        harbor.work(queue)
        for day in harbor.days():
            if read_on(day):
                harbor.work(queue)
        assert queue.lost > 10
        assert queue.doubled > 10
        assert_all_is_well(harbor)


def assert_all_is_well(harbor: Year) -> None:
    """After a last quiet day nothing is left open, nothing is missing, and everything was told once."""
    harbor.feed.bank.faults.clear()
    last = harbor.read()
    assert last is not None
    assert last.state == "booked"
    assert harbor.feed.our_lines() == harbor.feed.bank_lines()
    read = Day.objects.filter(account=harbor.account, as_of_date__lt=LAST)
    assert [str(day) for day in read.exclude(state="proven").exclude(state="final", stated=False)] == []
    assert harbor.told() == {
        "new": Line.objects.filter(account=harbor.account).count(),
        "amended": harbor.injected["amended"],
        "renumbered": harbor.injected["renumbered"],
        "withdrawn": harbor.injected["withdrawn"],
        "rejected": 0,
    }
    assert sorted(
        Line.objects.filter(state="withdrawn").values_list("ids__transaction_id", flat=True)
    ) == sorted(harbor.withdrawn)
    # Whether the feed is late is judged by the clock, which is ahead of the bank's dates here.
    told = Counter(kind for kind, state in harbor.findings() if state == "open" and kind != "late_feed")
    assert told == {
        "withdrawn_line": harbor.injected["withdrawn"],
        "contradicting_code": harbor.injected["reversal"],
        "contract_drift": 1,
    }
    said = command("replay_pulls", "--connection", harbor.feed.connection.label)
    assert said.code == 0, said.out + said.err
