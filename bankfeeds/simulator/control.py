"""The control listener: what bank staff and the developer portal do, as plain JSON on loopback only."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from bankfeeds.simulator.authority import CsrRefused
from bankfeeds.simulator.bank import Bank, ClockRefused, UnknownAccount, UnknownCertificate, UnknownClient
from bankfeeds.simulator.exchange import JSON, Request, Response
from bankfeeds.simulator.faults import UnknownFault
from bankfeeds.simulator.jsontext import encode_plain
from bankfeeds.simulator.ledger import Account, LedgerRefused

if TYPE_CHECKING:
    from bankfeeds.simulator.server import BankServer

REFUSALS = (ClockRefused, UnknownAccount, UnknownCertificate, UnknownClient, UnknownFault, LedgerRefused)

Given = dict[str, Any]


class Control:
    """Routes of the control listener of one running bank."""

    def __init__(self, running: BankServer) -> None:
        self._running = running
        self._bank: Bank = running.bank
        self._routes: dict[tuple[str, str], Callable[[Given], Any]] = {
            ("GET", "/state"): self._state,
            ("POST", "/clock"): self._clock,
            ("POST", "/clients"): self._register,
            ("POST", "/certificates"): self._certificate,
            ("POST", "/approvals"): self._approval,
            ("POST", "/revocations"): self._revoke,
            ("POST", "/entitlements"): self._entitle,
            ("POST", "/intraday"): self._intraday,
            ("GET", "/faults"): self._list_faults,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("GET", "/ledger"): self._ledger,
            ("POST", "/ledger/late-line"): self._late_line,
            ("POST", "/ledger/identical-pair"): self._identical_pair,
            ("POST", "/ledger/reversal-pair"): self._reversal_pair,
            ("POST", "/ledger/renumber"): self._renumber,
            ("POST", "/ledger/amend"): self._amend,
            ("POST", "/ledger/withdraw"): self._withdraw,
            ("GET", "/requests"): self._requests,
            ("GET", "/other-host"): self._other_host,
        }

    def handle(self, request: Request) -> Response:
        """Answer one control request; what cannot be done is a 4xx with `error`, one sentence."""
        if (request.method, request.path) == ("GET", "/roots.pem"):
            return Response(
                status=200, body=self._bank.authority.root_pem.encode(), content_type="application/x-pem-file"
            )
        route = self._routes.get((request.method, request.path))
        if route is None:
            return _answer(404, {"error": f"There is no {request.method} {request.path}."})
        try:
            given = _given(request)
            with self._bank.lock:
                return _answer(200, route(given))
        except CsrRefused as refusal:
            return _answer(400, {"error": str(refusal), "reasons": refusal.reasons})
        except REFUSALS as refusal:
            return _answer(400, {"error": str(refusal.args[0])})
        except KeyError as missing:
            return _answer(400, {"error": f"The field {missing.args[0]} is missing."})
        except (ValueError, TypeError, AttributeError, InvalidOperation) as problem:
            return _answer(400, {"error": f"The request cannot be read: {problem}."})

    def _state(self, _: Given) -> Any:
        running, bank = self._running, self._bank
        return {
            "scenario": bank.scenario,
            "today": bank.today,
            "history_start": bank.history_start,
            "urls": running.urls,
            "clients": [
                {
                    **_client(client),
                    "apis": sorted(client.apis),
                    "certificates": self._certificates(client.client_id),
                }
                for client in bank.clients.values()
            ],
            "accounts": [
                {
                    "account_id": ledger.account.account_id,
                    "name": ledger.account.name,
                    "currency": ledger.account.currency,
                }
                for ledger in bank.ledgers.values()
            ],
        }

    def _certificates(self, client_id: str) -> list[Given]:
        now = self._bank.terms.clock()
        return [
            {
                "thumbprint": known.thumbprint,
                "use": known.use,
                "environment": known.environment,
                "live": known.live(now),
            }
            for known in self._bank.registry.of_client(client_id)
        ]

    def _clock(self, given: Given) -> Any:
        self._bank.advance_to(date.fromisoformat(given["today"]))
        return {"today": self._bank.today}

    def _register(self, given: Given) -> Any:
        accounts = [
            Account(account_id=entry) if isinstance(entry, str) else _account(entry)
            for entry in given["accounts"]
        ]
        client = self._bank.register_client(
            client_id=str(given["client_id"]),
            resource=str(given["resource"]),
            accounts=accounts,
            environment=str(given.get("environment", "test")),
            approved=given.get("approved", False) is True,
        )
        return _client(client)

    def _certificate(self, given: Given) -> Any:
        chain = self._bank.sign_csr(
            given["csr_pem"],
            client_id=given["client_id"],
            use=given["use"],
            environment=given.get("environment"),
            valid_days=int(given.get("valid_days", 365)),
        )
        return {"certificate_pem": chain}

    def _approval(self, given: Given) -> Any:
        act = self._bank.approve if given.get("approved", True) is True else self._bank.withdraw_approval
        act(given["client_id"])
        return _client(self._bank.clients[given["client_id"]])

    def _revoke(self, given: Given) -> Any:
        self._bank.revoke_certificate(given["thumbprint"])
        return {"revoked": given["thumbprint"]}

    def _entitle(self, given: Given) -> Any:
        self._bank.entitle(given["client_id"], apis=given.get("apis"), accounts=given.get("accounts"))
        client = self._bank.clients[given["client_id"]]
        return {**_client(client), "apis": sorted(client.apis)}

    def _intraday(self, given: Given) -> Any:
        self._bank.set_intraday_percent(int(given["percent"]))
        return {"percent": self._bank.intraday_percent}

    def _list_faults(self, _: Given) -> Any:
        faults = self._bank.faults
        return {
            "armed": [dataclasses.asdict(fault) for fault in faults.armed],
            "hits": [dataclasses.asdict(hit) for hit in faults.hits],
        }

    def _add_fault(self, given: Given) -> Any:
        options = dict(given)
        return dataclasses.asdict(self._bank.faults.add(options.pop("kind"), **options))

    def _clear_faults(self, _: Given) -> Any:
        self._bank.faults.clear()
        return {"armed": []}

    def _ledger(self, given: Given) -> Any:
        account = given["account"]
        return {
            "account": account,
            "today": self._bank.today,
            "lines": self._bank.posted_lines(account),
            "balances": self._bank.day_balances(account),
        }

    def _late_line(self, given: Given) -> Any:
        return self._bank.add_late_line(
            given["account"],
            date.fromisoformat(given["day"]),
            amount=Decimal(str(given["amount"])),
            direction=given.get("direction", "CREDIT"),
        )

    def _identical_pair(self, given: Given) -> Any:
        return self._bank.add_identical_pair(given["account"], date.fromisoformat(given["day"]))

    def _reversal_pair(self, given: Given) -> Any:
        return self._bank.add_reversal_pair(given["account"], date.fromisoformat(given["day"]))

    def _renumber(self, given: Given) -> Any:
        return self._bank.renumber_day(given["account"], date.fromisoformat(given["day"]))

    def _amend(self, given: Given) -> Any:
        amount = None if given.get("amount") is None else Decimal(str(given["amount"]))
        reference = given.get("customer_reference")
        return self._bank.amend_line(
            given["account"], given["transaction_id"], amount=amount, customer_reference=reference
        )

    def _withdraw(self, given: Given) -> Any:
        return self._bank.withdraw_line(given["account"], given["transaction_id"])

    def _requests(self, _: Given) -> Any:
        return {"requests": [logged._asdict() for logged in self._bank.requests]}

    def _other_host(self, _: Given) -> Any:
        """Which headers came, by name only: their values may be credentials."""
        return {
            "requests": [
                {
                    "method": seen["method"],
                    "path": seen["path"],
                    "headers": sorted(seen["headers"]),
                    "credentials": seen["credentials"],
                }
                for seen in self._bank.other_host_requests
            ]
        }


def _client(client: Any) -> Given:
    return {
        "client_id": client.client_id,
        "resource": client.resource,
        "environment": client.environment,
        "accounts": list(client.accounts),
        "approved": client.approved,
    }


def _account(entry: Given) -> Account:
    known = dict(entry)
    if "opening" in known:
        known["opening"] = Decimal(str(known["opening"]))
    if "lines_per_day" in known:
        low, high = known["lines_per_day"]
        known["lines_per_day"] = (int(low), int(high))
    return Account(**known)


def _given(request: Request) -> Given:
    if request.method == "GET":
        return {name: values[0] for name, values in parse_qs(request.query).items()}
    if not request.body:
        return {}
    given = json.loads(request.body, parse_float=Decimal)
    if request.media_type != JSON or not isinstance(given, dict):
        raise ValueError("send one JSON object as application/json")
    return given


def _answer(status: int, content: Any) -> Response:
    return Response(status=status, body=encode_plain(content))
