"""The bank's books: one ledger per account, the business date, and the changes made to them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.simulator.activity import CREDIT, Line
from bankfeeds.simulator.bank_days import business_days_before, is_business_day
from bankfeeds.simulator.journal import Journal, journaled
from bankfeeds.simulator.ledger import Account, Ledger, LedgerRefused

ID_POLICIES = ("new", "same")


class UnknownAccount(LookupError):
    """No client of the bank holds this account."""


class ClockRefused(ValueError):
    """The business date does not go backwards."""


class Books:
    """All ledgers of the bank under one business date. Public methods are safe to call from any thread."""

    def __init__(self, *, today: date, seed: int, history_days: int) -> None:
        self.lock = threading.RLock()
        self.journal: Journal | None = None
        self.today = today
        self.history_start = business_days_before(today, history_days)
        self.ledgers: dict[str, Ledger] = {}
        self.id_policy = "new"
        self.renumber_overnight = 0
        self.intraday_percent = 60
        self._seed = seed

    def open_ledgers(self, accounts: Sequence[Account]) -> list[str]:
        """Open the books of each account that has none yet; return all their ids."""
        ids = []
        for account in accounts:
            ids.append(account.account_id)
            if account.account_id not in self.ledgers:
                self.ledgers[account.account_id] = Ledger(
                    account,
                    seed=self._seed,
                    first_day=self.history_start,
                    today=lambda: self.today,
                    intraday_percent=lambda: self.intraday_percent,
                )
        return ids

    def ledger(self, account_id: str) -> Ledger:
        """Return the books of one account. Raises UnknownAccount."""
        try:
            return self.ledgers[account_id]
        except KeyError:
            raise UnknownAccount(f"The bank has no account {account_id}.") from None

    @journaled
    def advance_to(self, day: date) -> None:
        """Move the business date on; the days passed are posted. Raises ClockRefused for an earlier day."""
        if day < self.today:
            raise ClockRefused(f"The business date is {self.today}; it does not go back to {day}.")
        passed, self.today = self.today, day
        while passed < day:
            if is_business_day(passed):
                self._close_day(passed)
            passed += timedelta(days=1)

    @journaled
    def set_intraday_percent(self, percent: int) -> None:
        """Say how much of the current day's lines can be seen so far, 0 to 100."""
        self.intraday_percent = max(0, min(100, percent))

    def _close_day(self, day: date) -> None:
        for ledger in self.ledgers.values():
            if self.id_policy == "same":
                ledger.keep_intraday_ids(day)
            for back in range(self.renumber_overnight):
                earlier = business_days_before(day, back + 1)
                if earlier >= ledger.first_day:
                    ledger.renumber(earlier)

    # Reading, for tests and bank staff

    def posted_lines(self, account_id: str) -> list[dict[str, Any]]:
        """Return the posted lines of an account, oldest first; amounts are Decimal, dates are date."""
        with self.lock:
            ledger = self.ledger(account_id)
            return [_facts(line, ledger.account) for line in ledger.posted()]

    def day_balances(self, account_id: str) -> list[dict[str, Any]]:
        """Return as_of_date, opening_ledger and closing_ledger of all posted business days, oldest first."""
        with self.lock:
            ledger = self.ledger(account_id)
            days = [
                self.history_start + timedelta(days=n) for n in range((self.today - self.history_start).days)
            ]
            found = [balance for balance in map(ledger.balance, days) if balance is not None]
        return [
            {
                "as_of_date": balance.as_of_date,
                "opening_ledger": balance.opening_ledger,
                "closing_ledger": balance.ending_ledger,
            }
            for balance in found
        ]

    # Changing; a day foots after each of these

    @journaled
    def add_late_line(
        self,
        account_id: str,
        day: date,
        *,
        amount: Decimal,
        direction: str = CREDIT,
        bai_code: str = "",
        first: bool = False,
    ) -> dict[str, Any]:
        """Book a line on an older day, at its end or `first`; balances move with it. Raises LedgerRefused."""
        ledger = self.ledger(account_id)
        code = bai_code or ("195" if direction == CREDIT else "495")
        line = ledger.add(day, amount=amount, direction=direction, bai_code=code, first=first)
        return _facts(line, ledger.account)

    @journaled
    def add_identical_pair(self, account_id: str, day: date) -> dict[str, Any]:
        """Book a second payment equal to the day's first one in everything but its id; return the second."""
        ledger = self.ledger(account_id)
        return _facts(ledger.add_twin(day, _first(ledger, day)), ledger.account)

    @journaled
    def add_reversal_pair(self, account_id: str, day: date) -> dict[str, Any]:
        """Book the reversal of the day's first line on the same day; return the reversal."""
        ledger = self.ledger(account_id)
        return _facts(ledger.add_reversal(day, _first(ledger, day)), ledger.account)

    @journaled
    def renumber_day(self, account_id: str, day: date) -> dict[str, str]:
        """Issue new ids for all lines of a day; return old id -> new id."""
        return self.ledger(account_id).renumber(day)

    @journaled
    def amend_line(
        self,
        account_id: str,
        transaction_id: str,
        *,
        amount: Decimal | None = None,
        customer_reference: str | None = None,
    ) -> dict[str, Any]:
        """Change a posted line under its id; the day still foots, because balances move with the amount."""
        ledger = self.ledger(account_id)
        given = {"amount": amount, "customer_reference": customer_reference}
        changes = {name: value for name, value in given.items() if value is not None}
        return _facts(ledger.amend(transaction_id, **changes), ledger.account)

    @journaled
    def withdraw_line(self, account_id: str, transaction_id: str) -> dict[str, Any]:
        """Take a posted line out of the books; balances move back. Return what it was."""
        ledger = self.ledger(account_id)
        return _facts(ledger.withdraw(transaction_id), ledger.account)


def _first(ledger: Ledger, day: date) -> Line:
    lines = ledger.lines(day)
    if not lines:
        raise LedgerRefused(f"There is no line on {day}.")
    return lines[0]


def _facts(line: Line, account: Account) -> dict[str, Any]:
    return {
        "transaction_id": line.transaction_id,
        "account_id": account.account_id,
        "as_of_date": line.as_of_date,
        "direction": line.direction,
        "amount": line.amount,
        "currency": account.currency,
        "bai_code": line.bai_code,
        "bai_description": line.bai_description,
        "bank_reference": line.bank_reference,
        "customer_reference": line.customer_reference,
        "description": line.description,
        "check_number": line.check_number,
        "value_date": line.value_date,
        "reversal": line.reversal,
        "narrative": dict(line.narrative or ()),
    }
