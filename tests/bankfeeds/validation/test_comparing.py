"""The customer's export against the ledger: what is on one side only, twice, or different."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bankfeeds.models import Line, LineId
from bankfeeds.validation.comparing import Outcome, compare
from bankfeeds.validation.export import Choices, read_export
from tests.bankfeeds.validation.books import FIRST, Books

HEAD = "date,amount,transaction id,reference,description\n"


def outcome(books: Books, text: str) -> Outcome:
    choices = Choices(account=books.account.given_number, currency="USD")
    return compare(books.account, read_export((HEAD + text).encode(), choices))


def counts(found: Outcome) -> tuple[int, ...]:
    return (found.rows, found.matched, found.only_theirs, found.only_ours, found.differing, found.unread)


WITH_IDS = "2026-06-01,1204.50,T-1,,\n2026-06-01,-10,T-2,,\n2026-06-02,20,T-3,,\n2026-06-02,5,T-4,,\n"
WITHOUT = "2026-06-01,1204.50,,,Kettles\n2026-06-01,-10,,R-2,\n2026-06-02,20,,,\n2026-06-02,5,,,Interest\n"


@pytest.mark.parametrize("text", [WITH_IDS, WITHOUT])
def test_the_same_lines_agree_with_and_without_ids(books: Books, text: str) -> None:
    found = outcome(books, text)
    assert (counts(found), found.agrees) == ((4, 4, 0, 0, 0, 0), True)
    assert (found.first_day, found.last_day) == (FIRST, FIRST + timedelta(days=1))


def test_only_the_days_of_the_file_are_compared(books: Books) -> None:
    found = outcome(books, "2026-06-02,20,T-3,,\n2026-06-02,5,T-4,,\n")
    assert (counts(found), found.agrees) == ((2, 2, 0, 0, 0, 0), True)


def test_what_is_on_one_side_only_is_named(books: Books) -> None:
    found = outcome(
        books, "2026-06-01,1204.50,T-1,,\n2026-06-01,7.00,,,Tea\n2026-06-02,20,,R-3,\n2026-06-04,1,,,\n"
    )
    assert counts(found) == (4, 2, 2, 2, 0, 0)
    assert [row.line for row in found.theirs] == [3, 5]
    assert [line.ident for line in found.ours] == ["T-2", "T-4"]
    assert found.data()["ids_only_ours"] == ["T-2", "T-4"]


def test_a_row_twice_in_the_file_is_told_by_its_id_or_its_looks(books: Books) -> None:
    found = outcome(books, WITH_IDS + "2026-06-02,5,T-4,,\n")
    assert (counts(found), found.twice_theirs) == ((5, 4, 1, 0, 0, 0), 1)
    found = outcome(books, WITHOUT + "2026-06-02,5,,,Interest\n")
    assert (counts(found), found.twice_theirs) == ((5, 4, 1, 0, 0, 0), 1)


def test_a_line_twice_in_the_ledger_shows(books: Books) -> None:
    books.line("T-5", "5.00", day=1, description="Interest")
    found = outcome(books, WITHOUT)
    assert (counts(found), found.twice_ours) == ((4, 4, 0, 1, 0, 0), 1)


def test_a_known_id_with_another_amount_or_day_is_a_difference_and_no_match(books: Books) -> None:
    found = outcome(books, "2026-06-01,1204.51,T-1,,\n2026-06-02,-10,T-2,,\n")
    assert [(one.line.ident, one.why) for one in found.differ] == [
        ("T-1", "another amount"),
        ("T-2", "another day"),
    ]
    assert (counts(found), found.agrees) == ((2, 0, 0, 2, 2, 0), False)


def test_an_earlier_id_of_a_renumbered_line_is_still_that_line(books: Books) -> None:
    line = Line.objects.get(transaction_id="T-4")
    LineId.objects.create(
        account=books.account, transaction_id="OLD-4", line=line, current=False, first_pull=books.pull
    )
    assert counts(outcome(books, "2026-06-02,5,OLD-4,,\n2026-06-02,20,T-3,,\n")) == (2, 2, 0, 0, 0, 0)


def test_a_line_the_bank_has_withdrawn_is_no_match(books: Books) -> None:
    Line.objects.filter(transaction_id="T-4").update(state="withdrawn")
    found = outcome(books, WITH_IDS)
    assert (counts(found), found.differ[0].why) == ((4, 3, 0, 0, 1, 0), "the bank has withdrawn this line")


def test_a_row_that_was_not_understood_leaves_the_comparison_open(books: Books) -> None:
    found = outcome(books, WITH_IDS + "never,5,,,\n")
    assert (counts(found), found.agrees) == ((5, 4, 0, 0, 0, 1), False)


def test_the_ledger_is_asked_a_fixed_number_of_times(books: Books, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(2):  # type: ignore[operator]
        outcome(books, WITH_IDS)
