"""A bank on paper: what it lists is set by hand, and its answers are real pages, but nothing goes over a wire.

For tests of what is made of answers. Pulls are carried out as a worker carries them out, from plan to proof.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.jpmorgan.client import Page
from bankfeeds.models import Account, Connection, Line, Pull
from bankfeeds.pipeline import fetch
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.plan import days_between
from bankfeeds.pipeline.run import run_pull
from bankfeeds.replay import Replayed, replay

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 6, n) for n in (1, 2, 3, 4))
NUMBER = "000000700100200"
OPENING = Decimal("1000.00")
ACTOR = Actor.command("test")


@dataclass
class Posting:
    """A record as the bank lists it; ``more`` goes over its fields as they are on the wire."""

    ident: str
    day: date
    amount: str
    text: str = "PAYMENT"
    reference: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def signed(self) -> Decimal:
        return Decimal(self.amount)

    def record(self) -> str:
        facts = {
            "transactionId": self.ident,
            "account": {"accountId": NUMBER, "currency": {"code": "USD"}},
            "asOfDate": self.day.isoformat(),
            "debitCreditCode": "DEBIT" if self.signed < 0 else "CREDIT",
            "amount": 0,
            "currency": {"code": "USD"},
            "baiType": {"typeCode": "455" if self.signed < 0 else "195"},
            "bankReferenceSearchable": {"standardValue": self.reference},
            "shortDescription": self.text,
        }
        told = json.dumps({**facts, **self.more})
        return told.replace('"amount": 0', f'"amount": {abs(self.signed)}', 1)


@dataclass
class PaperBank:
    """One account. ``listed`` is its ledger; each day opens with what the days before it moved."""

    connection: Connection
    listed: list[Posting] = field(default_factory=list)
    intraday: list[Posting] = field(default_factory=list)
    now: datetime = datetime(2026, 6, 3, 12, tzinfo=UTC)
    balanced: bool = True
    signed_in = answered = False

    @property
    def account(self) -> Account:
        return self.connection.accounts.get()

    @property
    def today(self) -> date:
        return self.now.date()

    def post(
        self, ident: str, day: date, amount: str, text: str = "PAYMENT", reference: str = "", **more: Any
    ) -> Posting:
        posting = Posting(ident, day, amount, text, reference, more)
        self.listed.append(posting)
        return posting

    def take(self, ident: str) -> Posting:
        """Take a posting off the bank's list and return it."""
        found = next(one for one in self.listed if one.ident == ident)
        self.listed.remove(found)
        return found

    def pull(self, **limits: Any) -> Pull:
        """Pull an hour later than last time."""
        self.now += timedelta(hours=1)
        pull = operations.start_pull(
            account=self.account, today=self.today, actor=ACTOR, now=self.now, **limits
        )
        return run_pull(
            pull_id=pull.pk, owner=new_owner(), today=self.today, actor=ACTOR, clock=lambda: self.now
        )

    def undo(self, pull: Pull, **more: Any) -> Pull:
        self.now += timedelta(minutes=1)
        more = {"actor": ACTOR, "reason": "It was of another customer.", **more}
        return operations.undo_pull(pk=pull.pk, now=self.now, **more)

    def replayed(self) -> Replayed:
        return replay(connection=self.connection, now=self.now)

    def booked(self) -> list[tuple[str, date, Decimal, str]]:
        lines = Line.objects.filter(state="booked").order_by("transaction_id")
        return [
            (
                row.transaction_id,
                row.as_of_date,
                row.amount if row.direction == "CREDIT" else -row.amount,
                row.description,
            )
            for row in lines
        ]

    def says(self) -> list[tuple[str, date, Decimal, str]]:
        return sorted((one.ident, one.day, one.signed, one.text) for one in self.listed)

    # What a worker's client answers

    def transactions(
        self, *, account: str, start: date, end: date, current_day: bool, keep: Callable[[Page], Page]
    ) -> list[Page]:
        asked: dict[str, Any] = {"accountIds": account}
        if not current_day:
            asked |= {"startDate": start.isoformat(), "endDate": end.isoformat()}
        rows = self.intraday if current_day else [one for one in self.listed if start <= one.day <= end]
        whole = {"totalPages": 1, "totalRecords": len(rows), "pageNumber": 1}
        body = f'{{"pagination": {json.dumps(whole)}, "data": [{", ".join(one.record() for one in rows)}]}}'
        return [keep(self._page("transactions", {**asked, "pageNumber": 1}, body, len(rows)))]

    def balances(self, *, account: str, start: date, end: date) -> Page:
        days = [
            day
            for day in days_between(start, end)
            if day >= self.connection.history_start and day.weekday() < 5
        ]
        told = [
            f'{{"asOfDate": "{day}", "currentDay": false, "openingLedgerAmount": {self._before(day)}, '
            f'"endingLedgerAmount": {self._before(day + timedelta(days=1))}}}'
            for day in days
            if day < self.today and self.balanced
        ]
        body = (
            f'{{"accountList": [{{"accountId": "{account}", "currency": {{"code": "USD"}}, '
            f'"balanceList": [{", ".join(told)}]}}]}}'
        )
        asked = {
            "startDate": start.isoformat(),
            "endDate": end.isoformat(),
            "accountList": [{"accountId": account}],
        }
        return self._page("balances", asked, body, 1)

    def _before(self, day: date) -> Decimal:
        return sum((one.signed for one in self.listed if one.day < day), OPENING)

    def _page(self, kind: Any, asked: dict[str, Any], body: str, records: int) -> Page:
        self.now += timedelta(seconds=1)
        return Page(
            kind=kind, request=asked, body=body.encode(), received_at=self.now, number=1, total_pages=1,
            total_records=records,
        )  # fmt: skip


@pytest.fixture
def paper(db: Any, monkeypatch: pytest.MonkeyPatch) -> PaperBank:
    """An account with two postings on Monday and one on Tuesday; today is Wednesday."""
    row = Connection.objects.create(
        label="harbor-kettle", environment="test", auth="mtls", api_host="https://bank.invalid", client_id="TEST",
        trust_roots="-", created_at=datetime(2026, 6, 1, tzinfo=UTC), history_start=MONDAY,
    )  # fmt: skip
    Connection.objects.filter(pk=row.pk).update(state="testing")
    row = Connection.objects.get(pk=row.pk)
    Account.objects.create(connection=row, number=NUMBER.lstrip("0"), given_number=NUMBER)
    bank = PaperBank(row)
    bank.post("MON-1", MONDAY, "100.00", "INVOICE 1")
    bank.post("MON-2", MONDAY, "-30.00", "RENT")
    bank.post("TUE-1", TUESDAY, "50.00", "INVOICE 2")

    @contextmanager
    def opened(*_: Any, **__: Any) -> Iterator[PaperBank]:
        yield bank

    monkeypatch.setattr(fetch, "bank", opened)
    return bank
