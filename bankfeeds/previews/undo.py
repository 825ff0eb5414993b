"""What undoing a pull would do, day by day."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from bankfeeds.models import Day, Pull
from bankfeeds.pipeline import reopening, undoing
from bankfeeds.pipeline.confirming import PERHAPS, Confirmations

MOST_DAYS = 100


@dataclass(slots=True, kw_only=True)
class DayToUndo:
    """One day: how many lines go, come back and stay (by reason), and its state before and after."""

    as_of_date: date
    goes: int = 0
    back: int = 0
    stays: Counter[str] = field(default_factory=Counter)
    before: str = "missing"
    after: str = "missing"

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Return why lines stay, and how many for each reason."""
        return sorted(self.stays.items())


@dataclass(slots=True, kw_only=True)
class UndoPreview:
    """What an undo would do. ``insists``: lines that come back though a later pull read them as they are now."""

    days: list[DayToUndo] = field(default_factory=list)
    goes: int = 0
    back: int = 0
    stays: int = 0
    perhaps: int = 0
    insists: int = 0

    @property
    def missing(self) -> int:
        return sum(day.after == "missing" for day in self.days)

    @property
    def nothing(self) -> bool:
        """Say whether no line and no day would change."""
        return not (self.goes or self.back or self.missing)

    @property
    def shown(self) -> list[DayToUndo]:
        """Return the newest days, as many as a page takes."""
        return self.days[:MOST_DAYS]

    @property
    def more(self) -> int:
        return max(len(self.days) - MOST_DAYS, 0)


def undo_preview(pull: Pull) -> UndoPreview:
    """Return what undoing ``pull`` now would do; nothing is written."""
    confirmations = Confirmations(pull.account, undoing.undone_pulls(pull.account) | {pull.pk})
    found = UndoPreview()
    days: dict[date, DayToUndo] = {}
    missing = reopening.days_last_read(pull, confirmations)
    for fate in undoing.fates(pull, confirmations):
        day = fate.line.as_of_date
        row = days.setdefault(day, DayToUndo(as_of_date=day))
        missing |= fate.days
        if fate.word == "stays":
            row.stays[fate.why] += 1
            found.stays += 1
            found.perhaps += fate.why == PERHAPS
            continue
        setattr(row, fate.word, getattr(row, fate.word) + 1)
        setattr(found, fate.word, getattr(found, fate.word) + 1)
        found.insists += fate.insists
    for day in missing:
        days.setdefault(day, DayToUndo(as_of_date=day))
    states = Day.objects.filter(account=pull.account_id, as_of_date__in=days)
    for day, state in states.values_list("as_of_date", "state"):
        days[day].before = state
        days[day].after = "missing" if day in missing else state
    found.days = [days[day] for day in sorted(days, reverse=True)]
    return found
