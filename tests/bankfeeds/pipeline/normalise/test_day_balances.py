"""Each day of balances is taken exactly or rejected with its reason; an account without balances says why."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bankfeeds.jpmorgan.client import Page, Request
from bankfeeds.jpmorgan.wire import WireError
from bankfeeds.pipeline import normalise
from bankfeeds.pipeline.normalise import BalanceAnswer
from bankfeeds.records import DayBalance
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, balances_body, day

GOLDEN = Path(__file__).parents[3] / "golden"
NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def balances_page(body: bytes) -> Page:
    asked: Request = {
        "startDate": "2026-01-05",
        "endDate": "2026-01-06",
        "accountList": [{"accountId": ACCOUNT}],
    }
    return Page(
        kind="balances",
        request=asked,
        body=body,
        received_at=NOW,
        number=1,
        total_pages=1,
        total_records=1,
    )


FIRST = DayBalance(
    account_id=ACCOUNT,
    as_of_date=date(2026, 1, 5),
    opening_ledger=Decimal("48710.55"),
    closing_ledger=Decimal("51987.10"),
    currency="USD",
    current_day=False,
    recorded_at=datetime(2026, 1, 6, 10, 41, 9, tzinfo=UTC),
)


def test_the_golden_balances_answer_has_its_frozen_meaning() -> None:
    golden = balances_page((GOLDEN / "balances_answer.json").read_bytes())

    found, other = normalise.balances(golden), normalise.balances(golden, "700100201")

    assert found.days == [
        FIRST,
        DayBalance(
            account_id=ACCOUNT,
            as_of_date=date(2026, 1, 6),
            opening_ledger=Decimal("51987.10"),
            closing_ledger=Decimal("51662.85"),
            currency="USD",
            current_day=True,
            recorded_at=datetime(2026, 1, 6, 19, 2, 44, tzinfo=UTC),
        ),
    ]
    assert (found.no_activity, found.error) == (False, None)
    assert [rejection.reason for rejection in found.rejections] == [
        "The record belongs to another account than the one asked for."
    ]
    assert (other.days, other.no_activity, other.error) == ([], True, None)


def answer(*days: dict[str, Any], **fields: Any) -> BalanceAnswer:
    return normalise.balances(balances_page(balances_body(*days, **fields)))


def test_days_come_in_order_and_may_be_below_zero() -> None:
    found = answer(day("2026-01-06", -5, -7.5), day("2026-01-05", 0, -5))

    assert [(one.as_of_date.day, one.opening_ledger, one.closing_ledger) for one in found.days] == [
        (5, Decimal("0.00"), Decimal("-5.00")),
        (6, Decimal("-5.00"), Decimal("-7.50")),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"openingLedgerAmount": None}, "The record has no openingLedgerAmount or no endingLedgerAmount."),
        ({"endingLedgerAmount": None}, "The record has no openingLedgerAmount or no endingLedgerAmount."),
        ({"endingLedgerAmount": 1.005}, "The amount has more than the 2 decimal digits of USD."),
        ({"endingLedgerAmount": "1.00"}, "An amount is a text, not a number."),
        ({"asOfDate": None}, "The record has no asOfDate."),
        ({"asOfDate": "2026-01-07"}, "The record's asOfDate is outside the days asked for."),
        ({"asOfDate": "yesterday"}, "The record's asOfDate is not a date."),
    ],
)
def test_a_day_that_cannot_be_taken_is_rejected_alone(changes: dict[str, Any], reason: str) -> None:
    found = answer(day("2026-01-05", 1, 2), day("2026-01-06", 2, 3, **changes))

    assert [one.as_of_date.day for one in found.days] == [5]
    assert [(rejection.reason, rejection.index) for rejection in found.rejections] == [(reason, 1)]


def test_without_a_currency_no_day_is_taken() -> None:
    found = answer(day("2026-01-05", 1, 2), currency=None)

    assert (found.days, [one.reason for one in found.rejections]) == ([], ["The record has no currency."])


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("2026-01-05T23:10:00Z", datetime(2026, 1, 5, 23, 10, tzinfo=UTC)),
        ("2026-01-05T23:10:00.250Z", datetime(2026, 1, 5, 23, 10, 0, 250_000, tzinfo=UTC)),
        ("2026-01-05T23:10:00", datetime(2026, 1, 5, 23, 10, tzinfo=UTC)),
        ("late in the evening", None),
        (None, None),
    ],
)
def test_the_moment_of_a_balance_is_read_if_it_can_be(stamp: str | None, moment: datetime | None) -> None:
    assert [one.recorded_at for one in answer(day("2026-01-05", 1, 2, recordTimestamp=stamp)).days] == [
        moment
    ]


def test_one_day_twice_counts_once_if_equal_and_never_if_not() -> None:
    twice = answer(day("2026-01-05", 1, 2), day("2026-01-05", 1.0, 2.00), day("2026-01-06", 2, 3))
    torn = answer(day("2026-01-05", 1, 2), day("2026-01-05", 1, 3), day("2026-01-06", 2, 3))
    both = answer(day("2026-01-06", 1, 2), day("2026-01-06", 1, 3, currentDay=True))

    assert ([one.as_of_date.day for one in twice.days], twice.rejections) == ([5, 6], [])
    assert [one.as_of_date.day for one in torn.days] == [6]
    assert [(one.index, one.as_of_date, one.reason) for one in torn.rejections] == [
        (place, date(2026, 1, 5), "The bank gave two different balances of one day in one answer.")
        for place in (0, 1)
    ]
    assert [one.current_day for one in both.days] == [False, True]


@pytest.mark.parametrize(
    ("fields", "no_activity", "error"),
    [
        ({"errorCode": "GCA-024", "errorMsg": "No activity."}, True, None),
        ({"errors": [{"errorCode": "GCA-024"}]}, True, None),
        (
            {"errorCode": "GCA-003", "errorMsg": f"Account {ACCOUNT} is closed."},
            False,
            "The bank gave no balances of this account: GCA-003 Account …0200 is closed.",
        ),
        (
            {"errors": [{"errorCode": "GCA-024"}, {"errorCode": "GCA-099", "errorMsg": "Try later."}]},
            True,
            "The bank gave no balances of this account: GCA-099 Try later.",
        ),
        ({}, False, "The bank gave neither balances of this account nor a reason."),
        ({"account": "000000700100201"}, False, "The bank's answer does not mention this account."),
    ],
)
def test_an_account_without_balances_says_why(
    fields: dict[str, Any], no_activity: bool, error: str | None
) -> None:
    found = answer(balanceList=None, **fields)

    assert (found.days, found.no_activity, found.error) == ([], no_activity, error)


def test_an_empty_list_is_an_answer() -> None:
    assert answer() == BalanceAnswer(days=[], no_activity=False, error=None, rejections=[])


def test_a_broken_account_entry_is_rejected_alone() -> None:
    found = normalise.balances(balances_page(b'{"accountList":[7,{"balanceList":[]}]}'))

    assert found.error == "The bank's answer does not mention this account."
    assert [one.index for one in found.rejections] == [0, 1]


def test_a_balances_answer_that_cannot_be_read_gives_nothing() -> None:
    with pytest.raises(WireError):
        normalise.balances(balances_page(b"<html>"))


def test_a_page_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="an account's balances"):
        normalise.balances(replace(balances_page(balances_body()), kind="transactions"))
