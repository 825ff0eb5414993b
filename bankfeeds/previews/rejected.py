"""A record that could not be taken, among the records beside it on the bank's page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import msgspec

from bankfeeds.jpmorgan import wire
from bankfeeds.models import Account, RejectedLine
from bankfeeds.pipeline import rereading

SHOWN = (
    ("transactionId", "id"),
    ("asOfDate", "day"),
    ("debitCreditCode", "direction"),
    ("amount", "amount"),
    ("shortDescription", "description"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A record of the page: its place from 1, what people know it by, and the whole of it."""

    place: int
    facts: list[tuple[str, str]]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The records right before and after. ``found``: the bank's page is still kept."""

    before: Neighbour | None = None
    after: Neighbour | None = None
    found: bool = False


def neighbours(row: RejectedLine) -> Neighbours:
    """Return the records beside the rejected one on the bank's page."""
    for page in rereading.page_of(row.pull, row.window_start, row.page):
        data = wire.transactions_page(page.content()).data
        if row.index < len(data) and bytes(data[row.index]).decode(errors="replace") == row.raw:
            before = _neighbour(data[row.index - 1], row.index, row.account) if row.index else None
            after = (
                _neighbour(data[row.index + 1], row.index + 2, row.account)
                if row.index + 1 < len(data)
                else None
            )
            return Neighbours(before=before, after=after, found=True)
    return Neighbours()


def pretty(raw: str, account: Account) -> str:
    """Return the record with a field a line, numbers as the bank wrote them; as it is where it is no JSON.

    The account's number is masked, under whatever padding, as it is on every page.
    """
    try:
        told = msgspec.json.format(raw, indent=2)
    except msgspec.DecodeError:
        told = raw
    return re.sub(rf"\b0*{re.escape(account.number)}\b", account.masked, told)


def _neighbour(record: object, place: int, account: Account) -> Neighbour:
    raw = bytes(record).decode(errors="replace")  # type: ignore[call-overload]
    try:
        fields = json.loads(raw, parse_float=str, parse_int=str)
    except ValueError:
        fields = {}
    known = fields if isinstance(fields, dict) else {}
    facts = [(label, str(known[name])) for name, label in SHOWN if known.get(name) not in (None, "")]
    return Neighbour(place=place, facts=facts, raw=pretty(raw, account))
