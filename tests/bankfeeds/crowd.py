"""Many feeds at once, as rows only: for what the dispatcher does before any bank is called."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from bankfeeds.models import Account, Connection, Day, Pull
from bankfeeds.pipeline.plan import days_between

TODAY = date(2026, 6, 3)  # a Wednesday
NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def feeds(count: int, *, state: str = "testing", label: str = "crowd", **more: Any) -> list[Account]:
    """Create so many connections with one account each; the facts go to the connections."""
    facts: dict[str, Any] = {
        "environment": "test", "auth": "mtls", "api_host": "https://bank.invalid", "client_id": "CROWD",
        "trust_roots": "-", "created_at": NOW,
    }  # fmt: skip
    made = Connection.objects.bulk_create(
        Connection(label=f"{label}-{number}", state=state, **{**facts, **more}) for number in range(count)
    )
    return Account.objects.bulk_create(
        Account(connection=one, number=f"9{number:08}", given_number=f"9{number:08}")
        for number, one in enumerate(made)
    )


def overdue(accounts: list[Account], *, since: datetime = NOW - timedelta(days=3)) -> None:
    """Let the accounts be due one minute after another from ``since`` on."""
    for number, account in enumerate(accounts):
        account.next_pull_at = since + timedelta(minutes=number)
    Account.objects.bulk_update(accounts, ["next_pull_at"])


def known(account: Account, start: date, end: date, state: str = "proven") -> None:
    """Write coverage: the account's days from ``start`` to ``end`` are read."""
    Day.objects.bulk_create(
        (
            Day(account=account, as_of_date=day, state=state, stated=True, opening=0, closing=0, difference=0)
            for day in days_between(start, end)
        ),
        ignore_conflicts=True,
    )


def booked(account: Account, *, at: datetime = NOW - timedelta(hours=6), **more: Any) -> Pull:
    """Write a pull that is over."""
    facts = {"kind": "scheduled", "state": "booked", "requested_at": at, "finished_at": at, "covered": []}
    return Pull.objects.create(account=account, today=TODAY, requested_by="task:tick", **{**facts, **more})


def work(pulls: list[Pull], *, at: datetime = NOW) -> None:
    """Let workers have carried out the pulls."""
    Pull.objects.filter(pk__in=[pull.pk for pull in pulls]).update(state="booked", finished_at=at)
