"""The bank asks for a pause (Retry-After), and every worker of ours keeps it to the second."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations, queries
from bankfeeds.models import Account, Finding, Pull
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from tests.journeys.feed import WEDNESDAY, Feed, an_hour_later, assert_right
from tests.processes import until

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_short_pause_is_kept_within_the_pull(harbor: Feed, status: str) -> None:
    harbor.bank.faults.add(status, retry_after=1)

    assert harbor.pull().code == 0

    struck = harbor.bank.faults.hits[0].at
    assert requests_between(harbor, struck, struck + 1) == []


def test_a_longer_pause_is_kept_by_people_and_workers_alike(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    harbor.bank.faults.add("401")
    harbor.bank.faults.add("429", path="token", retry_after=6)
    before = timezone.now()

    said = harbor.pull()

    struck = harbor.bank.faults.hits[-1].at
    assert (said.code, said.err.count("The next attempt is due at ")) == (
        3,
        1,
    )  # the other account is left alone too
    assert harbor.pull().code == 3
    assert harbor.pull().code == 3
    assert list(queries.due_pulls(now=before + timedelta(seconds=5))) == []
    assert queries.due_pulls(now=timezone.now() + timedelta(seconds=6)).count() == 2
    assert Finding.objects.count() == 0

    time.sleep(max(0.0, struck + 6.1 - time.monotonic()))

    assert harbor.pull().code == 0
    assert requests_between(harbor, struck, struck + 6) == []
    assert_right(harbor)


@pytest.mark.django_db(transaction=True)
def test_a_pause_told_to_one_worker_is_kept_by_the_other_in_the_middle_of_its_pull(harbor: Feed) -> None:
    harbor.bank.advance_to(WEDNESDAY)
    first, second = harbor.accounts
    harbor.bank.faults.add("slow", seconds=2, path="transactions", account=second.given_number)
    other = threading.Thread(target=pull_one, args=(second,))
    other.start()
    until(lambda: harbor.bank.faults.hits, seconds=20, what="the other worker in the middle of its pull")
    harbor.bank.faults.add("429", path="transactions", account=first.given_number, retry_after=600)

    pull_one(first)
    other.join()

    assert requests_between(harbor, harbor.bank.faults.hits[-1].at, time.monotonic()) == []
    assert {(pull.state, pull.retry_at is None) for pull in Pull.objects.exclude(state="booked")} == {
        ("failed", False)
    }
    with an_hour_later():
        assert harbor.pull().code == 0
    assert_right(harbor)


def pull_one(account: Account) -> None:
    """Do what one worker of the queue does."""
    task = Actor.task("pull_account")
    pull = operations.start_pull(account=account, today=WEDNESDAY, actor=task, now=timezone.now())
    try:
        run_pull(pull_id=pull.pk, owner=new_owner(), today=WEDNESDAY, actor=task, clock=timezone.now)
    finally:
        connection.close()


def requests_between(harbor: Feed, start: float, end: float) -> list[Any]:
    """Return what the bank was asked in between (monotonic seconds), without the request refused at ``start``."""
    hit = next(request for request in harbor.bank.requests if request.at >= start)
    return [one for one in harbor.bank.requests if start < one.at < end and one is not hit]
