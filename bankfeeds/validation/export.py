"""A customer's own export, read as CSV: what was understood, row by row, and what was not, with its line and reason."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from bankfeeds.records import normal_account
from bankfeeds.validation import columns
from bankfeeds.validation.amounts import Mark, decimal_mark, read_amount
from bankfeeds.validation.days import Order, day_order, read_day
from bankfeeds.validation.unreadable import NotUnderstood, Unreadable

LARGEST = 20 * 2**20
"""Bytes of a file."""
MOST_ROWS = 100_000
UNREAD_SHOWN = 50
LOOKED_AT_FOR_HEADINGS = 30
"""Rows from the top among which the headings must be; banks put names and periods above them."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_PENDING = {"pending", "withdrawn", "vorgemerkt", "provisional", "processing"}
_CREDIT = {"credit", "cr", "c", "h", "haben", "+"}
_DEBIT = {"debit", "dr", "d", "s", "soll", "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is known beforehand: the account, and what a person said about the file. None: the file shows it."""

    account: str
    currency: str
    order: Order | None = None
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row that was understood. ``line`` counts from 1 in the file; ``amount`` is signed."""

    line: int
    day: date
    amount: Decimal
    ident: str
    reference: str
    description: str


@dataclass(frozen=True, slots=True)
class Unread:
    """One row that was not understood."""

    line: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Export:
    """A whole file as understood. ``elsewhere``: rows of other accounts; ``unread`` holds the first of them only."""

    encoding: str
    delimiter: str
    headings: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    order: Order | None
    mark: Mark
    rows: list[Row] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0
    elsewhere: int = 0

    @property
    def total(self) -> int:
        """Return how many rows of this account the file has, understood or not."""
        return len(self.rows) + self.unread_count

    @property
    def more_unread(self) -> int:
        return self.unread_count - len(self.unread)

    @property
    def shown(self) -> dict[str, str]:
        """Return how the file was understood, as people read it."""
        orders = {
            "day_first": "Day first",
            "month_first": "Month first",
            None: "Year first, or the month by name",
        }
        return {
            "rows": f"{len(self.rows):,}",
            "unread": f"{self.unread_count:,}",
            "elsewhere": f"{self.elsewhere:,}",
            "order": orders[self.order],
            "mark": "A point" if self.mark == "." else "A comma",
        }


def read_export(content: bytes, choices: Choices) -> Export:
    """Return the rows of ``content``. Raises NotUnderstood where a person must say more, or the file is no such CSV."""
    if len(content) > LARGEST:
        raise NotUnderstood(
            f"The file is larger than {LARGEST // 2**20} MB. Export a shorter period.", "file"
        )
    encoding = _encoding(content)
    delimiter, top, headings = _headings(content, encoding)
    places = columns.recognise(headings)
    table = _Table(content, encoding, delimiter, top, places)
    order, mark = _order(table, choices), _mark(table, choices)
    export = Export(
        encoding=_ENCODINGS[encoding],
        delimiter=_DELIMITERS[delimiter],
        headings=tuple((columns.LABELS[name], headings[place].strip()) for name, place in places.items()),
        ignored=tuple(
            one.strip() for at, one in enumerate(headings) if at not in places.values() and one.strip()
        ),
        order=order,
        mark=mark,
    )
    for line, cells in table.rows():
        _take(export, line, cells, choices)
        if export.total + export.elsewhere > MOST_ROWS:
            raise NotUnderstood(
                f"The file has more than {MOST_ROWS:,} rows. Export a shorter period.", "file"
            )
    return export


_ENCODINGS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates: tuple[str, ...] = ("utf-16",)
    else:
        candidates = ("utf-8-sig", "cp1252")
    for name in candidates:
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    raise NotUnderstood("The file is not text in UTF-8, UTF-16 or Windows-1252. Export it as CSV.", "file")


def _headings(content: bytes, encoding: str) -> tuple[str, int, list[str]]:
    """Return the delimiter, the line of the headings, and the headings."""
    best: tuple[int, str, int, list[str]] | None = None
    seen: list[str] = []
    for delimiter in _DELIMITERS:
        reader = csv.reader(_text(content, encoding), delimiter=delimiter)
        try:
            for _number, cells in zip(range(LOOKED_AT_FOR_HEADINGS), reader, strict=False):
                found = columns.recognise(cells)
                seen = max(seen, [one.strip() for one in cells if one.strip()], key=len)
                if columns.complete(found) and (best is None or len(found) > best[0]):
                    best = (len(found), delimiter, reader.line_num, cells)
        except csv.Error:
            continue
    if best is None:
        named = f" The longest row at the top reads: {', '.join(seen)[:200]}." if seen else ""
        raise NotUnderstood(
            "No row of headings was found with a day and an amount (or a credit and a debit column)." + named,
            "file",
        )
    return best[1:]


def _text(content: bytes, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")


class _Table:
    """The rows below the headings, read anew each time, so that none is kept that need not be."""

    def __init__(
        self, content: bytes, encoding: str, delimiter: str, top: int, places: dict[str, int]
    ) -> None:
        self._source = (content, encoding)
        self._delimiter, self._top, self._places = delimiter, top, places

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Yield each row's first line and its cells by meaning; None: the row is not CSV. Empty rows are left out."""
        reader = csv.reader(_text(*self._source), delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                if line > self._top:
                    yield line, None
                continue
            if line > self._top and any(cell.strip() for cell in cells):
                yield (
                    line,
                    {name: cells[at].strip() if at < len(cells) else "" for name, at in self._places.items()},
                )

    def column(self, *names: str) -> Iterator[str]:
        for _line, cells in self.rows():
            for name in names:
                if cells and cells.get(name):
                    yield cells[name]


def _order(table: _Table, choices: Choices) -> Order | None:
    if choices.order:
        return choices.order
    order, example = day_order(table.column("day"))
    if example:
        raise NotUnderstood(
            f"“{example[:20]}” can be read day first or month first, and no other day settles it. Say which.",
            "order",
        )
    return order


def _mark(table: _Table, choices: Choices) -> Mark:
    mark = choices.mark or decimal_mark(table.column("amount", "credit", "debit"), choices.currency)
    if mark is None:
        raise NotUnderstood(
            "The amounts do not show whether a point or a comma is their decimal mark. Say which.", "mark"
        )
    return mark


def _take(export: Export, line: int, cells: dict[str, str] | None, choices: Choices) -> None:
    try:
        if cells is None:
            raise Unreadable("the row is not CSV: a quotation mark is not closed, or stands inside a cell")
        if not _same_account(cells.get("account", ""), choices.account):
            export.elsewhere += 1
            return
        export.rows.append(_row(line, cells, export, choices))
    except Unreadable as problem:
        export.unread_count += 1
        if len(export.unread) < UNREAD_SHOWN:
            export.unread.append(Unread(line, str(problem)))


def _row(line: int, cells: dict[str, str], export: Export, choices: Choices) -> Row:
    if cells.get("state", "").casefold() in _PENDING:
        raise Unreadable(f"it is marked “{cells['state'][:20]}”: not a booked payment")
    currency = cells.get("currency", "").upper()
    if currency and currency != choices.currency:
        raise Unreadable(f"its currency is {currency[:8]}, the account's is {choices.currency}")
    day = read_day(cells["day"], order=export.order)
    amount = _signed(cells, export.mark, choices.currency)
    texts = (cells.get(name, "") for name in ("ident", "reference", "description"))
    return Row(line, day, amount, *texts)


def _signed(cells: dict[str, str], mark: Mark, currency: str) -> Decimal:
    if cells.get("amount"):
        amount = read_amount(cells["amount"], mark=mark, currency=currency)
        return _directed(amount, cells.get("direction", ""))
    given = {name: cells[name] for name in ("credit", "debit") if cells.get(name, "").strip("-– ")}
    read = {name: read_amount(text, mark=mark, currency=currency) for name, text in given.items()}
    moved = {name: amount for name, amount in read.items() if amount} or read
    if not moved:
        raise Unreadable("there is no amount")
    if len(moved) > 1:
        raise Unreadable("it has both a credit and a debit")
    # Debits are written with and without a minus sign; a credit below zero takes money away.
    return moved["credit"] if "credit" in moved else -moved["debit"].copy_abs() + 0


def _directed(amount: Decimal, direction: str) -> Decimal:
    word = direction.casefold()
    if not word:
        return amount
    if word in _CREDIT:
        if amount < 0:
            raise Unreadable("it is a credit below zero")
        return amount
    if word in _DEBIT:
        return -amount.copy_abs() + 0
    raise Unreadable(f"“{direction[:20]}” is neither credit nor debit")


def _same_account(named: str, account: str) -> bool:
    """Say whether a row's account is this one; a row that names none is, and a masked one is known by its end."""
    shown = "".join(one for one in named if one.isalnum())
    ours, end = normal_account(account), shown.lstrip("xX")
    masked = shown != end or any(one in named for one in "…*•.")
    return not shown or normal_account(shown) == ours or (masked and len(end) >= 4 and ours.endswith(end))


def first_rows(export: Export, count: int = 5) -> Sequence[Row]:
    """Return the rows to show before comparing."""
    return export.rows[:count]
