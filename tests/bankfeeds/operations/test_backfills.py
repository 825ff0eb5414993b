"""Asking for an earlier history and stopping it again, by the rows; what the bank answers is tried elsewhere."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import operations, turns
from bankfeeds.models import Account, Connection, Day, Pull
from bankfeeds.pipeline import plan, wishes
from tests.bankfeeds.crowd import NOW, TODAY, booked, feeds, known
from tests.bankfeeds.feeds import ACTOR

pytestmark = pytest.mark.django_db
ONE = timedelta(days=1)
YEAR_AGO = TODAY - timedelta(days=365)


@pytest.fixture
def account() -> Account:
    """Ninety days are read and proven; the schedule has nothing to do."""
    (account,) = feeds(1)
    known(account, TODAY - timedelta(days=90), TODAY - ONE)
    booked(account)
    Account.objects.update(next_pull_at=NOW + timedelta(hours=3))
    return account


def backfill(start: date = YEAR_AGO, **more: Any) -> Connection:
    facts: dict[str, Any] = {"actor": ACTOR, "now": NOW, "reason": "The auditors ask for a year."}
    return operations.backfill(pk=Connection.objects.get().pk, start=start, **{**facts, **more})


def tick(minutes: int = 1) -> list[Pull]:
    now = NOW + timedelta(minutes=minutes)
    return operations.queue_due_pulls(today=TODAY, actor=ACTOR, now=now)


def windows(pull: Pull) -> list[plan.Window]:
    account = Account.objects.select_related("connection").get()
    return plan.windows(wishes.known_days(account), wishes.wish_of(pull, account, now=NOW))


def read(pull: Pull) -> tuple[date, date]:
    """Let the pull be carried out; return its first and last day."""
    found = windows(pull)
    for window in found:
        known(pull.account, window.start, window.end)
    Pull.objects.filter(pk=pull.pk).update(state="booked", finished_at=NOW)
    return found[0].start, found[-1].end


def test_the_older_days_are_read_a_month_at_a_time_oldest_first_until_none_is_left(account: Account) -> None:
    backfill()
    slices = [read(Pull.objects.get(state="queued"))]
    while queued := tick():
        assert [pull.kind for pull in queued] == ["backfill"]
        slices.append(read(queued[0]))
    month = timedelta(days=30)
    assert slices[:2] == [(YEAR_AGO, YEAR_AGO + month), (YEAR_AGO + month + ONE, YEAR_AGO + 2 * month + ONE)]
    assert len(slices) == 9
    assert slices[-1][1] == TODAY - timedelta(days=91)
    account.refresh_from_db()
    assert account.behind is False
    assert sorted(Day.objects.values_list("as_of_date", flat=True)) == plan.days_between(
        YEAR_AGO, TODAY - ONE
    )


def test_who_asked_for_it_and_why_is_kept(account: Account) -> None:
    backfill()
    entry = AuditEntry.objects.get(verb="bankfeeds.backfill_requested")
    assert (entry.reason, json.loads(entry.data)) == (
        "The auditors ask for a year.",
        {"from": "", "to": YEAR_AGO.isoformat()},
    )


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (TODAY - timedelta(days=90), "The feed begins on 05 Mar 2026 already."),
        (TODAY + ONE, "The feed begins on 05 Mar 2026 already."),
        (date(2006, 6, 3), "03 Jun 2006 is more than ten years ago."),
    ],
)
def test_a_start_that_is_none_is_refused(account: Account, start: date, told: str) -> None:
    with pytest.raises(OperationRefused) as refused:
        backfill(start)
    assert refused.value.sentence == told
    assert Connection.objects.get().history_start is None


def test_not_everybody_may_ask_and_nobody_for_a_closed_connection(account: Account) -> None:
    for act in (backfill, lambda **more: stop(**more)):
        with pytest.raises(PermissionMissing):
            act(actor=Actor.user(User.objects.create_user(f"stranger-{act.__name__}")))
    Connection.objects.update(state="closed")
    with pytest.raises(OperationRefused, match="is closed"):
        backfill()


def stop(**more: Any) -> Connection:
    return operations.stop_backfill(
        pk=Connection.objects.get().pk, **{"actor": ACTOR, "now": NOW, "reason": "Enough.", **more}
    )


def test_pull_now_takes_the_place_of_older_days_no_worker_has_begun(account: Account) -> None:
    backfill()
    older = Pull.objects.get(state="queued")
    (asked,) = operations.pull_now(pk=account.connection_id, actor=ACTOR, now=NOW, today=TODAY)
    older.refresh_from_db()
    assert (older.state, asked.kind, asked.state) == ("failed", "requested", "queued")
    assert older.needs_person is False
    assert tick() == []  # one at a time
    assert windows(asked)[0].start == TODAY - timedelta(days=100)  # the newest days, and not the year
    read(asked)
    assert [pull.kind for pull in tick()] == ["backfill"]


def test_pull_now_during_a_slice_comes_right_after_it_and_before_the_next(account: Account) -> None:
    backfill()
    slice_ = Pull.objects.get(state="queued")
    Pull.objects.filter(pk=slice_.pk).update(
        state="fetching", lease_owner="elsewhere.example:1:x", lease_expires_at=NOW + timedelta(minutes=5)
    )
    assert operations.pull_now(pk=account.connection_id, actor=ACTOR, now=NOW, today=TODAY) == [slice_]
    assert tick() == []
    Pull.objects.filter(pk=slice_.pk).update(state="booked", finished_at=NOW)
    assert [pull.kind for pull in tick(2)] == ["scheduled"]


def test_a_pull_asks_for_all_that_is_unsettled_only_while_that_is_little(account: Account) -> None:
    Connection.objects.update(history_start=TODAY - timedelta(days=190))
    pull = operations.start_pull(account=account, today=TODAY, actor=ACTOR, now=NOW)
    assert windows(pull)[0].start == TODAY - timedelta(days=190)
    Connection.objects.update(history_start=TODAY - timedelta(days=191))
    assert windows(pull)[0].start == TODAY - timedelta(days=100)


def test_older_days_the_bank_refuses_are_not_asked_for_again_before_a_day_or_a_person(
    account: Account,
) -> None:
    backfill()
    refused = Pull.objects.get(state="queued")
    Pull.objects.filter(pk=refused.pk).update(
        state="failed", needs_person=True, reason="Too long ago.", finished_at=NOW
    )
    assert tick() == []
    booked(account, at=NOW + timedelta(minutes=2))  # the schedule goes on
    assert tick(3) == []
    progress = turns.backfill_progress(Account.objects.get(), today=TODAY)
    assert progress is not None
    assert progress.refused == "Too long ago."
    assert [pull.kind for pull in tick(24 * 60 + 1) if pull.kind == "backfill"] == []  # the schedule is due
    work_off()
    assert [pull.kind for pull in tick(24 * 60 + 2)] == ["backfill"]


def work_off() -> None:
    Pull.objects.filter(state="queued").update(state="booked", finished_at=NOW)


def test_days_the_bank_says_nothing_of_are_asked_for_once_a_week_and_not_for_ever(account: Account) -> None:
    backfill(TODAY - timedelta(days=100))
    pull = Pull.objects.get(state="queued")
    covered = [[(TODAY - timedelta(days=100)).isoformat(), (TODAY - timedelta(days=91)).isoformat()]]
    Pull.objects.filter(pk=pull.pk).update(state="booked", finished_at=NOW, covered=covered)
    assert tick() == []
    assert Account.objects.get().behind is False


def test_progress_is_what_the_coverage_says(account: Account) -> None:
    assert turns.backfill_progress(account, today=TODAY) is None
    backfill()
    pull = Pull.objects.get(state="queued")
    found = turns.backfill_progress(Account.objects.get(), today=TODAY)
    assert found == turns.BackfillProgress(first=YEAR_AGO, read=90, wanted=365, at_work=pull, refused="")
    assert found.percent == 24
    read(pull)
    after = turns.backfill_progress(Account.objects.get(), today=TODAY)
    assert after == turns.BackfillProgress(first=YEAR_AGO, read=121, wanted=365, at_work=None, refused="")


def test_stopping_keeps_what_was_read_and_asks_for_nothing_more(account: Account) -> None:
    backfill()
    read(Pull.objects.get(state="queued"))
    days = Day.objects.count()
    found = stop()
    assert found.history_start == TODAY - timedelta(days=90)
    assert tick() == []
    pull = operations.start_pull(account=account, today=TODAY, actor=ACTOR, now=NOW)
    assert windows(pull)[0].start >= TODAY - timedelta(days=90)
    assert Day.objects.count() == days == 121
    entry = AuditEntry.objects.get(verb="bankfeeds.backfill_stopped")
    assert json.loads(entry.data) == {
        "from": YEAR_AGO.isoformat(),
        "to": (TODAY - timedelta(days=90)).isoformat(),
    }
    with pytest.raises(OperationRefused, match="No older days"):
        stop()


def test_a_pull_of_older_days_that_was_queued_before_the_stop_reads_nothing(account: Account) -> None:
    backfill()
    pull = Pull.objects.get(state="queued")
    stop(now=timezone.now())
    assert windows(pull) == []


def test_an_account_that_was_never_read_begins_with_its_newest_days(account: Account) -> None:
    Pull.objects.all().delete()
    Day.objects.all().delete()
    backfill()
    assert tick() == []
    Account.objects.update(next_pull_at=None)
    (first,) = tick()
    assert (first.kind, windows(first)[0].start) == ("scheduled", TODAY - timedelta(days=100))
