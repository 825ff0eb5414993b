"""Setting when a connection is read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing
from bankfeeds import operations, timetable
from bankfeeds.models import Account, Connection
from tests.bankfeeds.crowd import NOW, feeds
from tests.bankfeeds.feeds import ACTOR

pytestmark = pytest.mark.django_db


def set_schedule(**more: Any) -> Connection:
    facts: dict[str, Any] = {
        "pk": Connection.objects.get().pk,
        "time_zone": "Europe/London",
        "pull_times": ["17:00", "9:00"],
        "on_holidays": "none",
        "actor": ACTOR,
        "now": NOW,
        "reason": "The customer closes its books in London.",
    }
    return operations.set_schedule(**{**facts, **more})


def test_a_new_schedule_is_kept_in_order_and_audited_and_moves_the_next_time() -> None:
    (account,) = feeds(1)
    Account.objects.update(next_pull_at=NOW + timedelta(hours=12))
    found = set_schedule()
    assert (found.time_zone, found.pull_times, found.on_holidays) == (
        "Europe/London",
        ["09:00", "17:00"],
        "none",
    )
    five_in_london = NOW.replace(hour=16)
    assert Account.objects.get().next_pull_at == five_in_london + timetable.spread(account.pk)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.reason) == (
        "bankfeeds.schedule_set",
        "The customer closes its books in London.",
    )
    assert json.loads(entry.data) == {
        "from": {
            "time_zone": "America/New_York",
            "pull_times": ["06:30", "11:00", "15:00", "19:30"],
            "on_holidays": "once",
        },
        "to": {"time_zone": "Europe/London", "pull_times": ["09:00", "17:00"], "on_holidays": "none"},
    }


@pytest.mark.parametrize("due", [None, NOW, NOW - timedelta(days=2)])
def test_what_is_due_already_stays_due(due: Any) -> None:
    feeds(1)
    Account.objects.update(next_pull_at=due)
    set_schedule()
    assert Account.objects.get().next_pull_at == due


def test_the_same_schedule_once_more_changes_nothing() -> None:
    feeds(1)
    set_schedule()
    Account.objects.update(next_pull_at=NOW + timedelta(hours=1))
    set_schedule()
    assert Account.objects.get().next_pull_at == NOW + timedelta(hours=1)
    assert AuditEntry.objects.count() == 1


def test_every_problem_is_told_at_once_and_nothing_changes() -> None:
    feeds(1)
    with pytest.raises(OperationRefused, match=r"This is no schedule\.") as refused:
        set_schedule(time_zone="Harbor/Kettle", pull_times=["09:00", "09:10"], on_holidays="maybe")
    assert refused.value.missing == [
        "a time zone by its IANA name, such as America/New_York",
        "what to do on weekends and holidays: all, once or none",
        "at least 30 minutes between two times of day",
    ]
    assert Connection.objects.get().time_zone == "America/New_York"
    assert AuditEntry.objects.count() == 0


def test_a_closed_connection_has_no_schedule_and_not_everybody_sets_one() -> None:
    feeds(1, state="closed")
    with pytest.raises(OperationRefused, match="crowd-0 is closed"):
        set_schedule()
    with pytest.raises(PermissionMissing):
        set_schedule(actor=Actor.user(User.objects.create_user("stranger")))
