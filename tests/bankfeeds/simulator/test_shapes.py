from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.bankfeeds.simulator.caller import Caller

FIRST, SECOND = "000000700100200", "000000700100201"
STRANGER = "000000700199999"
INVALID, NOT_ELIGIBLE = "GCA-023", "GCA-001"


def test_a_balance_answer_has_exactly_the_documented_shape(caller: Caller) -> None:
    answer = caller.balances(
        {
            "startDate": "2026-06-02",
            "endDate": "2026-06-03",
            "accountList": [{"accountId": FIRST, "bankId": "99990001"}],
        }
    )
    ledger = caller.bank.ledger(FIRST)
    posted, current = ledger.balance(date(2026, 6, 2)), ledger.balance(date(2026, 6, 3))
    assert posted is not None
    assert current is not None
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "accountList": [
            {
                "accountId": FIRST,
                "accountName": "HARBOR KETTLE CO OPERATING",
                "branchId": "",
                "bankId": "99990001",
                "bankName": "SIMULATED BANK",
                "currency": {
                    "code": "USD",
                    "currencySequence": 0,
                    "decimalLocation": 2,
                    "description": "US DOLLAR",
                },
                "balanceList": [
                    {
                        "asOfDate": "2026-06-02",
                        "recordTimestamp": "2026-06-03T10:41:09Z",
                        "currentDay": False,
                        "openingAvailableAmount": posted.opening_available,
                        "openingLedgerAmount": posted.opening_ledger,
                        "endingAvailableAmount": posted.ending_available,
                        "endingLedgerAmount": posted.ending_ledger,
                    },
                    {
                        "asOfDate": "2026-06-03",
                        "recordTimestamp": "2026-06-03T19:02:44Z",
                        "currentDay": True,
                        "openingAvailableAmount": current.opening_available,
                        "openingLedgerAmount": current.opening_ledger,
                        "endingAvailableAmount": current.ending_available,
                        "endingLedgerAmount": current.ending_ledger,
                    },
                ],
            }
        ]
    }


def test_a_transaction_has_exactly_the_documented_shape(caller: Caller) -> None:
    account = FIRST
    answer = caller.transactions(accountIds=account, startDate="2026-06-02", endDate="2026-06-02")
    fact = next(line for line in caller.bank.posted_lines(account) if line["bai_code"] == "195")
    day = f"{fact['as_of_date']}"
    answer = caller.transactions(accountIds=account, startDate=day, endDate=day)
    entry = next(entry for entry in answer.json["data"] if entry["transactionId"] == fact["transaction_id"])
    number = int(fact["transaction_id"].rsplit("-", 1)[1])
    assert entry == {
        "account": {
            "accountId": account,
            "accountName": "HARBOR KETTLE CO OPERATING",
            "bankId": "99990001",
            "branchId": "",
            "bankName": "SIMULATED BANK, N.A. - NOWHERE",
            "aba": "999900017",
            "swift": None,
            "currency": {"code": "USD", "description": "US DOLLAR"},
        },
        "asOfDateTime": f"{day}T11:{number * 37 // 60:02d}:{number * 37 % 60:02d}Z",
        "valueDateTime": f"{day}T11:{number * 37 // 60:02d}:{number * 37 % 60:02d}Z",
        "asOfDate": day,
        "valueDate": day,
        "receivedTimestamp": f"{day}T10:{number * 37 // 60:02d}:{number * 37 % 60:02d}Z",
        "debitCreditCode": "CREDIT",
        "baiType": {"typeCode": "195", "description": "IND INCOMING MONEY TRANSFER", "btrsTypeCode": "195"},
        "fundsTypeCode": "SAME",
        "currency": {"code": "USD", "description": "US DOLLAR"},
        "amount": fact["amount"],
        "immediateAvailable": fact["amount"],
        "day1Available": Decimal("0.0"),
        "day2Available": Decimal("0.0"),
        "day2PlusAvailable": None,
        "day3PlusAvailable": Decimal("0.0"),
        "bankReferenceSearchable": {"standardValue": fact["bank_reference"]},
        "customerReferenceSearchable": {"standardValue": fact["customer_reference"]},
        "repairCode": "S",
        "reversal": False,
        "checkNumber": 0,
        "wireType": "FED",
        "shortDescription": "FED WIRE CREDIT",
        "postCode": "P",
        "lockbox": {
            "lockboxSequenceCode": "",
            "lockboxItems": Decimal("0.0"),
            "lockboxNumber": "",
            "lockboxDepositDate": None,
            "lockboxDepositTime": None,
        },
        "narrativeText": {f"{key:<12}": text for key, text in fact["narrative"].items()},
        "addenda": [],
        "sepaDetailsXml": None,
        "supplementalTextSet": {},
        "supplementalTextRecordList": None,
        "supplementalText": None,
        "achBatchItems": None,
        "transactionId": fact["transaction_id"],
    }
    assert all(len(key) == 12 for line in answer.json["data"] for key in line.get("narrativeText", {}))
