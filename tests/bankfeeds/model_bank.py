"""A bank small enough to be believed: a list of lines per account, and balances that are their sums.

It answers on the wire, in the bank's shapes, through the real client; only the socket is left out. Whatever it is told
to do wrong it does to its answers, never to its own list: that list is the truth the ledger is held to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.jpmorgan import transport
from bankfeeds.jpmorgan.client import Client, Endpoint
from bankfeeds.jpmorgan.oauth import TokenCache
from tests.bankfeeds.jpmorgan.bodies import balances_body, page_body
from tests.bankfeeds.paper_bank import strict_context

ONE = timedelta(days=1)
Content = tuple[date, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A line of the bank. ``uid`` is what it is, ``ident`` what it is called; ``cents`` move the balance.

    ``listed``: the list shows it; the balances count it in any case. ``garbled``: its record cannot be taken.
    """

    uid: int
    ident: str
    day: date
    cents: int
    text: str
    listed: bool = True
    garbled: bool = False

    @property
    def content(self) -> Content:
        return self.day, self.cents, self.text

    def record(self, account: str) -> dict[str, Any]:
        """Return the line as a record of the bank's answer."""
        amount = f"{abs(self.cents) / 100:.2f}" + ("5" if self.garbled else "")
        return {
            "account": {"accountId": account, "currency": {"code": "USD"}},
            "asOfDate": self.day.isoformat(),
            "debitCreditCode": "CREDIT" if self.cents >= 0 else "DEBIT",
            "currency": {"code": "USD"},
            "amount": float(amount),
            "narrativeText": {"REMARK": self.text},
            "transactionId": self.ident,
        }


@dataclass(slots=True, kw_only=True)
class Mood:
    """What is wrong with the answers of one pull. The lines and the balances may be those of an older ``Book``."""

    lines: Book | None = None
    balances: Book | None = None
    empty: bool = False
    left_out: int = 0  # every so manieth line is missing from the list
    twice: bool = False
    refused_balances: bool = False
    no_balances: bool = False
    page_size: int = 1000
    turned: bool = False

    @property
    def tells_true_balances(self) -> bool:
        return not (self.balances or self.refused_balances or self.no_balances)


@dataclass(slots=True)
class Book:
    """An account at the bank: its lines, and for which days it states balances, and how wrong."""

    number: str
    opening: int = 100_000
    postings: dict[int, Posting] = field(default_factory=dict)
    silent: set[date] = field(default_factory=set)
    wrong: dict[date, int] = field(default_factory=dict)
    spoken: set[date] = field(default_factory=set)
    states_quiet_days: bool = True
    put_in: int = 0

    def on(self, day: date) -> list[Posting]:
        return [one for one in self.postings.values() if one.day == day]

    def closing(self, day: date) -> int:
        return self.opening + sum(one.cents for one in self.postings.values() if one.day <= day)

    @property
    def ever_used(self) -> bool:
        return bool(self.put_in or self.silent or self.wrong)

    def put(self, posting: Posting) -> None:
        self.put_in += 1
        self.postings[posting.uid] = posting

    def change(self, uid: int, **changes: Any) -> None:
        self.put(replace(self.postings[uid], **changes))

    def change_to(self, old: Posting, **changes: Any) -> None:
        self.put(replace(old, **changes))

    def copy(self) -> Book:
        return deepcopy(self)

    def stated(self, day: date) -> bool:
        """Say whether the bank gives balances for the day. Once it did, it always does."""
        if day in self.spoken:
            return True
        return day not in self.silent and (self.states_quiet_days or bool(self.on(day)))


class ModelBank:
    """Answers for its accounts at ``today``; ``behind``: it still calls yesterday the current day.

    ``meanwhile`` is called before each answer with the number of the call: it may change the bank, raise what a cut
    connection raises, or return a reply of its own.
    """

    def __init__(self, accounts: Iterable[str], *, today: date, first: date) -> None:
        self.books = {number: Book(number) for number in accounts}
        self.today, self.first = today, first
        self.behind = False
        self.mood = Mood()
        self.calls = 0
        self.meanwhile: Callable[[int], transport.Reply | None] = lambda call: None
        self.ever: dict[str, set[tuple[str, Content]]] = {number: set() for number in self.books}

    @property
    def last_posted(self) -> date:
        """Return the newest day that is over for the bank."""
        return self.today - (2 if self.behind else 1) * ONE

    def truth(self, number: str) -> list[tuple[str, Content]]:
        """Return id and content of every posted line, sorted."""
        lines = self.books[number].postings.values()
        return sorted((one.ident, one.content) for one in lines if one.day <= self.last_posted)

    # --- the wire ---

    def send(
        self, method: str, url: str, *, params: Mapping[str, str] | None = None, json: Any = None, **_: Any
    ) -> transport.Reply:
        """Answer one request, as ``transport.Transport`` would bring it."""
        self.calls += 1
        own = self.meanwhile(self.calls)
        if own is not None:
            return own
        body = self._transactions(params) if params is not None else self._balances(json)
        return transport.Reply(status=200, headers={"content-type": "application/json"}, body=body)

    def close(self) -> None:
        """Nothing is open."""

    def _transactions(self, params: Mapping[str, str]) -> bytes:
        number = params["accountIds"]
        if "relativeDateType" in params:
            start = end = self.today
            book = self.books[number]
        else:
            start, end = date.fromisoformat(params["startDate"]), date.fromisoformat(params["endDate"])
            book = self.mood.lines or self.books[number]
        shown = [one for one in book.postings.values() if start <= one.day <= end and one.listed]
        shown.sort(key=lambda one: (one.uid * 7919) % 101, reverse=self.mood.turned)
        if self.mood.left_out:
            shown = [one for one in shown if one.uid % self.mood.left_out]
        if self.mood.empty:
            shown = []
        self.ever[number].update((one.ident, one.content) for one in shown)
        records = [one.record(number) for one in shown]
        if self.mood.twice:
            records += records[:2]
        page, size = int(params["pageNumber"]), self.mood.page_size
        pages = -(-len(records) // size)
        return page_body(
            records[(page - 1) * size : page * size],
            number=page,
            pages=pages,
            total=len(records),
        )

    def _balances(self, asked: Any) -> bytes:
        number = asked["accountList"][0]["accountId"]
        start, end = date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])
        if self.mood.refused_balances:
            fault = [{"errorCode": "GCA-099", "errorMsg": "not now"}]
            return balances_body(account=number, balanceList=None, errors=fault)
        book = self.mood.balances or self.books[number]
        days = []
        for n in range((min(end, self.today - ONE) - start).days + 1):
            day = start + n * ONE
            if day >= self.first and book.stated(day) and not self.mood.no_balances:
                days.append(self._day(book, day))
                self.books[number].spoken.add(day)
        if not days:
            none = [{"errorCode": "GCA-024", "errorMsg": "no activity"}]
            return balances_body(account=number, balanceList=None, errors=none)
        return balances_body(*days, account=number)

    def _day(self, book: Book, day: date) -> dict[str, Any]:
        closing = book.closing(day) + book.wrong.get(day, 0)
        return {
            "asOfDate": day.isoformat(),
            "recordTimestamp": f"{day}T23:10:00Z",
            "currentDay": self.behind and day == self.today - ONE,
            "openingLedgerAmount": book.closing(day - ONE) / 100,
            "endingLedgerAmount": closing / 100,
        }

    # --- where the pipeline opens the bank ---

    @contextmanager
    def opened(
        self, connection: Any, *, clock: Callable[[], datetime], alive: Callable[[], None], **_: Any
    ) -> Iterator[Client]:
        """Stand in for ``fetch.bank``: the real client, on a transport that asks this bank."""
        client = Client(
            Endpoint(
                api_host="https://bank.invalid",
                token_url="",
                audience="",
                resource="",
                client_id="MODEL",
                auth="mtls",
            ),
            context=strict_context(),
            sign=None,
            kid="",
            tokens=TokenCache(),
            clock=clock,
            sleep=lambda seconds: None,
            permit=alive,
        )
        client._transport = self  # type: ignore[assignment]
        yield client


def reply(status: int, body: bytes = b"", **headers: str) -> transport.Reply:
    """Return an answer of the bank's front door."""
    return transport.Reply(status=status, headers=headers, body=body)


def signed_cents(direction: str, amount: Decimal) -> int:
    """Return a ledger line's amount as the bank counts it."""
    return int(amount * 100) if direction == "CREDIT" else -int(amount * 100)
