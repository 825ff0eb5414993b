"""How far an account's days are complete: read from the coverage rows, and from nothing else.

An account is complete to a day when every day from its first with balances or lines to that one is proven.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bankfeeds.expectation import day_words, moment_words
from bankfeeds.models import Account, Day, Pull
from bankfeeds.money import MoneyError, exact

ONE = timedelta(days=1)
TOLD = Q(stated=True) | Q(lines__gt=0) | Q(rejected__gt=0)
QUIET = Q(state="final", stated=False, lines=0, rejected=0)
UNREAD = ("missing", "provisional")
UNPROVEN = ("missing", "provisional", "final", "broken")
"""As literals, and the same as in the partial index over the unproven days: else it is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """The day behind which nothing is complete, and what it lacks. ``day_id``: its row, where it has one."""

    day: date
    why: str
    day_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How up to date an account is.

    ``through``: the last day read; ``gaps``: unread days before it; ``proven_through``: complete to this day;
    ``doubt``: why not further, where something is known after it; ``provisional_at``: when the current day, which
    stands behind every read one, was last read.
    """

    account_id: int
    through: date | None
    proven_through: date | None
    last_booked_at: datetime | None
    gaps: int
    doubt: Doubt | None = None
    provisional_day: date | None = None
    provisional_at: datetime | None = None


def freshness_of(accounts: Collection[int]) -> dict[int, Freshness]:
    """Return the freshness of the accounts with these keys, in three queries at most."""
    rows = {row["pk"]: row for row in _edges(accounts)}
    holes = _first_holes({pk: row["told"] for pk, row in rows.items() if row["told"] and _missing_rows(row)})
    keys = [row["culprit"] for row in rows.values() if row["culprit"]]
    culprits = {day["pk"]: day for day in Day.objects.filter(pk__in=keys).values(*FACTS)} if keys else {}
    return {pk: _fresh(row, holes.get(pk), culprits) for pk, row in rows.items()}


def sentence(fresh: Freshness, zone: str) -> str:
    """Return “Complete to 12 Jun 2026, provisional to 13 Jun 2026, 09:40 EDT (13:40 UTC)”, as far as it is so."""
    if fresh.proven_through is not None:
        said = f"Complete to {day_words(fresh.proven_through)}"
    elif fresh.through is not None:
        said = f"No day is proven; read to {day_words(fresh.through)}"
    else:
        said = "Nothing has been read"
    ahead = fresh.provisional_day is not None and (not fresh.through or fresh.provisional_day > fresh.through)
    if fresh.provisional_at is not None and ahead:
        said += f", provisional to {moment_words(fresh.provisional_at, zone)}"
    return said + "."


def doubt_sentence(fresh: Freshness) -> str:
    """Return “Not proven since 13 Jun 2026: it does not foot by 12.34 USD.”, or nothing where all is."""
    return f"Not proven since {day_words(fresh.doubt.day)}: {fresh.doubt.why}." if fresh.doubt else ""


def why(day: Mapping[str, Any] | None) -> str:
    """Return what a day lacks (the columns of ``FACTS``); None: it has no row."""
    if day is None:
        return "it has not been read"
    if day["rejected"]:
        records = "1 record" if day["rejected"] == 1 else f"{day['rejected']} records"
        return f"it cannot be proven because of {records} that could not be taken"
    if day["foreign"]:
        return "lines or balances are in another currency than the account"
    if day["state"] == "broken" and day["difference"]:
        return f"it does not foot by {_amount(day['difference'], day['account__currency'])}"
    return {
        "missing": "it is to be read again",
        "provisional": "the bank has not closed it yet",
        "broken": "its balances do not join those of the days around it",
    }.get(
        day["state"],
        "the bank has not stated its balances" if not day["stated"] else "a day beside it is open",
    )


FACTS = (
    "pk", "account", "as_of_date", "state", "difference", "rejected", "stated", "foreign", "account__currency",
)  # fmt: skip


def _edges(accounts: Collection[int]) -> QuerySet[Account, dict[str, Any]]:
    """Return the days that matter per account, and how many rows there are between the first and the last.

    Each is one descent into an index, however many years of days there are; only ``rows`` walks along it.
    """
    read = _days(~Q(state__in=UNREAD))
    open_days = _days(Q(state__in=UNPROVEN, as_of_date__gte=OuterRef("told")))
    between = Q(as_of_date__gte=OuterRef("first"), as_of_date__lte=OuterRef("last"))
    current = _days(Q(state="provisional")).order_by("-as_of_date")
    pulls = Pull.objects.filter(account=OuterRef("pk"), state="booked").order_by("-requested_at")
    facts = {
        "first": Subquery(read.values("as_of_date")[:1]),
        "last": Subquery(read.order_by("-as_of_date").values("as_of_date")[:1]),
        "told": Subquery(read.filter(TOLD).values("as_of_date")[:1]),
        "stuck": Subquery(open_days.values("as_of_date")[:1]),
        "culprit": Subquery(open_days.exclude(QUIET).values("pk")[:1]),
        "rows": _count(between),
        "unread": _count(between & Q(state__in=UNREAD)),
        "provisional_day": Subquery(current.values("as_of_date")[:1]),
        "provisional_at": Subquery(
            current.annotate(at=Coalesce("pull__finished_at", "pull__started_at")).values("at")[:1]
        ),
        "booked_at": Subquery(pulls.values("finished_at")[:1]),
    }
    found: QuerySet[Account, dict[str, Any]] = (
        Account.objects.filter(pk__in=accounts).annotate(**facts).order_by().values("pk", *facts)
    )
    return found


def _days(which: Q) -> QuerySet[Day]:
    return Day.objects.filter(which, account=OuterRef("pk")).order_by("as_of_date")


def _count(which: Q) -> Coalesce:
    counted = Day.objects.filter(which, account=OuterRef("pk")).order_by().values("account")
    found = Subquery(counted.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return Coalesce(found, 0)


def _missing_rows(row: Mapping[str, Any]) -> int:
    return (row["last"] - row["first"]).days + 1 - row["rows"] if row["first"] else 0


def _first_holes(since: Mapping[int, date]) -> dict[int, date]:
    """Return the first day without a row on or after the given one, of the accounts that lack rows somewhere."""
    if not since:
        return {}
    rows = Day.objects.filter(account__in=since, as_of_date__gte=min(since.values()))
    known: dict[int, set[date]] = {pk: set() for pk in since}
    for account, day in rows.values_list("account", "as_of_date"):
        known[account].add(day)
    found = {}
    for account, day in since.items():
        last = max(known[account], default=day)
        while day in known[account]:
            day += ONE
        if day < last:
            found[account] = day
    return found


def _fresh(row: Mapping[str, Any], hole: date | None, culprits: Mapping[int, Mapping[str, Any]]) -> Freshness:
    last, told = row["last"], row["told"]
    stuck = min((day for day in (row["stuck"], hole) if day), default=None)
    complete = None if told is None or stuck == told else stuck - ONE if stuck else last
    return Freshness(
        account_id=row["pk"],
        through=last,
        proven_through=complete,
        last_booked_at=row["booked_at"],
        gaps=_missing_rows(row) + row["unread"],
        doubt=_doubt(stuck, hole, culprits.get(row["culprit"])),
        provisional_day=row["provisional_day"],
        provisional_at=row["provisional_at"],
    )


def _doubt(stuck: date | None, hole: date | None, culprit: Mapping[str, Any] | None) -> Doubt | None:
    if stuck is None:
        return None
    if hole and (culprit is None or hole < culprit["as_of_date"]):
        return Doubt(day=hole, why=why(None))
    if culprit is None:
        return Doubt(day=stuck, why="the bank has stated no balances since")
    return Doubt(day=culprit["as_of_date"], why=why(culprit), day_id=culprit["pk"])


def _amount(amount: Decimal, currency: str) -> str:
    try:
        shown = abs(exact(amount, currency))
    except MoneyError:  # unknown currency: a sentence about one odd row must not stop the judging of all
        shown = abs(amount.normalize() + 0)
    return f"{shown:,f} {currency}".strip()
