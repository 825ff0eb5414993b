"""A connection to a simulated bank, for tests: everything real, over TLS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations
from bankfeeds.models import Account, Connection, Line, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from bankfeeds.simulator import scenarios, server
from bankfeeds.simulator.authority import Authority

TODAY = date(2026, 6, 3)
HISTORY_DAYS = 12
"""Business days: enough for more than one window, and no more than a first pull reads in a moment."""
ACTOR = Actor.command("test")
AUTHORITY = Authority.create(now=datetime.now(UTC))
COMPARED = ("transaction_id", "as_of_date", "direction", "amount", "currency", "bai_code", "bank_reference")


@dataclass
class Feed:
    """One connection and the bank behind it."""

    bank: Any
    running: Any
    connection: Connection
    clock: Callable[[], datetime] = field(default=timezone.now)

    @property
    def accounts(self) -> list[Account]:
        return list(self.connection.accounts.order_by("number"))

    @property
    def account(self) -> Account:
        return self.accounts[0]

    def start(self, account: Account | None = None, **more: Any) -> Pull:
        return operations.start_pull(
            account=account or self.account,
            today=more.pop("today", TODAY),
            actor=ACTOR,
            now=timezone.now(),
            **more,
        )

    def pull(self, account: Account | None = None, **more: Any) -> Pull:
        pull = self.start(account, **more)
        return run_pull(pull_id=pull.pk, owner=new_owner(), today=pull.today, actor=ACTOR, clock=self.clock)

    def pull_all(self, **more: Any) -> list[Pull]:
        return [self.pull(account, **more) for account in self.accounts]

    def command(self, *argv: str) -> Outcome:
        return command(*argv)

    def bank_lines(self, account: Account | None = None) -> list[tuple[Any, ...]]:
        account = account or self.account
        rows = self.bank.posted_lines(account.given_number)
        return sorted(tuple(row[name] for name in COMPARED) for row in rows)

    def our_lines(self, account: Account | None = None) -> list[tuple[Any, ...]]:
        rows = Line.objects.filter(account=account or self.account, state="booked")
        return sorted(rows.values_list(*COMPARED))


@dataclass
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def command(*argv: str) -> Outcome:
    """Run a management command as a person would; return exit code, stdout and stderr."""
    from django.core.management.base import CommandError

    out, err = StringIO(), StringIO()
    try:
        call_command(*argv, stdout=out, stderr=err)
    except SystemExit as ended:
        return Outcome(int(ended.code or 0), out.getvalue(), err.getvalue())
    except CommandError as problem:
        return Outcome(problem.returncode, out.getvalue(), err.getvalue() + str(problem))
    return Outcome(0, out.getvalue(), err.getvalue())


@contextmanager
def feed(
    scenario: str = "plain",
    *,
    auth: str = "oauth",
    today: date = TODAY,
    accounts: int = 1,
    certified: bool = True,
    **terms: Any,
) -> Iterator[Feed]:
    """Run a bank and set up a certified test connection to it.

    Its feed begins with the bank's short history; with ``history_days`` given, ninety days back as is usual.
    """
    short = "history_days" not in terms
    terms = {"history_days": HISTORY_DAYS, **terms}
    bank = scenarios.build(scenario, today=today, accounts=accounts, authority=AUTHORITY, **terms)
    with server.BankServer(bank) as running:
        connection = operations.create_connection(
            facts=new_connection(
                bank, running, auth=auth, history_start=bank.history_start if short else None
            ),
            actor=ACTOR,
            now=timezone.now(),
        )
        found = Feed(bank, running, connection)
        if certified:
            certify(found)
        yield found


def new_connection(bank: Any, running: Any, **more: Any) -> operations.NewConnection:
    auth = more.pop("auth", "oauth")
    facts: dict[str, Any] = {
        "label": "harbor-kettle",
        "environment": "test",
        "auth": auth,
        "api_host": running.oauth_url if auth == "oauth" else running.mtls_url,
        "token_url": running.token_url if auth == "oauth" else "",
        "resource": bank.client.resource if auth == "oauth" else "",
        "client_id": bank.client.client_id,
        "trust_roots": running.roots_pem,
        "accounts": bank.account_ids,
    }
    return operations.NewConnection(**{**facts, **more})


def certify(found: Feed) -> None:
    """Have the bank sign the connection's request, and install what it returns."""
    key = operations.generate_csr(connection=found.connection, actor=ACTOR, now=timezone.now())
    pem = found.bank.sign_csr(key.csr_pem, client_id=found.bank.client.client_id, use=key.use)
    operations.install_certificate(
        connection=found.connection, material=pem.encode(), actor=ACTOR, now=timezone.now()
    )
    found.connection.refresh_from_db()


def write_roots(folder: Path, running: Any) -> str:
    path = folder / "roots.pem"
    path.write_text(running.roots_pem)
    return str(path)
