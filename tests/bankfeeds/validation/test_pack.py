"""The pack: figures, duplicate tests by name, and the one sentence at its top."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bankfeeds.models import Account, Day, ExportComparison, Finding, Line, LineId, LineRevision, RejectedLine
from bankfeeds.validation import duplicates, make_pack
from bankfeeds.validation.customers import customer_of, register
from bankfeeds.validation.judgement import Check, Pack, Verdict
from tests.bankfeeds.validation.books import FIRST, Books


def pack_of(books: Books) -> Pack:
    return make_pack(books.connection, now=books.now)


def check(books: Books, key: str) -> Check:
    pack = pack_of(books)
    return next(one for one in (*pack.checks, pack.look_alikes) if one.key == key)


def lacks(books: Books) -> list[str]:
    return list(pack_of(books).lacks)


def test_a_proven_account_can_be_shown(books: Books) -> None:
    books.close(2)
    pack = pack_of(books)
    one = pack.accounts[0]
    assert (one.lines, one.credits, one.debits, one.net) == (
        4,
        Decimal("1229.50"),
        Decimal(10),
        Decimal("1219.50"),
    )
    assert (one.opening, one.closing, one.difference, one.foots) == (100, Decimal("1319.50"), 0, True)
    assert (one.days, one.proven, one.missing, one.recounted, one.exact) == (2, 2, 0, True, True)
    assert (one.first_line, one.last_line, one.through) == (FIRST, date(2026, 6, 2), date(2026, 6, 2))
    assert pack.sentence == (
        "Ready to show to the customer: 1 account, 4 lines, every day from 1 Jun 2026 "
        "to 2 Jun 2026 proven, nothing twice."
    )
    assert pack.remarks == ["Not every account has been compared with the customer's own export yet."]


def test_everything_in_the_way_is_named(books: Books) -> None:
    books.close(3)
    Day.objects.filter(as_of_date=FIRST).update(state="broken", difference="12.50", rejected=1)
    Day.objects.filter(as_of_date=FIRST + timedelta(days=1)).delete()
    RejectedLine.objects.create(
        account=books.account, pull=books.pull, window_start=FIRST, window_end=FIRST, reason="x", page=1, index=0,
    )  # fmt: skip
    Finding.objects.create(
        connection=books.connection, kind="gave_up", key="x", sentence="Given up.", opened_at=books.now
    )
    Line.objects.filter(transaction_id="T-2").update(currency="EUR")
    Line.objects.filter(transaction_id="T-4").update(amount="5.005")
    assert lacks(books) == [
        "account …0200: 1 day not proven",
        "account …0200: 1 day missing",
        "account …0200: 1 record in quarantine",
        "account …0200: opening plus movements is not the closing balance, by 0.005 USD",
        "account …0200: its lines do not add up to its days",
        "account …0200: 1 line in another currency",
        "account …0200: 1 amount with more digits than USD has",
        "1 finding open",
    ]
    assert pack_of(books).accounts[0].unproven[0].words == "off by 12.50 USD, 1 record could not be taken"


def test_an_account_of_which_nothing_was_read_is_not_ready(books: Books, now: datetime) -> None:
    books.close(2)
    Account.objects.create(connection=books.connection, number="9", given_number="000900", currency="")
    assert lacks(books) == ["account …0900: nothing has been read yet"]


def test_changes_of_the_bank_are_counted(books: Books) -> None:
    line = books.line("T-5", "1.00")
    Line.objects.filter(pk=line.pk).update(state="withdrawn")
    amended = Line.objects.get(transaction_id="T-1")
    for revision, digest in ((1, "a" * 64), (2, "b" * 64)):
        LineRevision.objects.create(
            line=amended, revision=revision, content={}, digest=digest, state="booked", transaction_id="T-1",
            replaced_by_pull=books.pull, replaced_at=books.now,
        )  # fmt: skip
    LineId.objects.create(
        account=books.account, transaction_id="OLD", line=amended, current=False, first_pull=books.pull
    )
    books.close(2)
    one = pack_of(books).accounts[0]
    assert (one.lines, one.withdrawn, one.amended, one.renumbered) == (4, 1, 1, 1)


def test_one_reference_used_twice_is_a_question_and_no_fault(books: Books) -> None:
    books.line("T-5", "20.00", day=1, bank_reference="R-3", description="Harbour dues again")
    books.line("T-6", "20.00", day=2, bank_reference="R-3")
    books.line("T-7", "-20.00", day=1, bank_reference="R-3")
    books.line("T-8", "5.00", day=1, description="No reference, and the amount of another")
    books.close(3)
    found = check(books, "same_reference")
    assert (found.verdict, found.found, found.more) == (Verdict.ASK, 1, 0)
    group = found.groups[0]
    assert (group.text, group.count, [one.ident for one in group.lines]) == ("R-3", 2, ["T-3", "T-5"])
    assert pack_of(books).ready


def test_look_alikes_are_listed_whatever_zeros_their_amounts_end_with(books: Books) -> None:
    books.line("T-5", "20.00", day=1, description="Harbour dues")
    Line.objects.filter(transaction_id="T-5").update(amount=Decimal("20"))
    found = check(books, "look_alikes")
    assert [(one.text, one.count, one.amount) for one in found.groups] == [("Harbour dues", 2, 20)]
    assert [len(one.lines) for one in found.groups] == [2]


def test_many_groups_are_counted_and_the_first_listed(books: Books, monkeypatch: Any) -> None:
    monkeypatch.setattr(duplicates, "GROUPS_SHOWN", 2)
    monkeypatch.setattr(duplicates, "LINES_SHOWN", 1)
    for number in range(3):
        for twin in "ab":
            books.line(f"X-{number}{twin}", "1.00", description=f"Tea {number}")
    found = check(books, "look_alikes")
    assert (found.found, len(found.groups), found.more, found.groups[0].more) == (3, 2, 1, 1)


def test_pending_lines_never_count_and_those_across_the_night_are_shown(books: Books) -> None:
    books.pending("P-1", "-10.00", day=2, description="Fees")
    books.pending("P-2", "999.00", day=2, description="Something new")
    books.pending("T-4", "5.00", day=2, description="Known by its id")
    books.pending("P-4", "-10.00", day=9, description="Fees")
    books.close(2)
    pack = pack_of(books)
    found = next(one for one in pack.checks if one.key == "pending_and_posted")
    assert (found.verdict, pack.accounts[0].lines) == (Verdict.ASK, 4)
    assert [(one.text, one.note) for one in found.groups] == [
        ("Known by its id", "its id is booked on another day already"),
        ("Fees", "looks like a line booked a day or more before"),
    ]
    assert found.outcome == "No payment is counted both as pending and as posted."


def test_a_pending_line_on_a_day_that_is_booked_is_a_fault(books: Books) -> None:
    books.pending("P-1", "-10.00", day=1, description="Fees")
    books.close(2)
    assert check(books, "pending_and_posted").verdict is Verdict.FAULT
    assert lacks(books) == ["the test “Pending and posted” failed"]


def test_a_line_without_an_id_of_its_own_is_a_fault(books: Books) -> None:
    LineId.objects.filter(transaction_id="T-1").update(current=False)
    assert (check(books, "identity").verdict, check(books, "identity").outcome) == (
        Verdict.FAULT, "1 line without an id of its own.",
    )  # fmt: skip


def test_the_newest_comparison_with_the_customer_s_export_counts(books: Books) -> None:
    books.close(2)
    facts = {
        "account": books.account,
        "sha256": "0" * 64,
        "first_day": FIRST,
        "last_day": FIRST,
        "compared_by": "x",
    }
    assert check(books, "overlap").verdict is Verdict.OPEN
    ExportComparison.objects.create(
        **facts, rows=4, matched=3, only_theirs=1, only_ours=0, compared_at=books.now - timedelta(hours=1)
    )
    found = check(books, "overlap")
    assert (found.verdict, found.outcome) == (
        Verdict.FAULT, "…0200, 4 rows from 1 Jun 2026 to 1 Jun 2026: 3 matched; 1 only in the file.",
    )  # fmt: skip
    ExportComparison.objects.create(
        **facts, rows=4, matched=4, only_theirs=0, only_ours=0, compared_at=books.now
    )
    assert check(books, "overlap").verdict is Verdict.CLEAR
    assert pack_of(books).remarks == []


def test_the_queries_do_not_grow_with_the_lines(books: Books, django_assert_max_num_queries: Any) -> None:
    for number in range(50):
        books.line(f"X-{number}", "1.00", day=number % 5, description=f"Tea {number}")
    books.close(5)
    with django_assert_max_num_queries(36):
        pack_of(books)


def test_the_customer_is_named_by_whoever_knows(books: Books) -> None:
    assert customer_of(10**9) == ""
    register(lambda key: "HARBOR KETTLE CO" if key == 10**9 else "")
    assert customer_of(10**9) == "HARBOR KETTLE CO"
