"""The bank's front door: who is calling, which API is meant, is it permitted, and the answer."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs

from bankfeeds.simulator import answers, mischief
from bankfeeds.simulator.bank import Bank, Client
from bankfeeds.simulator.exchange import (
    Logged,
    Refused,
    Request,
    Response,
    error,
    not_eligible,
    unauthenticated,
)
from bankfeeds.simulator.faults import Call
from bankfeeds.simulator.rules import Question, balances_question, transactions_question
from bankfeeds.simulator.tokens import kid_of, token_form

OAUTH, MTLS = "oauth", "mtls"
TOKEN_PATH = "/adfs/oauth2/token"  # noqa: S105 - a path
BALANCE_PATH = "/accessapi/balance"
TRANSACTIONS_PATH = "/tsapi/v3/transactions"
METHODS = {BALANCE_PATH: "POST", TRANSACTIONS_PATH: "GET", TOKEN_PATH: "POST", f"{TOKEN_PATH}/": "POST"}
NAMES = {BALANCE_PATH: "balances", TRANSACTIONS_PATH: "transactions"}
LONGEST_REQUEST_ID = 36


class Visit:
    """One request on its way through the bank, with what has become known about it for the log."""

    def __init__(self, bank: Bank, request: Request) -> None:
        self.bank = bank
        self.request = request
        self.client_id = ""
        self.asked: dict[str, Any] = {}
        self.reason = ""
        self.kid = ""
        self.first_hit = len(bank.faults.hits)

    def answer(self) -> Response:
        """Return the bank's answer, faults included."""
        try:
            response = self._answer()
        except Refused as refusal:
            self.reason = refusal.reason
            response = refusal.response
        request_id = self.request.headers.get("request-id", "")
        if request_id and len(request_id) <= LONGEST_REQUEST_ID and request_id.isprintable():
            response.headers.setdefault("Request-Id", request_id)
        return response

    def logged(self, status: int) -> Logged:
        """Return the line for the request log; it holds no token and no assertion."""
        kinds = tuple(hit.kind for hit in self.bank.faults.hits[self.first_hit :])
        request = self.request
        is_token = request.path.startswith(TOKEN_PATH)
        return Logged(
            at=time.monotonic(),
            listener=request.listener,
            client_id=self.client_id,
            method=request.method,
            path=request.path,
            query="" if is_token else request.query,
            status=status,
            asked=self.asked,
            reason=self.reason,
            faults=kinds,
            certificate=self.kid or request.peer or "",
        )

    def _answer(self) -> Response:
        request = self.request
        method = METHODS.get(request.path)
        if method is None or (request.path.startswith(TOKEN_PATH) and request.listener != OAUTH):
            raise Refused(error(404, "GCA-404", "There is nothing here."), "Unknown path.")
        if request.method != method:
            raise Refused(error(405, "GCA-405", "Method not allowed.", Allow=method), "Wrong method.")
        if request.path.startswith(TOKEN_PATH):
            return self._token()
        client = self._caller()
        name = NAMES[request.path]
        call = Call(
            listener=request.listener, client_id=client.client_id, path=name, **self._aim(name, client)
        )
        struck = mischief.instead(self.bank, call, request)
        if struck is not None:
            return struck
        if not client.approved or name not in client.apis:
            raise not_eligible("The client is not approved for this API.")
        return self._data(client, call)

    def _token(self) -> Response:
        form = token_form(self.request)
        self.client_id = form["client_id"]
        self.kid = kid_of(form["client_assertion"])
        call = Call(listener=self.request.listener, client_id=self.client_id, path="token")
        struck = mischief.instead(self.bank, call, self.request)
        if struck is not None:
            return struck
        return mischief.sending(self.bank, call, self.bank.tokens.issue(form, self.bank.clients))  # type: ignore[arg-type]

    def _caller(self) -> Client:
        """Return the authenticated client: by bearer, by client certificate, or by both if both agree."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        by_token = self.bank.tokens.owner(token) if scheme.lower() == "bearer" else None
        if self.request.listener == OAUTH:
            if by_token is None:
                raise unauthenticated("No live bearer token.")
            client_id = by_token
        else:
            client_id = self._by_certificate()
            if scheme and by_token != client_id:
                raise unauthenticated("The bearer token is not one of the certificate's client.")
        self.client_id = client_id
        return self.bank.clients[client_id]

    def _by_certificate(self) -> str:
        known = self.bank.registry.find(self.request.peer or "")
        if known is None or known.use != "transport":
            raise unauthenticated("The client certificate is not registered for transport.")
        client = self.bank.clients.get(known.client_id)
        if client is None or known.environment != client.environment:
            raise unauthenticated("The client certificate belongs to another environment.")
        if not known.live(self.bank.terms.clock()):
            raise unauthenticated("The client certificate is expired or revoked.")
        return client.client_id

    def _aim(self, name: str, client: Client) -> dict[str, Any]:
        """Read, without judging, which accounts and page a request is about, so that faults can aim at it."""
        if name == "transactions":
            given = parse_qs(self.request.query)
            self.asked = {key: values[0] for key, values in given.items()}
            accounts = [account for value in given.get("accountIds", []) for account in value.split(",")]
            page = self.asked.get("pageNumber", "1")
            return {"accounts": tuple(accounts), "page": int(page) if page.isdecimal() else 0}
        try:
            asked = json.loads(self.request.body)
            self.asked = asked if isinstance(asked, dict) else {}
            accounts = [str(entry["accountId"]) for entry in self.asked.get("accountList", [])]
        except (ValueError, TypeError, KeyError):
            accounts = []
        return {"accounts": tuple(accounts or client.accounts)}

    def _data(self, client: Client, call: Call) -> Response:
        bank, request = self.bank, self.request
        if call.path == "balances":
            question = self._entitled(client, balances_question(request, today=bank.today))
            mischief.change_ledger(bank, call, question)
            answer = answers.balances(bank, call, question)
        else:
            question = self._entitled(client, transactions_question(request, today=bank.today))
            mischief.change_ledger(bank, call, question)
            answer = answers.transactions(bank, call, question)
        return mischief.sending(bank, call, answer)

    def _entitled(self, client: Client, question: Question) -> Question:
        if not question.accounts:
            return Question(
                accounts=tuple(client.accounts), start=question.start, end=question.end, page=question.page
            )
        if not set(question.accounts) <= set(client.accounts):
            raise not_eligible("An account is not entitled to this client.")
        return question


def handle(bank: Bank, request: Request) -> Response:
    """Answer one request at a bank listener and log it."""
    with bank.lock:
        visit = Visit(bank, request)
        response = visit.answer()
        bank.requests.append(visit.logged(response.status))
        return response
