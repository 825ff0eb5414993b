"""Exports and the proof, as text for people and programs. Orders are fixed; amounts are exact texts, never floats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bankfeeds import queries
from bankfeeds.models import Connection, Day, Line
from bankfeeds.money import exact

TRANSACTION_COLUMNS = (
    "account",
    "as_of_date",
    "direction",
    "amount",
    "currency",
    "bank_reference",
    "transaction_id",
    "bai_code",
    "description",
    "state",
)


def transactions_json(*, connection: Connection) -> Iterator[str]:
    """Yield the posted lines as one JSON array, an object on each line of text."""
    yield "["
    for number, line in enumerate(queries.lines_for_export(connection=connection)):
        yield (",\n" if number else "\n") + json.dumps(_transaction(line), ensure_ascii=False)
    yield "\n]\n"


def transactions_csv(*, connection: Connection) -> Iterator[str]:
    """Yield the posted lines as CSV with a header."""
    yield _csv(TRANSACTION_COLUMNS)
    for line in queries.lines_for_export(connection=connection):
        yield _csv(_transaction(line).values())


def proof_json(*, connection: Connection) -> Iterator[str]:
    """Yield ``{"days": [...], "findings": [...]}``, an object on each line of text."""
    yield '{"connection": ' + json.dumps(connection.label) + ',\n"days": ['
    for number, day in enumerate(queries.day_rows(connection=connection)):
        yield (",\n" if number else "\n") + json.dumps(_day(day))
    yield '\n],\n"findings": ['
    for number, finding in enumerate(queries.open_findings(connection=connection)):
        yield (",\n" if number else "\n") + json.dumps(_finding(finding), ensure_ascii=False)
    yield "\n]}\n"


def proof_text(*, connection: Connection) -> Iterator[str]:
    """Yield the proof as a table, then the open findings as sentences."""
    columns = ("account", "day", "opening", "credits", "debits", "closing", "difference", "proven")
    yield (
        f"{columns[0]:<8} {columns[1]:<10} " + " ".join(f"{name:>18}" for name in columns[2:7]) + "  proven\n"
    )
    for day in queries.day_rows(connection=connection):
        row = _day(day)
        figures = " ".join(f"{row[name] if row[name] is not None else '-':>18}" for name in columns[2:7])
        state = "yes" if row["proven"] else f"no ({day.state})"
        if day.rejected:
            state += f": {cannot_be_proven(day.rejected)}"
        yield f"{day.account.masked:<8} {row['as_of_date']:<10} {figures}  {state}\n"
    findings = list(queries.open_findings(connection=connection))
    yield f"{len(findings)} open finding{'' if len(findings) == 1 else 's'}\n"
    for finding in findings:
        yield f"- {finding.sentence}\n"


def _transaction(line: Line) -> dict[str, str]:
    return {
        "account": line.account.given_number,
        "as_of_date": line.as_of_date.isoformat(),
        "direction": line.direction,
        "amount": amount_text(line.amount, line.currency),
        "currency": line.currency,
        "bank_reference": line.bank_reference,
        "transaction_id": line.transaction_id,
        "bai_code": line.bai_code,
        "description": line.description,
        "state": line.state,
    }


def _day(day: Day) -> dict[str, Any]:
    currency = day.account.currency
    return {
        "account": day.account.given_number,
        "as_of_date": day.as_of_date.isoformat(),
        "opening": _optional(day.opening, currency),
        "credits": _optional(day.credits, currency),
        "debits": _optional(day.debits, currency),
        "closing": _optional(day.closing, currency),
        "difference": _optional(day.difference, currency),
        "currency": currency,
        "lines": day.lines,
        "state": day.state,
        "reopened": day.reopened,
        "proven": day.state == "proven",
    }


def _finding(finding: Any) -> dict[str, Any]:
    return {
        "id": finding.pk,
        "kind": finding.kind,
        "account": finding.account.given_number if finding.account else None,
        "as_of_date": finding.as_of_date.isoformat() if finding.as_of_date else None,
        "sentence": finding.sentence,
        "state": finding.state,
        "data": finding.data,
    }


def _optional(amount: Decimal | None, currency: str) -> str | None:
    return None if amount is None else amount_text(amount, currency)


def amount_text(amount: Decimal, currency: str) -> str:
    """Return the amount with its currency's digits; with what it has, where the currency is not known yet."""
    return format(exact(amount, currency), "f") if currency else format(amount.normalize() + 0, "f")


def amount_in_thousands(amount: Decimal, currency: str) -> str:
    """Return the amount as people read it: its currency's digits, and thousands apart."""
    return f"{Decimal(amount_text(amount, currency)):,f}"


def cannot_be_proven(records: int) -> str:
    """Return why a day with so many records that could not be taken has no proof."""
    return f"cannot be proven because of {records} line{'' if records == 1 else 's'}"


def _csv(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
