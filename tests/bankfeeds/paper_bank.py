"""A bank on paper: full days, answered in the bank's own JSON, without a wire.

Everything of ours runs as it is, from the client's reading of the bytes to the ledger; only what carries the bytes is
left out, because it has tests of its own and costs a second a pull.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, TLSVersion
from typing import Any

import msgspec
import pytest

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.jpmorgan import transport
from bankfeeds.jpmorgan.client import Client, Endpoint, TokenCache
from bankfeeds.jpmorgan.transport import Reply
from bankfeeds.models import Account, Connection, Line, Pull
from bankfeeds.pipeline import run
from bankfeeds.pipeline.claim import new_owner
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, record

ACTOR = Actor.command("test")
TODAY = date(2026, 6, 3)
FIRST = TODAY - timedelta(days=8)
ONE = timedelta(days=1)
NOON = datetime.combine(TODAY, time(12), UTC)
JSON = {"content-type": "application/json"}
Spoiled = Callable[[bytes], Reply | bytes]

# Amounts are numbers in the bank's JSON, and keep their digits.
encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass
class PaperBank:
    """Records by account and day, in the bank's order. Balances foot, unless ``off`` shifts a day's closing."""

    today: date = TODAY
    first: date = FIRST
    page_size: int = 1000
    currency: str = "USD"
    opening: Decimal = Decimal(1000)
    off: dict[date, Decimal] = field(default_factory=dict)
    posted: list[tuple[str, date, dict[str, Any]]] = field(default_factory=list)
    intraday: list[dict[str, Any]] = field(default_factory=list)
    stated_until: date | None = None  # later days have no balances
    calls: list[dict[str, Any]] = field(default_factory=list)
    _spoils: list[tuple[str, Spoiled]] = field(default_factory=list)

    def post(
        self, ident: str, day: date, amount: object = Decimal("10.00"), *, account: str = ACCOUNT, **more: Any
    ) -> dict[str, Any]:
        """Post a credit (``more``: further fields of the record) and return the record, which may be changed later."""
        place = more.pop("place", len(self.posted))
        row = self.row(ident, day, amount, account=account, **more)
        self.posted.insert(place, (account, day, row))
        return row

    def row(
        self, ident: str, day: date, amount: object = Decimal("10.00"), *, account: str = ACCOUNT, **more: Any
    ) -> dict[str, Any]:
        """Return a record as the bank writes it."""
        code = {"code": self.currency}
        facts = {
            "transactionId": ident,
            "asOfDate": day.isoformat(),
            "valueDate": day.isoformat(),
            "amount": amount,
            "currency": code,
            "account": {"accountId": account, "currency": code},
        }
        return record(**{**facts, **more})

    def withdraw(self, ident: str) -> None:
        self.posted = [one for one in self.posted if one[2].get("transactionId") != ident]

    def spoil(self, path: str, spoiled: Spoiled) -> None:
        """Let ``spoiled`` change the next answer of this path (``transactions``, ``current`` or ``balances``)."""
        self._spoils.append((path, spoiled))

    def mend(self) -> None:
        self._spoils.clear()

    # --- answering ---

    def send(self, method: str, url: str, *, params: Any = None, json: Any = None, **_: Any) -> Reply:
        """Answer as the bank's API does; in the place of the transport."""
        asked = dict(params or json)
        self.calls.append(asked)
        body = self._balances(json) if json else self._transactions(params)
        path = "balances" if json else "current" if "relativeDateType" in asked else "transactions"
        found = next((one for one in self._spoils if one[0] == path), None)
        if found is None:
            return Reply(status=200, headers=JSON, body=body)
        self._spoils.remove(found)
        said = found[1](body)
        return said if isinstance(said, Reply) else Reply(status=200, headers=JSON, body=said)

    def _transactions(self, asked: dict[str, str]) -> bytes:
        if "relativeDateType" in asked:
            rows = [row for row in self.intraday if row["account"]["accountId"] == asked["accountIds"]]
        else:
            start, end = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
            rows = [
                row
                for account, day, row in self.posted
                if account == asked["accountIds"] and start <= day <= end
            ]
        number = int(asked["pageNumber"])
        pages = -(-len(rows) // self.page_size)
        shown = rows[(number - 1) * self.page_size : number * self.page_size]
        return encode(
            {
                "pagination": {"totalPages": pages, "pageNumber": number, "totalRecords": len(rows)},
                "data": shown,
            }
        )

    def _balances(self, asked: dict[str, Any]) -> bytes:
        account = asked["accountList"][0]["accountId"]
        start, end = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
        days = [self._day(account, day) for day in self.days(max(start, self.first), min(end, self.today))]
        told = {"accountId": account, "currency": {"code": self.currency}, "balanceList": days}
        return encode({"accountList": [told]})

    def days(self, start: date, end: date) -> list[date]:
        end = min(end, self.stated_until or end)
        return [start + ONE * n for n in range((end - start).days + 1)]

    def _day(self, account: str, day: date) -> dict[str, Any]:
        return {
            "asOfDate": day.isoformat(),
            "currentDay": day >= self.today,
            "openingLedgerAmount": self.closing(account, day - ONE),
            "endingLedgerAmount": self.closing(account, day) + self.off.get(day, Decimal(0)),
        }

    def closing(self, account: str, day: date) -> Decimal:
        """Return what the account holds at the end of the day: the true balance, with every posted record in it."""
        moved = (_signed(row) for holder, when, row in self.posted if holder == account and when <= day)
        return self.opening + sum(moved, Decimal(0))


def _signed(row: dict[str, Any]) -> Decimal:
    amount = row.get("amount")
    worth = amount if isinstance(amount, Decimal) else Decimal(0)
    return worth if row.get("debitCreditCode") == "CREDIT" else -worth


@dataclass
class Customer:
    """A connection to a bank on paper, and a clock that a test moves: every look at it is a second later."""

    bank: PaperBank
    connection: Connection
    at: datetime = NOON

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def until(self, day: date) -> None:
        """Let the days pass until noon of ``day``, here and at the bank."""
        self.bank.today, self.at = day, datetime.combine(day, time(12), UTC)

    @property
    def accounts(self) -> list[Account]:
        return list(self.connection.accounts.order_by("number"))

    @property
    def account(self) -> Account:
        return self.accounts[0]

    def start(self, account: Account | None = None, **more: Any) -> Pull:
        return operations.start_pull(
            account=account or self.account, today=self.bank.today, actor=ACTOR, now=self.now(), **more
        )

    def carry_out(self, pull: Pull) -> Pull:
        return run.run_pull(
            pull_id=pull.pk, owner=new_owner(), today=self.bank.today, actor=ACTOR, clock=self.now
        )

    def pull(self, account: Account | None = None, **more: Any) -> Pull:
        return self.carry_out(self.start(account, **more))

    def lines(self, state: str = "booked", **only: Any) -> list[tuple[str, date, Decimal]]:
        """Return id, day and signed amount of our lines."""
        rows = Line.objects.filter(account__connection=self.connection, state=state, **only)
        return sorted(
            (
                line.transaction_id,
                line.as_of_date,
                line.amount if line.direction == "CREDIT" else -line.amount,
            )
            for line in rows
        )

    def banks(self) -> list[tuple[str, date, Decimal]]:
        """Return the same of the bank's posted records."""
        return sorted((row["transactionId"], day, _signed(row)) for _, day, row in self.bank.posted)


def connect(
    bank: PaperBank, *, label: str = "harbor-kettle", accounts: tuple[str, ...] = (ACCOUNT,)
) -> Customer:
    """Return a customer of the bank, ready to be pulled."""
    row = Connection.objects.create(
        label=label, environment="test", auth="mtls", api_host="https://bank.invalid", client_id="TEST",
        trust_roots="-", history_start=bank.first, created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    Connection.objects.filter(pk=row.pk).update(state="testing")
    for number in accounts:
        Account.objects.create(connection_id=row.pk, number=number.lstrip("0"), given_number=number)
    return Customer(bank, Connection.objects.get(pk=row.pk))


def open_for(monkeypatch: pytest.MonkeyPatch, bank: PaperBank) -> None:
    """Let every pull of this process ask ``bank``."""
    monkeypatch.setattr(transport.Transport, "send", lambda _, *args, **kwargs: bank.send(*args, **kwargs))
    monkeypatch.setattr(run.fetch, "bank", door)


@contextmanager
def door(
    _: Connection, *, clock: Callable[[], datetime], alive: Any = lambda: None, **__: Any
) -> Iterator[Client]:
    """In the place of ``fetch.bank``: a client that needs no keys."""
    endpoint = Endpoint(
        api_host="https://bank.invalid", token_url="", audience="", resource="", client_id="TEST", auth="mtls"
    )
    client = Client(
        endpoint, context=strict_context(), sign=None, kid="", tokens=TokenCache(), clock=clock, permit=alive,
        sleep=lambda _: None,
    )  # fmt: skip
    yield client
    client.close()


@cache
def strict_context() -> SSLContext:
    """Return a context the client takes; what Python's own default allows is the system's affair."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.minimum_version = TLSVersion.TLSv1_2
    return context
