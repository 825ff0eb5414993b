"""Twelve cases that importers get wrong when measured, and the right answer to each.

The bank answers in its own JSON; only the wire is left out, which has tests of its own.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import ProtectedError
from django.urls import reverse

from bankfeeds.models import Day, Finding, Line, LineId, LineRevision, RejectedLine
from tests.bankfeeds.paper_bank import FIRST, ONE, TODAY, Customer, PaperBank, connect, open_for
from tests.bankfeeds.pipeline.looking import counts, kinds

pytestmark = pytest.mark.django_db

MONDAY, YESTERDAY = TODAY - 2 * ONE, TODAY - ONE


@pytest.fixture
def customer(monkeypatch: pytest.MonkeyPatch) -> Customer:
    """Return a customer of a bank that has posted nothing yet."""
    bank = PaperBank()
    open_for(monkeypatch, bank)
    return connect(bank)


def assert_right(customer: Customer) -> None:
    """Our books are the bank's, and every day of them is proven; a further pull changes nothing."""
    for _ in range(2):
        assert customer.lines() == customer.banks()
        assert {state(day) for day in customer.bank.days(FIRST, YESTERDAY)} == {"proven"}
        assert counts(customer.pull()) == {}
    assert kinds() == []


def state(day: date) -> str:
    return Day.objects.get(as_of_date=day).state


def told() -> dict[str, str]:
    return dict(Finding.objects.filter(state="open").values_list("kind", "sentence"))


def test_two_identical_rows_with_their_own_ids_are_two(customer: Customer) -> None:
    for ident in ("A", "B"):
        customer.bank.post(ident, YESTERDAY)
    assert counts(customer.pull()) == {"new": 2}
    assert_right(customer)


def test_identical_rows_without_ids_are_kept_counted_and_shown_and_not_guessed(customer: Customer) -> None:
    first = customer.bank.post("", MONDAY - ONE)
    second = customer.bank.post("", YESTERDAY)

    assert counts(customer.pull()) == {"rejected": 2}

    assert (customer.lines(), state(MONDAY - ONE), state(YESTERDAY)) == ([], "broken", "broken")
    kept = RejectedLine.objects.filter(open=True).order_by("as_of_date")
    assert [(one.as_of_date, one.reason) for one in kept] == [
        (MONDAY - ONE, "The record has no transactionId."),
        (YESTERDAY, "The record has no transactionId."),
    ]
    assert kinds().count("rejected_lines") == 2
    assert (
        "1 record of the bank could not be taken: The record has no transactionId."
        in told()["rejected_lines"]
    )
    # Once the bank gives them ids, they are two lines.
    first["transactionId"], second["transactionId"] = "A", "B"
    assert counts(customer.pull()) == {"new": 2}
    assert_right(customer)


def test_one_id_twice_in_one_answer_is_one_line_and_counted(customer: Customer) -> None:
    customer.bank.post("A", YESTERDAY)
    _, _, row = customer.bank.posted[0]
    # A page that moved under the bank's own walk lists the record again; the balances know it once.
    customer.bank.posted.append((customer.account.given_number, YESTERDAY, {**row, "amount": row["amount"]}))
    customer.bank.off[YESTERDAY] = Decimal("-10.00")

    pull = customer.pull()

    assert (pull.read, pull.new, pull.repeated) == (2, 1, 1)
    assert (customer.lines(), state(YESTERDAY)) == ([("A", YESTERDAY, Decimal("10.00"))], "proven")


def test_one_id_twice_with_different_amounts_is_quarantined(customer: Customer) -> None:
    customer.bank.post("A", YESTERDAY, Decimal("10.00"))
    other = customer.bank.post("A", YESTERDAY, Decimal("11.00"))

    assert counts(customer.pull()) == {"rejected": 2}

    reason = "The bank gave this id to records with different content in one answer."
    assert [one.reason for one in RejectedLine.objects.filter(open=True, transaction_id="A")] == [reason] * 2
    assert (customer.lines(), state(YESTERDAY), set(told())) == (
        [],
        "broken",
        {"rejected_lines", "broken_day"},
    )
    other["transactionId"] = "B"
    assert counts(customer.pull()) == {"new": 2}
    assert_right(customer)


def test_one_id_later_with_another_amount_and_date_is_a_new_version_and_reported(customer: Customer) -> None:
    customer.bank.post("A", MONDAY, Decimal("10.00"))
    customer.pull()
    customer.bank.withdraw("A")
    customer.bank.post("A", YESTERDAY, Decimal("12.00"))

    assert counts(customer.pull()) == {"amended": 1}

    old = LineRevision.objects.get()
    assert (old.revision, old.content["as_of_date"], old.content["amount"]) == (
        1,
        MONDAY.isoformat(),
        "10.00",
    )
    assert Line.objects.get().revision == 2
    assert_right(customer)


def test_a_back_dated_row_after_a_newer_one_is_stored(customer: Customer) -> None:
    customer.bank.post("NEW", YESTERDAY)
    customer.pull()
    customer.bank.post("OLD", FIRST)
    assert counts(customer.pull()) == {"new": 1}
    assert_right(customer)


def test_a_new_row_listed_above_the_old_one_is_the_only_new_one(customer: Customer) -> None:
    customer.bank.post("OLD", YESTERDAY)
    customer.pull()
    customer.bank.post("NEW", YESTERDAY, place=0)
    pull = customer.pull()
    assert (pull.read, pull.same, pull.new) == (2, 1, 1)
    assert_right(customer)


def test_a_booked_row_under_a_new_id_is_the_same_line(customer: Customer) -> None:
    row = customer.bank.post("OLD", YESTERDAY)
    customer.pull()
    row["transactionId"] = "NEW"
    assert counts(customer.pull()) == {"renumbered": 1}
    line = Line.objects.get()
    assert dict(LineId.objects.filter(line=line).values_list("transaction_id", "current")) == {
        "OLD": False,
        "NEW": True,
    }
    assert_right(customer)


def test_a_different_purchase_a_little_dearer_the_next_day_is_another_line(customer: Customer) -> None:
    customer.bank.post("A", MONDAY, Decimal("100.00"))
    customer.pull()
    customer.bank.post("B", YESTERDAY, Decimal("104.00"))
    assert counts(customer.pull()) == {"new": 1}
    assert_right(customer)


def test_one_bad_row_among_three_holds_nothing_but_itself(customer: Customer) -> None:
    for ident in ("A", "B"):
        customer.bank.post(ident, YESTERDAY)
    bad = customer.bank.post("C", YESTERDAY, Decimal("10.005"))

    assert counts(customer.pull()) == {"new": 2, "rejected": 1}

    assert [line[0] for line in customer.lines()] == ["A", "B"]
    held = RejectedLine.objects.get()
    assert (held.transaction_id, held.reason, held.open) == (
        "C",
        "The amount has more than the 2 decimal digits of USD.",
        True,
    )
    assert '"amount":10.005' in held.raw
    assert (state(YESTERDAY), state(MONDAY)) == ("broken", "proven")
    bad["amount"] = Decimal("10.01")
    assert counts(customer.pull()) == {"new": 1}
    assert (RejectedLine.objects.get().open, state(YESTERDAY)) == (False, "proven")


def test_a_row_gone_from_a_later_full_answer_is_flagged_when_the_balances_agree(customer: Customer) -> None:
    for ident, amount in (("A", "10.00"), ("B", "20.00")):
        customer.bank.post(ident, YESTERDAY, Decimal(amount))
    customer.pull()
    customer.bank.withdraw("B")

    assert counts(customer.pull()) == {"withdrawn": 1}

    assert customer.lines("withdrawn") == [("B", YESTERDAY, Decimal("20.00"))]
    assert (state(YESTERDAY), kinds()) == ("proven", ["withdrawn_line"])
    # Listed again, it is the same line, and not a second one.
    customer.bank.post("B", YESTERDAY, Decimal("20.00"))
    assert counts(customer.pull()) == {"amended": 1}
    assert customer.lines() == customer.banks()


def test_a_row_left_out_while_the_balances_still_hold_it_is_kept(customer: Customer) -> None:
    for ident, amount in (("A", "10.00"), ("B", "20.00")):
        customer.bank.post(ident, YESTERDAY, Decimal(amount))
    customer.pull()
    customer.bank.withdraw("B")
    customer.bank.off[YESTERDAY] = Decimal("20.00")

    assert counts(customer.pull()) == {}

    assert [line[0] for line in customer.lines()] == ["A", "B"]
    assert (state(YESTERDAY), kinds()) == ("proven", ["incomplete_answer"])


LEDGER = ("line", "lineid", "linerevision", "rejectedline", "day", "balanceobservation", "pull", "rawpage")


def test_nobody_can_delete_a_row_so_none_comes_back(customer: Customer, as_: Any) -> None:
    customer.bank.post("A", YESTERDAY)
    customer.pull()
    line = Line.objects.get()

    assert not Permission.objects.filter(codename__in=[f"delete_{name}" for name in LEDGER]).exists()
    browser = as_("admin")
    for model in map(apps.get_model, [f"bankfeeds.{name}" for name in LEDGER]):
        if model in admin.site._registry:
            shown = model.objects.first()
            page = reverse(
                f"admin:bankfeeds_{model._meta.model_name}_delete", args=[shown.pk if shown else 0]
            )
            assert browser.post(page, {"post": "yes"}).status_code in {403, 404}, model
    with pytest.raises(ProtectedError):
        line.delete()
    assert_right(customer)
