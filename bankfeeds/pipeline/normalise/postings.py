"""Transaction records to posted lines. The choice of `description` belongs to the frozen recipe 1."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from bankfeeds.bai import describe
from bankfeeds.jpmorgan import wire
from bankfeeds.jpmorgan.client import Page
from bankfeeds.money import MoneyError, exact
from bankfeeds.pipeline.normalise.fields import (
    Asked,
    RefusedRecordError,
    currency_code,
    day,
    fitting,
    rejection,
    required,
    text,
)
from bankfeeds.records import Direction, PostedLine, Rejection

_DIRECTIONS: dict[str, Direction] = {"CREDIT": "CREDIT", "DEBIT": "DEBIT"}

Narrative = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a pull's pages say: `read` = len(lines) + len(rejections) + repeated.

    `repeated` counts further records with an id and content already taken. `contradictions` holds the ids
    of lines whose BAI code belongs to the other direction; they are taken as the bank directs them.
    """

    lines: list[PostedLine]
    rejections: list[Rejection]
    repeated: int
    read: int
    contradictions: tuple[str, ...]


# What a record is, the record itself, the number of its page, and its place there.
_Entry = tuple[PostedLine | Rejection, msgspec.Raw, int, int]


def lines(pages: Iterable[Page]) -> Lines:
    """Return the lines of the pages of one walk, in the bank's order, and what could not be taken.

    A record that comes twice with one id and equal content is taken once; with other content, all of them
    are rejected. Raises WireError when a page as a whole cannot be read, ValueError for pages of another
    kind.
    """
    pages = list(pages)
    first: dict[str, PostedLine] = {}
    again: list[PostedLine] = []
    rejections: list[Rejection] = []
    for found, _raw, _page, _place in _entries(pages):
        if isinstance(found, Rejection):
            rejections.append(found)
        elif first.setdefault(found.transaction_id, found) is not found:
            again.append(found)
    conflicting = {line.transaction_id for line in again if line != first[line.transaction_id]}
    read = len(rejections) + len(first) + len(again)
    if conflicting:
        rejections += _clashes(pages, conflicting)
    taken = [line for ident, line in first.items() if ident not in conflicting]
    return Lines(
        lines=taken,
        rejections=sorted(rejections, key=lambda rejected: (rejected.page, rejected.index)),
        repeated=sum(line.transaction_id not in conflicting for line in again),
        read=read,
        contradictions=tuple(
            line.transaction_id for line in taken if _contradicts(line.bai_code, line.direction)
        ),
    )


def _clashes(pages: Iterable[Page], conflicting: Collection[str]) -> Iterator[Rejection]:
    """Read the pages once more for the records themselves: keeping each of them for this would cost every answer."""
    reason = "The bank gave this id to records with different content in one answer."
    for found, raw, page, place in _entries(pages):
        if isinstance(found, PostedLine) and found.transaction_id in conflicting:
            yield rejection(reason, raw, page=page, index=place)


def _entries(pages: Iterable[Page]) -> Iterator[_Entry]:
    for page in pages:
        account = page.request.get("accountIds")
        if page.kind != "transactions" or not isinstance(account, str):
            raise ValueError("The page does not answer a question for one account's transactions.")
        asked = Asked.of(page, account)
        for place, raw in enumerate(wire.transactions_page(page.body).data):
            found: PostedLine | Rejection
            try:
                found = _line(wire.transaction(raw), asked)
            except (wire.WireError, RefusedRecordError, MoneyError) as error:
                found = rejection(str(error), raw, page=page.number, index=place)
            yield found, raw, page.number, place


def _line(record: wire.Transaction, asked: Asked) -> PostedLine:
    account = record.account or wire.Account()
    asked.check_account(account.account_id)
    direction = _DIRECTIONS.get(required(record.debit_credit_code, "debitCreditCode"))
    if direction is None:
        raise RefusedRecordError("The direction is neither CREDIT nor DEBIT.")
    currency = currency_code(record.currency) or currency_code(account.currency)
    bai = record.bai_type or wire.BaiType()
    narrative = _narrative(record.narrative_text)
    value_date = text(record.value_date)
    return PostedLine(
        transaction_id=fitting("transaction_id", required(record.transaction_id, "transactionId")),
        account_id=asked.account,
        as_of_date=asked.day(record.as_of_date),
        direction=direction,
        amount=_amount(record.amount, currency),
        currency=currency,
        bai_code=fitting("bai_code", text(bai.type_code)),
        bank_reference=_reference("bank_reference", record.bank_reference_searchable),
        customer_reference=_reference("customer_reference", record.customer_reference_searchable),
        description=_description(narrative, record.short_description, bai.description),
        check_number=fitting("check_number", text(record.check_number).lstrip("0")),
        value_date=day(value_date, "valueDate") if value_date else None,
        reversal=bool(record.reversal),
        narrative=narrative,
    )


def _amount(amount: Decimal | None, currency: str) -> Decimal:
    if amount is None:
        raise RefusedRecordError("The record has no amount.")
    if not currency:
        raise RefusedRecordError("The record has no currency.")
    money = exact(amount, currency)
    if money < 0:
        raise RefusedRecordError("The amount is negative; the direction alone carries the sign.")
    return money


def _narrative(given: dict[str, Any] | None) -> Narrative:
    if not given:
        return ()
    told = [
        (key.strip(), (value if type(value) is str else wire.narrative_value(value)).strip())
        for key, value in given.items()
    ]
    told.sort()
    return tuple(told)


def _description(narrative: Narrative, *others: str | None) -> str:
    for key, value in narrative:
        if value and key == "REMARK":
            return value
    return next((value for value in map(text, others) if value), "")


def _reference(name: str, reference: wire.Reference | None) -> str:
    return fitting(name, text(reference.standard_value)) if reference else ""


@lru_cache(maxsize=1024)
def _contradicts(bai_code: str, directed: Direction) -> bool:
    direction = describe(bai_code).direction
    return direction is not None and direction != directed
