"""A customer's CSV: every row is either understood exactly or named with its line and reason."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bankfeeds.validation import export
from bankfeeds.validation.export import Choices, Export, Row, Unread, read_export
from bankfeeds.validation.unreadable import NotUnderstood

ACCOUNT = "000000700100200"
JUNE = date(2026, 6, 3)


def read(text: str | bytes, **more: Any) -> Export:
    content = text.encode() if isinstance(text, str) else text
    return read_export(content, Choices(**{"account": ACCOUNT, "currency": "USD", **more}))


def refused(text: str | bytes, **more: Any) -> tuple[str, str]:
    with pytest.raises(NotUnderstood) as problem:
        read(text, **more)
    return problem.value.field, problem.value.sentence


def test_one_signed_column_with_ids_and_references() -> None:
    found = read(
        "\ufeffPosting Date,Amount (USD),Transaction ID,Bank Reference,Description\r\n"
        '2026-06-03,"1,234.50",T-1,R-1,"Kettles, first lot"\r\n'
        '2026-06-03,(10.00),T-2,,"two\nlines"\r\n'
    )
    assert found.rows == [
        Row(2, JUNE, Decimal("1234.50"), "T-1", "R-1", "Kettles, first lot"),
        Row(3, JUNE, Decimal("-10.00"), "T-2", "", "two\nlines"),
    ]
    assert (found.encoding, found.delimiter, found.mark, found.unread_count) == ("UTF-8", "comma", ".", 0)
    assert dict(found.headings) == {
        "Day": "Posting Date", "Amount": "Amount (USD)", "Transaction id": "Transaction ID",
        "Reference": "Bank Reference", "Description": "Description",
    }  # fmt: skip


def test_a_german_bank_s_export_in_windows_1252_below_its_letterhead() -> None:
    found = read(
        "Kontoauszug;Beispielbank\r\n\r\nBuchungstag;Wertstellung;Verwendungszweck;Soll;Haben;Währung\r\n"
        "03.06.2026;04.06.2026;Miete für Büro;1.200,00;;USD\r\n"
        "13.06.2026;13.06.2026;Gutschrift;;50,00;USD\r\n".encode("cp1252")
    )
    assert [(row.line, row.day, str(row.amount), row.description) for row in found.rows] == [
        (4, JUNE, "-1200.00", "Miete für Büro"), (5, date(2026, 6, 13), "50.00", "Gutschrift"),
    ]  # fmt: skip
    assert (found.encoding, found.delimiter, found.order, found.mark) == (
        "Windows-1252", "semicolon", "day_first", ",",
    )  # fmt: skip
    assert found.ignored == ("Wertstellung",)


def test_tabs_and_a_column_that_says_credit_or_debit() -> None:
    found = read("date\tdirection\tamount\n2026-06-03\tDEBIT\t5\n2026-06-03\tCr\t7\n2026-06-03\t\t-2\n")
    assert [str(row.amount) for row in found.rows] == ["-5.00", "7.00", "-2.00"]


def test_utf_16_as_spreadsheets_write_it() -> None:
    assert len(read("date\tamount\n2026-06-03\t5\n".encode("utf-16")).rows) == 1


def test_every_row_that_is_not_understood_is_named_with_its_line_and_reason() -> None:
    found = read(
        "date,amount,direction,currency,status\n"
        "2026-06-03,1.00,,,\n"
        ",1.00,,,\n"
        "2026-06-03,,,,\n"
        "2026-06-03,1.00,sideways,,\n"
        "2026-06-03,1.00,,EUR,\n"
        "2026-06-03,1.00,,,Pending\n"
        "2026-06-03,-1.00,credit,,\n"
        '2026-06-03,"1.00"0,,,\n'
        "\n"
        "2026-06-03,2.00,,,\n"
        '2026-06-03,"3.00,,,\n'
    )
    assert [row.line for row in found.rows] == [2, 11]
    assert found.unread == [
        Unread(3, "there is no day"),
        Unread(4, "there is no amount"),
        Unread(5, "“sideways” is neither credit nor debit"),
        Unread(6, "its currency is EUR, the account's is USD"),
        Unread(7, "it is marked “Pending”: not a booked payment"),
        Unread(8, "it is a credit below zero"),
        Unread(9, "the row is not CSV: a quotation mark is not closed, or stands inside a cell"),
        Unread(12, "the row is not CSV: a quotation mark is not closed, or stands inside a cell"),
    ]
    assert (found.unread_count, found.total) == (8, 10)


def test_of_many_rows_not_understood_the_first_are_shown_and_all_are_counted() -> None:
    found = read("date,amount\n" + "never,1\n" * 60 + "2026-06-03,1\n")
    assert (len(found.rows), len(found.unread), found.unread_count) == (1, 50, 60)


@pytest.mark.parametrize(
    "named", ["700100200", "000000700100200", "0700 1002 00", "…0200", "xxxxx0200", "XX-0200", ""]
)
def test_rows_of_this_account_are_taken_however_its_number_is_written(named: str) -> None:
    found = read(f"date,account,amount\n2026-06-03,{named},1\n")
    assert (len(found.rows), found.elsewhere) == (1, 0)


@pytest.mark.parametrize("named", ["700100201", "…0201", "0200", "7001002"])
def test_rows_of_other_accounts_are_left_aside_and_counted(named: str) -> None:
    found = read(f"date,account,amount\n2026-06-03,{named},1\n")
    assert (len(found.rows), found.elsewhere, found.total) == (0, 1, 0)


def test_an_order_of_day_and_month_that_nothing_settles_is_asked_for() -> None:
    text = "date,amount\n03/06/2026,1\n"
    assert refused(text) == (
        "order", "“03/06/2026” can be read day first or month first, and no other day settles it. Say which.",
    )  # fmt: skip
    assert [row.day for row in read(text, order="day_first").rows] == [JUNE]
    assert [row.day for row in read(text, order="month_first").rows] == [date(2026, 3, 6)]


def test_a_decimal_mark_that_nothing_settles_is_asked_for() -> None:
    text = 'date,amount\n2026-06-03,"1,234"\n'
    assert refused(text, currency="BHD")[0] == "mark"
    assert [str(row.amount) for row in read(text, currency="BHD", mark=",").rows] == ["1.234"]
    assert [str(row.amount) for row in read(text, currency="BHD", mark=".").rows] == ["1234.000"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "No row of headings was found with a day and an amount (or a credit and a debit column)."),
        (
            b"when,how much\n1,2\n",
            "No row of headings was found with a day and an amount (or a credit and a debit column)."
            " The longest row at the top reads: when, how much.",
        ),
        (b"\x81\x8d\xff", "The file is not text in UTF-8, UTF-16 or Windows-1252. Export it as CSV."),
        (b"x" * (export.LARGEST + 1), "The file is larger than 20 MB. Export a shorter period."),
    ],
)
def test_a_file_that_is_no_such_export_is_refused_in_words(content: bytes, sentence: str) -> None:
    assert refused(content) == ("file", sentence)


def test_a_file_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    assert refused("date,amount\n" + "2026-06-03,1\n" * 3) == (
        "file", "The file has more than 2 rows. Export a shorter period.",
    )  # fmt: skip


def test_a_debit_column_with_minus_signs_and_a_credit_that_was_taken_back() -> None:
    found = read(
        "date,credit,debit\n2026-06-03,,-5.00\n2026-06-03,-3.00,\n2026-06-03,0.00,2.00\n2026-06-03,1,1\n"
    )
    assert [str(row.amount) for row in found.rows] == ["-5.00", "-3.00", "-2.00"]
    assert found.unread == [Unread(5, "it has both a credit and a debit")]
