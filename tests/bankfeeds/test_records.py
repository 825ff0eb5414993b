"""What we keep of the bank's word, and the fingerprint that recognises it again."""

import hashlib
import json
from dataclasses import FrozenInstanceError, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankfeeds.records import RECIPE, PostedLine, masked_account, normal_account, posted

WIRE_IN = PostedLine(
    transaction_id="TXN-P-410020001-17",
    account_id="000000700100200",
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
BARE = PostedLine(
    transaction_id="TXN-P-410020001-18",
    account_id="000000700100201",
    as_of_date=date(2026, 1, 6),
    direction="DEBIT",
    amount=Decimal("1200"),
    currency="JPY",
    bai_code="",
    bank_reference="",
    customer_reference="",
    description="",
    check_number="1044",
    value_date=None,
    reversal=True,
    narrative=(),
)


def test_recipe_one_is_frozen() -> None:
    assert RECIPE == 1
    assert WIRE_IN.digest == "d56f22ea16c82d565a79395f68ad460f8e70e3b1b4c0cc4b946ddc3b06a86dfa"
    assert BARE.digest == "3d77541fe667fdaa706ec68ade3d55cc943a6477be92c2488abe3b9d45eaadaa"


OTHER: dict[str, Any] = {
    "account_id": "000000700100201",
    "as_of_date": date(2026, 1, 6),
    "direction": "DEBIT",
    "amount": Decimal("12500.01"),
    "currency": "EUR",
    "bai_code": "399",
    "bank_reference": "0004410005FE",
    "customer_reference": "",
    "description": "INVOICE 20417",
    "check_number": "1",
    "value_date": None,
    "reversal": True,
    "narrative": (("REMARK", "INVOICE 20417 JANUARY"), ("YOUR REF", "INV-20418")),
}


def test_every_field_but_the_id_is_covered_by_this_test() -> None:
    assert set(OTHER) | {"transaction_id"} == {field.name for field in fields(PostedLine)}


@pytest.mark.parametrize("name", sorted(OTHER))
def test_another_value_in_any_field_is_another_content(name: str) -> None:
    changed = replace(WIRE_IN, **{name: OTHER[name]})

    assert changed.digest != WIRE_IN.digest
    assert changed.content()[name] != WIRE_IN.content()[name]


def test_the_banks_id_is_not_content() -> None:
    renumbered = replace(WIRE_IN, transaction_id="TXN-P-999999999-1")

    assert renumbered.digest == WIRE_IN.digest
    assert renumbered.content() == WIRE_IN.content()


def test_spelling_without_meaning_is_not_content() -> None:
    respelled = replace(
        WIRE_IN,
        account_id="700100200",
        amount=Decimal("12500.0000"),
        narrative=tuple(reversed(WIRE_IN.narrative)),
    )

    assert respelled.digest == WIRE_IN.digest


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    left = replace(WIRE_IN, bank_reference="AB", customer_reference="C")
    right = replace(WIRE_IN, bank_reference="A", customer_reference="BC")

    assert left.digest != right.digest


@given(
    st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=4),
    st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=4),
)
def test_two_narratives_share_a_fingerprint_only_when_equal(
    one: list[tuple[str, str]], two: list[tuple[str, str]]
) -> None:
    first, second = replace(WIRE_IN, narrative=tuple(one)), replace(WIRE_IN, narrative=tuple(two))

    assert (first.digest == second.digest) == (sorted(one) == sorted(two))


def test_content_reads_as_texts_and_can_be_stored_as_json() -> None:
    content = WIRE_IN.content()

    assert content == {
        "account_id": "000000700100200",
        "as_of_date": "2026-01-05",
        "direction": "CREDIT",
        "amount": "12500.00",
        "currency": "USD",
        "bai_code": "195",
        "bank_reference": "0004410005FF",
        "customer_reference": "INV-20417",
        "description": "INVOICE 20417 JANUARY",
        "check_number": "",
        "value_date": "2026-01-05",
        "reversal": "no",
        "narrative": "REMARK: INVOICE 20417 JANUARY\nYOUR REF: INV-20417",
    }
    assert json.loads(json.dumps(content)) == content


def test_a_debit_lowers_the_balance() -> None:
    assert (WIRE_IN.signed_amount, BARE.signed_amount) == (Decimal("12500.00"), Decimal("-1200"))


@given(
    texts=st.lists(
        st.one_of(st.text(max_size=6), st.text("aé\x7f\x80", min_size=120, max_size=300)),
        min_size=4,
        max_size=4,
    ),
    units=st.integers(0, 10**20 - 1),
)
def test_the_quick_way_to_a_fingerprint_is_recipe_one(texts: list[str], units: int) -> None:
    amount = Decimal(units).scaleb(-2)
    line = replace(
        WIRE_IN, bai_code=texts[0], description=texts[1], narrative=((texts[2], texts[3]),), amount=amount
    )
    fields_of_recipe_one = [
        "700100200", "2026-01-05", "CREDIT", f"{amount:f}", "USD", texts[0], "0004410005FF", "INV-20417",
        texts[1], "", "2026-01-05", "0", "1", texts[2], texts[3],
    ]  # fmt: skip
    told = b"".join(len(one.encode()).to_bytes(4, "big") + one.encode() for one in fields_of_recipe_one)
    assert line.digest == hashlib.sha256(b"lockkeeper posted line 1\n" + told).hexdigest()


def test_a_line_made_in_one_go_is_the_line() -> None:
    made = posted(*(getattr(WIRE_IN, one.name) for one in fields(WIRE_IN)))

    assert (type(made), made, hash(made), made.digest) == (PostedLine, WIRE_IN, hash(WIRE_IN), WIRE_IN.digest)
    with pytest.raises(FrozenInstanceError):
        made.amount = Decimal("1")  # type: ignore[misc]


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        WIRE_IN.amount = Decimal("1")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("spelling", "normal"),
    [
        ("000000700100200", "700100200"),
        ("700100200", "700100200"),
        (" 00700100200 ", "700100200"),
        ("0070-01", "70-01"),
        ("000", ""),
        ("", ""),
    ],
)
def test_account_numbers_are_compared_without_leading_zeros(spelling: str, normal: str) -> None:
    assert normal_account(spelling) == normal


@pytest.mark.parametrize(
    ("account", "shown"), [("000000700100200", "…0200"), ("0200", "…"), ("200", "…"), ("", "…")]
)
def test_an_account_number_is_shown_masked(account: str, shown: str) -> None:
    assert masked_account(account) == shown
