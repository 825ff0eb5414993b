"""A year of one customer's account at the bank: what happens to it, and the worker that pulls it day by day.

The business dates are those of 2026; the clock of keys, tokens and pulls begins now and moves on with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django_q.models import OrmQ

from audit.workflow import OperationRefused
from bankfeeds import operations, queries, schedule
from bankfeeds.jpmorgan import calls
from bankfeeds.models import Account, Day, Finding, Pull
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import NotClaimed, new_owner
from bankfeeds.pipeline.run import run_pull
from bankfeeds.simulator.activity import CREDIT
from bankfeeds.simulator.bank_days import business_days_before, is_business_day
from tests.bankfeeds.feeds import ACTOR, Feed, feed

FIRST, LAST = date(2026, 1, 2), date(2026, 12, 31)
OUTAGE = (date(2026, 6, 8), date(2026, 7, 17))  # 40 days
ONE = timedelta(days=1)
BAD_CALLS = ("500", "503", "429", "401", "cut", "html", "bad_json", "unknown_field", "moving_pages")


def read_on(day: date) -> bool:
    """Say whether the feed is read on the day: three times a week, so that the year does not take as long to tell."""
    return is_business_day(day) and day.weekday() in (0, 2, 4)


@dataclass
class Clock:
    """Time as it is, moved on."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def reach(self, moment: datetime) -> None:
        self.ahead = max(self.ahead, moment - datetime.now(UTC) + timedelta(seconds=1))


@dataclass
class LossyQueue:
    """The real queue's table, one delivery in ten of which is lost and one in ten of which comes twice."""

    random: Random = field(default_factory=lambda: Random(10))
    lost: int = 0
    doubled: int = 0

    def delivered(self) -> Iterator[str]:
        """Yield the pulls that workers are called for."""
        for row in OrmQ.objects.order_by("pk"):
            task, chance = row.task, self.random.random()
            row.delete()
            assert task["func"] == "bankfeeds.tasks.pull_account"
            if chance < 0.1:
                self.lost += 1
                continue
            if chance > 0.9:
                self.doubled += 1
                yield task["args"][0]
            yield task["args"][0]


@dataclass
class Year:
    """The feed, the bank's mischief, and what of it must be told."""

    feed: Feed
    clock: Clock
    random: Random = field(default_factory=lambda: Random(2026))
    injected: Counter[str] = field(default_factory=Counter)
    touched: set[date] = field(default_factory=set)
    withdrawn: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.feed.account

    @property
    def today(self) -> date:
        return self.feed.bank.today

    def days(self) -> Iterator[date]:
        """Let the bank's days pass, one by one, each with what happens on it."""
        plan = self._plan()
        while self.today < LAST:
            self.feed.bank.advance_to(self.today + ONE)
            self.clock.ahead += ONE
            for happening in plan.get(self.today, []):
                happening()
            self._trouble()
            yield self.today

    def _plan(self) -> dict[date, list[Callable[[], None]]]:
        """Spread the year's events: the same every time, never two on one day's books."""
        dates = [FIRST + ONE * n for n in range(30, (LAST - FIRST).days - 5)]
        business = [day for day in dates if is_business_day(day) and not OUTAGE[0] <= day <= OUTAGE[1]]
        events: list[Callable[[], None]] = [
            *[lambda: self._late(1, 4)] * 12,
            *[lambda: self._late(7, 20)] * 6,
            *[lambda: self._late(26, 38)] * 3,
            *[self._amend] * 10,
            *[self._withdraw] * 8,
            *[self._renumber] * 5,
            *[self._twin] * 5,
            *[self._reverse] * 3,
        ]
        plan: dict[date, list[Callable[[], None]]] = {}
        for event in events:
            plan.setdefault(self.random.choice(business), []).append(event)
        return plan

    def _late(self, nearest: int, farthest: int) -> None:
        day = self._untouched(nearest, farthest)
        amount = Decimal(self.random.randint(100, 5_000_000)).scaleb(-2)
        self.feed.bank.add_late_line(self._number, day, amount=amount, direction=CREDIT)
        self.injected["late"] += 1

    def _amend(self) -> None:
        line = self._line(self._untouched(1, 4))
        self.feed.bank.amend_line(
            self._number,
            line["transaction_id"],
            amount=line["amount"] + 1,
            customer_reference="CORRECTED BY THE BANK",
        )
        self.injected["amended"] += 1

    def _withdraw(self) -> None:
        line = self._line(self._untouched(1, 4))
        self.feed.bank.withdraw_line(self._number, line["transaction_id"])
        self.withdrawn.append(line["transaction_id"])
        self.injected["withdrawn"] += 1

    def _renumber(self) -> None:
        renamed = self.feed.bank.renumber_day(self._number, self._untouched(1, 4))
        self.injected["renumbered"] += len(renamed)

    def _twin(self) -> None:
        self.feed.bank.add_identical_pair(self._number, self._untouched(1, 4))
        self.injected["twin"] += 1

    def _reverse(self) -> None:
        self.feed.bank.add_reversal_pair(self._number, self._untouched(1, 4))
        self.injected["reversal"] += 1

    def _trouble(self) -> None:
        """Let about three in a hundred calls fail, one time or for a while; or all of them, in the long outage."""
        faults = self.feed.bank.faults
        if OUTAGE[0] <= self.today <= OUTAGE[1]:
            if self.today == OUTAGE[0]:
                faults.clear()
                for path in ("token", "transactions", "balances"):
                    faults.add("503", times=None, path=path, retry_after=3600)
            return
        if self.today == OUTAGE[1] + ONE:
            faults.clear()
        for path in ("transactions", "transactions", "transactions", "balances"):
            if self.random.random() < 0.03 * 1.4:  # more calendar days than pulls
                kind = self.random.choice(BAD_CALLS)
                if kind not in ("unknown_field", "moving_pages") or path == "transactions":
                    faults.add(kind, path=path, times=self.random.choice((1, 1, 3)))
                    self.injected["trouble"] += 1

    def _untouched(self, nearest: int, farthest: int) -> date:
        """Return a day so many business days back that was read, and whose books nothing has changed since."""
        read = set(
            Day.objects.filter(account=self.account)
            .exclude(state__in=["missing", "provisional"])
            .values_list("as_of_date", flat=True)
        )
        back = list(range(nearest, farthest + 1))
        self.random.shuffle(back)
        for count in [*back, *range(farthest + 1, farthest + 30)]:
            day = business_days_before(self.today, count)
            if day in read and day not in self.touched and self._lines(day):
                self.touched.add(day)
                return day
        raise AssertionError("Every day has been touched.")

    def _lines(self, day: date) -> list[dict[str, Any]]:
        return [row for row in self.feed.bank.posted_lines(self._number) if row["as_of_date"] == day]

    def _line(self, day: date) -> dict[str, Any]:
        return self.random.choice(self._lines(day))

    @property
    def _number(self) -> str:
        return str(self.account.given_number)

    # The worker

    def read(self, *, patient: bool = True) -> Pull | None:
        """Ask for today's pull and carry it out as a worker and, at the flood brake, a person would.

        Return it as it ended; None when the bank may not be called yet. ``patient``: wait for its next attempts.
        """
        try:
            pull = operations.start_pull(
                account=self.account, today=self.today, actor=ACTOR, now=self.clock(), kind="scheduled"
            )
        except OperationRefused:
            return None
        return self.carry_out(pull, patient=patient)

    def carry_out(self, pull: Pull, *, patient: bool) -> Pull | None:
        while True:
            try:
                pull = run_pull(
                    pull_id=pull.pk, owner=new_owner(), today=self.today, actor=ACTOR, clock=self.clock
                )
            except NotClaimed:
                return None
            if pull.state == "held":
                self.injected["held"] += 1
                operations.answer_held_pull(
                    pk=pull.pk, answer="same_lines", actor=ACTOR, now=self.clock(), reason="The bank says so."
                )
            elif pull.state == "failed" and pull.retry_at and patient:
                self.clock.reach(pull.retry_at)
            else:
                return pull

    def work(self, queue: LossyQueue) -> None:
        """Let the schedule's tick and the workers of a bad queue go on until nothing is left to do today."""
        for _ in range(5):
            schedule.tick(today=self.today, actor=ACTOR, now=self.clock())
            for pull_id in queue.delivered():
                with suppress(NotClaimed, LeaseLost):
                    run_pull(
                        pull_id=pull_id, owner=new_owner(), today=self.today, actor=ACTOR, clock=self.clock
                    )
            for pull in Pull.objects.filter(state="held"):
                self.injected["held"] += 1
                operations.answer_held_pull(
                    pk=pull.pk, answer="same_lines", actor=ACTOR, now=self.clock(), reason="The bank says so."
                )
            self.clock.ahead += timedelta(minutes=11)
            if not queries.open_pulls().exists():
                return

    # What came of it

    def told(self) -> dict[str, int]:
        """Return what all pulls together say happened to lines."""
        total: Counter[str] = Counter()
        for pull in Pull.objects.filter(account=self.account):
            for name in ("new", "amended", "renumbered", "withdrawn", "rejected"):
                total[name] += getattr(pull, name)
        return dict(total)

    def findings(self) -> list[tuple[str, str]]:
        return sorted(Finding.objects.values_list("kind", "state"))


@contextmanager
def year(monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    """Connect a customer of a bank that has a fortnight of history."""
    monkeypatch.setattr(calls, "QUICK_PAUSE", 0)  # a second try at once is a second try
    clock = Clock()
    with feed(today=FIRST, history_days=10, certified=False, clock=clock, lines_per_day=(2, 6)) as found:
        found.clock = clock
        key = operations.generate_csr(connection=found.connection, actor=ACTOR, now=clock())
        pem = found.bank.sign_csr(
            key.csr_pem, client_id=found.bank.client.client_id, use=key.use, valid_days=500
        )
        operations.install_certificate(
            connection=found.connection, material=pem.encode(), actor=ACTOR, now=clock()
        )
        yield Year(found, clock)
