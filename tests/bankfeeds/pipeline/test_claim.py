"""Two workers, dead workers, late workers: nothing twice, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.models import Account, Day, Finding, Line, LineId, Pull
from bankfeeds.pipeline import book, claim, fetch, run
from bankfeeds.pipeline.book import LeaseLost
from bankfeeds.pipeline.claim import InProgress, NotClaimed, TooEarly, lease_is_void, new_owner
from bankfeeds.pipeline.run import run_pull
from tests.bankfeeds.at_once import together
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """The worker's process ends here; nothing of it runs any more."""


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def carry_out(pull: Pull, owner: str = "") -> Pull:
    return run_pull(pull_id=pull.pk, owner=owner or new_owner(), today=TODAY, actor=ACTOR, clock=timezone.now)


def assert_right(harbor: Feed) -> None:
    assert harbor.our_lines() == harbor.bank_lines()
    assert LineId.objects.count() == Line.objects.count()
    assert not Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"]).exists()


def test_of_several_workers_with_one_pull_one_works_and_the_others_hear_so(harbor: Feed) -> None:
    pull = harbor.start()
    found = together(*[lambda: carry_out(pull)] * 4)
    assert sorted(type(one).__name__ for one in found).count("Pull") == 1
    assert {type(one) for one in found} <= {Pull, InProgress, NotClaimed}
    assert_right(harbor)
    assert Pull.objects.get().attempts == 1


def test_of_several_requests_for_one_account_one_pull_comes(harbor: Feed) -> None:
    found = together(*[harbor.start] * 4)
    assert {one.pk for one in found} == {Pull.objects.get().pk}


def test_whole_pulls_at_once_add_nothing_twice(harbor: Feed) -> None:
    found = together(*[harbor.pull] * 3)
    allowed = (Pull, InProgress, NotClaimed, operations.PullInProgress, LeaseLost)
    assert all(isinstance(one, allowed) for one in found), found
    assert_right(harbor)


@pytest.mark.parametrize(
    "point",
    [
        "after the claim",
        "between the calls",
        "before a window",
        "inside a window",
        "between the windows",
        "before the end",
    ],
)
def test_a_worker_killed_anywhere_leaves_nothing_half_booked(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    pull = harbor.start()
    seen = {"n": 0}

    def at(number: int, original: Any) -> Any:
        def stop(*args: Any, **kwargs: Any) -> Any:
            seen["n"] += 1
            if seen["n"] == number:
                raise Killed
            return original(*args, **kwargs)

        return stop

    places = {
        "after the claim": (fetch, "bank", 1),
        "between the calls": (fetch, "balances", 1),
        "before a window": (run, "book_window", 1),
        "inside a window": (book.coverage, "prove", 2),
        "between the windows": (run, "book_window", 3),
        "before the end": (claim, "finish", 1),
    }
    module, name, number = places[point]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, at(number, getattr(module, name)))
        with pytest.raises(Killed):
            carry_out(pull)
    whole = {row["as_of_date"] for row in Day.objects.exclude(state="provisional").values("as_of_date")}
    assert set(Line.objects.values_list("as_of_date", flat=True)) <= whole  # lines and coverage came together
    assert [row for row in harbor.bank_lines() if row[1] in whole] == harbor.our_lines()
    pull.refresh_from_db()
    assert pull.state == "fetching"
    with pytest.raises(InProgress):
        carry_out(pull)  # its process lives, so its lease holds
    Pull.objects.update(lease_expires_at=timezone.now())
    done = carry_out(pull)
    assert (done.state, done.attempts) == ("booked", 2)
    assert_right(harbor)


def test_a_worker_whose_pull_was_taken_over_books_nothing(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = harbor.start()
    original, taken = run.book_window, []

    def taken_over(**kwargs: Any) -> Any:
        if not taken:
            taken.append(True)
            Pull.objects.update(lease_expires_at=timezone.now())
            assert carry_out(pull).state == "booked"
        return original(**kwargs)

    monkeypatch.setattr(run, "book_window", taken_over)
    before = len(harbor.bank_lines())
    with pytest.raises(LeaseLost):
        carry_out(pull)
    assert Line.objects.count() == before
    assert_right(harbor)


def test_an_older_answer_is_not_applied_over_a_newer_one(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbor.pull()
    row = harbor.bank_lines()[-1]
    day = row[1]
    old: list[Any] = []
    original = run.book_window
    monkeypatch.setattr(
        run, "book_window", lambda **kwargs: old.append(kwargs["reading"]) or original(**kwargs)
    )
    harbor.pull(start=day, end=day)
    harbor.bank.amend_line(harbor.account.given_number, row[0], customer_reference="AMENDED BY THE BANK")
    harbor.pull(start=day, end=day)
    monkeypatch.undo()
    amended = Line.objects.get(transaction_id=row[0])
    assert amended.revision == 2
    pull = harbor.start(start=day, end=day)
    claim.claim(pull_id=pull.pk, owner="late", today=TODAY, actor=ACTOR, now=timezone.now())
    booked = book.book_window(pull_id=pull.pk, owner="late", reading=old[0], actor=ACTOR, now=timezone.now())
    assert booked.held == booked.read > 0
    amended.refresh_from_db()
    assert (amended.revision, amended.customer_reference) == (2, "AMENDED BY THE BANK")


def test_a_lease_is_void_when_it_ran_out_or_its_process_on_this_machine_ended(harbor: Feed) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = new_owner().partition(":")[0]
    now = timezone.now()
    later = now + timedelta(minutes=1)
    for owner, expires, expected in [
        (f"{host}:{os.getpid()}:x", later, False),
        (f"{host}:{os.getpid()}:x", now, True),
        (f"{host}:{ended.pid}:x", later, True),
        (f"elsewhere.example:{ended.pid}:x", later, False),
        (f"{host}:1:x", later, False),
    ]:
        assert lease_is_void(Pull(lease_owner=owner, lease_expires_at=expires), now=now) is expected


def test_a_pull_that_kills_its_worker_each_time_ends(harbor: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = harbor.start()

    def die(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    monkeypatch.setattr(fetch, "bank", die)
    for _ in range(5):
        Pull.objects.update(lease_expires_at=timezone.now())
        with pytest.raises(Killed):
            carry_out(pull)
    Pull.objects.update(lease_expires_at=timezone.now())
    with pytest.raises(NotClaimed):
        carry_out(pull)
    pull.refresh_from_db()
    assert (pull.state, pull.needs_person, pull.attempts, pull.is_open) == ("failed", True, 5, False)
    assert [one.kind for one in Finding.objects.all()] == ["gave_up"]


def test_an_error_nobody_foresaw_gives_the_pull_back_and_is_raised(
    harbor: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(**kwargs: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(run, "book_window", surprise)
        with pytest.raises(ZeroDivisionError):
            harbor.pull()
    pull = Pull.objects.get()
    assert (pull.state, pull.lease_owner) == ("failed", "")
    assert pull.retry_at is not None
    assert "ZeroDivisionError" in pull.reason
    assert carry_out(harbor.start()).state == "booked"


def test_a_waiting_pull_is_not_claimed_before_its_time(harbor: Feed) -> None:
    harbor.bank.faults.add("500", times=None, path="transactions")
    pull = harbor.pull()
    assert pull.state == "failed"
    harbor.bank.faults.clear()
    with pytest.raises(TooEarly):
        carry_out(pull)
    assert carry_out(harbor.start()).state == "booked"  # a person may ask earlier than our own pause ends


def test_a_request_with_other_limits_replaces_a_waiting_pull(harbor: Feed) -> None:
    first = harbor.start()
    second = harbor.start(start=TODAY - timedelta(days=3), end=TODAY - timedelta(days=1))
    first.refresh_from_db()
    assert (first.state, first.is_open) == ("failed", False)
    assert second.pk != first.pk
    assert carry_out(second).state == "booked"


def test_accounts_do_not_wait_for_each_other() -> None:
    with feed(accounts=2) as harbor:
        found = together(*[lambda one=account: harbor.pull(one) for account in harbor.accounts])
        assert [one.state for one in found] == ["booked", "booked"]
        for account in Account.objects.all():
            assert harbor.our_lines(account) == harbor.bank_lines(account)
