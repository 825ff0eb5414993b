"""Pulls end to end against the simulated bank: what the bank adds, changes and takes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from audit.models import AuditEntry
from bankfeeds.models import (
    Day,
    Finding,
    Line,
    LineId,
    LineRevision,
    ProvisionalLine,
    RawPage,
)
from bankfeeds.pipeline.plan import days_between
from tests.bankfeeds.feeds import TODAY, Feed, feed
from tests.bankfeeds.pipeline.looking import a_day, assert_right, counts, kinds, ledger, lines_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


@pytest.fixture
def old_harbor() -> Iterator[Feed]:
    """A feed with a usual history: ninety days of it are read."""
    with feed(history_days=40) as found:
        yield found


def test_the_first_pull_books_the_banks_ledger_and_proves_its_days(old_harbor: Feed) -> None:
    pull = old_harbor.pull()
    assert (pull.state, pull.reason, pull.lease_owner) == ("booked", "", "")
    assert counts(pull) == {"new": len(old_harbor.bank_lines())}
    assert_right(old_harbor)
    assert pull.covered is not None
    said = [(date.fromisoformat(start), date.fromisoformat(end)) for start, end in pull.covered]
    assert {day for start, end in said for day in days_between(start, end)} == {
        TODAY - timedelta(days=n) for n in range(1, 91)
    }
    covered = set(Day.objects.exclude(state="provisional").values_list("as_of_date", flat=True))
    assert covered == {TODAY - timedelta(days=n) for n in range(1, 91)}
    stated = {
        row["as_of_date"]: row["closing_ledger"]
        for row in old_harbor.bank.day_balances(old_harbor.account.given_number)
    }
    assert dict(Day.objects.filter(stated=True).values_list("as_of_date", "closing")) == stated


def test_todays_lines_are_provisional_and_become_booked_lines_overnight(harbor: Feed) -> None:
    harbor.pull()
    assert Line.objects.filter(as_of_date=TODAY).count() == 0
    assert Day.objects.get(as_of_date=TODAY).state == "provisional"
    today = ProvisionalLine.objects.filter(as_of_date=TODAY).count()
    assert today > 0
    harbor.pull()
    assert ProvisionalLine.objects.filter(as_of_date=TODAY).count() == today  # replaced whole, not appended
    harbor.bank.advance_to(TODAY + timedelta(days=1))
    pull = harbor.pull(today=TODAY + timedelta(days=1))
    assert counts(pull) == {"new": len(lines_of(harbor, TODAY))}  # new ids overnight are no renumbering
    assert ProvisionalLine.objects.filter(as_of_date=TODAY).count() == 0
    assert Day.objects.get(as_of_date=TODAY).state == "proven"
    assert_right(harbor)


def test_a_second_pull_writes_nothing(harbor: Feed) -> None:
    harbor.pull()
    before, entries = ledger(), AuditEntry.objects.filter(verb="bankfeeds.window_booked").count()
    pull = harbor.pull()
    assert (counts(pull), pull.same) == ({}, pull.read)
    assert ledger() == before
    assert AuditEntry.objects.filter(verb="bankfeeds.window_booked").count() == entries


def test_every_answer_is_kept_byte_for_byte_before_it_is_read(harbor: Feed) -> None:
    import hashlib
    import json

    pull = harbor.pull()
    pages = list(RawPage.objects.filter(pull=pull))
    assert {page.kind for page in pages} == {"transactions", "balances"}
    assert all(hashlib.sha256(page.content()).hexdigest() == page.sha256 for page in pages)
    found = [row["transactionId"] for page in pages if page.kind == "transactions" and "startDate" in page.request
             for row in json.loads(page.content())["data"]]  # fmt: skip
    assert sorted(found) == [row[0] for row in harbor.bank_lines()]


def test_a_late_line_reopens_its_day_which_is_proven_again(harbor: Feed) -> None:
    harbor.pull()
    day = a_day(harbor, 1)
    harbor.bank.add_late_line(harbor.account.given_number, day, amount=Decimal("12.34"))
    assert counts(harbor.pull()) == {"new": 1}
    found = Day.objects.get(as_of_date=day)
    assert (found.state, found.reopened) == ("proven", True)
    assert_right(harbor)


def test_a_late_line_on_an_old_day_shows_in_the_balances_and_is_fetched_by_the_same_pull(
    old_harbor: Feed,
) -> None:
    old_harbor.pull()
    day = a_day(old_harbor, 12)
    old_harbor.bank.add_late_line(old_harbor.account.given_number, day, amount=Decimal("12.34"))
    assert counts(old_harbor.pull()) == {"new": 1}
    assert_right(old_harbor)
    assert kinds() == []


def test_a_deep_reading_that_failed_is_made_again_by_the_next_pull(old_harbor: Feed) -> None:
    old_harbor.pull()
    renamed = old_harbor.bank.renumber_day(
        old_harbor.account.given_number, a_day(old_harbor, 12)
    )  # no balance shows it
    week_later = TODAY + timedelta(days=7)
    old_harbor.bank.advance_to(week_later)
    old_harbor.bank.faults.add("500", path="transactions", times=3)
    assert old_harbor.pull(today=week_later).state == "failed"
    assert old_harbor.pull(today=week_later).renumbered == len(renamed)
    assert_right(old_harbor)


def test_identical_payments_are_two_lines(harbor: Feed) -> None:
    harbor.pull()
    day = a_day(harbor)
    harbor.bank.add_identical_pair(harbor.account.given_number, day)
    assert counts(harbor.pull()) == {"new": 1}
    assert_right(harbor)
    digests = list(Line.objects.filter(as_of_date=day).values_list("digest", flat=True))
    assert len(digests) == len(set(digests)) + 1
    assert counts(harbor.pull()) == {}


def test_new_ids_for_known_lines_are_aliases(harbor: Feed) -> None:
    harbor.pull()
    total, day = Line.objects.count(), a_day(harbor)
    renamed = harbor.bank.renumber_day(harbor.account.given_number, day)
    assert counts(harbor.pull()) == {"renumbered": len(renamed)}
    assert Line.objects.count() == total
    for old, new in renamed.items():
        ids = dict(LineId.objects.filter(line__transaction_id=new).values_list("transaction_id", "current"))
        assert ids == {old: False, new: True}
    assert counts(harbor.pull()) == {}
    assert_right(harbor)
    assert kinds() == []


def test_an_amended_line_is_a_new_revision_and_the_old_one_is_kept(harbor: Feed) -> None:
    harbor.pull()
    row = lines_of(harbor, a_day(harbor))[0]
    new_amount = row["amount"] + Decimal("1.00")
    harbor.bank.amend_line(harbor.account.given_number, row["transaction_id"], amount=new_amount)
    assert counts(harbor.pull()) == {"amended": 1}
    line = Line.objects.get(transaction_id=row["transaction_id"])
    assert (line.revision, line.amount, line.state) == (2, new_amount, "booked")
    old = LineRevision.objects.get()
    assert (old.revision, Decimal(str(old.content["amount"]))) == (1, row["amount"])
    assert_right(harbor)


def test_a_withdrawn_line_stays_marked_and_out_of_the_totals(harbor: Feed) -> None:
    harbor.pull()
    row = lines_of(harbor, a_day(harbor))[0]
    harbor.bank.withdraw_line(harbor.account.given_number, row["transaction_id"])
    assert counts(harbor.pull()) == {"withdrawn": 1}
    assert Line.objects.get(transaction_id=row["transaction_id"]).state == "withdrawn"
    assert kinds() == ["withdrawn_line"]
    assert_right_but_withdrawn(harbor)
    assert counts(harbor.pull()) == {}
    assert Finding.objects.count() == 1


def assert_right_but_withdrawn(harbor: Feed) -> None:
    assert harbor.our_lines() == harbor.bank_lines()
    assert not Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"]).exists()


@pytest.mark.parametrize("scenario", ["quiet", "overdrawn", "identical-pairs", "currencies", "same-ids"])
def test_other_kinds_of_accounts_are_right_too(scenario: str) -> None:
    with feed(scenario) as harbor:
        harbor.pull_all()
        for account in harbor.accounts:
            assert harbor.our_lines(account) == harbor.bank_lines(account)
        assert not Day.objects.filter(stated=True).exclude(state__in=["proven", "provisional"]).exists()
        assert {counts(pull) == {} for pull in harbor.pull_all()} == {True}
