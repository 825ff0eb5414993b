"""The answers of the two APIs, from the ledger, with the faults that spoil their content."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.simulator.activity import Line
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.exchange import Response
from bankfeeds.simulator.faults import SPOILS_BALANCES, SPOILS_CONTENT, SPOILS_WALK, Call, Fault
from bankfeeds.simulator.jsontext import encode
from bankfeeds.simulator.ledger import Ledger
from bankfeeds.simulator.rules import Question
from bankfeeds.simulator.shapes import balance_account, balance_entry, transaction

NO_ACTIVITY = ("GCA-024", "No activity for this account on the day asked for.")


def _days(question: Question) -> list[date]:
    return [
        question.start + timedelta(days=offset) for offset in range((question.end - question.start).days + 1)
    ]


def balances(bank: Bank, call: Call, question: Question) -> Response:
    """Answer a balance question: one entry per account, days ascending, GCA-024 where there is none."""
    fault = bank.faults.strike(call, SPOILS_BALANCES)
    entries = []
    for account_id in question.accounts:
        ledger = bank.ledger(account_id)
        entry = balance_account(ledger.account)
        if fault is not None and fault.account in (None, account_id):
            code = fault.options.get("error_code", "GCA-030")
            entry |= {
                "errorCode": code,
                "errorMsg": "The balances of this account cannot be read at present.",
            }
        else:
            entry |= _balance_days(ledger, question)
        entries.append(entry)
    for spoiler in bank.faults.strike_all(call, ("unpadded_account", "unknown_field", "high_precision")):
        _spoil_balances(spoiler, entries)
    return Response(status=200, body=encode({"accountList": entries}))


def _balance_days(ledger: Ledger, question: Question) -> dict[str, Any]:
    days = _days(question)
    quiet = ledger.account.quiet_days_answer_error and not any(ledger.count(day) for day in days)
    found = [balance for balance in map(ledger.balance, days) if balance is not None]
    if quiet or not found:
        return {"errorCode": NO_ACTIVITY[0], "errorMsg": NO_ACTIVITY[1]}
    return {"balanceList": [balance_entry(balance) for balance in found]}


def _spoil_balances(fault: Fault, entries: list[dict[str, Any]]) -> None:
    for entry in entries[:1]:
        if fault.kind == "unpadded_account":
            entry["accountId"] = entry["accountId"].lstrip("0")
        elif fault.kind == "unknown_field":
            entry["surpriseField"] = {"added": "without notice"}
        elif "balanceList" in entry:
            entry["balanceList"][0]["endingLedgerAmount"] += Decimal("0.00001")


def transactions(bank: Bank, call: Call, question: Question) -> Response:
    """Answer one page of a transaction question; the newest day comes first, as no order is promised."""
    walk = _Walk(bank, call, question)
    size = bank.page_size
    total = walk.total
    page = walk.slice((question.page - 1) * size, size)
    data = [transaction(line, ledger.account, posted=line.as_of_date < bank.today) for ledger, line in page]
    for spoiler in bank.faults.strike_all(call, SPOILS_CONTENT):
        _spoil_lines(spoiler, data)
    pagination = {
        "pageSize": size,
        "totalPages": -(-total // size),
        "pageNumber": question.page,
        "totalRecords": total,
    }
    return Response(status=200, body=encode({"pagination": pagination, "data": data}))


class _Walk:
    """The list of lines behind one question, drawn only where a page needs it.

    A fault that spoils a walk strikes its first page and stays with the question until its next first page.
    """

    def __init__(self, bank: Bank, call: Call, question: Question) -> None:
        key = (call.client_id, question.accounts, question.start, question.end)
        if question.page == 1:
            bank.spoiled_walks[key] = bank.faults.strike_all(call, SPOILS_WALK)
        spoilers = bank.spoiled_walks.get(key, [])
        self._repeat = any(fault.kind == "repeat_across_pages" for fault in spoilers)
        self._page_size = bank.page_size
        emptied = [fault.options.get("day") for fault in spoilers if fault.kind == "empty_day"]
        self._stretches = [
            (ledger, day, ledger.count(day))
            for ledger in map(bank.ledger, question.accounts)
            for day in reversed(_days(question))
            if not (None in emptied or day in emptied)
        ]
        self._count = sum(count for _, _, count in self._stretches)

    @property
    def total(self) -> int:
        """How many records the walk announces."""
        return self._count + (1 if self._repeat and self._count else 0)

    def slice(self, start: int, size: int) -> Iterator[tuple[Ledger, Line]]:
        """Yield the records from `start` on, at most `size`."""
        if not self._repeat:
            yield from self._plain(start, size)
            return
        # One record is told twice: the last of the first page comes again as the first of the second.
        again = min(self._page_size, self._count)
        for place in range(start, min(start + size, self.total)):
            yield from self._plain(place if place < again else place - 1, 1)

    def _plain(self, start: int, size: int) -> Iterator[tuple[Ledger, Line]]:
        for ledger, day, count in self._stretches:
            if start >= count:
                start -= count
                continue
            lines = ledger.lines(day)[start : start + size]
            yield from ((ledger, line) for line in lines)
            size -= len(lines)
            start = 0
            if size <= 0:
                return


def _spoil_lines(fault: Fault, data: list[dict[str, Any]]) -> None:
    if fault.kind == "missing_narrative":
        for entry in data:
            entry.pop("narrativeText", None)
    elif fault.kind == "unpadded_account":
        for entry in data:
            entry["account"] = entry["account"] | {"accountId": entry["account"]["accountId"].lstrip("0")}
    elif fault.kind == "unknown_field":
        for entry in data:
            entry["surpriseField"] = {"added": "without notice"}
    elif data and fault.kind == "missing_field":
        data[0].pop(fault.options.get("field", "transactionId"), None)
    elif data:
        data[0]["amount"] += Decimal("0.00001")
