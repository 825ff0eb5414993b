from __future__ import annotations

import http.client
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.bankfeeds.simulator.caller import Answer, Caller
from tests.bankfeeds.simulator.conftest import MakeCaller

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


def test_a_slow_answer_is_late_but_whole(caller: Caller) -> None:
    token = caller.token
    assert token
    caller.bank.faults.add("slow", seconds=0.4)
    begun = time.monotonic()
    assert caller.transactions(**WINDOW).status == 200
    assert time.monotonic() - begun >= 0.4


def test_a_slow_answer_does_not_hold_up_others_nor_the_end_of_the_server(make_caller: MakeCaller) -> None:
    caller = make_caller()
    assert caller.token
    caller.bank.faults.add("slow", seconds=60)
    impatient = http.client.HTTPSConnection(
        "localhost", int(caller.running.oauth_url.rsplit(":", 1)[1]), context=caller.context
    )
    impatient.request(
        "POST",
        "/accessapi/balance",
        b"{}",
        {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"},
    )
    while not caller.bank.faults.hits:
        time.sleep(0.01)
    assert caller.balances().status == 200
    begun = time.monotonic()
    caller.running.stop()
    assert time.monotonic() - begun < 5
    impatient.close()


def test_a_cut_connection_breaks_in_the_middle_of_the_body(caller: Caller) -> None:
    caller.bank.faults.add("cut")
    with pytest.raises((http.client.IncompleteRead, OSError)):
        caller.transactions(**WINDOW)
    assert caller.transactions(**WINDOW).status == 200


def test_a_body_that_is_not_json_to_its_end(caller: Caller) -> None:
    caller.bank.faults.add("bad_json")
    answer = caller.transactions(**WINDOW)
    assert answer.status == 200
    with pytest.raises(ValueError):
        _ = answer.json


def test_moving_pages_change_the_total_between_pages_of_one_walk(make_caller: MakeCaller) -> None:
    caller = make_caller("small-pages", lines_per_day=5)
    caller.bank.faults.add("moving_pages")
    first = caller.transactions(**WINDOW, pageNumber=1)
    second = caller.transactions(**WINDOW, pageNumber=2)
    totals = [page.json["pagination"]["totalRecords"] for page in (first, second)]
    assert totals == [15, 16]
    assert ids(first)[-1] == ids(second)[0]
    again = caller.walk(FIRST, WINDOW["startDate"], WINDOW["endDate"])
    assert len({line["transactionId"] for line in again}) == 16
    assert_window_foots(caller)


def test_a_line_repeated_on_the_next_page_is_counted_in_the_total(make_caller: MakeCaller) -> None:
    caller = make_caller("small-pages", lines_per_day=5)
    caller.bank.faults.add("repeat_across_pages")
    pages = [caller.transactions(**WINDOW, pageNumber=number) for number in (1, 2, 3)]
    assert [page.json["pagination"]["totalRecords"] for page in pages] == [16, 16, 16]
    assert [len(ids(page)) for page in pages] == [7, 7, 2]
    assert ids(pages[0])[-1] == ids(pages[1])[0]
    assert len({identity for page in pages for identity in ids(page)}) == 15
    assert caller.transactions(**WINDOW, pageNumber=1).json["pagination"]["totalRecords"] == 15


def test_an_empty_answer_for_a_booked_window_while_the_balances_move(caller: Caller) -> None:
    caller.bank.faults.add("empty_day")
    answer = caller.transactions(**WINDOW)
    assert (answer.json["pagination"]["totalPages"], answer.json["data"]) == (0, [])
    assert caller.transactions(**WINDOW).json["data"]


def test_one_day_can_be_left_out_of_a_window(caller: Caller) -> None:
    whole = caller.transactions(**WINDOW).json["data"]
    caller.bank.faults.add("empty_day", day=NEWEST)
    part = caller.transactions(**WINDOW).json["data"]
    assert part == [line for line in whole if line["asOfDate"] != "2026-06-02"]


def test_a_late_line_appears_on_an_older_day_and_the_window_still_foots(caller: Caller) -> None:
    before = caller.transactions(**WINDOW)
    caller.bank.faults.add("late_line", day="2026-05-29", amount="10.10", direction="DEBIT")
    after = caller.transactions(**WINDOW)
    (late,) = set(ids(after)) - set(ids(before))
    (entry,) = [line for line in after.json["data"] if line["transactionId"] == late]
    assert (entry["asOfDate"], entry["amount"], entry["debitCreditCode"]) == (
        "2026-05-29",
        Decimal("10.10"),
        "DEBIT",
    )
    assert_window_foots(caller)


def test_an_identical_pair_differs_in_nothing_but_the_id(caller: Caller) -> None:
    before = caller.transactions(**WINDOW).json["data"]
    caller.bank.faults.add("identical_pair", day=NEWEST)
    after = caller.transactions(**WINDOW).json["data"]
    (twin,) = [line for line in after if line not in before]
    (first,) = [line for line in before if {**line, "transactionId": ""} == {**twin, "transactionId": ""}]
    assert first["transactionId"] != twin["transactionId"]
    assert_window_foots(caller)


def test_a_reversal_pair_cancels_out(caller: Caller) -> None:
    caller.bank.faults.add("reversal_pair", day=NEWEST)
    lines = caller.transactions(**WINDOW).json["data"]
    (back,) = [line for line in lines if line["reversal"]]
    origin = next(line for line in lines if line["amount"] == back["amount"] and not line["reversal"])
    assert {origin["debitCreditCode"], back["debitCreditCode"]} == {"CREDIT", "DEBIT"}
    assert_window_foots(caller)


def test_renumbered_lines_have_new_ids_and_equal_content(caller: Caller) -> None:
    before = caller.transactions(**WINDOW).json["data"]
    caller.bank.faults.add("renumber", day=NEWEST)
    after = caller.transactions(**WINDOW).json["data"]
    assert contents(before) == contents(after)
    changed = {line["asOfDate"] for line in after} - {
        line["asOfDate"]
        for line in before
        if line["transactionId"] in {other["transactionId"] for other in after}
    }
    assert changed == {"2026-06-02"}


def test_an_amended_line_keeps_its_id(caller: Caller) -> None:
    before = caller.transactions(**WINDOW).json["data"]
    caller.bank.faults.add("amend")
    after = caller.transactions(**WINDOW).json["data"]
    assert [line["transactionId"] for line in after] == [line["transactionId"] for line in before]
    (amended,) = [line for line in after if line not in before]
    assert amended["customerReferenceSearchable"] == {"standardValue": "AMENDED BY THE BANK"}
    assert_window_foots(caller)


def test_a_withdrawn_line_is_gone_and_the_day_foots_without_it(caller: Caller) -> None:
    before = ids(caller.transactions(**WINDOW))
    caller.bank.faults.add("withdraw", day=NEWEST)
    after = ids(caller.transactions(**WINDOW))
    assert len(set(before) - set(after)) == 1
    assert_window_foots(caller)


def test_missing_narratives(caller: Caller) -> None:
    caller.bank.faults.add("missing_narrative")
    assert not any("narrativeText" in line for line in caller.transactions(**WINDOW).json["data"])
    assert any("narrativeText" in line for line in caller.transactions(**WINDOW).json["data"])


def test_unknown_fields(caller: Caller) -> None:
    caller.bank.faults.add("unknown_field", times=2)
    assert "surpriseField" in caller.transactions(**WINDOW).json["data"][0]
    assert "surpriseField" in caller.balances().json["accountList"][0]


def test_surplus_digits_arrive_as_they_are(caller: Caller) -> None:
    true = caller.transactions(**WINDOW).json["data"][0]["amount"]
    caller.bank.faults.add("high_precision", times=2)
    answer = caller.transactions(**WINDOW)
    assert answer.json["data"][0]["amount"] == true + Decimal("0.00001")
    assert f'"amount": {true + Decimal("0.00001")}' in answer.text
    assert (
        caller.balances().json["accountList"][0]["balanceList"][0]["endingLedgerAmount"].as_tuple().exponent
        == -5
    )


def test_account_ids_without_their_leading_zeros(caller: Caller) -> None:
    caller.bank.faults.add("unpadded_account", times=2)
    assert caller.transactions(**WINDOW).json["data"][0]["account"]["accountId"] == "700100200"
    assert caller.balances().json["accountList"][0]["accountId"] == "700100200"


@pytest.mark.parametrize("field", ["transactionId", "amount", "debitCreditCode", "asOfDate"])
def test_a_line_can_lack_a_field(caller: Caller, field: str) -> None:
    caller.bank.faults.add("missing_field", field=field)
    data = caller.transactions(**WINDOW).json["data"]
    assert [field in line for line in data] == [False] + [True] * (len(data) - 1)


def test_one_accounts_balances_can_fail_inside_a_good_answer(caller: Caller) -> None:
    caller.bank.faults.add("per_account_error", account=SECOND, error_code="GCA-099")
    first, second = caller.balances().json["accountList"]
    assert "balanceList" in first
    assert (second["errorCode"], "balanceList" in second) == ("GCA-099", False)
    assert all("balanceList" in entry for entry in caller.balances().json["accountList"])


def test_a_bad_day_ends_and_the_window_foots(make_caller: MakeCaller) -> None:
    caller = make_caller("bad-day")
    seen = []
    for _ in range(12):
        try:
            seen.append(caller.transactions(**WINDOW, pageNumber=2).status)
            seen.append(caller.balances().status)
        except (OSError, http.client.IncompleteRead):
            seen.append(0)
        caller.token = ""
    assert {0, 200, 401, 429, 503} == set(seen)
    assert caller.bank.faults.armed == []
    assert {hit.kind for hit in caller.bank.faults.hits} == {
        "401",
        "429",
        "503",
        "cut",
        "moving_pages",
        "late_line",
    }
    assert_window_foots(caller)
