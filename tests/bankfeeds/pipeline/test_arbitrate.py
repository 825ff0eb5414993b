"""The verdict table of the design, with the balances as arbiter; and the flood brake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankfeeds.pipeline.arbitrate import Doubt, Stated, Verdicts, decide
from bankfeeds.pipeline.diff import Known, compare, flooded
from bankfeeds.records import Direction, PostedLine

DAY, NEXT = date(2026, 6, 2), date(2026, 6, 3)


def line(
    ident: str, amount: int | str = 10, *, text: str = "PAYMENT", day: date = DAY, out: bool = False
) -> PostedLine:
    direction: Direction = "DEBIT" if out else "CREDIT"
    return PostedLine(
        transaction_id=ident,
        account_id="000000700100200",
        as_of_date=day,
        direction=direction,
        amount=Decimal(amount),
        currency="USD",
        bai_code="195",
        bank_reference="",
        customer_reference="",
        description=text,
        check_number="",
        value_date=None,
        reversal=False,
        narrative=(),
    )


def ours(*lines: PostedLine, booked: bool = True, aliases: Sequence[str] = ()) -> list[Known]:
    return [
        Known(
            pk=abs(hash((one.transaction_id, one.digest))),
            transaction_id=one.transaction_id,
            ids=(one.transaction_id, *aliases),
            as_of_date=one.as_of_date,
            digest=one.digest,
            signed=one.signed_amount,
            currency="USD",
            booked=booked,
        )
        for one in lines
    ]


def verdict(
    bank: Sequence[PostedLine], known: Sequence[Known], moved: int | None = None, **more: Any
) -> dict[str, Any]:
    """Judge one day whose balances state movements of ``moved`` (None: state nothing)."""
    still_there = more.pop("still_there", ())
    stated = {} if moved is None else {DAY: Stated(opening=Decimal(100), closing=Decimal(100 + moved))}
    return shown(decide(compare(bank, known, still_there=still_there), known, stated, **more))


def shown(found: Verdicts) -> dict[str, Any]:
    return {
        name: value
        for name, value in {
            "same": sorted(a.transaction_id for a, _ in found.same),
            "amended": sorted(a.transaction_id for a, _ in found.amended),
            "renumbered": sorted(f"{b.transaction_id}>{a.transaction_id}" for a, b in found.renumbered),
            "new": sorted(a.transaction_id for a in found.new),
            "withdrawn": sorted(b.transaction_id for b in found.withdrawn),
            "held": sorted(a.transaction_id for a in found.held),
            "doubts": [(one.doubt, one.missing, one.held) for one in found.doubts],
        }.items()
        if value
    }


INCOMPLETE, UNDECIDED = Doubt.INCOMPLETE, Doubt.UNDECIDED
A, B, C = line("a", 10), line("b", 20, text="RENT"), line("c", 30, text="FEE")


@pytest.mark.parametrize(
    ("bank", "known", "moved", "expected"),
    [
        # same id, same content
        ([A, B], [A, B], 30, {"same": ["a", "b"]}),
        ([A], [A], None, {"same": ["a"]}),
        # same id, other content: amended, whatever the balances say
        ([line("a", 11)], [A], 11, {"amended": ["a"]}),
        ([line("a", 11)], [A], 10, {"amended": ["a"]}),
        ([line("a", 11)], [A], None, {"amended": ["a"]}),
        ([line("a", 10, text="OTHER")], [A], 10, {"amended": ["a"]}),
        # new id, new content
        ([A, B], [A], 30, {"same": ["a"], "new": ["b"]}),
        ([A, B], [A], None, {"same": ["a"], "new": ["b"]}),
        ([A, B], [A], 99, {"same": ["a"], "new": ["b"]}),
        ([A, B], [], None, {"new": ["a", "b"]}),
        # new id, content of one the bank still lists: a second payment
        ([A, line("a2")], [A], 20, {"same": ["a"], "new": ["a2"]}),
        ([A, line("a2")], [A], None, {"same": ["a"], "new": ["a2"]}),
        # new id, content of one whose id is gone: the same line under a new id, if the day foots with it
        ([line("a2")], [A], 10, {"renumbered": ["a>a2"]}),
        ([line("a2"), B], [A, B], 30, {"renumbered": ["a>a2"], "same": ["b"]}),
        ([line("a2"), C], [A], 40, {"renumbered": ["a>a2"], "new": ["c"]}),
        # ... it foots with both: the old one was left out, and this is a second payment
        ([line("a2")], [A], 20, {"new": ["a2"], "doubts": [(INCOMPLETE, ("a",), ())]}),
        # ... it foots with neither, or nothing is stated: held, never booked twice
        ([line("a2")], [A], 77, {"held": ["a2"], "doubts": [(UNDECIDED, ("a",), ("a2",))]}),
        ([line("a2")], [A], None, {"held": ["a2"], "doubts": [(UNDECIDED, ("a",), ("a2",))]}),
        # ... it foots with ours alone, not with what comes with it: nothing changes
        ([line("a2"), C], [A], 10, {"held": ["a2", "c"], "doubts": [(INCOMPLETE, ("a",), ("a2", "c"))]}),
        # gone at the bank: withdrawn, if the day foots without it
        ([A], [A, B], 10, {"same": ["a"], "withdrawn": ["b"]}),
        ([], [A, B], 0, {"withdrawn": ["a", "b"]}),
        ([A, C], [A, B], 40, {"same": ["a"], "withdrawn": ["b"], "new": ["c"]}),
        # ... the day foots with it: the answer was incomplete
        ([A], [A, B], 30, {"same": ["a"], "doubts": [(INCOMPLETE, ("b",), ())]}),
        ([], [A, B], 30, {"doubts": [(INCOMPLETE, ("a", "b"), ())]}),
        # ... also when a line that did come is not in the balances yet
        ([A, C], [A, B], 30, {"same": ["a"], "held": ["c"], "doubts": [(INCOMPLETE, ("b",), ("c",))]}),
        # ... the day foots with ours and the new line together
        ([A, C], [A, B], 60, {"same": ["a"], "new": ["c"], "doubts": [(INCOMPLETE, ("b",), ())]}),
        # ... neither way, or nothing stated: nothing is removed, new lines are booked
        ([A, C], [A, B], 99, {"same": ["a"], "new": ["c"], "doubts": [(UNDECIDED, ("b",), ())]}),
        ([A], [A, B], None, {"same": ["a"], "doubts": [(UNDECIDED, ("b",), ())]}),
        ([], [A, B], None, {"doubts": [(UNDECIDED, ("a", "b"), ())]}),
        # an empty answer to a day whose lines cancel out proves nothing: it foots either way
        ([], [A, line("z", 10, out=True)], 0, {"doubts": [(INCOMPLETE, ("a", "z"), ())]}),
        # renumbered and incomplete at once: one of the two is left out
        ([line("a2")], [A, B], 30, {"held": ["a2"], "doubts": [(INCOMPLETE, ("a", "b"), ("a2",))]}),
        # renumbered and withdrawn at once
        ([line("a2")], [A, B], 10, {"renumbered": ["a>a2"], "withdrawn": ["b"]}),
        # a whole day under new ids, with an identical pair on it
        (
            [line("a3"), line("a4"), line("b2", 20, text="RENT")],
            [A, line("a2"), B],
            40,
            {"renumbered": ["a2>a4", "a>a3", "b>b2"]},
        ),
    ],
)
def test_verdict(
    bank: list[PostedLine], known: list[PostedLine], moved: int | None, expected: dict[str, Any]
) -> None:
    lines = [replace(one, pk=number) for number, one in enumerate(ours(*known))]
    assert verdict(bank, lines, moved) == expected


def test_ruling_on_one_day_leaves_the_other_days_alone() -> None:
    tomorrow = line("t", 5, day=NEXT)
    assert verdict([tomorrow], ours(A), 10) == {"new": ["t"], "doubts": [(INCOMPLETE, ("a",), ())]}


def test_a_line_that_could_not_be_read_now_is_not_missing() -> None:
    assert verdict([], ours(A), None, still_there=["a"]) == {}


def test_an_earlier_id_means_the_same_line() -> None:
    assert verdict([A], ours(line("a9"), aliases=["a"]), 10) == {"same": ["a"]}


def test_two_ids_of_one_line_listed_together_are_two_lines() -> None:
    known = ours(line("a9"), aliases=["a"])
    assert verdict([A, line("a9")], known, 20) == {"same": ["a9"], "new": ["a"]}


def test_a_withdrawn_line_that_comes_back_is_an_amendment() -> None:
    assert verdict([A], ours(A, booked=False), 10) == {"amended": ["a"]}


def test_a_withdrawn_line_that_stays_away_is_not_withdrawn_again() -> None:
    assert verdict([], ours(A, booked=False), 0) == {}


def test_content_of_a_withdrawn_line_under_a_new_id_is_new() -> None:
    assert verdict([line("a2")], ours(A, booked=False), 10) == {"new": ["a2"]}


def test_a_line_that_moved_to_another_day_is_amended_not_withdrawn() -> None:
    assert verdict([line("a", day=NEXT)], ours(A), 0) == {"amended": ["a"]}


@pytest.mark.parametrize("moved", [10, 20, 77, None])
def test_a_person_says_same_lines(moved: int | None) -> None:
    assert verdict([line("a2")], ours(A), moved, answer="same_lines") == {"renumbered": ["a>a2"]}


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (10, {"held": ["a2"], "doubts": [(INCOMPLETE, ("a",), ("a2",))]}),
        (20, {"new": ["a2"], "doubts": [(INCOMPLETE, ("a",), ())]}),
        (None, {"new": ["a2"], "doubts": [(UNDECIDED, ("a",), ())]}),
    ],
)
def test_a_person_says_really_new_but_the_balances_still_rule(
    moved: int | None, expected: dict[str, Any]
) -> None:
    assert verdict([line("a2")], ours(A), moved, answer="really_new") == expected


def test_suspects_are_unknown_ids_with_content_of_ours() -> None:
    found = compare([A, line("a2"), line("a3"), C], ours(A, B))
    assert [one.transaction_id for one in found.suspects] == ["a2", "a3"]


@pytest.mark.parametrize(
    ("suspects", "read", "expected"),
    [
        (20, 20, False), (21, 21, True), (21, 100_000, True), (20, 400, False), (0, 0, False),
        (6, 100, True), (5, 100, False), (6, 99, False), (20, 399, True),
    ],
)  # fmt: skip
def test_the_flood_brake_holds_above_twenty_lines_or_five_per_cent_of_a_hundred(
    suspects: int, read: int, expected: bool
) -> None:
    assert flooded(suspects, read) is expected


IDENTS = st.sampled_from([f"i{n}" for n in range(8)])
LINES = st.lists(
    st.builds(line, IDENTS, st.integers(1, 3), out=st.booleans()),
    max_size=8,
    unique_by=lambda one: one.transaction_id,
)


@given(LINES, LINES, st.one_of(st.none(), st.integers(-12, 12)))
def test_every_line_has_one_fate_and_nothing_is_removed_without_proof(
    bank: list[PostedLine], known: list[PostedLine], moved: int | None
) -> None:
    lines = [replace(one, pk=number) for number, one in enumerate(ours(*known))]
    stated = {} if moved is None else {DAY: Stated(opening=Decimal(0), closing=Decimal(moved))}
    found = decide(compare(bank, lines), lines, stated)
    fates = [
        *(a.transaction_id for a, _ in (*found.same, *found.amended, *found.renumbered)),
        *(a.transaction_id for a in (*found.new, *found.held)),
    ]
    assert Counter(fates) == Counter(one.transaction_id for one in bank)
    used = [b.pk for _, b in (*found.same, *found.amended, *found.renumbered)] + [
        b.pk for b in found.withdrawn
    ]
    assert len(used) == len(set(used))
    if found.withdrawn or found.renumbered:
        after = {one.pk: one.signed for one in lines}
        for ours_now in found.withdrawn:
            del after[ours_now.pk]
        for a, b in found.amended:
            after[b.pk] = a.signed_amount
        total = sum(after.values(), Decimal(0)) + sum((a.signed_amount for a in found.new), Decimal(0))
        assert total == moved
