"""Transaction records to posted lines. The choice of `description` belongs to the frozen recipe 1."""

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
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
from bankfeeds.records import Direction, PostedLine, Rejection, posted

_DIRECTIONS: dict[str, Direction] = {"CREDIT": "CREDIT", "DEBIT": "DEBIT"}

_NO_ACCOUNT, _NO_TYPE = wire.Account(), wire.BaiType()

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


def lines(walk: Iterable[Page] | Callable[[], Iterable[Page]]) -> Lines:
    """Return the lines of one walk, in the bank's order, and what could not be taken.

    ``walk``: its pages, or what yields them as often as it is called. A record that comes twice with one id and equal
    content is taken once; with other content, all of them are rejected. Raises WireError when a page as a whole
    cannot be read, ValueError for pages of another kind.
    """
    pages = walk if callable(walk) else list(walk).__iter__
    first: dict[str, PostedLine] = {}
    again: list[PostedLine] = []
    rejections: list[Rejection] = []
    for found in (found for page in pages() for found in records(page)):
        if isinstance(found, Rejection):
            rejections.append(found)
        elif first.setdefault(found.transaction_id, found) is not found:
            again.append(found)
    conflicting = {line.transaction_id for line in again if line != first[line.transaction_id]}
    read = len(rejections) + len(first) + len(again)
    if conflicting:
        rejections += _clashes(pages(), conflicting)
    taken = [line for ident, line in first.items() if ident not in conflicting]
    return Lines(
        lines=taken,
        rejections=sorted(rejections, key=lambda rejected: (rejected.page, rejected.index)),
        repeated=sum(line.transaction_id not in conflicting for line in again),
        read=read,
        contradictions=tuple(line.transaction_id for line in taken if contradicts(line)),
    )


def records(page: Page) -> Sequence[PostedLine | Rejection]:
    """Return what each record of one page is, in the bank's order. Raises as ``lines`` does."""
    asked = _asked(page)
    with _no_collection():
        whole = wire.whole_page(page.body)
        if whole is not None:
            try:
                return [_line(record, asked) for record in whole]
            except (RefusedRecordError, MoneyError):
                pass  # one of them; which one, and why, takes a closer look
    return [found for found, _raw, _place in _one_by_one(page, asked)]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's collector from walking over the heap while a page is read: no record refers back to another."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def contradicts(line: PostedLine) -> bool:
    """Say whether the line's BAI code belongs to the other direction."""
    return _contradicts(line.bai_code, line.direction)


def _clashes(pages: Iterable[Page], conflicting: Collection[str]) -> Iterator[Rejection]:
    """Read the pages once more for the records themselves: keeping each of them for this would cost every answer."""
    reason = "The bank gave this id to records with different content in one answer."
    for page in pages:
        for found, raw, place in _one_by_one(page, _asked(page)):
            if isinstance(found, PostedLine) and found.transaction_id in conflicting:
                yield rejection(reason, raw, page=page.number, index=place)


def _asked(page: Page) -> Asked:
    account = page.request.get("accountIds")
    if page.kind != "transactions" or not isinstance(account, str):
        raise ValueError("The page does not answer a question for one account's transactions.")
    return Asked.of(page, account)


def _one_by_one(page: Page, asked: Asked) -> Iterator[tuple[PostedLine | Rejection, msgspec.Raw, int]]:
    for place, raw in enumerate(wire.transactions_page(page.body).data):
        found: PostedLine | Rejection
        try:
            found = _line(wire.transaction(raw), asked)
        except (wire.WireError, RefusedRecordError, MoneyError) as error:
            found = rejection(str(error), raw, page=page.number, index=place)
        yield found, raw, place


def _line(record: wire.Transaction, asked: Asked) -> PostedLine:
    account, bai = record.account or _NO_ACCOUNT, record.bai_type or _NO_TYPE
    if account.account_id != asked.account or not asked.normal:
        asked.check_account(account.account_id)
    code = record.debit_credit_code
    direction = _DIRECTIONS.get(code or "") or _direction(code)
    currency = currency_code(record.currency) or currency_code(account.currency)
    narrative = _narrative(record.narrative_text) if record.narrative_text else ()
    given = record.as_of_date
    return posted(
        _required_id(record.transaction_id),
        asked.account,
        asked.known.get(given) or asked.day(given),  # type: ignore[arg-type]  # None is no key
        direction,
        _amount(record.amount, currency),
        currency,
        fitting("bai_code", text(bai.type_code)),
        _reference("bank_reference", record.bank_reference_searchable),
        _reference("customer_reference", record.customer_reference_searchable),
        _description(narrative, record.short_description, bai.description),
        _check_number(record.check_number),
        _value_date(record.value_date),
        bool(record.reversal),
        narrative,
    )


def _required_id(given: str | None) -> str:
    return fitting("transaction_id", required(given, "transactionId"))


def _direction(given: str | None) -> Direction:
    try:
        return _DIRECTIONS[required(given, "debitCreditCode")]
    except KeyError:
        raise RefusedRecordError("The direction is neither CREDIT nor DEBIT.") from None


def _check_number(given: int | str | None) -> str:
    return fitting("check_number", text(given).lstrip("0")) if given else ""


@lru_cache(maxsize=1024)
def _value_date(given: str | None) -> date | None:
    trimmed = text(given)
    return day(trimmed, "valueDate") if trimmed else None


def _amount(amount: Decimal | None, currency: str) -> Decimal:
    if amount is None:
        raise RefusedRecordError("The record has no amount.")
    if not currency:
        raise RefusedRecordError("The record has no currency.")
    money = exact(amount, currency)
    if money < 0:
        raise RefusedRecordError("The amount is negative; the direction alone carries the sign.")
    return money


def _narrative(given: dict[str, Any]) -> Narrative:
    told = [
        (_key(key), (value if type(value) is str else wire.narrative_value(value)).strip())
        for key, value in given.items()
    ]
    told.sort()
    return tuple(told)


@lru_cache(maxsize=1024)
def _key(given: str) -> str:
    """Return the key without blanks around it: one text for all lines that have it."""
    return given.strip()


def _description(narrative: Narrative, *others: str | None) -> str:
    for key, value in narrative:
        if value and key == "REMARK":
            return value
    return next((value for value in map(text, others) if value), "")


def _reference(name: str, reference: wire.Reference | None) -> str:
    given = reference.standard_value if reference else None
    return fitting(name, given.strip()) if given else ""


@lru_cache(maxsize=1024)
def _contradicts(bai_code: str, directed: Direction) -> bool:
    direction = describe(bai_code).direction
    return direction is not None and direction != directed
