"""What is queued and called for at a tick: once each, in turn, no more than workers can chew, and nobody starves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from audit.models import AuditEntry
from audit.queries import verify
from audit.workflow import OperationRefused
from bankfeeds import operations, queries, schedule, timetable
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.pipeline.claim import claim, new_owner
from tests.bankfeeds.crowd import NOW, TODAY, booked, feeds, known, overdue, work
from tests.bankfeeds.feeds import ACTOR

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


def tick(minute: int = 0) -> list[Pull]:
    return schedule.tick(today=TODAY, actor=ACTOR, now=NOW + minute * MINUTE)


def called() -> list[str]:
    """Return the pulls workers are called for, in the order of the calls."""
    return [SignedPackage.loads(row.payload)["args"][0] for row in OrmQ.objects.order_by("pk")]


def queue(account: Account, kind: str, *, waiting: timedelta, **more: Any) -> Pull:
    return booked(account, at=NOW - waiting, kind=kind, state="queued", finished_at=None, **more)


def test_after_days_of_silence_the_longest_due_come_first_and_no_more_than_fit(settings: Any) -> None:
    settings.PULLS_PER_TICK = 3
    accounts = feeds(8)
    overdue(accounts)
    served = []
    for minute in range(4):
        called_for = tick(minute)
        served += sorted(pull.account_id for pull in called_for)
        assert tick(minute) == []  # the places are taken
        OrmQ.objects.all().delete()
        work(called_for)
    assert served == [account.pk for account in accounts]
    assert Account.objects.filter(next_pull_at__lte=NOW).count() == 0  # one reading catches up for all days
    requests = AuditEntry.objects.filter(verb="bankfeeds.pull_requested")
    assert (requests.count(), verify().broken) == (8, None)


def test_each_account_s_next_time_is_its_own(settings: Any) -> None:
    accounts = feeds(20, time_zone="Europe/London", pull_times=["09:00", "17:00"])
    tick()  # 13:00 in London
    five = NOW.replace(hour=16)
    assert dict(Account.objects.values_list("pk", "next_pull_at")) == {
        account.pk: five + timetable.spread(account.pk) for account in accounts
    }


def test_calls_nobody_answers_do_not_pile_up(settings: Any) -> None:
    settings.PULLS_PER_TICK = 3
    feeds(8)
    for minute in range(0, 60, 11):  # every call counts as lost by then
        tick(minute)
    assert OrmQ.objects.count() == 3
    assert Pull.objects.count() == 3


def test_what_a_person_asks_for_is_called_for_before_the_schedule_and_older_days_last() -> None:
    accounts = feeds(3)
    older = queue(accounts[0], "backfill", waiting=3 * MINUTE)
    scheduled = queue(accounts[1], "scheduled", waiting=2 * MINUTE)
    asked = queue(accounts[2], "requested", waiting=MINUTE)
    assert list(queries.due_pulls(now=NOW)) == [asked, scheduled, older]
    Account.objects.update(next_pull_at=NOW + timedelta(hours=1))
    tick()
    assert called()[0] == str(asked.pk)
    assert set(called()) == {str(pull.pk) for pull in (asked, scheduled, older)}


def test_a_person_s_pull_is_called_for_even_when_the_queue_is_full(settings: Any) -> None:
    settings.PULLS_PER_TICK = 2
    accounts = feeds(5)
    tick()
    pull = operations.start_pull(account=accounts[4], today=TODAY, actor=ACTOR, now=NOW)
    assert tick(1) == [pull]


def test_one_call_in_ten_goes_to_who_has_waited_longest_so_that_older_days_are_read_too(
    settings: Any,
) -> None:
    settings.PULLS_PER_TICK = 2
    accounts = feeds(6)
    older = queue(accounts[0], "backfill", waiting=60 * MINUTE)
    scheduled = [
        queue(one, "scheduled", waiting=(9 - number) * MINUTE) for number, one in enumerate(accounts[1:])
    ]
    assert set(tick()) == {older, scheduled[0]}


def test_no_account_starves_where_more_is_due_than_workers_can_read(settings: Any) -> None:
    settings.PULLS_PER_TICK = 5
    accounts = feeds(12)
    overdue(accounts)
    served: dict[int, list[int]] = {account.pk: [-1] for account in accounts}
    for minute in range(24):
        called_for = tick(minute)
        for pull in called_for:
            served[pull.account_id].append(minute)
        OrmQ.objects.all().delete()
        work(called_for)
        # Read, and due again at once.
        now = NOW + minute * MINUTE
        Account.objects.filter(next_pull_at__gt=now).update(next_pull_at=now)
    assert sum(len(minutes) - 1 for minutes in served.values()) == 24 * 5
    assert max(later - earlier for minutes in served.values() for earlier, later in pairwise(minutes)) == 3


def test_two_schedulers_at_once_claim_each_feed_exactly_once(settings: Any) -> None:
    settings.PULLS_PER_TICK = 1000
    accounts = feeds(150)
    start = Barrier(2)
    at_once(lambda: (start.wait(), tick()))
    assert Counter(queries.open_pulls().values_list("account", flat=True)) == dict.fromkeys(
        [account.pk for account in accounts], 1
    )
    assert Counter(called()) == {str(pk): 1 for pk in Pull.objects.values_list("pk", flat=True)}
    assert verify().broken is None
    assert AuditEntry.objects.filter(verb="bankfeeds.pull_requested").count() == 150


def test_a_person_who_asks_during_a_tick_makes_no_second_pull(settings: Any) -> None:
    accounts = feeds(40)
    start = Barrier(2)

    def ask() -> None:
        start.wait()
        for account in reversed(accounts):
            operations.start_pull(account=account, today=TODAY, actor=ACTOR, now=NOW)

    at_once(ask, lambda: (start.wait(), tick()))
    assert Counter(Pull.objects.values_list("account", flat=True)) == dict.fromkeys(
        [account.pk for account in accounts], 1
    )


def at_once(*acts: Callable[[], object]) -> None:
    """Run one act twice, or two acts, in threads of their own."""

    def run(act: Callable[[], object]) -> None:
        close_old_connections()
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run, act) for act in (acts * 2)[:2]]:
            done.result()


def test_a_tick_asks_as_much_for_a_hundred_drafts_and_feeds_as_for_ten(
    django_assert_max_num_queries: Any,
) -> None:
    feeds(100, state="draft", label="draft")
    accounts = feeds(100)
    Account.objects.filter(pk__in=[account.pk for account in accounts]).update(next_pull_at=NOW + MINUTE)
    with django_assert_max_num_queries(20):
        assert tick() == []
    with django_assert_max_num_queries(30):
        operations.queue_due_pulls(today=TODAY, actor=ACTOR, now=NOW + MINUTE)
    assert Pull.objects.count() == 100


def test_a_time_zone_that_this_machine_does_not_know_keeps_no_other_feed_waiting() -> None:
    feeds(2)
    Connection.objects.filter(label="crowd-0").update(time_zone="Harbor/Kettle")
    assert len(tick()) == 2
    assert min(Account.objects.values_list("next_pull_at", flat=True)) > NOW


def test_a_pull_queued_before_a_pause_waits_for_its_end_and_is_called_for_then() -> None:
    feeds(1)
    pull = tick()[0]
    pk = Connection.objects.get().pk
    operations.pause_connection(pk=pk, actor=ACTOR, now=NOW, reason="The customer asked for it.")
    assert tick(60) == []
    with pytest.raises(OperationRefused, match="paused; nothing is pulled"):
        claim(pull_id=pull.pk, owner=new_owner(), today=TODAY, actor=ACTOR, now=NOW + 60 * MINUTE)
    assert Pull.objects.get().state == "queued"
    operations.resume_connection(pk=pk, actor=ACTOR, now=NOW + 61 * MINUTE)
    assert tick(61) == [pull]


def test_a_scheduled_pull_takes_the_place_of_older_days_no_worker_has_begun() -> None:
    (account,) = feeds(1)
    known(account, TODAY - timedelta(days=90), TODAY - timedelta(days=1))
    older = queue(account, "backfill", waiting=MINUTE)
    (scheduled,) = tick()
    older.refresh_from_db()
    assert (older.state, older.reason, scheduled.kind) == (
        "failed",
        "Replaced by a newer request.",
        "scheduled",
    )
    assert tick(1) == []
