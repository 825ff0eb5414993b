"""What became of a line, change by change, each field before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from bankfeeds.expectation import day_words
from bankfeeds.models import Line, Pull
from bankfeeds.pipeline import ledger
from bankfeeds.reports import amount_in_thousands

LABELS = {
    "state": "State",
    "transaction_id": "Id",
    "as_of_date": "Day",
    "direction": "Direction",
    "amount": "Amount",
    "currency": "Currency",
    "bai_code": "BAI code",
    "bank_reference": "Bank reference",
    "customer_reference": "Customer reference",
    "description": "Description",
    "check_number": "Check number",
    "value_date": "Value date",
    "reversal": "Reversal",
    "narrative": "Narrative",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field, before and after, as text."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: what it was, when, which pull is behind it, and the fields that differ."""

    title: str
    at: datetime
    pull: Pull
    fields: list[FieldChange]
    url: str
    revision: int


def changes(line: Line) -> list[Change]:
    """Return the line's changes, the newest first."""
    earlier = list(line.revisions.select_related("replaced_by_pull").order_by("revision"))
    versions: list[Mapping[str, Any]] = [
        {**row.content, "state": row.state, "transaction_id": row.transaction_id} for row in earlier
    ]
    versions.append({**ledger.content(line), "state": line.state})
    found = []
    for place, row in enumerate(earlier):
        fields = _differences(versions[place], versions[place + 1])
        returned = place > 0 and earlier[place - 1].undo == "taken_back"
        found.append(
            Change(
                title=_title(row.undo, fields, returned),
                at=row.replaced_at,
                pull=row.replaced_by_pull,
                fields=fields,
                url=reverse("admin:bankfeeds_pull_change", args=[row.replaced_by_pull_id]),
                revision=row.revision + 1,
            )
        )
    return found[::-1]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    return [
        FieldChange(label=label, before=_told(before, name), after=_told(after, name))
        for name, label in LABELS.items()
        if before.get(name) != after.get(name)
    ]


def _told(version: Mapping[str, Any], name: str) -> str:
    if name == "amount" and version.get(name) is not None:
        return amount_in_thousands(Decimal(str(version[name])), str(version.get("currency") or ""))
    if name in ("as_of_date", "value_date") and version.get(name):
        return day_words(date.fromisoformat(str(version[name])))
    return _text(version.get(name))


def _title(undo: str, fields: list[FieldChange], returned: bool) -> str:
    if undo == "taken_back":
        return "Taken out of the totals: the only pull that had seen it was undone"
    if undo == "restored":
        return "The version before is back: the pull that changed it was undone"
    if returned:
        return "Read again after an undo"
    changed = {field.label: field.after for field in fields}
    if changed.get("State") == "Withdrawn":
        return "Withdrawn by the bank"
    if "State" in changed:
        return "Listed by the bank again"
    if changed.keys() == {"Id"}:
        return "New id at the bank"
    return "Changed by the bank"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(f"{key}: {text}" for key, text in value) or "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    text = "" if value is None else str(value)
    return {"booked": "Booked", "withdrawn": "Withdrawn"}.get(text, text) or "–"
