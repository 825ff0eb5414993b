"""``python -m benchmarks.outage``: the bank's host is gone for a day, and all feeds were due.

Everything is real but the time: the bank is the simulated one over TLS, the minutes are counted and not waited for.
Prints how many alarms there were, how often the dead host was called, and how the feeds came back.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

TODAY = date(2026, 6, 3)
MINUTE = timedelta(minutes=1)


@dataclass
class Clock:
    """Time that passes when it is told to."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.at


def main() -> int:
    """Run the outage on a database of its own and print what came of it."""
    arguments = _arguments()
    import django
    from django.db import connection

    django.setup()
    logging.disable(logging.WARNING)
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        print(f"{connection.vendor}, {arguments.feeds} feeds, {arguments.hours} hours")
        for what, figure in run(feeds=arguments.feeds, customers=arguments.customers, hours=arguments.hours):
            print(f"{what:<62} {figure}")
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    return 0


def run(*, feeds: int, customers: int, hours: int) -> list[tuple[str, object]]:
    """Let ``feeds`` accounts of ``customers`` connections meet an outage; return what there is to say of it."""
    from bankfeeds.jpmorgan import calls
    from bankfeeds.models import Day, Finding, Outage, Pull
    from bankfeeds.simulator import scenarios
    from bankfeeds.simulator.server import BankServer
    from tests.bankfeeds.feeds import AUTHORITY

    calls.QUICK_PAUSE = 0.0  # half a second of our own, thrice a call, is not what is measured
    clock = Clock()
    bank = scenarios.build(
        "plain", today=TODAY, authority=AUTHORITY, accounts=feeds, history_days=4, clock=clock
    )
    with BankServer(bank) as running:
        _connect(bank, running, customers, clock())
        for path in (None, "token"):
            bank.faults.add("503", path=path, times=None, retry_after=None)
        begun = time.perf_counter()
        _minutes(hours * 60, clock)
        found: list[tuple[str, object]] = [
            ("seconds this took here", round(time.perf_counter() - begun, 1)),
            ("alarms (outages)", Outage.objects.count()),
            ("findings", Finding.objects.count()),
            ("calls to the dead host", len(bank.faults.hits)),
            ("pulls given up", Pull.objects.filter(needs_person=True).count()),
            ("most attempts used up by one pull", max(Pull.objects.values_list("attempts", flat=True))),
        ]
        bank.faults.clear()
        begun, minutes, rung = time.perf_counter(), 0, Counter[int]()
        while Pull.objects.exclude(state="booked").exists() and minutes < 24 * 60:
            rung[minutes] = _minutes(1, clock)
            minutes += 1
    unproven = Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"]).count()
    return [
        *found,
        ("minutes until the last feed was read", minutes),
        ("most pulls called for in one minute", max(rung.values(), default=0)),
        ("feeds not booked", Pull.objects.exclude(state="booked").count()),
        ("days not proven", unproven),
        ("seconds the return took here, one worker", round(time.perf_counter() - begun, 1)),
    ]


def _minutes(number: int, clock: Clock) -> int:
    """Let minutes pass with one worker that does all it is called for; return how many calls there were."""
    from django_q.models import OrmQ

    from audit.recording import Actor
    from bankfeeds import operations, schedule
    from bankfeeds.pipeline.claim import NotClaimed, new_owner
    from bankfeeds.pipeline.run import run_pull

    rung = 0
    for _ in range(number):
        due = schedule.tick(today=TODAY, actor=Actor.task("tick"), now=clock())
        operations.tell_of_outages(now=clock())
        rung += len(due)
        # The worker takes its calls from the queue: what lies there holds further ones back.
        OrmQ.objects.all().delete()
        for pull in due:
            with contextlib.suppress(NotClaimed):
                run_pull(
                    pull_id=pull.pk, owner=new_owner(), today=TODAY, actor=Actor.task("pull"), clock=clock
                )
        clock.at += MINUTE
    return rung


def _connect(bank: Any, running: Any, customers: int, now: datetime) -> None:
    from bankfeeds import operations
    from bankfeeds.models import Account
    from tests.bankfeeds.feeds import ACTOR, Feed, certify, new_connection

    size = -(-len(bank.account_ids) // customers)
    for number in range(customers):
        accounts = bank.account_ids[number * size : (number + 1) * size]
        facts = new_connection(
            bank,
            running,
            label=f"harbor-kettle-{number}",
            accounts=accounts,
            history_start=bank.history_start,
        )
        made = Feed(bank, running, operations.create_connection(facts=facts, actor=ACTOR, now=now))
        certify(made)
        operations.begin_testing_if_ready(connection=made.connection, actor=ACTOR, now=now)
        for account in made.accounts:
            operations.start_pull(account=account, today=TODAY, actor=ACTOR, now=now, kind="scheduled")
    Account.objects.update(next_pull_at=now + timedelta(days=30))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--customers", type=int, default=50)
    parser.add_argument("--hours", type=int, default=24)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
