"""A customer's feed and the bank behind it, set up as an operator would: with the commands of the manual."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import time_machine

from bankfeeds.models import Account, Connection
from bankfeeds.simulator import scenarios
from bankfeeds.simulator.authority import Authority
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.server import BankServer
from tests.bankfeeds.feeds import Outcome, command

TUESDAY, WEDNESDAY = date(2026, 6, 2), date(2026, 6, 3)
AUTHORITY = Authority.create(now=datetime.now(UTC))


@dataclass(kw_only=True)
class Feed:
    """One connection, named by its label, and the running bank it reads."""

    label: str
    bank: Bank
    running: BankServer
    folder: Path

    @property
    def connection(self) -> Connection:
        return Connection.objects.get(label=self.label)

    @property
    def accounts(self) -> list[Account]:
        return list(self.connection.accounts.order_by("number"))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the command line that pulls this feed on the bank's business date."""
        return ("pull_feeds", "--connection", self.label, "--today", self.bank.today.isoformat())

    def pull(self) -> Outcome:
        return command(*self.arguments)

    def exported(self) -> list[dict[str, str]]:
        """Return what the export hands out, withdrawn lines included."""
        said = command("export_transactions", "--connection", self.label, "--format", "json")
        assert (said.code, said.err) == (0, "")
        found: list[dict[str, str]] = json.loads(said.out)
        return found

    def booked(self) -> list[dict[str, str]]:
        return [row for row in self.exported() if row["state"] == "booked"]

    def bank_says(self) -> list[dict[str, str]]:
        """Return the bank's posted lines in the words and the order of the export."""
        rows = [row for account in self.bank.account_ids for row in self.bank.posted_lines(account)]
        return sorted(
            map(_as_exported, rows),
            key=lambda row: (row["account"], row["as_of_date"], row["transaction_id"]),
        )

    def days(self) -> list[dict[str, Any]]:
        """Return the proof of every day and account."""
        said = command("reconcile_feeds", "--connection", self.label, "--format", "json")
        found: list[dict[str, Any]] = said.json()["days"]
        return found

    def bank_balances(self) -> list[tuple[str, str, str, str]]:
        """Return account, day, opening and closing of every posted business day, as the bank keeps them."""
        return [
            (
                account,
                day["as_of_date"].isoformat(),
                _text(day["opening_ledger"]),
                _text(day["closing_ledger"]),
            )
            for account in self.bank.account_ids
            for day in self.bank.day_balances(account)
        ]

    def create(self, *, api_host: str = "") -> Feed:
        """Create the connection, have the bank sign its request, and install what it returns."""
        roots = self.folder / "roots.pem"
        roots.write_text(self.running.roots_pem)
        accounts = [word for account in self.bank.account_ids for word in ("--account", account)]
        _done("create_connection", "--label", self.label, "--environment", "test", "--auth", "oauth",
              "--api-host", api_host or self.running.oauth_url, "--token-url", self.running.token_url,
              "--resource", self.bank.client.resource, "--client-id", self.bank.client.client_id,
              "--trust-roots", str(roots), "--history-start", self.bank.history_start.isoformat(),
              *accounts)  # fmt: skip
        self.certify("oauth")
        return self

    def certify(self, use: str) -> Outcome:
        """Request a key, have the bank sign it, and install what it returns; return what the installation said."""
        certificate = self.folder / f"{self.label}-{use}.pem"
        request = _done("generate_csr", "--connection", self.label, "--use", use)
        certificate.write_text(self.bank.sign_csr(request, client_id=self.bank.client.client_id, use=use))
        said = command("install_certificate", "--connection", self.label, str(certificate))
        assert said.code == 0, said.err
        return said


@contextmanager
def feed(
    folder: Path, *, label: str = "harbor-kettle", today: date = TUESDAY, **terms: Any
) -> Iterator[Feed]:
    """Run a bank of small pages and a short history, and connect its customer to it."""
    bank = scenarios.build("small-pages", today=today, authority=AUTHORITY, **{"history_days": 6, **terms})
    with BankServer(bank) as running:
        yield Feed(label=label, bank=bank, running=running, folder=folder).create()


def an_hour_later() -> AbstractContextManager[Any]:
    travel: AbstractContextManager[Any] = time_machine.travel(
        datetime.now().astimezone() + timedelta(hours=1), tick=True
    )
    return travel


def assert_right(harbor: Feed) -> None:
    """What we hand out is what the bank has on its books, and each of its days is proven."""
    assert harbor.booked() == harbor.bank_says()
    days = harbor.days()
    assert [day["as_of_date"] for day in days if not day["proven"]] == []
    found = {(day["account"], day["as_of_date"]): (day["opening"], day["closing"]) for day in days}
    for account, day, opening, closing in harbor.bank_balances():
        assert found[account, day] == (opening, closing)


def _done(*argv: str) -> str:
    said = command(*argv)
    assert said.code == 0, said.err
    return said.out


def _as_exported(row: dict[str, Any]) -> dict[str, str]:
    return {
        "account": row["account_id"],
        "as_of_date": row["as_of_date"].isoformat(),
        "direction": row["direction"],
        "amount": _text(row["amount"]),
        "currency": row["currency"],
        "bank_reference": row["bank_reference"],
        "transaction_id": row["transaction_id"],
        "bai_code": row["bai_code"],
        # What people recognise a payment by: the remark; without one, the bank's short name of its kind.
        "description": row["narrative"].get("REMARK") or row["description"],
        "state": "booked",
    }


def _text(amount: Decimal) -> str:
    return format(amount, ".2f")
