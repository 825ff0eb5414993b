"""Each record becomes a line or a rejection with its reason; none is dropped or repaired."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.client import Page, Request
from bankfeeds.jpmorgan.wire import WireError
from bankfeeds.pipeline import normalise
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.records import PostedLine, Rejection
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, page_body, record

GOLDEN = Path(__file__).parents[3] / "golden"
NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
OTHER_ACCOUNT = "The record belongs to another account than the one asked for."
SHAPE = "The bank's answer has an unexpected shape: "
LINE = PostedLine(
    transaction_id="TXN-P-410020001-1",
    account_id=ACCOUNT,
    as_of_date=date(2026, 1, 5),
    direction="CREDIT",
    amount=Decimal("12500.00"),
    currency="USD",
    bai_code="195",
    bank_reference="0004410005FF",
    customer_reference="INV-20417",
    description="INVOICE 20417 JANUARY",
    check_number="",
    value_date=date(2026, 1, 5),
    reversal=False,
    narrative=(("REMARK", "INVOICE 20417 JANUARY"), ("YOUR REF", "INV-20417")),
)


def page(body: bytes, number: int = 1, request: Request | None = None) -> Page:
    asked: Request = {
        "accountIds": ACCOUNT,
        "startDate": "2026-01-05",
        "endDate": "2026-01-09",
        "pageNumber": number,
    }
    return Page(
        kind="transactions",
        request=request or asked,
        body=body,
        received_at=NOW,
        number=number,
        total_pages=1,
        total_records=1,
    )


def lines_of(*records: Any) -> Lines:
    return normalise.lines([page(page_body(list(records)))])


def only_line(**changes: Any) -> PostedLine:
    found = lines_of(record(**changes))
    assert found.rejections == []
    return found.lines[0]


def only_reason(**changes: Any) -> str:
    found = lines_of(record(**changes))
    assert (found.lines, found.read) == ([], 1)
    return found.rejections[0].reason


def test_a_record_becomes_a_line() -> None:
    assert lines_of(record()) == Lines(lines=[LINE], rejections=[], repeated=0, read=1, contradictions=())


def test_the_golden_page_has_its_frozen_meaning() -> None:
    found = normalise.lines([page((GOLDEN / "transactions_page.json").read_bytes())])

    assert (found.rejections, found.repeated, found.read, found.contradictions) == ([], 0, 2, ())
    assert found.lines == [
        replace(
            LINE,
            transaction_id="TXN-P-410020001-17",
            narrative=(
                ("B/O CUSTOMER", "/7788001 NORTH PIER TRADING LLC"),
                ("REMARK", "INVOICE 20417 JANUARY"),
                ("YOUR REF", "INV-20417"),
            ),
        ),
        PostedLine(
            transaction_id="TXN-P-410020001-18",
            account_id=ACCOUNT,
            as_of_date=date(2026, 1, 5),
            direction="DEBIT",
            amount=Decimal("9223.45"),
            currency="USD",
            bai_code="455",
            bank_reference="0050077101TC",
            customer_reference="",
            description="PAYROLL RUN 0105",
            check_number="",
            value_date=date(2026, 1, 5),
            reversal=False,
            narrative=(("REMARK", "PAYROLL RUN 0105"),),
        ),
    ]
    # From the wire to the fingerprint: a change here would amend every stored line.
    assert [line.digest for line in found.lines] == [
        "ccf3708c89056821f5ab3457f5521b6425114e5c1c4035cf7251e389cb0454a8",
        "168553635748a30703765d657f1abdc79ca0cae6080d5f6dd215a661750c3d0a",
    ]


def test_a_bare_record_is_a_line_too() -> None:
    bare = {
        "transactionId": "TXN-P-410020001-1",
        "account": {"accountId": ACCOUNT, "currency": {"code": "JPY"}},
        "asOfDate": "2026-01-09",
        "debitCreditCode": "DEBIT",
        "amount": 1200,
    }

    assert lines_of(bare).lines == [
        PostedLine(
            transaction_id="TXN-P-410020001-1",
            account_id=ACCOUNT,
            as_of_date=date(2026, 1, 9),
            direction="DEBIT",
            amount=Decimal("1200"),
            currency="JPY",
            bai_code="",
            bank_reference="",
            customer_reference="",
            description="",
            check_number="",
            value_date=None,
            reversal=False,
            narrative=(),
        )
    ]


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({}, "INVOICE 20417 JANUARY"),
        ({"narrativeText": {"REMARK      ": "   "}}, "FED WIRE CREDIT"),
        ({"narrativeText": {"ULTI BENE   ": "X"}}, "FED WIRE CREDIT"),
        ({"narrativeText": None, "shortDescription": " "}, "IND INCOMING MONEY TRANSFER"),
        ({"narrativeText": None, "shortDescription": None, "baiType": None}, ""),
    ],
)
def test_the_description_is_the_first_text_there_is(changes: dict[str, Any], description: str) -> None:
    assert only_line(**changes).description == description


def test_the_narrative_keeps_unknown_keys_trimmed_and_in_one_order() -> None:
    given = {"NOVELTY     ": 7, "YOUR REF    ": " A ", "REMARK      ": "B", "LIST": ["x", 1.5], "NONE": None}

    assert only_line(narrativeText=given).narrative == (
        ("LIST", '["x",1.5]'),
        ("NONE", "null"),
        ("NOVELTY", "7"),
        ("REMARK", "B"),
        ("YOUR REF", "A"),
    )


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"checkNumber": 1044}, "check_number", "1044"),
        ({"checkNumber": "001044"}, "check_number", "1044"),
        ({"checkNumber": None}, "check_number", ""),
        ({"reversal": True}, "reversal", True),
        ({"reversal": None}, "reversal", False),
        ({"valueDate": "2026-01-07"}, "value_date", date(2026, 1, 7)),
        ({"valueDate": ""}, "value_date", None),
        ({"baiType": {"typeCode": 195}}, "bai_code", "195"),
        ({"transactionId": " TXN-1 "}, "transaction_id", "TXN-1"),
        ({"amount": 0}, "amount", Decimal("0.00")),
        ({"amount": 12.5}, "amount", Decimal("12.50")),
        ({"currency": {"code": "KWD"}, "amount": 1.005}, "amount", Decimal("1.005")),
        ({"account": {"accountId": "700100200"}}, "account_id", ACCOUNT),
        ({"asOfDate": "2026-01-09"}, "as_of_date", date(2026, 1, 9)),
    ],
)
def test_a_field_is_read_in_each_of_its_forms(changes: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(only_line(**changes), name) == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transactionId": None}, "The record has no transactionId."),
        ({"transactionId": "  "}, "The record has no transactionId."),
        ({"transactionId": "T" * 129}, "The record's transaction_id is longer than 128 characters."),
        ({"amount": None}, "The record has no amount."),
        ({"amount": 12.505}, "The amount has more than the 2 decimal digits of USD."),
        (
            {"amount": 0.1, "currency": {"code": "JPY"}},
            "The amount has more than the 0 decimal digits of JPY.",
        ),
        ({"amount": -0.01}, "The amount is negative; the direction alone carries the sign."),
        ({"amount": 10**18}, "The amount is not a finite number of a size an account can hold."),
        ({"amount": "12.50"}, "The amount is a text, not a number."),
        ({"debitCreditCode": None}, "The record has no debitCreditCode."),
        ({"debitCreditCode": "credit"}, "The direction is neither CREDIT nor DEBIT."),
        ({"debitCreditCode": "REVERSAL"}, "The direction is neither CREDIT nor DEBIT."),
        ({"asOfDate": None}, "The record has no asOfDate."),
        ({"asOfDate": "2026-01-04"}, "The record's asOfDate is outside the days asked for."),
        ({"asOfDate": "2026-01-10"}, "The record's asOfDate is outside the days asked for."),
        ({"asOfDate": "20260105"}, "The record's asOfDate is not a date."),
        ({"asOfDate": "2026-W02-1"}, "The record's asOfDate is not a date."),
        ({"asOfDate": "2026-02-30"}, "The record's asOfDate is not a date."),
        ({"asOfDate": "٢٠٢٦-٠١-٠٥"}, "The record's asOfDate is not a date."),
        ({"valueDate": "05.01.2026"}, "The record's valueDate is not a date."),
        ({"account": None}, "The record has no accountId."),
        ({"account": {"accountId": " "}}, "The record has no accountId."),
        ({"account": {"accountId": "000000700100201"}}, OTHER_ACCOUNT),
        ({"account": {"accountId": "7001002000"}}, OTHER_ACCOUNT),
        ({"currency": {"code": "USDX"}}, "'USDX' is not an ISO 4217 currency."),
        ({"currency": {"code": "usd"}}, "'usd' is not an ISO 4217 currency."),
        ({"currency": None, "account": {"accountId": ACCOUNT}}, "The record has no currency."),
        ({"shortDescription": "A\0B"}, "A text holds a zero character, which no ledger can keep."),
        (
            {"bankReferenceSearchable": {"standardValue": "R" * 257}},
            "The record's bank_reference is longer than 256 characters.",
        ),
        ({"shortDescription": 5}, SHAPE + "Expected `str | null`, got `int` - at `$.shortDescription`."),
    ],
)
def test_a_record_that_cannot_be_taken_is_kept_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assert only_reason(**changes) == reason


def test_a_rejection_keeps_the_record_whole_and_says_where_it_stood() -> None:
    bad = record(2, amount=12.505)
    worse = {"transactionId": "T" * 300 + "\0", "asOfDate": "soon"}

    found = normalise.lines([page(page_body([record(1), bad])), page(page_body([worse]), number=2)])

    assert found == Lines(
        lines=[LINE],
        rejections=[
            Rejection(
                reason="The amount has more than the 2 decimal digits of USD.",
                raw=json.dumps(bad),
                as_of_date=date(2026, 1, 5),
                transaction_id="TXN-P-410020001-2",
                page=1,
                index=1,
            ),
            Rejection(
                reason="A text holds a zero character, which no ledger can keep.",
                raw=json.dumps(worse),
                as_of_date=None,
                transaction_id="T" * 128,
                page=2,
                index=0,
            ),
        ],
        repeated=0,
        read=3,
        contradictions=(),
    )


@pytest.mark.parametrize("bad", [None, 7, "text", [], {}])
def test_a_record_that_is_none_is_rejected_alone(bad: Any) -> None:
    found = lines_of(record(1), bad, record(2))

    assert [line.transaction_id for line in found.lines] == ["TXN-P-410020001-1", "TXN-P-410020001-2"]
    assert [(rejection.index, rejection.raw) for rejection in found.rejections] == [(1, json.dumps(bad))]


def test_two_equal_payments_with_their_own_ids_are_two_lines() -> None:
    found = lines_of(record(1), record(2))

    assert found.lines == [LINE, replace(LINE, transaction_id="TXN-P-410020001-2")]
    assert found.lines[0].digest == found.lines[1].digest


def test_a_record_repeated_with_equal_content_is_taken_once_and_counted() -> None:
    respelled = json.dumps(record(1)).replace('"amount": 12500', '"amount": 12500.000').encode()
    body = b'{"pagination":{"totalPages":1,"pageNumber":2,"totalRecords":1},"data":[' + respelled + b"]}"

    found = normalise.lines([page(page_body([record(1), record(2), record(1)])), page(body, number=2)])

    assert [line.transaction_id for line in found.lines] == ["TXN-P-410020001-1", "TXN-P-410020001-2"]
    assert (found.repeated, found.read, found.rejections) == (2, 4, [])


def test_an_id_with_two_contents_is_rejected_every_time_it_stands() -> None:
    other = record(1, amount=99)

    found = lines_of(record(1), record(2), other, record(1))

    reason = "The bank gave this id to records with different content in one answer."
    assert [line.transaction_id for line in found.lines] == ["TXN-P-410020001-2"]
    assert [(rejection.index, rejection.reason) for rejection in found.rejections] == [
        (0, reason),
        (2, reason),
        (3, reason),
    ]
    assert (found.repeated, found.read) == (0, 4)


@pytest.mark.parametrize(
    ("code", "direction", "contradicts"),
    [
        ("195", "CREDIT", False),
        ("195", "DEBIT", True),
        ("399", "DEBIT", True),
        ("400", "CREDIT", True),
        ("495", "DEBIT", False),
        ("699", "CREDIT", True),
        ("700", "CREDIT", False),
        ("900", "DEBIT", False),
        ("099", "DEBIT", False),
        ("", "DEBIT", False),
        ("X95", "DEBIT", False),
    ],
)
def test_a_code_of_the_other_direction_is_noted_and_nothing_is_flipped(
    code: str, direction: str, contradicts: bool
) -> None:
    found = lines_of(record(1, debitCreditCode=direction, baiType={"typeCode": code}))

    assert found.lines[0].direction == direction
    assert found.contradictions == (("TXN-P-410020001-1",) if contradicts else ())


def test_the_current_day_has_no_window() -> None:
    asked: Request = {"accountIds": ACCOUNT, "relativeDateType": "CURRENT_DAY", "pageNumber": 1}

    found = normalise.lines([page(page_body([record(1, asOfDate="2031-12-31")]), request=asked)])

    assert [line.as_of_date for line in found.lines] == [date(2031, 12, 31)]


def test_a_page_that_cannot_be_read_gives_nothing() -> None:
    with pytest.raises(WireError):
        normalise.lines([page(page_body([record()])), page(b"<html>", number=2)])


def test_pages_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="one account's transactions"):
        normalise.lines([replace(page(page_body([])), kind="balances")])


RECORDS = st.lists(
    st.builds(
        lambda number, changes: record(number, **changes),
        st.integers(1, 3),
        st.sampled_from(
            [
                {},
                {"amount": 99},
                {"amount": -1},
                {"debitCreditCode": "DEBIT"},
                {"asOfDate": "x"},
                {"account": None},
            ]
        ),
    ),
    max_size=8,
)


@settings(max_examples=200)
@given(st.lists(RECORDS, max_size=3))
def test_every_record_read_is_accounted_for(groups: Sequence[list[dict[str, Any]]]) -> None:
    pages = [page(page_body(records), number=number) for number, records in enumerate(groups, start=1)]

    found = normalise.lines(pages)

    assert found.read == sum(map(len, groups)) == len(found.lines) + len(found.rejections) + found.repeated
    ids = [line.transaction_id for line in found.lines]
    assert len(ids) == len(set(ids))
    places = [(rejection.page, rejection.index) for rejection in found.rejections]
    assert places == sorted(set(places))


ODD = {
    "a key twice": (b'"transactionId"', b'"amount": 1, "transactionId"'),
    "an inner key twice": (b'"code": "USD"', b'"code": "USD", "code": "EUR"'),
    "an escaped key twice": (b'"reversal"', b'"\\u0061mount": 1, "reversal"'),
    "a zero character": (b"JANUARY", b"JAN\\u0000"),
    "an amount as text": (b'"amount": 12500', b'"amount": "12500"'),
    "a number for an id": (b'"TXN-P-410020001-1"', b"7"),
    "null for a record": (b'"data": [', b'"data": [null, '),
    "a quote in a text": (b"JANUARY", b'\\"JANUARY\\"'),
    "an escaped letter": (b"JANUARY", b"J\\u00c4NNER"),
    "surplus digits": (b'"amount": 12500', b'"amount": 12500.001'),
    "an infinite amount": (b'"amount": 12500', b'"amount": 1e400'),
    "a day not asked for": (b"2026-01-05", b"2026-02-05"),
    "nothing odd": (b"", b""),
}


@pytest.mark.parametrize(("plain", "odd"), ODD.values(), ids=ODD)
def test_a_page_read_at_once_says_what_its_records_say_one_by_one(
    plain: bytes, odd: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = page_body([record(1), record(2), record(3)]).replace(plain, odd, 1)
    found = normalise.lines([page(body)])

    monkeypatch.setattr(wire, "whole_page", lambda _body: None)
    assert normalise.lines([page(body)]) == found
    assert (len(found.lines), len(found.rejections)) in {(3, 0), (2, 1), (3, 1)}


def test_an_ordinary_page_is_read_at_once() -> None:
    assert wire.whole_page(page_body([record(1), record(2)])) == [
        wire.transaction(json.dumps(record(number)).encode()) for number in (1, 2)
    ]
