"""What a BAI code is called, and which way it moves money; what is not known is not guessed."""

from __future__ import annotations

import pytest

from bankfeeds.bai import CODES, BaiCode, describe


@pytest.mark.parametrize(
    ("code", "means"),
    [
        (
            "195",
            BaiCode(
                code="195",
                name="Incoming money transfer",
                group="Money transfers",
                direction="CREDIT",
                level="detail",
            ),
        ),
        (
            "455",
            BaiCode(
                code="455", name="Preauthorised ACH debit", group="ACH", direction="DEBIT", level="detail"
            ),
        ),
        (
            "400",
            BaiCode(code="400", name="Total debits", group="Totals", direction="DEBIT", level="summary"),
        ),
        ("313", BaiCode(code="313", direction="CREDIT")),
        ("642", BaiCode(code="642", direction="DEBIT")),
        ("721", BaiCode(code="721")),
        ("015", BaiCode(code="015")),
        ("1950", BaiCode(code="1950")),
        ("0195", BaiCode(code="0195")),
        ("X95", BaiCode(code="X95")),
        ("", BaiCode(code="")),
    ],
    ids=str,
)
def test_a_code_is_described(code: str, means: BaiCode) -> None:
    assert describe(code) == means
    assert describe(code).known is bool(means.name)


def test_the_table_holds_together() -> None:
    assert all(code == known.code and code.isdigit() and len(code) == 3 for code, known in CODES.items())
    assert all(known.name and known.group and known.level for known in CODES.values())
    assert {known.direction for known in CODES.values() if known.code < "400"} == {"CREDIT"}
    assert {known.direction for known in CODES.values() if known.code >= "400"} == {"DEBIT"}
    assert all(known.level == "summary" for known in CODES.values() if known.name.startswith("Total "))
    assert str(describe("399")) == "399 Miscellaneous credit"
    assert str(describe("313")) == "313"
