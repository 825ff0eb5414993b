"""An answer too large for memory is booked and compared page by page, to the same ledger."""

from __future__ import annotations

from typing import Any

import pytest

from bankfeeds.models import Line, LineId, WindowDigest
from bankfeeds.models.pull import COUNTERS
from bankfeeds.pipeline import flow, ledger, normalise
from tests.bankfeeds.jpmorgan.bodies import page_body, record
from tests.bankfeeds.pipeline.test_shortcut import OTHER, PAGES, Bench

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(flow, "SMALL", 1)
    return Bench()


def booked() -> list[Any]:
    return list(Line.objects.order_by("transaction_id").values_list("transaction_id", "digest", "as_of_date"))


@pytest.mark.parametrize("listed", [0, 50_000])
def test_the_same_lines_on_other_pages_are_compared_without_keeping_them(
    listed: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "MOST_LISTED", listed)
    bench.book(bench.answer(PAGES))
    monkeypatch.setattr(ledger, "unchanged", None)
    monkeypatch.setattr(ledger, "known_lines", None)

    pull, _read = bench.again([page_body([record(3, asOfDate=OTHER), record(2), record(1)])])

    assert (pull.read, pull.same) == (3, 3)


@pytest.mark.parametrize("listed", [0, 50_000])
@pytest.mark.parametrize(
    ("records", "fates"),
    [
        ([record(1), record(2), record(3, asOfDate=OTHER, checkNumber=7)], {"same": 2, "amended": 1}),
        ([record(1), record(2), record(4, asOfDate=OTHER, checkNumber=7)], {"same": 2, "new": 1, "withdrawn": 1}),
        ([record(1), record(2), record(4, asOfDate=OTHER)], {"same": 2, "renumbered": 1}),
        ([record(1), record(2), record(2)], {"same": 2, "repeated": 1}),
        ([record(1), record(2), record(3, asOfDate=OTHER, amount=None)], {"same": 2, "rejected": 1}),
    ],
    ids=["amended", "replaced", "renumbered", "one twice and another left out", "rejected"],
)  # fmt: skip
def test_whatever_differs_is_compared_in_full(
    listed: int,
    records: list[dict[str, Any]],
    fates: dict[str, int],
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "MOST_LISTED", listed)
    bench.book(bench.answer(PAGES))

    pull, _read = bench.again([page_body(records)])

    counted = {name: getattr(pull, name) for name in {*COUNTERS} - {"read", "held"}}
    assert {name: count for name, count in counted.items() if count} == fates


def test_first_lines_are_booked_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "lines", None)

    pull = bench.book(bench.answer(PAGES))

    assert (pull.new, len(booked()), LineId.objects.count()) == (3, 3, 3)


TWICE = {
    "equal, on one page": ([page_body([record(1), record(1)])], (1, 1, 0)),
    "equal, on two pages": (
        [page_body([record(1)], pages=2, total=2), page_body([record(1)], number=2, pages=2, total=2)],
        (1, 1, 0),
    ),
    "with other content": ([page_body([record(1), record(1, checkNumber=7)])], (0, 0, 2)),
}


@pytest.mark.parametrize(("bodies", "fates"), TWICE.values(), ids=TWICE)
def test_an_id_that_comes_twice_among_first_lines_leaves_no_trace_of_the_quick_way(
    bodies: list[bytes], fates: tuple[int, int, int], bench: Bench
) -> None:
    pull = bench.book(bench.answer(bodies))

    assert (pull.new, pull.repeated, pull.rejected) == fates
    assert Line.objects.count() == LineId.objects.count() == pull.new


def test_a_line_known_on_another_day_is_amended_and_not_booked_anew(bench: Bench) -> None:
    bench.book(bench.answer(PAGES))
    Line.objects.exclude(transaction_id__endswith="-3").update(as_of_date="2025-12-01", digest="0" * 64)
    LineId.objects.filter(line__transaction_id__endswith="-3").delete()
    Line.objects.filter(transaction_id__endswith="-3").delete()
    WindowDigest.objects.all().delete()

    pull, _read = bench.again()

    assert (pull.amended, pull.new) == (2, 1)
    assert Line.objects.count() == 3


def test_rejected_and_contradicting_records_of_first_lines_are_told(bench: Bench) -> None:
    odd = [record(1), record(2, baiType={"typeCode": "495"}), record(3, amount=None)]

    pull = bench.book(bench.answer([page_body(odd)]))

    assert (pull.new, pull.rejected, pull.read) == (2, 1, 3)
    kinds = bench.account.connection.findings.filter(state="open").values_list("kind", flat=True)
    assert {"contradicting_code", "rejected_lines"} <= set(kinds)
