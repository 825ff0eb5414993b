"""One day of a customer's export against the same day of the ledger, as multisets: equal payments are told by count."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bankfeeds.validation.export import Row


@dataclass(frozen=True, slots=True)
class Booked:
    """One booked line, as far as a comparison asks. ``amount`` is signed."""

    pk: int
    ident: str
    day: date
    amount: Decimal
    reference: str
    description: str


@dataclass(slots=True)
class Matched:
    """What became of a day. ``again_theirs``, ``again_ours``: of what is left, what looks like something matched."""

    pairs: int
    theirs: list[Row]
    ours: list[Booked]
    again_theirs: int
    again_ours: int


Key = Callable[[Row | Booked], Hashable | None]


def match_day(theirs: Sequence[Row], ours: Sequence[Booked], earlier: Sequence[Row] = ()) -> Matched:
    """Pair rows with lines of the same signed amount: by reference, then by description, then whatever is left.

    ``earlier``: rows of the day that were matched by their id; a row that looks like one of them is the same twice.
    """
    seen = Counter(map(_look, earlier))
    seen_ours: Counter[Hashable] = Counter()
    pairs = 0
    rows, lines = list(theirs), list(ours)
    for key in (_by_reference, _by_description, _by_amount):
        found, rows, lines = _pair(rows, lines, key)
        pairs += len(found)
        seen.update(_look(row) for row, _ in found)
        seen_ours.update(_look(line) for _, line in found)
    again = sum(1 for row in rows if seen[_look(row)])
    return Matched(pairs, rows, lines, again, sum(1 for line in lines if seen_ours[_look(line)]))


def plain(text: str) -> str:
    """Return a description without what exports change about it: case, blanks and marks."""
    return "".join(one for one in text.casefold() if one.isalnum())


def _by_reference(one: Row | Booked) -> Hashable | None:
    reference = plain(one.reference or (one.ident if isinstance(one, Row) else ""))
    return (one.amount, reference) if reference else None


def _by_description(one: Row | Booked) -> Hashable | None:
    words = plain(one.description)
    return (one.amount, words) if words else None


def _by_amount(one: Row | Booked) -> Hashable:
    return one.amount


def _look(one: Row | Booked) -> Hashable:
    return (one.amount, plain(one.reference), plain(one.description))


def _pair(
    rows: Sequence[Row], lines: Sequence[Booked], key: Key
) -> tuple[list[tuple[Row, Booked]], list[Row], list[Booked]]:
    waiting: dict[Hashable, deque[Booked]] = defaultdict(deque)
    for line in lines:
        if (mark := key(line)) is not None:
            waiting[mark].append(line)
    pairs, left = [], []
    for row in rows:
        mark = key(row)
        if mark is not None and waiting.get(mark):
            pairs.append((row, waiting[mark].popleft()))
        else:
            left.append(row)
    taken = {line.pk for _, line in pairs}
    return pairs, left, [line for line in lines if line.pk not in taken]
