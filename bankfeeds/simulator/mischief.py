"""How an armed fault shows: an answer in place of the real one, a change in the books, a spoiled delivery."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from bankfeeds.simulator.activity import CREDIT
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.bank_days import is_business_day
from bankfeeds.simulator.exchange import Request, Response, error, token_error
from bankfeeds.simulator.faults import CHANGES_LEDGER, INSTEAD_OF_ANSWER, SPOILS_SENDING, Call, Fault
from bankfeeds.simulator.ledger import Ledger
from bankfeeds.simulator.rules import Question

HTML = b"<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
DEFAULT_RETRY_AFTER = 600
LATE_AMOUNT = Decimal(1234)


def instead(bank: Bank, call: Call, request: Request) -> Response | None:
    """Return the answer a fault gives in place of the real one, or None."""
    fault = bank.faults.strike(call, INSTEAD_OF_ANSWER)
    if fault is None:
        return None
    if fault.kind == "html":
        return Response(status=fault.options.get("status", 502), body=HTML, content_type="text/html")
    if fault.kind == "redirect":
        target = f"{bank.other_host_url}{request.path}" + (f"?{request.query}" if request.query else "")
        return Response(status=fault.options.get("status", 302), headers={"Location": target})
    if fault.kind == "401":
        bank.tokens.drop(request.headers.get("authorization", "").partition(" ")[2])
    response = _token_refusal(fault) if call.path == "token" else _gateway_refusal(fault)
    default = DEFAULT_RETRY_AFTER if fault.kind == "503" else None
    retry_after = fault.options.get("retry_after", default)
    if retry_after is not None and fault.kind in ("429", "503"):
        response.headers["Retry-After"] = str(retry_after)
    return response


def _gateway_refusal(fault: Fault) -> Response:
    if fault.kind == "401":
        return error(
            401, "GCA-401", "Authentication is missing, wrong or expired.", WWW_Authenticate="Bearer"
        )
    if fault.kind == "403":
        return error(403, "GCA-001", "Client is not eligible for this API.")
    if fault.kind == "429":
        return error(429, "9005", "Agreed rate limit exceeded.")
    if fault.kind == "503":
        return error(503, "GCA-200", "Temporarily unavailable.")
    return error(500, "GCA-099", "System unavailable.")


def _token_refusal(fault: Fault) -> Response:
    code = "unauthorized_client" if fault.kind in ("401", "403") else "temporarily_unavailable"
    return token_error(int(fault.kind), code, "The token service refuses on request of the test.")


def change_ledger(bank: Bank, call: Call, question: Question) -> None:
    """Let armed faults change the books before the question is answered."""
    for fault in bank.faults.strike_all(call, CHANGES_LEDGER):
        account_id = fault.account or question.accounts[0]
        ledger = bank.ledger(account_id)
        day = fault.options.get("day") or _newest_posted(ledger, question, bank.today)
        if day is not None:
            _change(bank, ledger, day, fault)


def _newest_posted(ledger: Ledger, question: Question, today: date) -> date | None:
    day = min(question.end, today - timedelta(days=1))
    while day >= question.start:
        if is_business_day(day) and ledger.count(day):
            return day
        day -= timedelta(days=1)
    return None


def _change(bank: Bank, ledger: Ledger, day: date, fault: Fault) -> None:
    account_id = ledger.account.account_id
    if fault.kind in ("late_line", "moving_pages"):
        # In front of the day, so that a moving page shifts every record behind it.
        bank.add_late_line(
            account_id,
            day,
            amount=Decimal(str(fault.options.get("amount", LATE_AMOUNT))),
            direction=fault.options.get("direction", CREDIT),
            first=True,
        )
    elif fault.kind == "identical_pair":
        bank.add_identical_pair(account_id, day)
    elif fault.kind == "reversal_pair":
        bank.add_reversal_pair(account_id, day)
    elif fault.kind == "renumber":
        bank.renumber_day(account_id, day)
    elif lines := ledger.lines(day):
        if fault.kind == "amend":
            bank.amend_line(account_id, lines[0].transaction_id, customer_reference="AMENDED BY THE BANK")
        else:
            bank.withdraw_line(account_id, lines[0].transaction_id)


def sending(bank: Bank, call: Call, response: Response) -> Response:
    """Spoil the delivery of an answer: late, broken off, or not JSON to its end."""
    for fault in bank.faults.strike_all(call, SPOILS_SENDING):
        if fault.kind == "slow":
            response.delay = float(fault.options.get("seconds", 2))
        elif fault.kind == "cut":
            response.cut = True
        else:
            response.body = response.body[: len(response.body) // 2]
    return response
