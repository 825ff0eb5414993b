from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bankfeeds.simulator.faults import KINDS, Call, Faults, UnknownFault
from tests.bankfeeds.simulator.caller import Answer, Caller, call

FIRST, SECOND = "000000700100200", "000000700100201"
WINDOW = {"accountIds": FIRST, "startDate": "2026-05-29", "endDate": "2026-06-02"}

NEWEST = date(2026, 6, 2)


def codes(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["errors"][0]["errorCode"]


def ids(answer: Answer) -> list[str]:
    return [line["transactionId"] for line in answer.json["data"]]


def contents(lines: list[dict[str, Any]]) -> list[str]:
    return sorted(repr({**line, "transactionId": ""}) for line in lines)


def assert_window_foots(caller: Caller) -> None:
    """Lines and balances as a client sees them agree on every day of the window."""
    answer = caller.balances({"startDate": WINDOW["startDate"], "endDate": WINDOW["endDate"]})
    lines = caller.walk(FIRST, WINDOW["startDate"], WINDOW["endDate"])
    for balance in answer.json["accountList"][0]["balanceList"]:
        of_day = [line for line in lines if line["asOfDate"] == balance["asOfDate"]]
        net = sum(line["amount"] * (1 if line["debitCreditCode"] == "CREDIT" else -1) for line in of_day)
        assert balance["openingLedgerAmount"] + net == balance["endingLedgerAmount"]


# Arming and counting


def test_a_fault_strikes_as_often_as_asked_and_only_where_it_is_aimed() -> None:
    faults = Faults()
    faults.add("429", times=2, path="transactions", account=FIRST, client_id="C", after=1, page=1)
    match = Call(listener="oauth", client_id="C", path="transactions", accounts=(FIRST,), page=1)
    others = [
        Call(listener="oauth", client_id="D", path="transactions", accounts=(FIRST,), page=1),
        Call(listener="oauth", client_id="C", path="balances", accounts=(FIRST,), page=1),
        Call(listener="oauth", client_id="C", path="transactions", accounts=(SECOND,), page=1),
        Call(listener="oauth", client_id="C", path="transactions", accounts=(FIRST,), page=2),
    ]
    struck = [faults.strike(request, KINDS) is not None for request in (match, *others, match, match, match)]
    assert struck == [False, False, False, False, False, True, True, False]
    assert faults.armed == []
    assert [(hit.kind, hit.call) for hit in faults.hits] == [("429", match), ("429", match)]


def test_a_fault_without_a_path_spares_the_token_endpoint() -> None:
    faults = Faults()
    faults.add("500", times=None)
    assert faults.strike(Call(listener="oauth", client_id="C", path="token"), KINDS) is None
    for _ in range(3):
        assert faults.strike(Call(listener="oauth", client_id="C", path="balances"), KINDS) is not None
    faults.clear()
    assert faults.armed == []
    assert len(faults.hits) == 3


def test_unknown_faults_paths_and_options_are_refused() -> None:
    for wrong in (
        {"kind": "nonsense"},
        {"kind": "429", "path": "somewhere"},
        {"kind": "403", "retry_after": 1},
    ):
        with pytest.raises(UnknownFault):
            Faults().add(**wrong)  # type: ignore[arg-type]


# In place of an answer


@pytest.mark.parametrize(
    ("kind", "options", "expected", "retry_after"),
    [
        ("403", {}, (403, "GCA-001"), None),
        ("429", {}, (429, "9005"), None),
        ("429", {"retry_after": 2}, (429, "9005"), "2"),
        ("503", {}, (503, "GCA-200"), "600"),
        ("503", {"retry_after": 3}, (503, "GCA-200"), "3"),
        ("503", {"retry_after": None}, (503, "GCA-200"), None),
        ("500", {}, (500, "GCA-099"), None),
    ],
)
def test_refusals_come_once_and_then_the_answer(
    caller: Caller, kind: str, options: dict[str, Any], expected: tuple[int, str], retry_after: str | None
) -> None:
    caller.bank.faults.add(kind, path="transactions", **options)
    assert caller.balances().status == 200
    refused = caller.transactions(**WINDOW)
    assert codes(refused) == expected
    assert refused.headers.get("Retry-After") == retry_after
    assert caller.transactions(**WINDOW).status == 200
    assert [logged.faults for logged in caller.bank.requests if logged.faults] == [(kind,)]


def test_a_401_drops_the_token_so_that_only_a_new_one_helps(caller: Caller) -> None:
    caller.bank.faults.add("401")
    assert codes(caller.transactions(**WINDOW)) == (401, "GCA-401")
    assert codes(caller.transactions(**WINDOW)) == (401, "GCA-401")
    caller.token = ""
    assert caller.transactions(**WINDOW).status == 200


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "503"])
def test_the_token_endpoint_fails_in_its_own_form(caller: Caller, kind: str) -> None:
    caller.bank.faults.add(kind, path="token")
    answer = caller.ask_token()
    assert answer.status == int(kind)
    assert set(answer.json) == {"error", "error_description"}
    assert caller.ask_token().status == 200


def test_an_html_page_instead_of_json(caller: Caller) -> None:
    caller.bank.faults.add("html")
    caller.bank.faults.add("html", status=200)
    pages = [caller.transactions(**WINDOW), caller.transactions(**WINDOW)]
    assert [page.status for page in pages] == [502, 200]
    assert all(
        page.headers["Content-Type"] == "text/html" and page.text.startswith("<!DOCTYPE") for page in pages
    )


def test_a_redirect_names_another_host_which_records_what_it_is_sent(caller: Caller) -> None:
    caller.bank.faults.add("redirect", times=2)
    first = caller.transactions(**WINDOW)
    assert first.status == 302
    target = first.headers["Location"]
    assert target.startswith("https://127.0.0.1:")
    assert target.endswith(caller.bank.requests[-1].query)
    assert caller.bank.other_host_requests == []

    call(caller.context, "GET", target, headers={"Authorization": "Bearer sim.carelessly-sent"})
    call(caller.context, "GET", target)
    assert [seen["credentials"] for seen in caller.bank.other_host_requests] == [True, False]
    assert caller.bank.other_host_requests[0]["headers"]["authorization"] == "Bearer sim.carelessly-sent"
