"""Pulls end to end on the bank's bad days: refusals, broken answers, and answers that cannot be right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from bankfeeds.models import (
    Day,
    Finding,
    Line,
    Pull,
    RejectedLine,
)
from tests.bankfeeds.feeds import Feed, feed
from tests.bankfeeds.pipeline.looking import a_day, assert_right, carry_out, counts, kinds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def test_an_incomplete_answer_erases_nothing_and_a_complete_one_settles_the_finding(harbor: Feed) -> None:
    harbor.pull()
    day = a_day(harbor)
    before = list(Line.objects.order_by("pk").values())
    harbor.bank.faults.add("empty_day", times=None, path="transactions", day=day)
    pull = harbor.pull()
    harbor.bank.faults.clear()
    assert (pull.state, counts(pull)) == ("booked", {})
    assert list(Line.objects.order_by("pk").values()) == before
    assert kinds() == ["incomplete_answer"]
    assert Day.objects.get(as_of_date=day).state == "proven"
    harbor.pull()
    assert (kinds(), kinds("resolved")) == ([], ["incomplete_answer"])
    assert_right(harbor)


def test_an_incomplete_answer_at_the_first_pull_leaves_a_broken_day_that_heals(harbor: Feed) -> None:
    day = a_day(harbor)
    harbor.bank.faults.add("empty_day", times=None, path="transactions", day=day)
    harbor.pull()
    assert Day.objects.get(as_of_date=day).state == "broken"
    assert kinds() == ["broken_day"]
    finding = Finding.objects.get()
    assert Decimal(finding.data["difference"]) != 0
    harbor.bank.faults.clear()
    harbor.pull()
    assert kinds() == []
    assert_right(harbor)


def test_a_record_that_cannot_be_taken_is_kept_and_its_day_is_not_proven(harbor: Feed) -> None:
    harbor.bank.faults.add("missing_field", path="transactions", times=None, field="amount")
    pull = harbor.pull()
    assert pull.state == "booked"
    assert pull.rejected > 0
    assert RejectedLine.objects.filter(open=True).count() == pull.rejected
    assert set(kinds()) == {"broken_day", "rejected_lines"}
    harbor.bank.faults.clear()
    harbor.pull()
    assert (kinds(), RejectedLine.objects.filter(open=True).count()) == ([], 0)
    assert_right(harbor)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "401", "path": "transactions"},
        {"kind": "429", "path": "transactions", "retry_after": 1},
        {"kind": "503", "path": "balances", "retry_after": 1},
        {"kind": "500", "path": "transactions"},
        {"kind": "cut", "path": "transactions"},
        {"kind": "html", "path": "transactions"},
        {"kind": "bad_json", "path": "balances"},
        {"kind": "moving_pages", "path": "transactions"},
        {"kind": "late_line", "path": "transactions"},
        {"kind": "identical_pair", "path": "transactions"},
        {"kind": "repeat_across_pages", "path": "transactions"},
        {"kind": "missing_narrative", "path": "transactions"},
        {"kind": "unknown_field", "path": "transactions"},
        {"kind": "unpadded_account", "path": "transactions"},
        {"kind": "redirect", "path": "transactions"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_after_a_bad_answer_the_next_pulls_make_the_ledger_right(fault: dict[str, Any]) -> None:
    with feed("small-pages") as harbor:
        harbor.bank.faults.add(fault.pop("kind"), times=1, **fault)
        for _ in range(3):
            pull = harbor.pull()
            assert pull.reason == "" or pull.reason.endswith((".", "…"))
            harbor.connection.refresh_from_db()
            if harbor.connection.not_before:
                type(harbor.connection).objects.update(not_before=None)
        assert pull.state == "booked"
        assert_right(harbor)
        assert harbor.bank.other_host_requests == []


def test_a_refusal_needs_a_person_and_a_later_pull_resolves_its_finding(harbor: Feed) -> None:
    harbor.bank.faults.add("403", path="transactions", times=1)
    pull = harbor.pull()
    assert (pull.state, pull.needs_person, pull.retry_at) == ("failed", True, None)
    assert kinds() == ["bank_refused"]
    harbor.pull()
    assert (kinds(), kinds("resolved")) == ([], ["bank_refused"])
    assert_right(harbor)


def test_retry_after_is_kept_to_the_second(harbor: Feed) -> None:
    harbor.bank.faults.add("503", path="transactions", times=1, retry_after=900)
    before = timezone.now()
    pull = harbor.pull()
    assert (pull.state, pull.needs_person) == ("failed", False)
    assert pull.retry_at is not None
    assert pull.retry_at >= before + timedelta(seconds=900)
    assert kinds() == []


def test_an_error_of_the_balances_of_one_account_books_the_lines_and_says_so(harbor: Feed) -> None:
    harbor.bank.faults.add("per_account_error", path="balances", times=None)
    pull = harbor.pull()
    assert pull.state == "booked"
    assert harbor.our_lines() == harbor.bank_lines()
    assert kinds() == ["balances_refused"]
    assert not Day.objects.filter(state="proven").exists()
    harbor.bank.faults.clear()
    harbor.pull()
    assert kinds() == []
    assert_right(harbor)


def test_a_pull_that_fails_five_times_is_given_up_with_a_finding(harbor: Feed) -> None:
    harbor.bank.faults.add("500", path="transactions", times=None)
    pulls = []
    for _ in range(5):
        Pull.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
        waiting = Pull.objects.filter(state="failed").first()
        pull_id = waiting.pk if waiting else harbor.start().pk
        pulls.append(carry_out(pull_id))
    assert [pull.attempts for pull in pulls] == [1, 2, 3, 4, 5]
    assert (pulls[-1].needs_person, pulls[-1].retry_at) == (True, None)
    assert kinds() == ["gave_up"]
    harbor.bank.faults.clear()
    harbor.pull()
    assert kinds() == []
    assert_right(harbor)
