from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.bank_days import is_business_day
from bankfeeds.simulator.books import ClockRefused, UnknownAccount
from bankfeeds.simulator.ledger import LedgerRefused
from bankfeeds.simulator.scenarios import SCENARIOS
from tests.bankfeeds.simulator.conftest import TODAY, BuildBank

DAY = date(2026, 5, 29)


def movements(bank: Bank, account: str, day: date) -> Decimal:
    lines = [line for line in bank.posted_lines(account) if line["as_of_date"] == day]
    return sum((line["amount"] * (1 if line["direction"] == "CREDIT" else -1) for line in lines), Decimal(0))


def assert_foots(bank: Bank) -> None:
    """Every day of every account: opening + movements = closing, and the opening is the day before's closing."""
    for account in bank.ledgers:
        balances = bank.day_balances(account)
        assert balances
        net: dict[date, Decimal] = {}
        for line in bank.posted_lines(account):
            signed = line["amount"] if line["direction"] == "CREDIT" else -line["amount"]
            net[line["as_of_date"]] = net.get(line["as_of_date"], Decimal(0)) + signed
        for day in balances:
            assert day["opening_ledger"] + net.pop(day["as_of_date"], Decimal(0)) == day["closing_ledger"]
        assert net == {}
        closings = [day["closing_ledger"] for day in balances]
        assert [day["opening_ledger"] for day in balances[1:]] == closings[:-1]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_whole_history_foots(build_bank: BuildBank, name: str) -> None:
    bank = build_bank(name, lines_per_day=60 if name == "busy" else None)
    assert_foots(bank)
    bank.advance_to(date(2026, 6, 22))
    assert_foots(bank)


def test_history_is_forty_business_days_without_weekends_and_holidays(build_bank: BuildBank) -> None:
    bank = build_bank()
    days = [balance["as_of_date"] for balance in bank.day_balances(bank.account_ids[0])]
    assert len(days) == 40
    assert all(is_business_day(day) for day in days)
    assert date(2026, 5, 25) not in days
    assert days[-1] == date(2026, 6, 2)
    assert {line["as_of_date"] for line in bank.posted_lines(bank.account_ids[0])} == set(days)


def test_the_same_seed_gives_the_same_ledger_and_another_seed_another(build_bank: BuildBank) -> None:
    def ledger(seed: int) -> list[list[dict[str, Any]]]:
        bank = build_bank(seed=seed)
        return [bank.posted_lines(account) + bank.day_balances(account) for account in bank.account_ids]

    assert ledger(7) == ledger(7)
    assert ledger(7) != ledger(8)
    assert ledger(7)[0] != ledger(7)[1]


def test_a_bank_started_later_tells_the_same_story_of_the_days_it_shares(build_bank: BuildBank) -> None:
    """The day is drawn from seed, account and date, so a moved clock never rewrites the past."""
    bank = build_bank()
    before = bank.posted_lines(bank.account_ids[0])
    bank.advance_to(date(2026, 6, 10))
    after = bank.posted_lines(bank.account_ids[0])
    assert after[: len(before)] == before
    assert len({line["transaction_id"] for line in after}) == len(after)


def test_lines_are_of_many_kinds_and_some_have_no_narrative(build_bank: BuildBank) -> None:
    bank = build_bank()
    lines = [line for account in bank.account_ids for line in bank.posted_lines(account)]
    assert {line["bai_code"] for line in lines} == {"195", "495", "165", "455", "475", "301", "698"}
    assert all(line["check_number"] > 0 for line in lines if line["bai_code"] == "475")
    assert all(line["check_number"] == 0 for line in lines if line["bai_code"] != "475")
    assert any(not line["narrative"] for line in lines)
    assert any("B/O CUSTOMER" in line["narrative"] for line in lines)
    assert all(line["amount"] > 0 for line in lines)


def test_no_two_lines_are_identical_unless_a_scenario_asks(build_bank: BuildBank) -> None:
    def contents(name: str) -> list[str]:
        bank = build_bank(name)
        lines = bank.posted_lines(bank.account_ids[0])
        return [
            repr({key: value for key, value in line.items() if key != "transaction_id"}) for line in lines
        ]

    plain, paired = contents("plain"), contents("identical-pairs")
    assert len(set(plain)) == len(plain)
    assert len(set(paired)) == len(paired) - 1


def test_a_late_line_moves_the_balances_of_its_day_and_all_later_ones(build_bank: BuildBank) -> None:
    bank = build_bank()
    account = bank.account_ids[0]
    before = {day["as_of_date"]: day["closing_ledger"] for day in bank.day_balances(account)}
    late = bank.add_late_line(account, DAY, amount=Decimal("10.50"), direction="DEBIT")
    after = {day["as_of_date"]: day["closing_ledger"] for day in bank.day_balances(account)}

    assert late in bank.posted_lines(account)
    moved = {day: after[day] - before[day] for day in before}
    assert {day for day, by in moved.items() if by} == {day for day in before if day >= DAY}
    assert {moved[day] for day in before if day >= DAY} == {Decimal("-10.50")}
    assert_foots(bank)


def test_each_change_of_the_ledger_keeps_it_footing(build_bank: BuildBank) -> None:
    bank = build_bank()
    account = bank.account_ids[0]
    lines = [line for line in bank.posted_lines(account) if line["as_of_date"] == DAY]
    twin = bank.add_identical_pair(account, DAY)
    assert {**twin, "transaction_id": ""} == {**lines[0], "transaction_id": ""}
    assert twin["transaction_id"] != lines[0]["transaction_id"]

    back = bank.add_reversal_pair(account, DAY)
    assert (back["reversal"], back["amount"]) == (True, lines[0]["amount"])
    assert back["direction"] != lines[0]["direction"]

    amended = bank.amend_line(
        account, lines[1]["transaction_id"], amount=Decimal("77.00"), customer_reference="NEW"
    )
    assert amended == {**lines[1], "amount": Decimal("77.00"), "customer_reference": "NEW"}
    gone = bank.withdraw_line(account, lines[2]["transaction_id"])
    assert gone == lines[2]
    assert gone not in bank.posted_lines(account)
    assert_foots(bank)


def test_renumbering_gives_new_ids_and_nothing_else(build_bank: BuildBank) -> None:
    bank = build_bank()
    account = bank.account_ids[0]
    before = bank.posted_lines(account)
    renamed = bank.renumber_day(account, DAY)
    after = bank.posted_lines(account)
    assert set(renamed) == {line["transaction_id"] for line in before if line["as_of_date"] == DAY}
    assert not set(renamed) & set(renamed.values())
    assert after == [
        {**line, "transaction_id": renamed.get(line["transaction_id"], line["transaction_id"])}
        for line in before
    ]
    assert not set(bank.renumber_day(account, DAY).values()) & set(renamed)


def test_changes_that_cannot_be_made_are_refused(build_bank: BuildBank) -> None:
    bank = build_bank()
    account = bank.account_ids[0]
    for day in (date(2026, 5, 30), date(2026, 5, 25), TODAY + timedelta(days=1), date(2020, 1, 6)):
        with pytest.raises(LedgerRefused, match="no business day"):
            bank.add_late_line(account, day, amount=Decimal(1))
    for amount in (Decimal(0), Decimal("-1"), Decimal("1.005")):
        with pytest.raises(LedgerRefused, match="not a positive amount"):
            bank.add_late_line(account, DAY, amount=amount)
    with pytest.raises(LedgerRefused, match="no lines of type"):
        bank.add_late_line(account, DAY, amount=Decimal(1), bai_code="999")
    with pytest.raises(LedgerRefused, match="has the id"):
        bank.withdraw_line(account, "TXN-P-0-0")
    with pytest.raises(LedgerRefused, match="no line on"):
        bank.add_identical_pair(account, date(2026, 5, 30))
    with pytest.raises(UnknownAccount):
        bank.posted_lines("000000000000000")


def test_the_business_date_does_not_go_back(build_bank: BuildBank) -> None:
    bank = build_bank()
    bank.advance_to(TODAY)
    with pytest.raises(ClockRefused):
        bank.advance_to(TODAY - timedelta(days=1))


def test_intraday_lines_get_other_ids_when_they_are_posted(build_bank: BuildBank) -> None:
    bank = build_bank(intraday_percent=100)
    ledger = bank.ledger(bank.account_ids[0])
    intraday = [line.transaction_id for line in ledger.lines(TODAY)]
    bank.advance_to(TODAY + timedelta(days=1))
    posted = [line.transaction_id for line in ledger.lines(TODAY)]
    assert all(identity.startswith("TXN-C-") for identity in intraday)
    assert posted == [identity.replace("TXN-C-", "TXN-P-") for identity in intraday]


def test_intraday_lines_keep_their_ids_where_the_bank_works_so(build_bank: BuildBank) -> None:
    bank = build_bank("same-ids", intraday_percent=100)
    ledger = bank.ledger(bank.account_ids[0])
    intraday = [line.transaction_id for line in ledger.lines(TODAY)]
    bank.advance_to(TODAY + timedelta(days=1))
    assert [line.transaction_id for line in ledger.lines(TODAY)] == intraday
    bank.withdraw_line(bank.account_ids[0], intraday[0])
    assert [line.transaction_id for line in ledger.lines(TODAY)] == intraday[1:]


def test_the_current_day_grows_and_its_balance_with_it(build_bank: BuildBank) -> None:
    bank = build_bank(lines_per_day=10)
    ledger = bank.ledger(bank.account_ids[0])
    for percent, expected in ((0, 0), (25, 3), (60, 6), (100, 10)):
        bank.set_intraday_percent(percent)
        lines, balance = ledger.lines(TODAY), ledger.balance(TODAY)
        assert balance is not None
        assert len(lines) == expected == ledger.count(TODAY)
        assert balance.opening_ledger + sum(line.signed for line in lines) == balance.ending_ledger


def test_renumbered_overnight_re_issues_the_ids_of_the_day_before_the_one_that_ends(
    build_bank: BuildBank,
) -> None:
    bank = build_bank("renumbered-overnight")
    account = bank.account_ids[0]

    def ids(day: date) -> list[str]:
        return [line["transaction_id"] for line in bank.posted_lines(account) if line["as_of_date"] == day]

    tuesday, monday = ids(date(2026, 6, 2)), ids(date(2026, 6, 1))
    bank.advance_to(date(2026, 6, 4))
    assert not set(ids(date(2026, 6, 2))) & set(tuesday)
    assert ids(date(2026, 6, 1)) == monday


def test_a_busy_day_costs_only_the_pages_that_are_read(build_bank: BuildBank) -> None:
    bank = build_bank("busy", lines_per_day=100_000)
    ledger = bank.ledger(bank.account_ids[0])
    assert ledger.count(date(2026, 6, 2)) == 100_000
    assert ledger.balance(date(2026, 6, 2)) is not None
    assert ledger._drawn == {}


def test_currencies_have_their_own_number_of_decimals(build_bank: BuildBank) -> None:
    bank = build_bank("currencies")
    exponents = {
        bank.ledger(account).account.currency: {
            line["amount"].as_tuple().exponent for line in bank.posted_lines(account)
        }
        for account in bank.account_ids
    }
    assert exponents == {"USD": {-2}, "JPY": {0}, "KWD": {-3}}


def test_an_overdrawn_account_has_negative_balances(build_bank: BuildBank) -> None:
    bank = build_bank("overdrawn")
    assert all(day["closing_ledger"] < 0 for day in bank.day_balances(bank.account_ids[0]))
