"""Fields the bank never told us of: named with their place and kind, never with what is in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bankfeeds.jpmorgan import contract
from tests.bankfeeds.jpmorgan.bodies import balances_body, day, envelope, page_body, record


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"narrativeText": {"ANY NAME AT": "x"}, "lockbox": {"more": 1}}, []),
        ({"feeAmount": 1.5}, ["data[].feeAmount (number)"]),
        ({"baiType": {"typeCode": "195", "isoCode": "PMNT"}}, ["data[].baiType.isoCode (text)"]),
        ({"surprise": {"a": 1}, "extra": [1]}, ["data[].extra (list)", "data[].surprise (object)"]),
        ({"paid to JANE EXAMPLE": True}, ["data[].? (true or false)"]),  # a name may be personal too
    ],
)
def test_a_new_field_of_a_record_is_named(change: dict[str, Any], found: list[str]) -> None:
    assert contract.new_fields("transactions", page_body([record(**change), record(2, unseen=1)])) == found


def test_a_new_field_beside_the_records_is_named() -> None:
    body = envelope([record()]) | {"cursor": "obviously-not-to-be-told"}
    body["pagination"]["next"] = None
    assert contract.new_fields("transactions", json.dumps(body).encode()) == [
        "cursor (text)",
        "pagination.next (nothing)",
    ]


def test_a_new_field_of_the_balances_is_named() -> None:
    body = balances_body(day("2026-01-05", 1, 2, interest=0.5), branchName="X")
    assert contract.new_fields("balances", body) == [
        "accountList[].balanceList[].interest (number)",
        "accountList[].branchName (text)",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b'"x"', b"3", b"[]", b"\xff", b"[" * 100_000, b'{"data":null}']
)
def test_what_is_no_answer_has_no_new_fields(body: bytes) -> None:
    assert contract.new_fields("transactions", body) == []
