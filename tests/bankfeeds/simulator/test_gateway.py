from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.bankfeeds.simulator.caller import Caller, call
from tests.bankfeeds.simulator.conftest import MakeCaller

FIRST, SECOND = "000000700100200", "000000700100201"
STRANGER = "000000700199999"
INVALID, NOT_ELIGIBLE = "GCA-023", "GCA-001"


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status, [error["errorCode"] for error in answer.json["errors"]]) == (status, [code])


def dates(answer: Any) -> list[str]:
    return [entry["asOfDate"] for entry in answer.json["accountList"][0]["balanceList"]]


# Balances


def test_days_ascend_and_weekends_and_holidays_have_no_entry(caller: Caller) -> None:
    answer = caller.balances({"startDate": "2026-05-21", "endDate": "2026-05-28"})
    assert dates(answer) == ["2026-05-21", "2026-05-22", "2026-05-26", "2026-05-27", "2026-05-28"]


def test_no_data_is_an_error_of_the_account_inside_an_answer(caller: Caller) -> None:
    for body in (
        {"startDate": "2026-05-30", "endDate": "2026-05-31"},
        {"startDate": "2020-01-06", "endDate": "2020-01-07"},
    ):
        answer = caller.balances({**body, "accountList": [{"accountId": SECOND}]})
        (entry,) = answer.json["accountList"]
        assert answer.status == 200
        assert (entry["accountId"], entry["errorCode"]) == (SECOND, "GCA-024")
        assert "balanceList" not in entry


def test_a_quiet_account_answers_no_activity_and_still_has_equal_balances_in_a_wider_range(
    make_caller: MakeCaller,
) -> None:
    caller = make_caller("quiet")
    quiet = next(
        day["as_of_date"]
        for day in caller.bank.day_balances(FIRST)
        if day["opening_ledger"] == day["closing_ledger"]
    )
    body = {"startDate": f"{quiet}", "endDate": f"{quiet}", "accountList": [{"accountId": FIRST}]}
    assert caller.balances(body).json["accountList"][0]["errorCode"] == "GCA-024"
    wider = caller.balances({"endDate": f"{quiet}", "accountList": [{"accountId": FIRST}]})
    last = wider.json["accountList"][0]["balanceList"][-1]
    assert last["openingLedgerAmount"] == last["endingLedgerAmount"]


# Transactions


def test_lines_and_balances_of_the_two_apis_foot_over_the_whole_history(make_caller: MakeCaller) -> None:
    caller = make_caller("small-pages", history_days=12)
    start, months = caller.bank.history_start, {}
    for entry in caller.balances({"startDate": f"{start}", "endDate": "2026-06-02"}).json["accountList"]:
        months[entry["accountId"]] = entry["balanceList"]
    for account, balances in months.items():
        assert len(balances) == 12
        for balance in balances:
            lines = caller.walk(account, balance["asOfDate"], balance["asOfDate"])
            net = sum(line["amount"] * (1 if line["debitCreditCode"] == "CREDIT" else -1) for line in lines)
            assert balance["openingLedgerAmount"] + net == balance["endingLedgerAmount"]


def test_pages_split_the_same_set_without_loss_or_repetition(make_caller: MakeCaller) -> None:
    caller = make_caller("small-pages", lines_per_day=10)
    one = caller.transactions(
        accountIds=FIRST, startDate="2026-06-01", endDate="2026-06-02", pageNumber=1
    ).json
    assert one["pagination"] == {"pageSize": 7, "totalPages": 3, "pageNumber": 1, "totalRecords": 20}
    lines = caller.walk(FIRST, "2026-06-01", "2026-06-02")
    expected = {
        line["transaction_id"]
        for line in caller.bank.posted_lines(FIRST)
        if line["as_of_date"] >= date(2026, 6, 1)
    }
    assert len(lines) == 20
    assert {line["transactionId"] for line in lines} == expected
    beyond = caller.transactions(
        accountIds=FIRST, startDate="2026-06-01", endDate="2026-06-02", pageNumber=4
    ).json
    assert beyond["data"] == []
    assert beyond["pagination"]["totalRecords"] == 20


def test_an_empty_window_has_no_pages(caller: Caller) -> None:
    answer = caller.transactions(accountIds=FIRST, startDate="2026-05-30", endDate="2026-05-31")
    assert answer.json == {
        "pagination": {"pageSize": 1000, "totalPages": 0, "pageNumber": 1, "totalRecords": 0},
        "data": [],
    }


@pytest.mark.parametrize("query", [f"accountIds={FIRST},{SECOND}", f"accountIds={FIRST}&accountIds={SECOND}"])
def test_accounts_come_comma_separated_or_repeated(caller: Caller, query: str) -> None:
    answer = caller.transactions(f"{query}&startDate=2026-06-01&endDate=2026-06-02")
    assert answer.status == 200
    assert {line["account"]["accountId"] for line in answer.json["data"]} == {FIRST, SECOND}


def test_the_current_day_is_intraday_and_becomes_posted_under_other_ids(caller: Caller) -> None:
    today = caller.transactions(accountIds=FIRST, relativeDateType="CURRENT_DAY").json["data"]
    assert today
    assert {(line["asOfDate"], line["postCode"]) for line in today} == {("2026-06-03", "I")}
    assert all(line["transactionId"].startswith("TXN-C-") for line in today)
    assert caller.transactions(accountIds=FIRST).json["data"] == today

    caller.bank.advance_to(date(2026, 6, 4))
    posted = caller.transactions(accountIds=FIRST, relativeDateType="PRIOR_DAY").json["data"]
    assert {(line["asOfDate"], line["postCode"]) for line in posted} == {("2026-06-03", "P")}
    assert len(posted) >= len(today)
    assert not {line["transactionId"] for line in posted} & {line["transactionId"] for line in today}
    assert {line["bankReferenceSearchable"]["standardValue"] for line in today} <= {
        line["bankReferenceSearchable"]["standardValue"] for line in posted
    }


def test_a_range_that_includes_today_tells_intraday_lines_as_such(caller: Caller) -> None:
    lines = caller.walk(FIRST, "2026-06-02", "2026-06-03")
    assert {(line["asOfDate"], line["postCode"]) for line in lines} == {
        ("2026-06-02", "P"),
        ("2026-06-03", "I"),
    }


# Who may ask


def test_without_a_live_bearer_there_is_no_answer(caller: Caller) -> None:
    url = f"{caller.running.oauth_url}/tsapi/v3/transactions?accountIds={FIRST}"
    for headers in ({}, {"Authorization": "Bearer sim.invented"}, {"Authorization": f"Basic {caller.token}"}):
        answer = call(caller.context, "GET", url, headers=headers)
        assert_refused(answer, 401, "GCA-401")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_foreign_and_unpadded_accounts_are_not_entitled(make_caller: MakeCaller) -> None:
    caller = make_caller(clients=2)
    for account in (STRANGER, "000000700100300", FIRST.lstrip("0")):
        assert_refused(caller.balances({"accountList": [{"accountId": account}]}), 403, NOT_ELIGIBLE)
        assert_refused(caller.transactions(accountIds=f"{FIRST},{account}"), 403, NOT_ELIGIBLE)


def test_an_api_the_client_is_not_entitled_to_is_refused(caller: Caller) -> None:
    caller.bank.entitle(caller.client.client_id, apis=["balances"])
    assert caller.balances().status == 200
    assert_refused(caller.transactions(accountIds=FIRST), 403, NOT_ELIGIBLE)
    caller.bank.entitle(caller.client.client_id, apis=["balances", "transactions"], accounts=[SECOND])
    assert_refused(caller.transactions(accountIds=FIRST), 403, NOT_ELIGIBLE)
    assert [entry["accountId"] for entry in caller.balances().json["accountList"]] == [SECOND]


def test_a_withdrawn_approval_closes_the_apis_to_live_tokens(caller: Caller) -> None:
    assert caller.balances().status == 200
    caller.bank.withdraw_approval(caller.client.client_id)
    assert_refused(caller.balances(), 403, NOT_ELIGIBLE)


# Methods, paths, headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/accessapi/balance", 405),
        ("DELETE", "/accessapi/balance", 405),
        ("POST", "/tsapi/v3/transactions", 405),
        ("BREW", "/tsapi/v3/transactions", 405),
        ("GET", "/adfs/oauth2/token", 405),
        ("GET", "/tsapi/v2/transactions", 404),
        ("GET", "/tsapi/v3/transactions/", 404),
        ("POST", "/accessapi/balances", 404),
        ("GET", "/", 404),
        ("HEAD", "/", 404),
    ],
)
def test_wrong_methods_and_paths(caller: Caller, method: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {caller.token}"}
    answer = call(caller.context, method, caller.running.oauth_url + path, headers=headers)
    assert answer.status == status
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_request_id_is_accepted_and_echoed(caller: Caller) -> None:
    answer = caller.balances({}, **{"Request-Id": "7f0d5a0c-6a0e-4d0e-9d55-2f6f0d1f7a10"})
    assert answer.headers["Request-Id"] == "7f0d5a0c-6a0e-4d0e-9d55-2f6f0d1f7a10"


def test_the_log_tells_what_was_asked_and_answered(caller: Caller) -> None:
    caller.balances({"startDate": "2026-06-01", "endDate": "2026-06-02"})
    caller.transactions(accountIds=FIRST, startDate="2026-06-01", endDate="2026-06-02", pageNumber=1)
    token, balance, transactions = caller.bank.requests
    assert token.client_id == balance.client_id == transactions.client_id == caller.client.client_id
    assert balance.asked == {"startDate": "2026-06-01", "endDate": "2026-06-02"}
    assert (transactions.method, transactions.path, transactions.status, transactions.listener) == (
        "GET",
        "/tsapi/v3/transactions",
        200,
        "oauth",
    )
    assert transactions.query == f"accountIds={FIRST}&startDate=2026-06-01&endDate=2026-06-02&pageNumber=1"
    assert (token.certificate, balance.certificate) == (caller.kid, "")
    assert token.at < balance.at < transactions.at
