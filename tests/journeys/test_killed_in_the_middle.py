"""Killed in the middle: kill -9 of the worker at any point of a pull, then a rerun. Nothing twice, nothing lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from os import kill
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from audit.recording import Actor
from bankfeeds import schedule
from bankfeeds.bank_dates import business_date
from bankfeeds.models import Pull
from bankfeeds.models.pull import COUNTERS
from tests.bankfeeds.feeds import command
from tests.journeys.feed import Feed, feed
from tests.journeys.standstill import standstill
from tests.processes import running, until

pytestmark = pytest.mark.django_db(transaction=True)

TICK = Actor.task("tick")
Reached = Callable[[], bool]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Feed]:
    """A connected feed that was never read, of more than a month: two questions for balances."""
    with feed(tmp_path, history_days=24) as found:
        yield found


@contextmanager
def no_answer(bank: Any, **aim: Any) -> Iterator[Reached]:
    """Let the bank keep the next request of this kind waiting for a minute."""
    bank.faults.add("slow", seconds=60, **aim)
    yield lambda: bool(bank.faults.hits)


POINTS: dict[str, tuple[Callable[[Feed], AbstractContextManager[Reached]], int]] = {
    # Where the worker is killed, and how many windows it had booked by then.
    "signing in": (lambda fresh: no_answer(fresh.bank, path="token"), 0),
    "between two pages of the first window": (
        lambda fresh: no_answer(fresh.bank, path="transactions", page=2),
        0,
    ),
    "the first window written, not committed": (lambda _: standstill("bankfeeds_pull", "NEW.windows = 1"), 0),
    "the first window booked, the second written": (
        lambda _: standstill("bankfeeds_pull", "NEW.windows = 2"),
        1,
    ),
    "the first month booked, the balances of the second read": (
        lambda fresh: no_answer(fresh.bank, path="balances", after=1),
        6,
    ),
    "everything booked, the pull not closed": (
        lambda _: standstill("bankfeeds_pull", "NEW.state = 'booked'"),
        8,
    ),
}


@pytest.mark.parametrize(("stop_at", "windows"), POINTS.values(), ids=POINTS.keys())
def test_a_pull_killed_there_is_finished_by_the_next_one(
    stop_at: Callable[[Feed], AbstractContextManager[Reached]], windows: int, fresh: Feed, tmp_path: Path
) -> None:
    with stop_at(fresh) as reached, running(*fresh.arguments, log=tmp_path / "log") as worker:
        until(reached, seconds=60, what="the worker standing where it is to be killed")
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    pull = Pull.objects.get()
    assert (pull.state, pull.attempts, pull.windows) == ("fetching", 1, windows)
    assert_only_whole_days(fresh)

    said = fresh.pull()

    assert said.code == 0, said.err
    assert_right(fresh)
    assert sorted(Pull.objects.values_list("attempts", "state")) == [(1, "booked"), (2, "booked")]
    assert_second_pull_writes_nothing(fresh)


@pytest.mark.queue
def test_a_worker_of_the_queue_killed_in_a_pull_is_relieved_when_its_lease_has_ended(tmp_path: Path) -> None:
    today = business_date(timezone.now())
    with (
        feed(tmp_path, today=today, history_days=5) as fresh,
        no_answer(fresh.bank, path="transactions", page=2) as reached,
        running("run_worker", log=tmp_path / "log") as supervisor,
    ):
        assert len(ring()) == 2
        until(reached, seconds=60, what="a worker in the middle of a pull")
        until(lambda: pulls("booked") == 1, seconds=60, what="the other account's pull booked")
        victim = Pull.objects.get(state="fetching")
        kill(int(victim.lease_owner.split(":")[1]), signal.SIGKILL)
        assert_only_whole_days(fresh)

        # As long as the lease runs, nobody is called again.
        assert ring() == []

        time_passes(victim)
        assert [pull.pk for pull in ring()] == [victim.pk]
        until(lambda: pulls("booked") == 2, seconds=60, what="the pull taken over and booked")
        assert_right(fresh)

        # The queue delivers the killed worker's task again, long after the work was done.
        OrmQ.objects.update(lock=timezone.now() - timedelta(hours=1))
        until(lambda: not OrmQ.objects.exists(), seconds=60, what="the queue empty")
        victim.refresh_from_db()
        assert (victim.state, victim.attempts, victim.lease_owner) == ("booked", 2, "")
        assert supervisor.poll() is None
    assert_right(fresh)


def pulls(state: str) -> int:
    return Pull.objects.filter(state=state).count()


def ring() -> list[Pull]:
    """Do what the schedule does every minute."""
    now = timezone.now()
    return schedule.tick(today=business_date(now), actor=TICK, now=now)


def time_passes(pull: Pull) -> None:
    """Let the lease end, and the last call of a worker lie long ago."""
    long_ago = timezone.now() - timedelta(minutes=11)
    Pull.objects.filter(pk=pull.pk).update(lease_expires_at=long_ago, rung_at=long_ago)


def assert_only_whole_days(fresh: Feed) -> None:
    """Of a day we have all of the bank's lines, or none."""
    ours = fresh.exported()
    days = {(row["account"], row["as_of_date"]) for row in ours}
    assert ours == [row for row in fresh.bank_says() if (row["account"], row["as_of_date"]) in days]


def assert_right(fresh: Feed) -> None:
    """Our books are the bank's, every day from the first to yesterday is proven, and every line read has one fate."""
    assert fresh.exported() == fresh.bank_says()
    rows = {(day["account"], day["as_of_date"]): day for day in fresh.days()}
    balances = fresh.bank_balances()
    first, last = (date.fromisoformat(edge(day for _, day, _, _ in balances)) for edge in (min, max))
    calendar = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    assert {key: day["state"] for key, day in rows.items()} == {
        (account, day): "proven" for account in fresh.bank.account_ids for day in calendar
    }
    stated = [(account, day) for account, day, _, _ in balances]
    assert [(*key, rows[key]["opening"], rows[key]["closing"]) for key in stated] == balances
    for pull in Pull.objects.all():
        fates = ("same", "new", "amended", "renumbered", "repeated", "rejected", "held")
        assert pull.read == sum(getattr(pull, fate) for fate in fates)
    audit = command("verify_audit")
    assert (audit.code, audit.out.split(":")[0]) == (0, "whole")


def assert_second_pull_writes_nothing(fresh: Feed) -> None:
    before = (fresh.exported(), fresh.days())
    assert fresh.pull().code == 0
    again = Pull.objects.order_by("-requested_at")[: len(fresh.accounts)]
    for pull in again:
        counted = {name: getattr(pull, name) for name in COUNTERS}
        assert counted == {**dict.fromkeys(COUNTERS, 0), "read": pull.read, "same": pull.read}
    assert (fresh.exported(), fresh.days()) == before
