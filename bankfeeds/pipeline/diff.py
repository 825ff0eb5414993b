"""The set difference between the bank's full days and ours.

A posted answer is the complete set of its days, so a line is judged by what else the bank lists; what that means for
our ledger is ``arbitrate``'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from bankfeeds.records import PostedLine

MOST_SUSPECTS = 20
SUSPECT_PERCENT = 5
SMALL_PULL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A line of ours. ``transaction_id`` is the id in use, ``ids`` all it ever had; ``signed`` moves the balance."""

    pk: int
    transaction_id: str
    ids: tuple[str, ...]
    as_of_date: date
    digest: str
    signed: Decimal
    currency: str
    booked: bool = True


Pair = tuple[PostedLine, Known]


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What stands against what, before the balances have spoken."""

    same: list[Pair] = field(default_factory=list)
    amended: list[Pair] = field(default_factory=list)
    new: list[PostedLine] = field(default_factory=list)
    reissued: list[Pair] = field(
        default_factory=list
    )  # new id, content of a line whose ids the bank lists no more
    missing: list[Known] = field(default_factory=list)  # ours, in no way in the bank's set
    suspects: list[PostedLine] = field(default_factory=list)  # unknown ids with known content


def compare(
    answer: Sequence[PostedLine], known: Sequence[Known], *, still_there: Iterable[str] = ()
) -> Comparison:
    """Set the bank's lines against ours.

    ``known`` holds our lines of the days asked for, and those of other days whose id the bank listed here.
    ``still_there`` are ids of records that could not be taken: their lines are not missing.
    """
    found = Comparison()
    unknown = _match_ids(answer, known, found)
    matched = {ours.pk for _, ours in (*found.same, *found.amended)}
    kept = set(still_there)
    left = [
        ours for ours in known if ours.booked and ours.pk not in matched and not kept.intersection(ours.ids)
    ]
    by_digest: dict[str, list[Known]] = defaultdict(list)
    for ours in sorted(left, key=lambda one: one.pk):
        by_digest[ours.digest].append(ours)
    familiar = {ours.digest for ours in known if ours.booked}
    for line in sorted(unknown, key=lambda one: one.transaction_id):
        digest = line.digest
        if digest in familiar:
            found.suspects.append(line)
        if twins := by_digest.get(digest):
            found.reissued.append((line, twins.pop(0)))
        else:
            found.new.append(line)
    reissued = {ours.pk for _, ours in found.reissued}
    found.missing = [ours for ours in left if ours.pk not in reissued]
    return found


def flooded(suspects: int, read: int) -> bool:
    """Say whether a pull must wait for a person: more than 20 known contents under new ids, or 5 % of what was read.

    The percentage counts from 100 lines read: in a smaller pull it would stop for a handful of equal payments.
    """
    return suspects > MOST_SUSPECTS or (read >= SMALL_PULL and suspects * 100 > read * SUSPECT_PERCENT)


def _match_ids(answer: Sequence[PostedLine], known: Sequence[Known], found: Comparison) -> list[PostedLine]:
    """Sort the lines with a known id into same and amended; return the others.

    Two ids of one line of ours, both listed now: the bank means two lines. The id in use keeps ours.
    """
    owner = {ident: ours for ours in known for ident in ours.ids}
    claims: dict[int, list[PostedLine]] = defaultdict(list)
    unknown: list[PostedLine] = []
    for line in answer:
        ours = owner.get(line.transaction_id)
        if ours is None:
            unknown.append(line)
        else:
            claims[ours.pk].append(line)
    for lines in claims.values():
        ours = owner[lines[0].transaction_id]
        ranked = lines
        if len(lines) > 1:
            ranked = sorted(
                lines, key=lambda one: (one.transaction_id != ours.transaction_id, one.transaction_id)
            )
        unchanged = ours.booked and ranked[0].digest == ours.digest
        (found.same if unchanged else found.amended).append((ranked[0], ours))
        unknown += ranked[1:]
    return unknown
