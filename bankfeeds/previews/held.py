"""What a held pull is held for, and what each answer would write: computed from its raw pages, written nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from bankfeeds.models import Line, Pull
from bankfeeds.pipeline import arbitrate, coverage, diff, flow, ledger, stored
from bankfeeds.pipeline.arbitrate import PersonsAnswer, Stated
from bankfeeds.pipeline.diff import Known
from bankfeeds.pipeline.reading import Reading
from bankfeeds.records import PostedLine

MOST_PAIRS = 50
FATES = ("same", "new", "amended", "renumbered", "withdrawn", "held")
ANSWERS: tuple[tuple[PersonsAnswer, str], ...] = (
    ("same_lines", "Same lines, new ids"),
    ("really_new", "Really new"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A line under a new id, and the line of ours that says the same. ``listed``: the bank still lists ours too."""

    line: PostedLine
    ours: Line
    listed: bool


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What one answer of a person would write, by fate, and on how many days the balances would not have it."""

    label: str
    counts: Counter[str] = field(default_factory=Counter)
    doubtful: set[date] = field(default_factory=set)

    @property
    def fates(self) -> list[tuple[str, int]]:
        return [(name, self.counts[name]) for name in FATES]


@dataclass(slots=True, kw_only=True)
class HeldPreview:
    """The suspect lines with their twins, at most fifty, counts per day, and the two outcomes."""

    suspects: int = 0
    pairs: list[Twin] = field(default_factory=list)
    days: dict[date, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    problem: str = ""


def held_preview(pull: Pull) -> HeldPreview:
    """Return what the held pull's answer holds that was not booked. ``problem`` says why where it cannot be shown."""
    found = HeldPreview(outcomes=[Outcome(label=label) for _, label in ANSWERS])
    try:
        for reading in _unbooked(pull):
            _add(found, pull, reading)
    except stored.PagesUnusable as problem:
        return HeldPreview(problem=str(problem))
    found.days = dict(sorted(found.days.items()))
    return found


def _unbooked(pull: Pull) -> Iterator[Reading]:
    turn = stored.Claim(
        pull=pull, number=len(pull.claims), today=pull.today, answer="", windows=None, newest=True
    )
    for place, reading in enumerate(stored.readings(turn)):
        if place >= pull.windows and not reading.window.current_day:
            yield flow.in_full(reading)


def _add(found: HeldPreview, pull: Pull, reading: Reading) -> None:
    lines, window = reading.lines.lines, reading.window
    known = ledger.known_lines(pull.account, window.start, window.end, lines)
    still_there = [one.transaction_id for one in reading.lines.rejections if one.transaction_id]
    compared = diff.compare(lines, known, still_there=still_there)
    balances = _stated(pull, reading)
    for outcome, (answer, _label) in zip(found.outcomes, ANSWERS, strict=True):
        verdicts = arbitrate.decide(compared, known, balances, answer=answer)
        for name in FATES:
            outcome.counts[name] += len(getattr(verdicts, name))
        outcome.doubtful |= {doubt.as_of_date for doubt in verdicts.doubts}
    found.suspects += len(compared.suspects)
    for line in compared.suspects:
        found.days[line.as_of_date] = found.days.get(line.as_of_date, 0) + 1
    wanted = MOST_PAIRS - len(found.pairs)
    found.pairs += _pairs(compared.suspects[:wanted], compared.reissued, known)


def _stated(pull: Pull, reading: Reading) -> dict[date, Stated]:
    """Return the balances as they would be known once this answer is booked."""
    stated = coverage.stated(pull.account, reading.window.start, reading.window.end)
    told = reading.balances.days if reading.balances else []
    return stated | {
        one.as_of_date: Stated(opening=one.opening_ledger, closing=one.closing_ledger)
        for one in told
        if one.as_of_date < pull.today and one.currency == (pull.account.currency or one.currency)
    }


def _pairs(
    suspects: Sequence[PostedLine], reissued: Sequence[diff.Pair], known: Sequence[Known]
) -> list[Twin]:
    gone = {line.transaction_id: ours.pk for line, ours in reissued}
    alike = {ours.digest: ours.pk for ours in known if ours.booked}
    pks = {line.transaction_id: gone.get(line.transaction_id) or alike[line.digest] for line in suspects}
    rows = Line.objects.in_bulk(list(pks.values()))
    return [
        Twin(
            line=line,
            ours=rows[pks[line.transaction_id]],
            listed=line.transaction_id not in gone,
        )
        for line in suspects
    ]
