"""The bank's host is gone for hours: one alarm, few calls, no feed given up, and all of it read in good order after."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from audit.recording import Actor
from bankfeeds import operations, queries, schedule
from bankfeeds.jpmorgan import calls
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.models import Account, BankHost, Connection, Day, Finding, Line, Outage, Pull
from bankfeeds.pipeline import fetch
from bankfeeds.pipeline.claim import NotClaimed, new_owner
from bankfeeds.pipeline.run import run_pull
from bankfeeds.simulator import scenarios
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.server import BankServer
from onboarding import queries as onboarding
from tests.bankfeeds.feeds import AUTHORITY, Feed, certify, new_connection

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = date(2026, 6, 3)
MINUTE = timedelta(minutes=1)
TASK = Actor.task("pull_account")
CUSTOMERS, ACCOUNTS = 4, 6


@dataclass
class Clock:
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.at


@dataclass
class World:
    """Two dozen accounts of four customers at one bank, and a worker that does what the schedule rings for."""

    bank: Bank
    clock: Clock
    feeds: list[Feed]
    rung: Counter[int] = field(default_factory=Counter)

    def begin_outage(self) -> None:
        for path in (None, "token"):
            self.bank.faults.add("503", path=path, times=None, retry_after=None)

    def minutes(self, number: int) -> None:
        for _ in range(number):
            due = schedule.tick(today=TODAY, actor=Actor.task("tick"), now=self.clock())
            operations.tell_of_outages(now=self.clock())
            for pull in due:
                self.rung[int(self.clock().timestamp()) // 60] += 1
                self.work_on(pull)
            self.clock.at += MINUTE

    def work_on(self, pull: Pull) -> None:
        with contextlib.suppress(NotClaimed):
            run_pull(pull_id=pull.pk, owner=new_owner(), today=TODAY, actor=TASK, clock=self.clock)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(calls, "QUICK_PAUSE", 0.0)
    monkeypatch.setattr(fetch, "TOKENS", TokenCache())
    clock = Clock()
    terms = {"accounts": CUSTOMERS * ACCOUNTS, "history_days": 4, "clock": clock}
    bank = scenarios.build("plain", today=TODAY, authority=AUTHORITY, **terms)
    with BankServer(bank) as running:
        feeds = [_connected(bank, running, number, clock()) for number in range(CUSTOMERS)]
        yield World(bank, clock, feeds)


def _connected(bank: Bank, running: BankServer, number: int, now: datetime) -> Feed:
    facts = new_connection(
        bank, running, label=f"harbor-kettle-{number}",
        accounts=bank.account_ids[number * ACCOUNTS : (number + 1) * ACCOUNTS], history_start=bank.history_start,
    )  # fmt: skip
    made = Feed(bank, running, operations.create_connection(facts=facts, actor=TASK, now=now))
    certify(made)
    operations.begin_testing_if_ready(connection=made.connection, actor=TASK, now=now)
    # The schedule is another story: here each account is asked for once.
    Account.objects.update(next_pull_at=now + timedelta(days=30))
    for account in made.accounts:
        operations.start_pull(account=account, today=TODAY, actor=TASK, now=now, kind="scheduled")
    return made


def test_an_outage_is_one_alarm_few_calls_and_an_orderly_return(
    world: World, admin_user: object, settings: pytest.FixtureRequest
) -> None:
    settings.BANK_CALLS_PER_SECOND, settings.BANK_CALL_BURST = 4.0, 1000  # type: ignore[attr-defined]
    began = world.clock()
    world.begin_outage()

    world.minutes(180)

    assert [(one.began_at, one.ended_at) for one in Outage.objects.all()] == [(began, None)]
    assert Finding.objects.count() == 0
    assert Pull.objects.filter(attempts__gt=1).count() == 0
    assert Counter(Pull.objects.values_list("state", "needs_person")).keys() <= {
        ("queued", False),
        ("failed", False),
    }
    # The questions that shut it, then one try in ten minutes, each of a question tried three times at most.
    assert len(world.bank.faults.hits) <= 3 * (5 + 180 / 7.5 + 5)
    needs = [row for row in onboarding.what_needs_me_now(admin_user, now=world.clock()) if row.rank <= 2]
    assert [(row.kind, row.reason.partition(" wait")[0]) for row in needs] == [
        ("Bank not reached", "4 feeds")
    ]
    assert [one.subject for one in mail.outbox] == [
        f"The bank's host {BankHost.objects.get().name} is not reached"
    ]

    world.bank.faults.clear()
    world.rung.clear()
    world.minutes(30)

    assert Counter(Pull.objects.values_list("state", flat=True)) == {"booked": CUSTOMERS * ACCOUNTS}
    assert max(world.rung.values()) <= 4 * 10 + 1  # per minute: four steps of ten pulls
    assert (Finding.objects.count(), Outage.objects.filter(ended_at=None).count()) == (0, 0)
    assert [one.subject.rpartition(" ")[2] for one in mail.outbox] == ["reached", "again"]
    for made in world.feeds:
        for account in made.accounts:
            assert made.our_lines(account) == made.bank_lines(account)
    assert Line.objects.count() > 0
    assert not Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"]).exists()
    assert queries.failing_connections() == {}


def test_one_customers_own_trouble_stops_nobody_else(world: World) -> None:
    mine, *others = world.feeds
    for account in mine.accounts:
        world.bank.faults.add("500", path="transactions", account=account.given_number, times=None)

    world.minutes(3)

    assert Outage.objects.count() == 0
    states = Counter(Pull.objects.values_list("account__connection__label", "state"))
    assert states == {
        (feed.connection.label, "failed" if feed is mine else "booked"): ACCOUNTS for feed in [mine, *others]
    }
    assert Connection.objects.filter(pk__in=queries.failing_connections()).get() == mine.connection
