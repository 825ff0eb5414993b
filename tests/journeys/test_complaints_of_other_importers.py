"""What people complain of in other importers, each complaint by its name, and why it cannot happen here.

The bank answers in its own JSON; only the wire is left out, which has tests of its own.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, reset_queries

from audit.workflow import OperationRefused
from bankfeeds import operations, queries, replay, reports, schedule
from bankfeeds.models import Connection, Day, Finding, Line, LineId, LineRevision, ProvisionalLine, Pull
from bankfeeds.pipeline.claim import TooEarly
from config import health
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT
from tests.bankfeeds.paper_bank import (
    ACTOR,
    FIRST,
    JSON,
    ONE,
    TODAY,
    Customer,
    PaperBank,
    Reply,
    connect,
    open_for,
)
from tests.bankfeeds.pipeline.looking import counts, kinds, ledger

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - ONE
TOMORROW = TODAY + ONE
OTHER = "000000700100201"
UNAVAILABLE = Reply(status=500, headers={}, body=b"")


@pytest.fixture
def customer(monkeypatch: pytest.MonkeyPatch) -> Customer:
    """Return a customer whose bank has posted three payments, all of them booked."""
    bank = PaperBank()
    open_for(monkeypatch, bank)
    for number, day in enumerate((FIRST, FIRST + 2 * ONE, YESTERDAY)):
        bank.post(f"RENT-{number}", day, Decimal("250.00") + number)
    found = connect(bank)
    assert found.pull().state == "booked"
    assert_right(found)
    return found


def assert_right(customer: Customer) -> None:
    """Our books are the bank's, and every day of them is proven."""
    assert customer.lines() == customer.banks()
    unproven = Day.objects.exclude(state="proven").exclude(as_of_date=customer.bank.today)
    assert list(unproven.values_list("as_of_date", "state")) == []


def told(kind: str) -> str:
    return Finding.objects.get(kind=kind, state="open").sentence


def test_1_the_pending_row_and_the_booked_row_both_stay(customer: Customer) -> None:
    bank, seen_at_noon = customer.bank, (("RIDE", "14.00"), ("BOOK", "30.00"), ("HOLD", "99.00"))
    bank.intraday = [bank.row(f"PENDING-{name}", TODAY, Decimal(amount)) for name, amount in seen_at_noon]
    customer.pull()
    assert (ProvisionalLine.objects.count(), len(customer.lines())) == (3, 3)
    assert "PENDING" not in "".join(reports.transactions_json(connection=customer.connection))

    # At night one comes under another id, one under its own with a tip, and one that was only held never comes.
    bank.post("RIDE", TODAY, Decimal("14.00"))
    bank.post("PENDING-BOOK", TODAY, Decimal("33.00"))
    bank.intraday = []
    customer.until(TOMORROW)
    assert counts(customer.pull()) == {"new": 2}
    assert ProvisionalLine.objects.count() == 0
    assert_right(customer)


def test_2_the_provider_issued_new_ids_and_everything_doubled(customer: Customer) -> None:
    bank = customer.bank
    for number in range(30):
        bank.post(f"OLD-{number}", YESTERDAY, Decimal("1.00") + number)
    customer.pull()
    before = ledger()
    for _, _, row in bank.posted[3:]:
        row["transactionId"] = row["transactionId"].replace("OLD", "NEW")

    held = customer.pull()
    assert (held.state, held.needs_person, kinds()) == ("held", True, ["held_pull"])
    assert ledger() == before

    operations.answer_held_pull(
        pk=held.pk, answer="same_lines", actor=ACTOR, now=customer.now(), reason="The bank told us."
    )
    assert counts(customer.carry_out(held)) == {"renumbered": 30}
    assert_right(customer)
    assert LineId.objects.filter(transaction_id__startswith="OLD", current=False).count() == 30


def test_3_two_real_identical_payments_became_one(customer: Customer) -> None:
    for cup in ("COFFEE-1", "COFFEE-2"):
        customer.bank.post(cup, YESTERDAY, Decimal("3.20"))
        assert counts(customer.pull()) == {"new": 1}  # also when the second comes in a later pull
    assert len(set(Line.objects.filter(amount=Decimal("3.20")).values_list("digest", flat=True))) == 1
    assert counts(customer.pull()) == {}
    assert_right(customer)


@pytest.mark.parametrize("late_by", [9, 30])
def test_4_late_or_back_dated_rows_never_arrive(customer: Customer, late_by: int) -> None:
    customer.until(FIRST + late_by * ONE)
    for _ in range(2):
        customer.pull()
    customer.bank.post("LATE", FIRST, Decimal("70.00"))

    assert counts(customer.pull()) == {"new": 1}
    assert_right(customer)


def test_5_a_pause_or_a_failure_leaves_a_silent_hole(customer: Customer) -> None:
    for number in range(40):
        customer.bank.post(f"PAUSE-{number}", TODAY + number * ONE, Decimal("5.00") + number)
    customer.until(TODAY + 40 * ONE)
    for place in range(12):  # the first month is answered, then the bank is away
        customer.bank.spoil("transactions", lambda body, place=place: body if place < 7 else UNAVAILABLE)

    failed = customer.pull()
    assert (failed.state, failed.reason) == ("failed", "The bank's system is not available at the moment.")
    fresh = queries.freshness(customer.account)
    assert fresh.proven_through is not None
    assert (
        YESTERDAY < fresh.proven_through < TODAY + 35 * ONE
    )  # what was answered is booked, and no day further
    assert fresh.gaps == 0
    customer.bank.mend()
    assert customer.pull().state == "booked"
    assert_right(customer)
    fresh = queries.freshness(customer.account)
    assert (fresh.proven_through, fresh.gaps) == (TODAY + 39 * ONE, 0)


def test_6_the_sync_succeeds_the_data_is_stale_and_nobody_is_told(customer: Customer) -> None:
    # The bank goes on answering, with nothing: its own night did not run.
    customer.bank.stated_until = YESTERDAY
    customer.until(TODAY + 4 * ONE)
    assert (customer.pull().state, kinds()) == ("booked", [])
    fresh = queries.freshness(customer.account)
    assert (
        fresh.proven_through == YESTERDAY
    )  # the proof, not the success of the call, says how far the feed is
    assert fresh.last_booked_at is not None
    assert fresh.last_booked_at.date() == TODAY + 4 * ONE

    # A dead worker and a schedule nobody keeps are told by what watches from outside.
    schedule.beat(now=customer.at)
    Pull.objects.create(
        account=customer.account,
        kind="scheduled",
        today=TODAY,
        requested_by="task:tick",
        requested_at=customer.at,
    )
    later = health.inspect(now=customer.at + timedelta(hours=1))
    assert later["heartbeat"] == "no worker has executed a heartbeat for 3600 s"
    assert later["pulls"] == "the oldest due pull has waited for 3600 s"


def test_6_an_error_state_refuses_every_retry(customer: Customer) -> None:
    customer.bank.spoil("transactions", lambda _: Reply(status=403, headers={}, body=b""))
    failed = customer.pull()
    assert (failed.state, failed.needs_person, kinds()) == ("failed", True, ["bank_refused"])

    (scheduled,) = schedule.tick(today=TODAY, actor=ACTOR, now=customer.at + timedelta(hours=6))
    assert customer.carry_out(scheduled).state == "booked"
    assert kinds() == []


def test_7_the_total_does_not_match_the_bank_and_nothing_says_why(customer: Customer) -> None:
    customer.bank.off[YESTERDAY] = Decimal("-252.00")  # as if RENT-2 had never been posted

    assert customer.pull().state == "booked"

    assert Day.objects.get(as_of_date=YESTERDAY).difference == Decimal("252.00")
    assert told("broken_day") == (
        "2 Jun 2026: Opening 1501.00 + credits 252.00 - debits 0.00 is not the closing 1501.00: "
        "the difference is 252.00. Its amount, double or half is that of RENT-2."
    )
    customer.bank.off.clear()
    customer.pull()
    assert kinds() == []
    assert_right(customer)


def test_8_a_correction_at_the_bank_is_ignored_or_overwrites_without_a_trace(customer: Customer) -> None:
    row = customer.bank.posted[2][2]
    row["amount"], row["narrativeText"] = Decimal("205.00"), {"REMARK": "CORRECTED"}

    assert counts(customer.pull()) == {"amended": 1}

    line = Line.objects.get(transaction_id="RENT-2")
    assert (line.revision, line.amount, line.description) == (2, Decimal("205.00"), "CORRECTED")
    old = LineRevision.objects.get(line=line)
    assert (old.revision, old.content["amount"], old.content["description"]) == (
        1,
        "252.00",
        "INVOICE 20417 JANUARY",
    )
    assert old.replaced_by_pull == line.last_changed_pull
    assert_right(customer)


def test_9_an_upgrade_or_a_change_of_mapping_imports_everything_anew(customer: Customer) -> None:
    # What an earlier release made of the same records, with another description and so another fingerprint.
    Line.objects.update(description="AS AN EARLIER RELEASE READ IT", digest="0" * 64)

    assert counts(customer.pull(start=FIRST, end=YESTERDAY)) == {"amended": 3}
    assert_right(customer)
    # The raw pages, read by today's release, give the same ledger: the bank is not needed for it.
    found = replay.replay(connection=customer.connection, now=customer.now())
    assert (found.equal, found.lines) == (True, 3)


def test_10_ids_collide_across_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = PaperBank()
    open_for(monkeypatch, bank)
    bank.post("TRANSFER", YESTERDAY, Decimal("80.00"))
    bank.post("TRANSFER", YESTERDAY, Decimal("80.00"), account=OTHER, debitCreditCode="DEBIT")
    both = connect(bank, accounts=(ACCOUNT, OTHER))

    assert [counts(both.pull(account)) for account in both.accounts] == [{"new": 1}, {"new": 1}]
    assert [counts(both.pull(account)) for account in both.accounts] == [{}, {}]
    assert_right(both)


def test_10_ids_collide_by_spelling_or_prefix(customer: Customer) -> None:
    alike = ("A1", "a1", "A10", "A", "0A1", "A1.", "Ａ1")
    for ident in alike:
        customer.bank.post(ident, YESTERDAY)
    assert counts(customer.pull()) == {"new": len(alike)}
    assert counts(customer.pull()) == {}
    assert_right(customer)


def test_10_ids_collide_across_years(customer: Customer) -> None:
    customer.bank.post(
        "RENT-0", YESTERDAY, Decimal("7.00")
    )  # the id of another payment of ours, still listed there

    customer.pull()

    # One id is one line: the second payment is not taken for the first, and its day says what is missing.
    assert customer.lines(transaction_id="RENT-0") == [("RENT-0", FIRST, Decimal("250.00"))]
    assert kinds() == ["broken_day"]
    assert told("broken_day").endswith("the difference is -7.00.")


def test_12_slow_and_slower_as_it_grows(customer: Customer, settings: Any) -> None:
    settings.DEBUG = True  # Django counts statements then

    def statements(lines: int, day: Any) -> int:
        for number in range(lines):
            customer.bank.post(f"{day}-{number}", day, Decimal("1.00"))
        reset_queries()
        assert counts(customer.pull()) == {"new": lines}
        booking = len(connection.queries)
        reset_queries()
        assert counts(customer.pull()) == {}
        assert len(connection.queries) <= booking
        return booking

    few = statements(5, FIRST + ONE)
    many = statements(400, FIRST + 3 * ONE)
    assert many <= few + 6  # a statement for some hundred rows, not one for each


@pytest.mark.django_db(transaction=True)
def test_13_two_webhooks_or_workers_at_once(customer: Customer) -> None:
    customer.bank.post("ONCE", YESTERDAY)
    start, ended = threading.Barrier(4), list[str]()

    def worker() -> None:
        try:
            start.wait(10)
            ended.append(customer.pull().state)
        except OperationRefused:
            ended.append("told that another worker is at it, or was")
        finally:
            connection.close()

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(30)
    assert (len(ended), "booked" in ended) == (4, True)
    assert_right(customer)
    assert set(Pull.objects.values_list("state", flat=True)) == {"booked"}


def test_14_rate_limits_are_a_mystery_and_hit_again_by_trying_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = PaperBank()
    open_for(monkeypatch, bank)
    both = connect(bank, accounts=(ACCOUNT, OTHER))
    bank.spoil(
        "transactions", lambda _: Reply(status=429, headers={**JSON, "retry-after": "900"}, body=b"{}")
    )

    pull = both.pull()

    assert (pull.state, pull.reason) == ("failed", "The bank's agreed number of calls is used up for now.")
    assert pull.retry_at is not None
    assert pull.retry_at >= both.at + timedelta(seconds=899)
    asked = len(bank.calls)
    for account in both.accounts:  # the limit is the client's, so the other account waits too
        with pytest.raises(TooEarly, match=r"^The next attempt is due at 2026-06-03 12:1\d:\d\d UTC: .+\.$"):
            both.pull(account)
    assert len(bank.calls) == asked
    until = Connection.objects.values_list("not_before", flat=True).get()
    assert until is not None
    assert both.at + timedelta(seconds=880) < until < both.at + timedelta(seconds=900)

    both.at += timedelta(hours=1)
    assert [both.pull(account).state for account in both.accounts] == ["booked", "booked"]
