"""Late feeds and their findings: one per account while it lasts, refreshed, and closed by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from bankfeeds import operations
from bankfeeds.models import Account, BankHost, Day, Finding, Outage
from tests.bankfeeds.feeds import ACTOR
from tests.bankfeeds.keptdays import booked, days
from tests.bankfeeds.test_lateness import DUE, LATE, feed

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine() -> Account:
    return feed("pppp", last=DUE - timedelta(days=1))


def judge(after: timedelta = timedelta(0)) -> list[tuple[str, str]]:
    operations.judge_late_feeds(actor=ACTOR, now=LATE + after)
    return list(Finding.objects.order_by("pk").values_list("state", "data__reason"))


def test_one_finding_is_opened_refreshed_and_closed_by_itself(mine: Account) -> None:
    assert judge() == [("open", "it has not been read")]
    assert judge(timedelta(minutes=1)) == [("open", "it has not been read")]
    row = days(mine, "b", last=DUE)[0]
    assert judge(timedelta(minutes=2)) == [("open", "it does not foot by 12.34 USD")]
    Day.objects.filter(pk=row.pk).update(state="proven")
    assert judge(timedelta(minutes=3)) == [("resolved", "it does not foot by 12.34 USD")]
    assert Finding.objects.get().reason == "The day is proven."
    assert AuditEntry.objects.filter(verb__contains="resolve").count() == 1


def test_a_pause_closes_it(mine: Account) -> None:
    judge()
    operations.pause_connection(pk=mine.connection_id, actor=ACTOR, now=LATE, reason="Customer asked.")
    assert judge() == [("resolved", "it has not been read")]
    assert Finding.objects.get().reason == "The connection is paused."


def test_a_feed_that_is_just_being_caught_up_with_gets_the_grace(mine: Account) -> None:
    pull = booked(mine, LATE - timedelta(minutes=5), state="queued")
    assert judge() == []
    pull.delete()
    judge()
    booked(mine, LATE, state="queued")
    assert [state for state, _ in judge()] == ["open"]  # what is open stays until the day is proven


def test_an_outage_of_the_host_is_one_alarm_and_opens_none(mine: Account) -> None:
    host = BankHost.objects.create(name="bank.invalid:443", state="open")
    Outage.objects.create(host=host, began_at=LATE, sentence="It does not answer.")
    assert judge() == []
    Outage.objects.update(ended_at=LATE)
    assert judge() == [("open", "it has not been read")]


def test_an_accepted_day_is_not_asked_about_again_but_the_next_one_is(mine: Account) -> None:
    judge()
    operations.accept_finding(pk=Finding.objects.get().pk, actor=ACTOR, now=LATE, reason="Known at the bank.")
    assert [state for state, _ in judge()] == ["accepted"]
    assert [state for state, _ in judge(timedelta(days=1))] == ["accepted", "open"]


def test_nothing_late_costs_a_few_queries(mine: Account, django_assert_max_num_queries: Any) -> None:
    days(mine, "p", last=DUE)
    with django_assert_max_num_queries(5):
        assert judge() == []
