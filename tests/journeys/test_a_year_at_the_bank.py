"""A year of late lines, corrections, withdrawn lines, re-issued ids, failing calls and a long outage."""

from __future__ import annotations

import pytest

from bankfeeds.models import Day, Line
from bankfeeds.simulator.bank_days import is_business_day
from tests.bankfeeds.feeds import command
from tests.journeys.bank_year import LAST, OUTAGE, Year, year

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_a_year_every_day_is_proven_and_the_ledger_is_the_banks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with year(monkeypatch) as harbor:
        harbor.read()
        for day in harbor.days():
            down = OUTAGE[0] <= day <= OUTAGE[1]
            if is_business_day(day):
                harbor.read(patient=not down)
        _end_well(harbor)


def _end_well(harbor: Year) -> None:
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
    assert [kind for kind, state in harbor.findings() if kind == "withdrawn_line"] == ["withdrawn_line"] * 8
    assert {kind for kind, state in harbor.findings() if state == "open"} == {"withdrawn_line"}
    said = command("replay_pulls", "--connection", harbor.feed.connection.label)
    assert said.code == 0, said.out + said.err
