from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.bankfeeds.simulator.caller import Caller
from tests.bankfeeds.simulator.conftest import MakeCaller

FIRST, SECOND = "000000700100200", "000000700100201"
STRANGER = "000000700199999"
INVALID, NOT_ELIGIBLE = "GCA-023", "GCA-001"


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status, [error["errorCode"] for error in answer.json["errors"]]) == (status, [code])


def dates(answer: Any) -> list[str]:
    return [entry["asOfDate"] for entry in answer.json["accountList"][0]["balanceList"]]


def test_an_empty_object_asks_for_the_current_day_of_all_entitled_accounts(caller: Caller) -> None:
    answer = caller.balances({})
    assert [entry["accountId"] for entry in answer.json["accountList"]] == [FIRST, SECOND]
    assert dates(answer) == ["2026-06-03"]


def test_relative_dates(caller: Caller) -> None:
    assert dates(caller.balances({"relativeDateType": "CURRENT_DAY"})) == ["2026-06-03"]
    assert dates(caller.balances({"relativeDateType": "PRIOR_DAY"})) == ["2026-06-02"]


def test_the_prior_day_of_a_tuesday_after_a_holiday_is_friday(make_caller: MakeCaller) -> None:
    caller = make_caller(today=date(2026, 5, 26))
    assert dates(caller.balances({"relativeDateType": "PRIOR_DAY"})) == ["2026-05-22"]


def test_one_date_alone_opens_thirty_one_days(caller: Caller) -> None:
    assert dates(caller.balances({"startDate": "2026-05-28"}))[0] == "2026-05-28"
    assert dates(caller.balances({"startDate": "2026-05-28"}))[-1] == "2026-06-03"
    assert dates(caller.balances({"startDate": "2026-04-20"}))[-1] == "2026-05-21"
    assert dates(caller.balances({"endDate": "2026-06-01"}))[0] == "2026-05-01"


@pytest.mark.parametrize(
    "body",
    [
        {"relativeDateType": "CURRENT_DAY", "startDate": "2026-06-01"},
        {"relativeDateType": "PRIOR_DAY", "endDate": "2026-06-01"},
        {"relativeDateType": "CURRENT_DAY", "startDate": "2026-06-01", "endDate": "2026-06-02"},
        {"relativeDateType": "YESTERDAY"},
        {"startDate": "2026-05-01", "endDate": "2026-06-02"},
        {"startDate": "2026-06-02", "endDate": "2026-06-01"},
        {"startDate": "2026-06-01", "endDate": "2026-06-04"},
        {"startDate": "2026-06-04"},
        {"startDate": "20260601", "endDate": "2026-06-02"},
        {"startDate": "2026-06-31", "endDate": "2026-06-02"},
        {"startDate": 20260601},
        {"accountList": []},
        {"accountList": [FIRST]},
        {"accountList": [{"accountId": 700100200}]},
        {"accountList": [{"bankId": "99990001"}]},
        {"accountList": {"accountId": FIRST}},
        {"accounts": [FIRST]},
        [],
        b"",
        b"{",
        b"\xff",
    ],
)
def test_a_balance_request_that_breaks_a_rule_is_refused(caller: Caller, body: Any) -> None:
    content = b"[]" if body == [] else body
    assert_refused(caller.balances(content), 400, INVALID)


def test_thirty_one_days_are_the_longest_range(caller: Caller) -> None:
    assert caller.balances({"startDate": "2026-05-02", "endDate": "2026-06-02"}).status == 200


def test_balances_want_json(caller: Caller) -> None:
    assert_refused(caller.balances({}, **{"Content-Type": "text/plain"}), 400, INVALID)
    assert caller.balances({}, **{"Content-Type": "application/json; charset=utf-8"}).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "startDate=2026-06-01&endDate=2026-06-02",
        f"accountIds={FIRST}&startDate=2026-05-28&endDate=2026-06-02",
        f"accountIds={FIRST}&startDate=2026-06-01",
        f"accountIds={FIRST}&endDate=2026-06-01",
        f"accountIds={FIRST}&startDate=2026-06-02&endDate=2026-06-01",
        f"accountIds={FIRST}&startDate=2026-06-02&endDate=2026-06-04",
        f"accountIds={FIRST}&relativeDateType=CURRENT_DAY&startDate=2026-06-01&endDate=2026-06-02",
        f"accountIds={FIRST}&relativeDateType=TODAY",
        f"accountIds={FIRST}&pageNumber=0",
        f"accountIds={FIRST}&pageNumber=-1",
        f"accountIds={FIRST}&pageNumber=1.0",
        f"accountIds={FIRST}&pageNumber=1&pageNumber=2",
        f"accountIds={FIRST},",
        "accountIds=",
        f"accountId={FIRST}",
        f"accountIds={FIRST}&pageSize=10",
        f"accountIds={FIRST}&startDate=01.06.2026&endDate=02.06.2026",
        "nonsense",
    ],
)
def test_a_transaction_request_that_breaks_a_rule_is_refused(caller: Caller, query: str) -> None:
    assert_refused(caller.transactions(query), 400, INVALID)


def test_five_days_counted_inclusively_are_the_longest_window(caller: Caller) -> None:
    assert caller.transactions(accountIds=FIRST, startDate="2026-05-29", endDate="2026-06-02").status == 200
