"""The verdict on every line of an answer.

What would remove or re-identify a booked line must be proven by the day's balances; otherwise nothing is taken away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

from bankfeeds.pipeline.diff import Comparison, Known, Pair
from bankfeeds.pipeline.reconcile import ZERO, foots
from bankfeeds.records import PostedLine

PersonsAnswer = Literal["", "same_lines", "really_new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """The balances the bank states for a day, in the currency of its lines."""

    opening: Decimal
    closing: Decimal


class Doubt(Enum):
    """Why a day was not changed as the bank's answer alone would have it."""

    INCOMPLETE = "incomplete"
    """The day foots with lines that the answer left out."""
    UNDECIDED = "undecided"
    """The day foots neither with nor without the change, or no balances are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulDay:
    """A day whose answer was not taken as it came, with the ids of the lines left out and held."""

    as_of_date: date
    doubt: Doubt
    missing: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """What to write. Every line of the answer is in exactly one of same, amended, renumbered, new, returned and held.

    ``returned``: ours, taken out when the pull that first saw it was undone; it counts as new, and its row is used.
    ``same`` needs no writing, except where the id in use has changed back to an earlier one.
    """

    same: list[Pair] = field(default_factory=list)
    amended: list[Pair] = field(default_factory=list)
    renumbered: list[Pair] = field(default_factory=list)
    new: list[PostedLine] = field(default_factory=list)
    returned: list[Pair] = field(default_factory=list)
    withdrawn: list[Known] = field(default_factory=list)
    held: list[PostedLine] = field(default_factory=list)
    doubts: list[DoubtfulDay] = field(default_factory=list)


class _Ruling(Enum):
    APPLY = "apply"  # the answer as it came
    KEEP_MISSING = "keep missing"  # re-identify and book, remove nothing
    AS_NEW = "as new"  # what looked re-identified is a second payment; remove nothing
    NOTHING = "nothing"  # our set is proven, the answer is not
    UNDECIDED = "undecided"  # book what is surely new, hold what may be either, remove nothing


def decide(
    found: Comparison,
    known: Sequence[Known],
    balances: Mapping[date, Stated],
    *,
    answer: PersonsAnswer = "",
) -> Verdicts:
    """Let the balances rule on each day that would lose or re-identify a line; return what to write."""
    if answer == "really_new":
        found = _as_really_new(found)
    rulings = _rulings(found, known, balances, answer)
    verdicts = Verdicts()
    for name in ("same", "amended"):
        for line, ours in getattr(found, name):
            stopped = name == "amended" and _ruling(rulings, line, ours) is _Ruling.NOTHING
            verdicts.held.append(line) if stopped else getattr(verdicts, name).append((line, ours))
    for line in found.new:
        stopped = rulings.get(line.as_of_date) is _Ruling.NOTHING
        (verdicts.held if stopped else verdicts.new).append(line)
    for line, ours in found.reissued:
        ruling = rulings[line.as_of_date]
        if ruling in (_Ruling.APPLY, _Ruling.KEEP_MISSING):
            verdicts.renumbered.append((line, ours))
        else:
            (verdicts.new if ruling is _Ruling.AS_NEW else verdicts.held).append(line)
    verdicts.withdrawn = [ours for ours in found.missing if rulings[ours.as_of_date] is _Ruling.APPLY]
    verdicts.doubts = _doubts(found, rulings, verdicts)
    return verdicts


def _as_really_new(found: Comparison) -> Comparison:
    return Comparison(
        same=found.same,
        amended=found.amended,
        new=[*found.new, *(line for line, _ in found.reissued)],
        missing=[*found.missing, *(ours for _, ours in found.reissued)],
        suspects=found.suspects,
    )


def _rulings(
    found: Comparison, known: Sequence[Known], balances: Mapping[date, Stated], answer: PersonsAnswer
) -> dict[date, _Ruling]:
    if not (found.missing or found.reissued):
        return {}
    missing: dict[date, list[Known]] = defaultdict(list)
    reissued: dict[date, list[Known]] = defaultdict(list)
    for ours in found.missing:
        missing[ours.as_of_date].append(ours)
    for line, ours in found.reissued:
        reissued[line.as_of_date].append(ours)
    present: dict[date, Decimal] = defaultdict(Decimal)
    for ours in known:
        if ours.booked:
            present[ours.as_of_date] += ours.signed
    proposed = _proposed(found, known)
    rulings: dict[date, _Ruling] = {}
    for day in {*missing, *reissued}:
        totals = _Totals(
            proposed=proposed.get(day, ZERO),
            present=present[day],
            missing=sum((ours.signed for ours in missing[day]), ZERO),
            reissued=sum((ours.signed for ours in reissued[day]), ZERO),
            one_sided=answer != "really_new"
            and len({ours.signed > 0 for ours in missing[day]}) == 1
            and all(ours.signed for ours in missing[day]),
        )
        ruling = _rule(totals, balances.get(day), bool(missing[day]))
        if answer == "same_lines" and reissued[day] and ruling is not _Ruling.APPLY:
            ruling = _Ruling.KEEP_MISSING
        rulings[day] = ruling
    return rulings


def _proposed(found: Comparison, known: Sequence[Known]) -> dict[date, Decimal]:
    """Return each day's movements if the answer is taken as it came (lines that could not be read stay)."""
    totals: dict[date, Decimal] = defaultdict(Decimal)
    listed = [line for line, _ in (*found.same, *found.amended, *found.reissued)]
    for line in (*listed, *found.new):
        totals[line.as_of_date] += line.signed_amount
    gone = {ours.pk for _, ours in (*found.same, *found.amended, *found.reissued)} | {
        ours.pk for ours in found.missing
    }
    for ours in known:
        if ours.booked and ours.pk not in gone:
            totals[ours.as_of_date] += ours.signed
    return totals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    proposed: Decimal
    present: Decimal
    missing: Decimal
    reissued: Decimal
    one_sided: bool  # the missing lines all move the balance the same way, so none of them cancels another


def _rule(totals: _Totals, stated: Stated | None, removes: bool) -> _Ruling:
    def proven(moved: Decimal) -> bool:
        return stated is not None and foots(stated.opening, stated.closing, moved)

    kept = totals.proposed + totals.missing
    # A removal must be needed: where the day foots without it (even if also with it), the answer was incomplete.
    # Unless lines of one direction are gone and what came instead makes up for them: had any been left out by
    # mistake, the lines the bank does list would not foot.
    candidates = [
        (_Ruling.NOTHING, totals.present),
        (_Ruling.KEEP_MISSING, kept),
        (_Ruling.APPLY, totals.proposed),
    ]
    if totals.one_sided:
        candidates.insert(0, (_Ruling.APPLY, totals.proposed))
    if not removes:
        candidates = [(_Ruling.APPLY, totals.proposed), (_Ruling.NOTHING, totals.present)]
    candidates.append((_Ruling.AS_NEW, kept + totals.reissued))
    return next((ruling for ruling, moved in candidates if proven(moved)), _Ruling.UNDECIDED)


def _ruling(rulings: Mapping[date, _Ruling], line: PostedLine, ours: Known) -> _Ruling | None:
    """Return the ruling a changed line falls under; a line moved from a proven day is stopped with that day."""
    if rulings.get(ours.as_of_date) is _Ruling.NOTHING:
        return _Ruling.NOTHING
    return rulings.get(line.as_of_date)


def _doubts(found: Comparison, rulings: Mapping[date, _Ruling], verdicts: Verdicts) -> list[DoubtfulDay]:
    missing: dict[date, list[str]] = defaultdict(list)
    for ours in found.missing:
        missing[ours.as_of_date].append(ours.transaction_id)
    for line, ours in found.reissued:
        if rulings[line.as_of_date] not in (_Ruling.APPLY, _Ruling.KEEP_MISSING):
            missing[line.as_of_date].append(ours.transaction_id)
    held: dict[date, list[str]] = defaultdict(list)
    for line in verdicts.held:
        held[line.as_of_date].append(line.transaction_id)
    doubts = []
    for day, ruling in sorted(rulings.items()):
        if ruling is _Ruling.APPLY or not (missing[day] or held[day]):
            continue
        doubt = Doubt.UNDECIDED if ruling is _Ruling.UNDECIDED else Doubt.INCOMPLETE
        doubts.append(
            DoubtfulDay(
                as_of_date=day,
                doubt=doubt,
                missing=tuple(sorted(missing[day])),
                held=tuple(sorted(held[day])),
            )
        )
    return doubts
