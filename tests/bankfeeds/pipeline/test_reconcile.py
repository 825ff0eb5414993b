"""The proof of a day, by table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankfeeds.pipeline.reconcile import DayFacts, foots, judge, suspects

FIRST = date(2026, 6, 1)


def amount(text: str | int | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def day(
    n: int, opening: int | str | None, credits: int, debits: int, closing: int | str | None, **more: int
) -> DayFacts:
    return DayFacts(
        as_of_date=FIRST + timedelta(days=n),
        opening=amount(opening),
        closing=amount(closing),
        credits=Decimal(credits),
        debits=Decimal(debits),
        lines=more.pop("lines", int(bool(credits)) + int(bool(debits))),
        **more,  # type: ignore[arg-type]
    )


def states(*days: DayFacts) -> list[str]:
    return [one.state for one in judge(days)]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], []),
        ([day(0, 100, 50, 20, 130)], ["proven"]),
        ([day(0, 100, 50, 20, 131)], ["broken"]),
        ([day(0, -100, 50, 20, -70)], ["proven"]),
        ([day(0, 100, 0, 0, 100)], ["proven"]),
        # The chain: an opening that is not the closing before it.
        ([day(0, 100, 50, 20, 130), day(1, 130, 0, 30, 100)], ["proven", "proven"]),
        ([day(0, 100, 50, 20, 130), day(1, 131, 0, 30, 101)], ["proven", "broken"]),
        # After a break the next day starts from what the bank states.
        ([day(0, 100, 0, 0, 100), day(1, 90, 0, 0, 90), day(2, 90, 1, 0, 91)], ["proven", "broken", "proven"]),
        # Days the bank states nothing for, between two stated ones.
        ([day(0, 100, 0, 0, 100), day(1, None, 0, 0, None), day(2, 100, 0, 0, 100)], ["proven"] * 3),
        ([day(0, 100, 0, 0, 100), day(1, None, 0, 0, None), day(2, 99, 0, 0, 99)], ["proven", "final", "broken"]),
        # Lines on such a day are proven by both neighbours.
        ([day(0, 100, 0, 0, 100), day(1, None, 7, 2, None), day(2, 105, 0, 0, 105)], ["proven"] * 3),
        ([day(0, 100, 0, 0, 100), day(1, None, 7, 2, None), day(2, 100, 0, 0, 100)], ["proven", "final", "broken"]),
        # At the edges nothing is known yet.
        ([day(0, None, 0, 0, None), day(1, 100, 0, 0, 100), day(2, None, 0, 0, None)], ["final", "proven", "final"]),
        # A day that was not read is no bridge.
        ([day(0, 100, 0, 0, 100), day(2, 90, 0, 0, 90)], ["proven", "proven"]),
        ([day(0, 100, 0, 0, 100), day(1, None, 0, 0, None), day(3, 90, 0, 0, 90)], ["proven", "final", "proven"]),
        # A rejected record forbids the proof, whatever the sums say.
        ([day(0, 100, 50, 20, 130, rejected=1)], ["broken"]),
        ([day(0, None, 0, 0, None, rejected=1)], ["broken"]),
        ([day(0, 100, 0, 0, 100), day(1, None, 0, 0, None, rejected=2), day(2, 100, 0, 0, 100)],
         ["proven", "broken", "proven"]),
        # So does another currency.
        ([day(0, 100, 50, 20, 130, foreign=True)], ["broken"]),
        ([day(0, 100, 0, 0, 100), day(1, None, 1, 0, None, foreign=True), day(2, 101, 0, 0, 101)],
         ["proven", "broken", "proven"]),
    ],
)  # fmt: skip
def test_judgement(days: list[DayFacts], expected: list[str]) -> None:
    assert states(*days) == expected
    assert states(*reversed(days)) == expected


def test_a_broken_day_says_by_how_much() -> None:
    found = judge([day(0, "100.00", 50, 20, "131.25")])[0]
    assert found.difference == Decimal("-1.25")
    assert found.sentence == (
        "Opening 100.00 + credits 50 - debits 20 is not the closing 131.25: the difference is -1.25."
    )


def test_a_broken_chain_says_what_was_expected() -> None:
    found = judge([day(0, 100, 0, 0, 100), day(1, 90, 0, 0, 90)])[1]
    assert found.difference == Decimal(-10)
    assert (
        found.sentence
        == "The day opens with 90, but what is booked before it closes with 100: the difference is -10."
    )


def test_a_bridged_day_gets_the_balances_its_neighbours_prove() -> None:
    found = judge(
        [day(0, 100, 0, 0, 100), day(1, None, 7, 2, None), day(2, None, 0, 0, None), day(3, 105, 0, 0, 105)]
    )
    assert [(one.opening, one.closing, one.difference) for one in found[1:3]] == [
        (100, 105, 0),
        (105, 105, 0),
    ]


def test_footing_needs_both_balances() -> None:
    assert foots(Decimal(1), Decimal(3), Decimal(2))
    assert not foots(Decimal(1), Decimal(3), Decimal(1))
    assert not foots(None, Decimal(3), Decimal(3))
    assert not foots(Decimal(1), None, Decimal(3))


@dataclass
class Line:
    transaction_id: str
    amount: Decimal


def test_suspects_have_the_difference_its_half_or_its_double() -> None:
    lines = [
        Line(name, Decimal(value)) for name, value in (("a", 10), ("b", 5), ("c", 20), ("d", 7), ("e", 10))
    ]
    assert suspects(Decimal(-10), lines) == ["a", "b", "c", "e"]
    assert suspects(Decimal(3), lines) == []
    assert suspects(Decimal(0), [*lines, Line("z", Decimal(0))]) == []


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=20),
    st.integers(-1000, 1000),
)
def test_a_footing_history_is_proven_from_its_first_to_its_last_stated_day(
    moves: list[tuple[bool, int, int]], opening: int
) -> None:
    balance, days = Decimal(opening), []
    for n, (stated, credits, debits) in enumerate(moves):
        closing = balance + credits - debits
        days.append(day(n, balance if stated else None, credits, debits, closing if stated else None))  # type: ignore[arg-type]
        balance = closing
    stated_days = [n for n, move in enumerate(moves) if move[0]]
    expected = [
        "proven" if stated_days and stated_days[0] <= n <= stated_days[-1] else "final"
        for n in range(len(moves))
    ]
    assert states(*days) == expected
