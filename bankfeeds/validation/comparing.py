"""A customer's own export against an account's booked lines. Memory holds the file and one day of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from bankfeeds.models import Account, Line, LineId
from bankfeeds.validation.export import Export, Row
from bankfeeds.validation.judgement import in_digits
from bankfeeds.validation.matching import Booked, match_day

LISTED = 100
"""How many lines of a kind are kept to be shown; all are counted."""
_CHUNK = 500
_COLUMNS = ("pk", "transaction_id", "as_of_date", "amount", "bank_reference", "description")


@dataclass(frozen=True, slots=True)
class Differing:
    """A row whose id is known, and the line of that id, which says something else. ``why`` is a sentence's end."""

    row: Row
    line: Booked
    why: str


@dataclass(slots=True)
class Outcome:
    """What a comparison came to. The lists hold the first LISTED; ``twice`` counts are parts of the ``only`` counts."""

    first_day: date | None = None
    last_day: date | None = None
    rows: int = 0
    unread: int = 0
    elsewhere: int = 0
    matched: int = 0
    only_theirs: int = 0
    only_ours: int = 0
    twice_theirs: int = 0
    twice_ours: int = 0
    differing: int = 0
    theirs: list[Row] = field(default_factory=list)
    ours: list[Booked] = field(default_factory=list)
    differ: list[Differing] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Say whether file and ledger hold the same lines, and every row of the file was understood."""
        left = self.only_theirs + self.only_ours + self.differing + self.unread
        return self.rows > 0 and not left

    @property
    def shown(self) -> dict[str, str]:
        """Return the counts as people read them."""
        names = ("rows", "matched", "only_theirs", "only_ours", "differing", "unread", "elsewhere")
        return {name: f"{getattr(self, name):,}" for name in names}

    @property
    def more_theirs(self) -> int:
        return self.only_theirs - len(self.theirs)

    @property
    def more_ours(self) -> int:
        return self.only_ours - len(self.ours)

    @property
    def more_differing(self) -> int:
        return self.differing - len(self.differ)

    def data(self) -> dict[str, Any]:
        """Return what is kept beside the counts: line numbers of the file and ids, no text of either side."""
        return {
            "differing": self.differing,
            "twice_in_the_file": self.twice_theirs,
            "twice_in_the_ledger": self.twice_ours,
            "rows_of_other_accounts": self.elsewhere,
            "file_lines_only_theirs": [row.line for row in self.theirs],
            "ids_only_ours": [line.ident for line in self.ours],
            "differing_lines": [[one.row.line, one.line.ident] for one in self.differ],
        }


def compare(account: Account, export: Export) -> Outcome:
    """Compare the rows with the lines booked on the file's days, from its first to its last."""
    days = [row.day for row in export.rows]
    outcome = Outcome(
        min(days, default=None), max(days, default=None), export.total, export.unread_count, export.elsewhere
    )
    taken, matched, rest = _by_id(account, export, outcome)
    for day, lines in _ledger(account, outcome):
        ours = [line for line in lines if line.pk not in taken]
        _settle(outcome, rest.pop(day, []), ours, matched.get(day, []))
    for day, rows in sorted(rest.items()):
        _settle(outcome, rows, [], matched.get(day, []))
    return outcome


def _by_id(
    account: Account, export: Export, outcome: Outcome
) -> tuple[set[int], dict[date, list[Row]], dict[date, list[Row]]]:
    """Return the lines found by their ids, the rows these answer, and the rows that are left; both by day."""
    taken: set[int] = set()
    matched: dict[date, list[Row]] = defaultdict(list)
    rest: dict[date, list[Row]] = defaultdict(list)
    for start in range(0, len(export.rows), _CHUNK):
        chunk = export.rows[start : start + _CHUNK]
        known = _lines_of(account, {row.ident for row in chunk if row.ident})
        for row in chunk:
            line, booked = known.get(row.ident, (None, False))
            if line is None:
                rest[row.day].append(row)
            elif line.pk in taken:
                _only_theirs(outcome, [row])
                outcome.twice_theirs += 1
            elif why := _differs(row, line, booked):
                taken.add(line.pk)
                outcome.differing += 1
                if len(outcome.differ) < LISTED:
                    outcome.differ.append(Differing(row, line, why))
            else:
                taken.add(line.pk)
                outcome.matched += 1
                matched[row.day].append(row)
    return taken, matched, rest


def _lines_of(account: Account, idents: set[str]) -> dict[str, tuple[Booked, bool]]:
    """Return the lines that have, or once had, these ids, and whether they are booked."""
    found = LineId.objects.filter(account=account, transaction_id__in=idents).select_related("line")
    return {one.transaction_id: (_booked(one.line), one.line.state == "booked") for one in found}


def _differs(row: Row, line: Booked, booked: bool) -> str:
    if not booked:
        return "the bank has withdrawn this line"
    if row.amount != line.amount:
        return "another amount"
    return "" if row.day == line.day else "another day"


def _settle(outcome: Outcome, rows: list[Row], lines: list[Booked], earlier: list[Row]) -> None:
    found = match_day(rows, lines, earlier)
    outcome.matched += found.pairs
    outcome.twice_theirs += found.again_theirs
    outcome.twice_ours += found.again_ours
    _only_theirs(outcome, found.theirs)
    outcome.only_ours += len(found.ours)
    outcome.ours += found.ours[: LISTED - len(outcome.ours)]


def _only_theirs(outcome: Outcome, rows: list[Row]) -> None:
    outcome.only_theirs += len(rows)
    outcome.theirs += rows[: LISTED - len(outcome.theirs)]


def _ledger(account: Account, outcome: Outcome) -> Iterator[tuple[date, list[Booked]]]:
    if outcome.first_day is None:
        return
    lines = Line.objects.filter(
        account=account, state="booked", as_of_date__range=(outcome.first_day, outcome.last_day)
    )
    rows = (
        lines.order_by("as_of_date", "pk").only(*_COLUMNS, "direction", "currency").iterator(chunk_size=2000)
    )
    for day, found in groupby(rows, key=lambda line: line.as_of_date):
        yield day, [_booked(line) for line in found]


def _booked(line: Line) -> Booked:
    amount = in_digits(line.amount, line.currency)
    signed = amount if line.direction == "CREDIT" else -amount
    return Booked(
        line.pk, line.transaction_id, line.as_of_date, signed, line.bank_reference, line.description
    )
