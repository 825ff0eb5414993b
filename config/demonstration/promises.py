"""What the demonstration promises, each checked against the running product and the bank's own ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import requests
from django.utils import timezone

from audit import queries as audit
from audit.recording import Actor
from bankfeeds import operations as feeds
from bankfeeds import queries
from bankfeeds.models import Connection, Line
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from config.demonstration.bank import BankDesk
from onboarding.models import Message, Project

SETTLE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Outcome:
    """One promise: what, whether it was kept, and the figures behind that."""

    promise: str
    kept: bool
    detail: str


@dataclass(slots=True)
class Promises:
    """``summary`` is what load_demo wrote; ``url`` is the running console's address."""

    summary: dict[str, Any]
    url: str

    def check(self) -> Iterator[Outcome]:
        """Yield the outcome of each promise, in the order of the road."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("the customer's project is live", self._live),
            ("the lines equal the bank's ledger", self._lines),
            ("every bank day is proven", self._proven),
            ("a second pull writes nothing", self._second_pull),
            ("each milestone was mailed once", self._mails),
            ("the audit chain is whole", self._audit),
            ("console and portal answer", self._pages),
            ("a worker executes heartbeats and the product is ready", self._ready),
        )
        for promise, check in checks:
            try:
                yield Outcome(promise, True, check())
            except (AssertionError, requests.RequestException) as broken:
                yield Outcome(promise, False, str(broken) or type(broken).__name__)

    @property
    def _connection(self) -> Connection:
        return Connection.objects.get(label=self.summary["main"]["label"])

    def _live(self) -> str:
        project = Project.objects.get(connection=self._connection)
        done = project.steps.filter(state="done").count()
        _keep(project.state == "live" and done == 6, f"it is {project.state}, {done} of 6 steps are done")
        return "6 of 6 steps closed with their evidence"

    def _lines(self) -> str:
        desk = BankDesk(self.summary["control"])
        ours = Counter(
            _our_line(line)
            for line in Line.objects.filter(account__connection=self._connection, state="booked")
        )
        bank = Counter(
            _bank_line(account, line)
            for account in self.summary["main"]["accounts"]
            for line in desk.posted(account)
        )
        extra, lacking = sum((ours - bank).values()), sum((bank - ours).values())
        _keep(
            bool(bank) and ours == bank,
            f"{extra} lines are not the bank's, {lacking} of the bank's are missing",
        )
        return f"{sum(ours.values())} lines on {len(self.summary['main']['accounts'])} accounts"

    def _proven(self) -> str:
        states = Counter(day.state for day in queries.day_rows(connection=self._connection))
        _keep(
            set(states) == {"proven"},
            ", ".join(f"{count} days {state}" for state, count in states.items()) or "no day",
        )
        return f"{states['proven']} account days: opening + movements = closing"

    def _second_pull(self) -> str:
        before = self._written()
        read = 0
        for account in self._connection.accounts.all():
            today = date.fromisoformat(self.summary["today"])
            pull = feeds.start_pull(
                account=account, today=today, actor=Actor.command("check_demo"), now=timezone.now()
            )
            done = run_pull(
                pull_id=pull.pk,
                owner=new_owner(),
                today=today,
                actor=Actor.command("check_demo"),
                clock=timezone.now,
            )
            _keep(done.state == "booked", f"the pull is {done.state}: {done.reason}")
            read += done.read
        _keep(self._written() == before, "lines were written")
        return f"{read} lines read again, none written"

    def _written(self) -> list[tuple[Any, ...]]:
        rows = Line.objects.filter(account__connection=self._connection).order_by("pk")
        return list(rows.values_list("pk", "transaction_id", "amount", "state", "revision"))

    def _mails(self) -> str:
        sent = Counter(
            Message.objects.filter(project__connection=self._connection, state="sent").values_list(
                "milestone", "contact"
            )
        )
        waiting = Message.objects.exclude(state__in=["sent", "dropped"]).count()
        _keep(set(sent.values()) == {1} and not waiting, f"{dict(sent)}, {waiting} mails not sent")
        return f"{len(sent)} mails: " + ", ".join(sorted({milestone for milestone, _ in sent}))

    def _audit(self) -> str:
        found = audit.verify()
        _keep(
            found.broken is None and found.entries > 0, found.broken.reason if found.broken else "it is empty"
        )
        return f"{found.entries} entries"

    def _pages(self) -> str:
        with requests.Session() as session:
            session.trust_env = False
            portal = session.get(f"{self.url}/status/{self.summary['main']['token']}/", timeout=20)
            stranger = session.get(f"{self.url}/status/{'x' * 43}/", timeout=20)
            console = session.get(f"{self.url}/admin/", timeout=20)
        _keep(
            portal.status_code == 200 and "no-store" in portal.headers["Cache-Control"],
            f"portal: {portal.status_code}",
        )
        _keep(stranger.status_code == 404, f"a stranger's link: {stranger.status_code}")
        _keep(
            console.status_code == 200 and "/login/" in console.url,
            f"console: {console.status_code} {console.url}",
        )
        return "portal for its contact, nothing for a stranger, console behind a login"

    def _ready(self) -> str:
        deadline = time.monotonic() + SETTLE_SECONDS
        answer: dict[str, Any] = {}
        while time.monotonic() < deadline:
            answer = requests.get(f"{self.url}/readyz", timeout=20).json()
            if answer["ready"]:
                return "database, migrations, heartbeat, pulls"
            time.sleep(1)
        _keep(False, ", ".join(f"{part}: {state}" for part, state in answer.items()))
        return ""


def _keep(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _our_line(line: Line) -> tuple[Any, ...]:
    return (
        line.account.given_number, line.transaction_id, line.as_of_date.isoformat(), line.direction,
        line.amount.normalize(), line.currency, line.bank_reference,
    )  # fmt: skip


def _bank_line(account: str, line: dict[str, Any]) -> tuple[Any, ...]:
    return (
        account, line["transaction_id"], line["as_of_date"], line["direction"], Decimal(line["amount"]).normalize(),
        line["currency"], line["bank_reference"],
    )  # fmt: skip
