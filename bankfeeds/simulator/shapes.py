"""How the bank writes its facts: the JSON shapes of balances and transactions, field by field."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.simulator.activity import Line
from bankfeeds.simulator.bank_days import is_business_day
from bankfeeds.simulator.ledger import Account, Balance

BANK_ID = "99990001"
ABA = "999900017"
BANK_NAME = "SIMULATED BANK"
BANK_LONG_NAME = "SIMULATED BANK, N.A. - NOWHERE"
NARRATIVE_KEY_WIDTH = 12
CURRENCY_NAMES = {"USD": "US DOLLAR", "JPY": "JAPANESE YEN", "KWD": "KUWAITI DINAR", "EUR": "EURO"}
ZERO = Decimal("0.0")
UNUSED: dict[str, Any] = {
    "lockbox": {
        "lockboxSequenceCode": "",
        "lockboxItems": ZERO,
        "lockboxNumber": "",
        "lockboxDepositDate": None,
        "lockboxDepositTime": None,
    },
    "sepaDetailsXml": None,
    "supplementalTextSet": {},
    "supplementalTextRecordList": None,
    "supplementalText": None,
    "achBatchItems": None,
}


def _at(day: date, hour: int, minute: int, second: int) -> str:
    """Return a UTC timestamp as the bank writes it."""
    return f"{day.isoformat()}T{hour:02d}:{minute:02d}:{second:02d}Z"


def _next_business_day(day: date) -> date:
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def balance_account(account: Account) -> dict[str, Any]:
    """Return the head of an account's entry in a balance answer."""
    return {
        "accountId": account.account_id,
        "accountName": account.name,
        "branchId": "",
        "bankId": BANK_ID,
        "bankName": BANK_NAME,
        "currency": {
            "code": account.currency,
            "currencySequence": 0,
            "decimalLocation": account.digits,
            "description": CURRENCY_NAMES.get(account.currency, account.currency),
        },
    }


def balance_entry(balance: Balance) -> dict[str, Any]:
    """Return one day of a balanceList."""
    day = balance.as_of_date
    recorded = _at(day, 19, 2, 44) if balance.current_day else _at(_next_business_day(day), 10, 41, 9)
    return {
        "asOfDate": day.isoformat(),
        "recordTimestamp": recorded,
        "currentDay": balance.current_day,
        "openingAvailableAmount": balance.opening_available,
        "openingLedgerAmount": balance.opening_ledger,
        "endingAvailableAmount": balance.ending_available,
        "endingLedgerAmount": balance.ending_ledger,
    }


def transaction_account(account: Account) -> dict[str, Any]:
    """Return the account object inside a transaction."""
    return {
        "accountId": account.account_id,
        "accountName": account.name,
        "bankId": BANK_ID,
        "branchId": "",
        "bankName": BANK_LONG_NAME,
        "aba": ABA,
        "swift": None,
        "currency": _currency(account),
    }


def _currency(account: Account) -> dict[str, str]:
    return {"code": account.currency, "description": CURRENCY_NAMES.get(account.currency, account.currency)}


def _amounts(line: Line) -> dict[str, Any]:
    return {
        "amount": line.amount,
        "immediateAvailable": line.amount,
        "day1Available": ZERO,
        "day2Available": ZERO,
        "day2PlusAvailable": None,
        "day3PlusAvailable": ZERO,
    }


def transaction(line: Line, account: Account, *, posted: bool) -> dict[str, Any]:
    """Return one transaction. A line without narrative has no narrativeText at all."""
    hour, rest = divmod(line.seconds, 3600)
    booked = _at(line.as_of_date, 11 + hour, rest // 60, rest % 60)
    entry = {
        "account": transaction_account(account),
        "asOfDateTime": booked,
        "valueDateTime": _at(line.value_date, 11 + hour, rest // 60, rest % 60),
        "asOfDate": line.as_of_date.isoformat(),
        "valueDate": line.value_date.isoformat(),
        "receivedTimestamp": _at(line.as_of_date, 10 + hour, rest // 60, rest % 60),
        "debitCreditCode": line.direction,
        "baiType": {
            "typeCode": line.bai_code,
            "description": line.bai_description,
            "btrsTypeCode": line.bai_code,
        },
        "fundsTypeCode": "SAME",
        "currency": _currency(account),
        **_amounts(line),
        "bankReferenceSearchable": {"standardValue": line.bank_reference},
        "customerReferenceSearchable": {"standardValue": line.customer_reference},
        "repairCode": "S" if line.wire_type == "FED" else "",
        "reversal": line.reversal,
        "checkNumber": line.check_number,
        "wireType": line.wire_type,
        "shortDescription": line.description,
        "postCode": "P" if posted else "I",
        **UNUSED,
        "addenda": [] if line.wire_type != "EMPTY" else None,
        "transactionId": line.transaction_id,
    }
    if line.narrative is not None:
        entry["narrativeText"] = {f"{key:<{NARRATIVE_KEY_WIDTH}}": text for key, text in line.narrative}
    return entry
