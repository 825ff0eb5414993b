"""Answers of the bank, of true shape and invented content."""

import json
from typing import Any

ACCOUNT = "000000700100200"


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a transaction record; a change to None leaves the field out."""
    full = {
        "account": {
            "accountId": ACCOUNT,
            "accountName": "HARBOR KETTLE CO OPERATING",
            "currency": {"code": "USD", "description": "US DOLLAR"},
        },
        "asOfDate": "2026-01-05",
        "valueDate": "2026-01-05",
        "debitCreditCode": "CREDIT",
        "baiType": {"typeCode": "195", "description": "IND INCOMING MONEY TRANSFER"},
        "currency": {"code": "USD", "description": "US DOLLAR"},
        "amount": 12500,
        "bankReferenceSearchable": {"standardValue": "0004410005FF"},
        "customerReferenceSearchable": {"standardValue": "INV-20417"},
        "reversal": False,
        "checkNumber": 0,
        "shortDescription": "FED WIRE CREDIT",
        "narrativeText": {"YOUR REF    ": "INV-20417", "REMARK      ": "INVOICE 20417 JANUARY"},
        "transactionId": f"TXN-P-410020001-{number}",
    }
    return {name: value for name, value in (full | changes).items() if value is not None}


def envelope(
    records: list[Any], *, number: int = 1, pages: int = 1, total: int | None = None
) -> dict[str, Any]:
    """Return a page of records."""
    return {
        "pagination": {
            "pageSize": 1000,
            "totalPages": pages,
            "pageNumber": number,
            "totalRecords": len(records) if total is None else total,
        },
        "data": records,
    }


def page_body(records: list[Any], **options: Any) -> bytes:
    """Return a page of records as bytes."""
    return json.dumps(envelope(records, **options)).encode()


def balances_body(*days: dict[str, Any], account: str = ACCOUNT, **fields: Any) -> bytes:
    """Return a balances answer for one account."""
    entry: dict[str, Any] = {
        "accountId": account,
        "currency": {"code": "USD", "decimalLocation": 2},
        "balanceList": list(days),
    }
    entry |= fields
    return json.dumps(
        {"accountList": [{name: value for name, value in entry.items() if value is not None}]}
    ).encode()


def day(as_of_date: str, opening: Any, closing: Any, **changes: Any) -> dict[str, Any]:
    """Return one day of balances."""
    return {
        "asOfDate": as_of_date,
        "recordTimestamp": f"{as_of_date}T23:10:00Z",
        "currentDay": False,
        "openingLedgerAmount": opening,
        "endingLedgerAmount": closing,
    } | changes
