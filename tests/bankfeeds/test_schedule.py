"""The doorbell: lost, doubled and late deliveries change nothing; a tick queues and calls what is due."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from audit.models import AuditEntry
from bankfeeds import operations, queries, schedule, tasks, timetable
from bankfeeds.bank_dates import business_date
from bankfeeds.models import Account, Connection, Heartbeat, Line, Pull, RawPage
from certificates.models import MonitorRun
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed(accounts=2) as found:
        yield found


def tick(**more: Any) -> list[Pull]:
    return schedule.tick(today=TODAY, actor=ACTOR, now=more.pop("now", timezone.now()))


def test_a_tick_queues_one_pull_per_account_and_calls_a_worker_for_each(harbor: Feed) -> None:
    called = tick()
    assert {pull.account_id for pull in called} == {account.pk for account in harbor.accounts}
    assert OrmQ.objects.count() == 2
    assert tick() == []  # called already, and nothing more is due
    assert (Pull.objects.count(), OrmQ.objects.count()) == (2, 2)


def test_a_lost_call_is_repeated_and_a_doubled_one_changes_nothing() -> None:
    today = business_date(timezone.now())  # the task reads the clock, so the bank must live in the present
    with feed(today=today) as harbor:
        pull = schedule.tick(today=today, actor=ACTOR, now=timezone.now())[0]
        OrmQ.objects.all().delete()
        later = timezone.now() + timedelta(minutes=11)
        assert schedule.tick(today=today, actor=ACTOR, now=later) == [pull]
        tasks.pull_account(str(pull.pk))
        lines = list(Line.objects.order_by("pk").values())
        tasks.pull_account(str(pull.pk))
        pull.refresh_from_db()
        assert (pull.state, pull.attempts) == ("booked", 1)
        assert list(Line.objects.order_by("pk").values()) == lines
        assert len(lines) == len(harbor.bank_lines())


def test_the_next_scheduled_pull_comes_at_the_next_time_of_day(harbor: Feed) -> None:
    now = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)  # 08:00 in New York; 11:00 is next
    tick(now=now)
    Pull.objects.all().update(state="booked")
    eleven = datetime(2026, 6, 3, 15, 0, tzinfo=UTC)
    times = {account.pk: eleven + timetable.spread(account.pk) for account in Account.objects.order_by("pk")}
    assert dict(Account.objects.values_list("pk", "next_pull_at")) == times
    assert tick(now=min(times.values()) - timedelta(seconds=1)) == []
    assert len(tick(now=max(times.values()))) == 2


def test_paused_and_closed_connections_are_left_alone_and_resuming_pulls_at_once(harbor: Feed) -> None:
    tick()
    Pull.objects.all().update(state="booked")
    pk = harbor.connection.pk
    operations.pause_connection(pk=pk, actor=ACTOR, now=timezone.now(), reason="The customer asked for it.")
    assert tick(now=timezone.now() + timedelta(days=1)) == []
    operations.resume_connection(pk=pk, actor=ACTOR, now=timezone.now())
    assert Connection.objects.get().state == "testing"
    assert len(tick()) == 2


def test_a_call_rolls_back_with_its_transaction(harbor: Feed) -> None:
    class Undo(Exception):
        pass

    with pytest.raises(Undo), transaction.atomic():
        schedule.ring("bankfeeds.tasks.heartbeat")
        raise Undo
    assert OrmQ.objects.count() == 0


def test_a_draft_whose_key_was_activated_meanwhile_begins_testing_at_a_tick() -> None:
    from tests.bankfeeds.feeds import certify

    with feed(certified=False) as harbor:
        assert tick() == []
        certify(harbor)
        assert harbor.connection.state == "testing"
        assert len(tick()) == 1


def test_an_abandoned_pull_is_due_again(harbor: Feed) -> None:
    pull = tick()[0]
    now = timezone.now()
    Pull.objects.filter(pk=pull.pk).update(
        state="fetching",
        lease_owner="elsewhere.example:1:x",
        lease_expires_at=now + timedelta(minutes=5),
        attempts=1,
    )
    assert pull not in queries.due_pulls(now=now)
    assert pull in queries.due_pulls(now=now + timedelta(minutes=5))
    assert queries.oldest_due_pull(now=now) is not None


def test_the_heartbeat_is_the_tasks_own_doing(harbor: Feed) -> None:
    assert queries.last_heartbeat() is None
    before = timezone.now()
    tasks.heartbeat()
    first = queries.last_heartbeat()
    assert first is not None
    assert first >= before
    tasks.tick()
    assert Heartbeat.objects.count() == 1
    schedule.ask_for_heartbeat()
    assert OrmQ.objects.filter().count() >= 1


def test_a_tick_alarms_operations_when_the_certificate_monitor_stopped(mailoutbox: Any) -> None:
    MonitorRun.objects.create(at=timezone.now() - timedelta(hours=27))
    for _ in range(2):
        tasks.tick()
    assert [message.subject for message in mailoutbox] == ["The certificate monitor has stopped"]


def test_schedules_are_laid_down_once_and_kept_as_wanted() -> None:
    Schedule.objects.all().delete()
    for _ in range(2):
        schedule.ensure_schedules()
    assert dict(Schedule.objects.values_list("name", "func")) == {
        "bankfeeds tick": "bankfeeds.tasks.tick",
        "bankfeeds prune": "bankfeeds.tasks.prune",
        "certificates lapse": "certificates.tasks.lapse_approvals",
        "certificates retire": "certificates.tasks.retire_expired_keys",
        "certificates watch": "certificates.tasks.warn_expiring_certificates",
    }
    Schedule.objects.create(name="bankfeeds tick", func="elsewhere.gone", schedule_type="I", minutes=7)
    Schedule.objects.filter(func="bankfeeds.tasks.tick").update(minutes=99)
    schedule.ensure_schedule("bankfeeds tick", "bankfeeds.tasks.tick", 1)
    assert list(Schedule.objects.filter(name="bankfeeds tick").values_list("func", "minutes")) == [
        ("bankfeeds.tasks.tick", 1)
    ]


def test_old_answers_that_changed_nothing_are_forgotten_and_the_others_kept(harbor: Feed) -> None:
    first, second = harbor.pull(), harbor.pull()
    later = timezone.now() + timedelta(days=36)
    assert schedule.prune(actor=ACTOR, now=timezone.now()) == 0
    assert schedule.prune(actor=ACTOR, now=later) > 0
    assert RawPage.objects.filter(pull=first).exists()
    assert not RawPage.objects.filter(pull=second).exists()
    assert Account.objects.count() == 2


def test_of_a_pull_all_raw_answers_go_or_none_and_the_age_is_a_setting(harbor: Feed, settings: Any) -> None:
    harbor.pull()
    second = harbor.pull()
    settings.RAW_PAGE_DAYS = 3
    assert second.finished_at is not None
    oldest = RawPage.objects.filter(pull=second).order_by("received_at").first()
    assert oldest is not None
    assert schedule.prune(actor=ACTOR, now=oldest.received_at + timedelta(days=3, microseconds=1)) == 0
    gone = RawPage.objects.filter(pull=second).count()
    assert schedule.prune(actor=ACTOR, now=second.finished_at + timedelta(days=3, microseconds=1)) == gone
    entry = AuditEntry.objects.get(verb="bankfeeds.raw_pages_pruned")
    assert (entry.subject_key, json.loads(entry.data)) == (
        str(harbor.connection.pk),
        {"pages": gone, "older_than_days": 3},
    )


def test_under_a_legal_hold_no_raw_answer_goes(harbor: Feed) -> None:
    harbor.pull()
    second = harbor.pull()
    later = timezone.now() + timedelta(days=4000)
    hold = partial(operations.set_legal_hold, pk=harbor.connection.pk, actor=ACTOR, now=later)
    hold(on=True, reason="A claim is in court.")
    assert schedule.prune(actor=ACTOR, now=later) == 0
    assert RawPage.objects.filter(pull=second).exists()
    hold(on=False, reason="It was settled.")
    assert schedule.prune(actor=ACTOR, now=later) > 0
    assert list(
        AuditEntry.objects.filter(verb__startswith="bankfeeds.legal_hold").values_list("verb", "reason")
    ) == [
        ("bankfeeds.legal_hold_set", "A claim is in court."),
        ("bankfeeds.legal_hold_lifted", "It was settled."),
    ]
