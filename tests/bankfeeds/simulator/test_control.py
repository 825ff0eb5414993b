from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bankfeeds.simulator.caller import Caller, call, make_csr
from tests.bankfeeds.simulator.conftest import MakeCaller

FIRST = "000000700100200"
NEW_CLIENT = "CC-900050-Z100050-200050-UAT"
NEW_ACCOUNT = "000000700105000"


def control(caller: Caller, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = None if body is None else json.dumps(body).encode()
    request = Request(
        caller.running.control_url + path,
        data=content,
        method=method,
        headers={"Content-Type": "application/json"},
    )
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def done(caller: Caller, method: str, path: str, body: Any = None) -> Any:
    status, answer = control(caller, method, path, body)
    assert status == 200, answer
    return answer


def test_the_state_names_everything_a_client_must_know(caller: Caller) -> None:
    state = done(caller, "GET", "/state")
    assert state == {
        "scenario": "plain",
        "today": "2026-06-03",
        "history_start": "2026-04-07",
        "urls": {
            "oauth": caller.running.oauth_url,
            "mtls": caller.running.mtls_url,
            "token": caller.running.token_url,
            "control": caller.running.control_url,
        },
        "clients": [
            {
                "client_id": caller.client.client_id,
                "resource": caller.client.resource,
                "environment": "test",
                "accounts": ["000000700100200", "000000700100201"],
                "approved": True,
                "apis": ["balances", "transactions"],
                "certificates": [
                    {"thumbprint": caller.kid, "use": "oauth", "environment": "test", "live": True},
                ],
            }
        ],
        "accounts": [
            {"account_id": "000000700100200", "name": "HARBOR KETTLE CO OPERATING", "currency": "USD"},
            {"account_id": "000000700100201", "name": "HARBOR KETTLE CO PAYROLL", "currency": "USD"},
        ],
    }


def test_the_roots_can_be_fetched(caller: Caller) -> None:
    with build_opener(ProxyHandler({})).open(caller.running.control_url + "/roots.pem") as response:
        assert response.read().decode() == caller.running.roots_pem


def test_the_whole_road_of_a_new_client(caller: Caller, keys: list[rsa.RSAPrivateKey]) -> None:
    """Register, sign, refused, approve, token, own accounts."""
    account = {
        "account_id": NEW_ACCOUNT,
        "name": "TIN WHISTLE TEST CO",
        "opening": "1000000.00",
        "lines_per_day": [2, 4],
    }
    registered = done(
        caller,
        "POST",
        "/clients",
        {
            "client_id": NEW_CLIENT,
            "resource": "JPMC:URI:RS-900050-90050-SimBankFeed-UAT",
            "accounts": [account, "000000700105001"],
            "environment": "test",
            "approved": False,
        },
    )
    assert (registered["accounts"], registered["approved"]) == ([NEW_ACCOUNT, "000000700105001"], False)
    signed = done(
        caller,
        "POST",
        "/certificates",
        {"client_id": NEW_CLIENT, "use": "oauth", "csr_pem": make_csr(keys[1]), "valid_days": 30},
    )
    assert signed["certificate_pem"].count("BEGIN CERTIFICATE") == 2
    newcomer = Caller(caller.running, keys[1], client_id=NEW_CLIENT, sign=False)
    newcomer.kid = caller.bank.registry.of_client(NEW_CLIENT)[0].thumbprint
    assert newcomer.ask_token().status == 403
    assert done(caller, "POST", "/approvals", {"client_id": NEW_CLIENT, "approved": True})["approved"] is True
    accounts = newcomer.balances().json["accountList"]
    assert [entry["accountId"] for entry in accounts] == [NEW_ACCOUNT, "000000700105001"]
    assert (
        done(caller, "POST", "/approvals", {"client_id": NEW_CLIENT, "approved": False})["approved"] is False
    )
    assert newcomer.balances().status == 403


def test_a_refused_request_names_every_reason(caller: Caller, keys: list[rsa.RSAPrivateKey]) -> None:
    who = {"client_id": caller.client.client_id, "use": "oauth"}
    status, answer = control(
        caller, "POST", "/certificates", who | {"csr_pem": make_csr(keys[1], common_name="a Expires")}
    )
    assert (status, answer["reasons"]) == (400, ['The common name must not contain "Expires".'])


def test_certificates_are_revoked_and_entitlements_set(caller: Caller) -> None:
    assert done(caller, "POST", "/revocations", {"thumbprint": caller.kid}) == {"revoked": caller.kid}
    assert caller.ask_token().status == 400
    status, answer = control(caller, "POST", "/revocations", {"thumbprint": "00"})
    assert (status, answer) == (400, {"error": "The bank has no certificate 00."})
    who = {"client_id": caller.client.client_id}
    entitled = done(caller, "POST", "/entitlements", who | {"apis": ["balances"], "accounts": [FIRST]})
    assert (entitled["apis"], entitled["accounts"]) == (["balances"], [FIRST])


def test_the_current_day_can_be_told_to_have_come_further(caller: Caller) -> None:
    assert done(caller, "POST", "/intraday", {"percent": 0}) == {"percent": 0}
    assert caller.transactions(accountIds=FIRST, relativeDateType="CURRENT_DAY").json["data"] == []
    assert done(caller, "POST", "/intraday", {"percent": 100}) == {"percent": 100}
    assert caller.transactions(accountIds=FIRST, relativeDateType="CURRENT_DAY").json["data"]


def test_the_clock_moves_forward_only(caller: Caller) -> None:
    assert done(caller, "POST", "/clock", {"today": "2026-06-04"}) == {"today": "2026-06-04"}
    status, answer = control(caller, "POST", "/clock", {"today": "2026-06-01"})
    assert (status, answer) == (
        400,
        {"error": "The business date is 2026-06-04; it does not go back to 2026-06-01."},
    )


def test_the_ledger_is_told_with_amounts_as_strings(caller: Caller) -> None:
    told = done(caller, "GET", f"/ledger?account={FIRST}")
    facts = caller.bank.posted_lines(FIRST)
    assert [line["transaction_id"] for line in told["lines"]] == [fact["transaction_id"] for fact in facts]
    assert [line["amount"] for line in told["lines"]] == [f"{fact['amount']}" for fact in facts]
    assert (
        told["balances"][-1]["closing_ledger"] == f"{caller.bank.day_balances(FIRST)[-1]['closing_ledger']}"
    )


def test_every_change_of_the_books_has_an_address(caller: Caller) -> None:
    day = {"account": FIRST, "day": "2026-06-02"}
    late = done(caller, "POST", "/ledger/late-line", day | {"amount": "12.30", "direction": "DEBIT"})
    assert (late["amount"], late["direction"], late["as_of_date"]) == ("12.30", "DEBIT", "2026-06-02")
    twin = done(caller, "POST", "/ledger/identical-pair", day)
    assert done(caller, "POST", "/ledger/reversal-pair", day)["reversal"] is True
    amended = done(
        caller,
        "POST",
        "/ledger/amend",
        {
            "account": FIRST,
            "transaction_id": twin["transaction_id"],
            "amount": "5.00",
            "customer_reference": "X",
        },
    )
    assert (amended["amount"], amended["customer_reference"]) == ("5.00", "X")
    done(caller, "POST", "/ledger/withdraw", {"account": FIRST, "transaction_id": twin["transaction_id"]})
    renamed = done(caller, "POST", "/ledger/renumber", day)
    lines = {line["transaction_id"]: line for line in caller.bank.posted_lines(FIRST)}
    assert twin["transaction_id"] not in renamed
    assert lines[renamed[late["transaction_id"]]]["amount"] == Decimal("12.30")


def test_faults_are_armed_listed_and_cleared(caller: Caller) -> None:
    done(caller, "POST", "/faults", {"kind": "429", "times": 1, "retry_after": 2, "path": "balances"})
    done(caller, "POST", "/faults", {"kind": "late_line", "day": "2026-06-01"})
    assert [fault["kind"] for fault in done(caller, "GET", "/faults")["armed"]] == ["429", "late_line"]
    assert caller.balances().status == 429
    listed = done(caller, "GET", "/faults")
    assert [(hit["kind"], hit["call"]["path"]) for hit in listed["hits"]] == [("429", "balances")]
    assert done(caller, "DELETE", "/faults") == {"armed": []}
    assert caller.bank.faults.armed == []


def test_the_request_log_and_the_other_host_tell_no_secret(make_caller: MakeCaller) -> None:
    caller = make_caller()
    caller.bank.faults.add("redirect")
    target = caller.balances().headers["Location"]
    call(caller.context, "GET", target, headers={"Authorization": f"Bearer {caller.token}"})
    log = done(caller, "GET", "/requests")["requests"]
    assert [(entry["path"], entry["status"], entry["faults"]) for entry in log] == [
        ("/adfs/oauth2/token", 200, []),
        ("/accessapi/balance", 302, ["redirect"]),
    ]
    (seen,) = done(caller, "GET", "/other-host")["requests"]
    assert seen["credentials"] is True
    assert "authorization" in seen["headers"]
    assert caller.token not in json.dumps([log, seen])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", "/nothing", None, 404, "There is no GET /nothing."),
        ("POST", "/state", {}, 404, "There is no POST /state."),
        ("POST", "/clock", {}, 400, "The field today is missing."),
        ("POST", "/clock", {"today": "tomorrow"}, 400, "The request cannot be read"),
        ("POST", "/clock", ["2026-06-04"], 400, "The request cannot be read"),
        ("POST", "/approvals", {"client_id": "CC-0"}, 400, "The bank has no client CC-0."),
        ("GET", "/ledger?account=1", None, 400, "The bank has no account 1."),
        ("POST", "/faults", {"kind": "earthquake"}, 400, "There is no fault called earthquake"),
        (
            "POST",
            "/ledger/renumber",
            {"account": FIRST, "day": "2026-05-30"},
            400,
            "2026-05-30 is no business day",
        ),
        (
            "POST",
            "/ledger/late-line",
            {"account": FIRST, "day": "2026-06-02", "amount": "x"},
            400,
            "cannot be read",
        ),
        (
            "POST",
            "/clients",
            {"client_id": "C", "resource": "R", "accounts": [{"nonsense": 1}]},
            400,
            "cannot be read",
        ),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    caller: Caller, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    got, answer = control(caller, method, path, body)
    assert got == status
    assert sentence in answer["error"]
