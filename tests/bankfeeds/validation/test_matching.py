"""One day of file and ledger: equal payments are told by their number, never merged, never matched twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count

import pytest

from bankfeeds.validation.export import Row
from bankfeeds.validation.matching import Booked, match_day

DAY = date(2026, 6, 3)
_keys = count(1)


def row(amount: str, *, reference: str = "", description: str = "", ident: str = "") -> Row:
    return Row(next(_keys), DAY, Decimal(amount), ident, reference, description)


def line(amount: str, *, reference: str = "", description: str = "") -> Booked:
    key = next(_keys)
    return Booked(key, f"T-{key}", DAY, Decimal(amount), reference, description)


def counts(theirs: list[Row], ours: list[Booked], earlier: list[Row] | None = None) -> tuple[int, ...]:
    found = match_day(theirs, ours, earlier or [])
    return found.pairs, len(found.theirs), len(found.ours), found.again_theirs, found.again_ours


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ([row("5")], [line("5.00")], (1, 0, 0, 0, 0)),
        ([row("5")], [line("-5")], (0, 1, 1, 0, 0)),
        ([row("5"), row("5")], [line("5")], (1, 1, 0, 1, 0)),
        ([row("5")], [line("5"), line("5")], (1, 0, 1, 0, 1)),
        ([row("5"), row("5")], [line("5"), line("5")], (2, 0, 0, 0, 0)),
        ([row("5", description="Tea")], [line("5", description="Rent")], (1, 0, 0, 0, 0)),
        ([], [line("5")], (0, 0, 1, 0, 0)),
    ],
)
def test_lines_of_one_amount_are_a_multiset(
    theirs: list[Row], ours: list[Booked], expected: tuple[int, ...]
) -> None:
    assert counts(theirs, ours) == expected


def test_the_reference_and_then_the_description_say_which_of_equal_amounts_is_left() -> None:
    ours = [line("5", reference="R-1"), line("5", description="Tea, green"), line("5", description="Rent")]
    found = match_day([row("5", description="TEA green"), row("5", ident="R 1")], ours)
    assert (found.pairs, found.theirs, [one.description for one in found.ours]) == (2, [], ["Rent"])


def test_a_row_like_one_that_was_matched_by_its_id_is_perhaps_twice() -> None:
    assert counts([row("5", description="Tea")], [], [row("5", description="tea")]) == (0, 1, 0, 1, 0)
    assert counts([row("5", description="Tea")], [], [row("5", description="Rent")]) == (0, 1, 0, 0, 0)
