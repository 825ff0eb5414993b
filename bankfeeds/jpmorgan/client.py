"""The client of Account Balances v1 and Transaction Details v3. Meaning is `pipeline.normalise`'s.

All calls are reads, so repeating one is safe. Long waits are the caller's: they leave as
BankError.retry_after.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from bankfeeds.jpmorgan import calls, errors, transport, wire
from bankfeeds.jpmorgan.endpoint import Endpoint
from bankfeeds.jpmorgan.errors import BankError, Decision
from bankfeeds.jpmorgan.oauth import TokenCache

__all__ = ["BankError", "Client", "Decision", "Endpoint", "Page", "TokenCache"]

BALANCES = "/accessapi/balance"
TRANSACTIONS = "/tsapi/v3/transactions"
TRANSACTION_DAYS = 5
BALANCE_DAYS = 31
MOST_PAGES = 500
RESTARTS = 3
RESTART_PAUSE = 0.5
HURRIED = (5.0, 10.0)  # seconds to connect, and per read; a web worker is ended after 30

Request = Mapping[str, str | int | list[dict[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer of the bank, as it came, with what was asked for it.

    `request` holds the query (transactions) or JSON body (balances) and can be stored as JSON. `number`
    counts from 1. One of `kind` "unreadable" is kept for whoever has to find out why it could not be read.
    """

    kind: Literal["transactions", "balances", "unreadable"]
    request: Request
    body: bytes
    received_at: datetime
    number: int
    total_pages: int
    total_records: int


class Client:
    """Reads one connection's accounts. Not for several threads at once; `tokens` may be shared."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        context: ssl.SSLContext,
        sign: Callable[[bytes], bytes] | None,
        kid: str,
        bound: str = "",
        tokens: TokenCache,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        max_inline_wait: timedelta = timedelta(seconds=5),
        permit: Callable[[], None] = lambda: None,
        hurry: bool = False,
        gate: calls.Gate | None = None,
    ) -> None:
        """Prepare calls; nothing is sent yet.

        `context` decides trust and client certificate. `sign` (RS256) and `kid` make the assertion and are
        needed for `auth` "oauth"; `bound` is the fingerprint of the client certificate in `context`. Tokens got
        with other certificates are forgotten. `clock` returns the aware time. A Retry-After up to
        `max_inline_wait` is waited for, once, with `sleep` (seconds). `permit` is called before each question
        and raises when the bank must be left alone: it may have said so to somebody else. In a
        `hurry` (a person waits at the console) everything is tried once and given up after seconds. `gate` is
        asked before every call and told what came of it. Raises
        ValueError for a context that is not strict or a missing `sign`.
        """
        if endpoint.auth == "oauth" and (sign is None or not kid):
            raise ValueError("Signing in with a token needs a signing key and its certificate's thumbprint.")
        self._clock = clock
        self._sleep = sleep
        self._permit = permit
        self._api = endpoint.api_host.rstrip("/")
        timeout = HURRIED if hurry else (transport.CONNECT_SECONDS, transport.READ_SECONDS)
        self._transport = transport.Transport(context, pinned=endpoint.pinned, timeout=timeout)
        self._patience = calls.Patience(
            clock=clock,
            sleep=sleep,
            longest=timedelta() if hurry else max_inline_wait,
            quick=0 if hurry else calls.QUICK_TRIES,
            host=transport.host_name(endpoint.api_host),
            gate=gate or calls.OpenGate(),
        )
        self._answered = False
        self._sign_in: calls.SignIn | None = None
        if endpoint.auth == "oauth" and sign is not None:
            self._sign_in = calls.SignIn(
                token_url=endpoint.token_url,
                audience=endpoint.audience,
                resource=endpoint.resource,
                client_id=endpoint.client_id,
                kid=kid,
                bound=bound,
                sign=sign,
                tokens=tokens,
                transport=self._transport,
                patience=self._patience,
            )

    def transactions(
        self,
        *,
        account: str,
        start: date,
        end: date,
        current_day: bool = False,
        keep: Callable[[Page], Page] = lambda page: page,
    ) -> list[Page]:
        """Return all pages of one account's transactions, `start` to `end` inclusive (at most 5 days).

        The walk is complete and stable: exactly the total number of records, under one total; else it
        starts again, at most 3 times. `current_day` asks for the intraday set so far instead, whatever the
        dates. `keep` may make less of each page as it comes: there may be 500. Raises ValueError for a window
        the bank does not take, and BankError.
        """
        _check_window(start, end, TRANSACTION_DAYS)
        asked: dict[str, str] = {"accountIds": account}
        if current_day:
            asked["relativeDateType"] = "CURRENT_DAY"
        else:
            asked |= {"startDate": start.isoformat(), "endDate": end.isoformat()}
        for restart in range(1 + RESTARTS):
            if restart:
                self._sleep(RESTART_PAUSE)
            pages = self._walk(asked, keep)
            if pages is not None:
                return pages
        raise BankError(
            Decision.RETRY,
            "The bank's pages kept moving while they were read; nothing was taken from them.",
            detail=f"{1 + RESTARTS} walks without a stable total",
        )

    def balances(self, *, account: str, start: date, end: date) -> Page:
        """Return one account's balances, `start` to `end` inclusive (at most 31 days).

        Raises ValueError for a window the bank does not take, and BankError. An error of the account itself
        is inside the answer.
        """
        _check_window(start, end, BALANCE_DAYS)
        asked: dict[str, str | int | list[dict[str, str]]] = {
            "startDate": start.isoformat(),
            "endDate": end.isoformat(),
            "accountList": [{"accountId": account}],
        }
        reply = self._call(
            lambda headers: self._transport.send("POST", self._api + BALANCES, headers=headers, json=asked)
        )
        try:
            answer = wire.balances_answer(reply.body)
        except wire.WireError as error:
            raise self._unreadable(error, reply, asked, 1) from None
        return Page(
            kind="balances",
            request=asked,
            body=reply.body,
            received_at=self._clock(),
            number=1,
            total_pages=1,
            total_records=len(answer.account_list),
        )

    def sign_in(self) -> None:
        """Get an access token with this client's own assertion and throw it away. Raises BankError."""
        self._permit()
        if self._sign_in is not None:
            self._sign_in.prove()

    def look_in(self, *, account: str) -> None:
        """Ask for one account's balances of the previous business day and take nothing from them: were we let in?

        Raises BankError.
        """
        asked = {"relativeDateType": "PRIOR_DAY", "accountList": [{"accountId": account}]}
        self._call(
            lambda headers: self._transport.send("POST", self._api + BALANCES, headers=headers, json=asked)
        )

    @property
    def signed_in(self) -> bool:
        """Say whether the bank gave this client a token, and not an earlier one."""
        return self._sign_in is not None and self._sign_in.fetched

    @property
    def answered(self) -> bool:
        """Say whether the bank answered a question of this client."""
        return self._answered

    def close(self) -> None:
        """Close the connections to the bank."""
        self._transport.close()

    def _call(self, send: calls.Send) -> transport.Reply:
        self._permit()
        if self._sign_in is not None:
            reply = self._sign_in.call(send)
        else:
            reply = self._patience.answer(lambda: send(calls.headers()), errors.refused_call)
        self._answered = True
        return reply

    def _unreadable(
        self, error: wire.WireError, reply: transport.Reply, request: Request, number: int
    ) -> errors.Unreadable:
        found = errors.unreadable(error, reply)
        found.page = Page(
            kind="unreadable",
            request=request,
            body=reply.body,
            received_at=self._clock(),
            number=number,
            total_pages=0,
            total_records=0,
        )
        return found

    def _walk(self, asked: Mapping[str, str], keep: Callable[[Page], Page]) -> list[Page] | None:
        """Return the pages of one walk, or None when the bank's pages moved under it."""
        pages: list[Page] = []
        collected = 0
        while True:
            page, count = self._page(asked, len(pages) + 1)
            if pages and (page.total_records, page.total_pages) != (
                pages[0].total_records,
                pages[0].total_pages,
            ):
                return None
            pages.append(keep(page))
            collected += count
            if not count or page.number >= page.total_pages:
                return pages if collected == page.total_records else None
            if page.total_pages > MOST_PAGES:
                raise BankError(
                    Decision.STOP,
                    f"The bank announces more than {MOST_PAGES} pages for one account: ask a developer.",
                    detail=f"totalPages {page.total_pages}",
                )

    def _page(self, asked: Mapping[str, str], number: int) -> tuple[Page, int]:
        params = {**asked, "pageNumber": str(number)}
        reply = self._call(
            lambda headers: self._transport.send(
                "GET", self._api + TRANSACTIONS, headers=headers, params=params
            )
        )
        try:
            answer = wire.transactions_page(reply.body)
            said = answer.pagination
            if said.total_pages and said.page_number != number:
                raise wire.WireError("The bank answered another page than the one asked for.")
        except wire.WireError as error:
            raise self._unreadable(error, reply, {**asked, "pageNumber": number}, number) from None
        page = Page(
            kind="transactions",
            request={**asked, "pageNumber": number},
            body=reply.body,
            received_at=self._clock(),
            number=number,
            total_pages=said.total_pages,
            total_records=said.total_records,
        )
        return page, len(answer.data)


def _check_window(start: date, end: date, longest: int) -> None:
    if not 1 <= (end - start).days + 1 <= longest:
        raise ValueError(f"The bank answers for 1 to {longest} days at a time, from the first to the last.")
