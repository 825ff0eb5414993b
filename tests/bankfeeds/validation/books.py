"""A connection with a booked history, written by the rows' own constraints: for tests that ask about a ledger."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.models import Account, Connection, Day, Line, LineId, ProvisionalLine, Pull
from bankfeeds.models.pull import PullKind

FIRST = date(2026, 6, 1)


class Books:
    """One account whose lines are added day by day; ``close`` writes its days so that they foot."""

    def __init__(
        self, *, now: datetime, connection: Connection | None = None, number: str = "000000700100200"
    ) -> None:
        self.now = now
        self.connection = connection or Connection.objects.create(
            label="harbor-kettle", environment="test", auth="mtls", api_host="https://bank.invalid",
            client_id="CC-900001-Z100001-200001-UAT", trust_roots="none", created_at=now,
        )  # fmt: skip
        self.account = Account.objects.create(
            connection=self.connection, number=number.lstrip("0"), given_number=number, currency="USD"
        )
        self.pull = Pull.objects.create(
            account=self.account, kind=PullKind.values[0], state="booked", today=now.date(), requested_by="test",
            requested_at=now, finished_at=now, read=4, new=4,
        )  # fmt: skip

    def line(self, ident: str, amount: str, *, day: int = 0, **more: Any) -> Line:
        """Book one line on the ``day``-th day; ``amount`` is signed."""
        row = Line.objects.create(
            **self._facts(ident, amount, day, more), digest=ident.ljust(64, "0"), first_pull=self.pull,
            last_changed_pull=self.pull,
        )  # fmt: skip
        LineId.objects.create(account=self.account, transaction_id=ident, line=row, first_pull=self.pull)
        return row

    def pending(self, ident: str, amount: str, *, day: int, **more: Any) -> ProvisionalLine:
        position = ProvisionalLine.objects.count()
        return ProvisionalLine.objects.create(
            **self._facts(ident, amount, day, more), position=position, pull=self.pull
        )

    def close(self, days: int, *, opening: str = "100.00") -> None:
        """Write ``days`` days, each proven."""
        moved: dict[date, list[Line]] = defaultdict(list)
        for line in Line.objects.filter(account=self.account, state="booked"):
            moved[line.as_of_date].append(line)
        balance = Decimal(opening)
        for number in range(days):
            day = FIRST + timedelta(days=number)
            credits = sum((x.amount for x in moved[day] if x.direction == "CREDIT"), Decimal(0))
            debits = sum((x.amount for x in moved[day] if x.direction == "DEBIT"), Decimal(0))
            Day.objects.create(
                account=self.account, as_of_date=day, state="proven", opening=balance, credits=credits, debits=debits,
                closing=balance + credits - debits, difference=0, stated=True, lines=len(moved[day]),
                read_at=self.now, pull=self.pull,
            )  # fmt: skip
            balance += credits - debits

    def _facts(self, ident: str, amount: str, day: int, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "account": self.account,
            "transaction_id": ident,
            "as_of_date": FIRST + timedelta(days=day),
            "direction": "DEBIT" if amount.startswith("-") else "CREDIT",
            "amount": Decimal(amount.lstrip("-")),
            "currency": "USD",
            **more,
        }
