"""Undoing a pull: what becomes of each line it wrote, found without writing, and then written.

Nothing is removed. A line that only the pull has seen is taken out of the totals and stays, marked; one that it changed
goes back to the version before, as a further revision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, cast
from uuid import UUID

from django.db.models import Q

from bankfeeds.models import Account, Line, LineId, LineRevision, Pull
from bankfeeds.models.ledger import Undo
from bankfeeds.pipeline import ledger
from bankfeeds.pipeline.confirming import CONFIRMED, Confirmations
from bankfeeds.pipeline.versions import Made, Version, standing

CHANGED_AGAIN = "a later pull changed it again"
NOT_NOTED = "its earlier id was not noted at the time"
_DATES = ("as_of_date", "value_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a line: it ``goes``, comes ``back`` as ``version`` says, or ``stays`` (``why``).

    ``insists``: a later pull read the line as it is now, so the next one will change it again.
    """

    line: Line
    word: Literal["goes", "back", "stays"]
    why: str = ""
    version: LineRevision | None = None
    author: UUID | None = None
    insists: bool = False

    @property
    def days(self) -> set[date]:
        """Return the days whose lines change with it."""
        if self.word == "stays":
            return set()
        then = self.version.content["as_of_date"] if self.version else None
        return {self.line.as_of_date} | ({date.fromisoformat(then)} if then else set())


@dataclass(slots=True, kw_only=True)
class Undone:
    """What was written: the days whose lines changed, and the lines that the bank's withdrawal is about again, or not.

    Each is (id, day): ``withdrawn`` are marked withdrawn by the bank again, ``settled`` are so no more.
    """

    days: set[date] = field(default_factory=set)
    goes: int = 0
    back: int = 0
    stays: int = 0
    withdrawn: list[tuple[str, date]] = field(default_factory=list)
    settled: list[tuple[str, date]] = field(default_factory=list)


class Recorded:
    """What an undo decided when it was made: only these lines had been seen by no other pull."""

    def __init__(self, pull: Pull) -> None:
        rows = LineRevision.objects.filter(replaced_by_pull=pull, undo=Undo.TAKEN_BACK)
        # By the id that was then in use, as the ledger is rebuilt with it.
        self._gone = set(rows.order_by().values_list("transaction_id", flat=True))

    def of(self, author: UUID, day: date, ident: str) -> str:
        """Answer as Confirmations does."""
        return "" if ident in self._gone else CONFIRMED


def undone_pulls(account: Account) -> set[UUID]:
    """Return the account's pulls that are undone."""
    return set(Pull.objects.filter(account=account, state="undone").order_by().values_list("pk", flat=True))


def fates(pull: Pull, confirmations: Confirmations | Recorded, *, lock: bool = False) -> Iterator[Fate]:
    """Yield what undoing ``pull`` would make of each line it saw first or changed, in the order of their rows."""
    undone = undone_pulls(pull.account) | {pull.pk}
    changed = LineRevision.objects.filter(replaced_by_pull=pull, undo=Undo.NONE).values("line")
    # Among them lines of pulls undone before, which stayed because this one had read them too.
    wrote = Q(first_pull=pull) | Q(last_changed_pull__in=undone) | Q(pk__in=changed)
    pks = list(
        Line.objects.filter(wrote, account=pull.account_id).order_by("pk").values_list("pk", flat=True)
    )
    for start in range(0, len(pks), ledger.CHUNK):
        chunk = pks[start : start + ledger.CHUNK]
        lines = Line.objects.filter(pk__in=chunk).order_by("pk")
        earlier: dict[int, list[LineRevision]] = defaultdict(list)
        for row in LineRevision.objects.filter(line__in=chunk).order_by("line", "revision"):
            earlier[row.line_id].append(row)
        for line in lines.select_for_update() if lock else lines:
            yield _fate(line, earlier[line.pk], pull.pk, undone, confirmations)


def take_back(pull: Pull, found: Iterable[Fate], now: datetime) -> Undone:
    """Write the fates, inside the caller's transaction and under its locks; return what that came to."""
    undone = Undone()
    going: list[Fate] = []
    for fate in found:
        undone.days |= fate.days
        if fate.word == "stays":
            undone.stays += 1
            continue
        undone.settled.append((fate.line.transaction_id, fate.line.as_of_date))
        if fate.word == "back":
            undone.back += 1
            _restore(fate, pull, now)
            if fate.line.state == "withdrawn":
                undone.withdrawn.append((fate.line.transaction_id, fate.line.as_of_date))
            continue
        undone.goes += 1
        going.append(fate)
        if len(going) == ledger.CHUNK:
            _take_out(going, pull, now)
            going = []
    _take_out(going, pull, now)
    return undone


def _fate(
    line: Line,
    earlier: Sequence[LineRevision],
    pull: UUID,
    undone: Collection[UUID],
    confirmations: Confirmations | Recorded,
) -> Fate:
    versions = _versions(line, earlier)

    def why(author: UUID) -> str:
        return confirmations.of(author, line.as_of_date, line.transaction_id)

    if versions[-1].made == "taken_back":
        return Fate(line=line, word="stays", why="it was taken out already")
    stands = standing(versions, undone, lambda author: bool(why(author)))
    if stands is None:
        return Fate(line=line, word="goes")
    if stands.number == line.revision or _is(line, earlier[stands.number - 1]):
        if stands.author in undone:
            reason = why(stands.author)
        else:
            mine = pull in {version.author for version in versions}
            reason = CHANGED_AGAIN if mine else NOT_NOTED
        return Fate(line=line, word="stays", why=reason)
    return Fate(
        line=line,
        word="back",
        version=earlier[stands.number - 1],
        author=stands.author,
        insists=bool(why(pull)),
    )


def _versions(line: Line, earlier: Sequence[LineRevision]) -> list[Version]:
    found = [Version(number=1, author=line.first_pull_id)]
    found += [
        Version(number=row.revision + 1, author=row.replaced_by_pull_id, made=cast(Made, row.undo))
        for row in earlier
    ]
    return found


def _is(line: Line, version: LineRevision) -> bool:
    now = (line.digest, line.state, line.transaction_id)
    return now == (version.digest, version.state, version.transaction_id)


def _take_out(going: Sequence[Fate], pull: Pull, now: datetime) -> None:
    revisions = []
    for fate in going:
        revisions.append(ledger.revision(fate.line, pull, now, undo=Undo.TAKEN_BACK))
        fate.line.state, fate.line.revision, fate.line.last_changed_pull = (
            "withdrawn",
            fate.line.revision + 1,
            pull,
        )
    LineRevision.objects.bulk_create(revisions)
    Line.objects.bulk_update(
        [fate.line for fate in going], ["state", "revision", "last_changed_pull"], batch_size=ledger.CHUNK
    )


def _restore(fate: Fate, pull: Pull, now: datetime) -> None:
    line, version = fate.line, fate.version
    assert version is not None  # noqa: S101 - whoever comes back has a version to come back to
    ledger.revision(line, pull, now, undo=Undo.RESTORED).save()
    ident = line.transaction_id
    for name, value in version.content.items():
        setattr(line, name, _fact(name, value))
    line.transaction_id, line.digest, line.state = ident, version.digest, version.state
    line.revision += 1
    line.last_changed_pull_id = fate.author  # type: ignore[assignment]  # a version always has one
    line.save()
    given = LineId.objects.filter(line=line, transaction_id=version.transaction_id)
    # An id that went to another line meanwhile is that line's.
    if version.transaction_id != ident and given.exists():
        ledger.use_id(line, version.transaction_id, line.last_changed_pull)


def _fact(name: str, value: object) -> object:
    if name == "amount":
        return Decimal(str(value))
    return date.fromisoformat(str(value)) if name in _DATES and value else value
