"""Whether a later pull has read a line too, so that undoing the one that first saw it takes nothing away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from bankfeeds.models import Account, Finding, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline.doubts import MOST_LISTED

CONFIRMED = "a later pull read it too"
PERHAPS = "a later pull, from before windows were noted, may have read it too"


class Confirmations:
    """What the account's pulls that are not undone have covered, for questions about one pull after another."""

    def __init__(self, account: Account, undone: Collection[UUID]) -> None:
        self._account = account
        self._undone = set(undone)
        self._covered: dict[UUID, tuple[frozenset[date], bool]] = {}
        self._doubted: dict[date, set[str]] | None = None

    def of(self, author: UUID, day: date, ident: str) -> str:
        """Return why a line of ``day`` that ``author`` saw first stays, as words; empty: nobody else has seen it."""
        days, unknown = self._later(author)
        if day in days and not self._doubted_of(day, ident):
            return CONFIRMED
        return PERHAPS if unknown else ""

    def covers(self, author: UUID, day: date) -> bool:
        """Say whether a later pull has read the day, as far as anybody knows."""
        days, unknown = self._later(author)
        return unknown or day in days

    def _later(self, author: UUID) -> tuple[frozenset[date], bool]:
        if author not in self._covered:
            ended = Pull.objects.values_list("finished_at", flat=True).get(pk=author)
            self._covered[author] = self._covered_since(author, ended)
        return self._covered[author]

    def _covered_since(self, author: UUID, ended: datetime | None) -> tuple[frozenset[date], bool]:
        # Asked for since: of one that failed before and was tried again, nobody noted which windows came when.
        pulls = Pull.objects.filter(account=self._account, requested_at__gte=ended, finished_at__gt=ended)
        pulls = pulls.exclude(pk=author)
        # A stored answer that was read again is no second answer of the bank.
        pulls = pulls.exclude(kind=PullKind.REREAD).exclude(pk__in=self._undone)
        found: set[date] = set()
        unknown = False
        for state, covered in pulls.order_by().values_list("state", "covered"):
            unknown = unknown or (covered is None and state == "booked")
            found |= _days(covered or ())
        return frozenset(found), unknown

    def _doubted_of(self, day: date, ident: str) -> bool:
        left_out = self._doubts().get(day, set())
        # A finding lists no more than so many: then the day's others may have been left out as well.
        return ident in left_out or len(left_out) >= MOST_LISTED

    def _doubts(self) -> dict[date, set[str]]:
        """Return the ids that a finding says an answer left out, by day: they were covered, and not confirmed.

        Also a finding that a person accepted: its cause stays.
        """
        if self._doubted is None:
            self._doubted = defaultdict(set)
            kinds = (FindingKind.INCOMPLETE_ANSWER, FindingKind.UNPROVEN_CHANGE)
            rows = Finding.objects.filter(
                account=self._account, state__in=("open", "accepted"), kind__in=kinds
            )
            for day, data in rows.exclude(as_of_date=None).values_list("as_of_date", "data"):
                self._doubted[day].update(data.get("missing", ()))  # type: ignore[index]
        return self._doubted


def _days(covered: Sequence[Sequence[str]]) -> set[date]:
    found = set()
    for start, end in covered:
        day, last = date.fromisoformat(start), date.fromisoformat(end)
        while day <= last:
            found.add(day)
            day += timedelta(days=1)
    return found
