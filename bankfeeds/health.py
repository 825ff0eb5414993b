"""How feeds are: what the health page of one feed shows, and the list of all, trouble first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from bankfeeds import queries
from bankfeeds.expectation import awaited_day, due, zone_of
from bankfeeds.freshness import Freshness, freshness_of
from bankfeeds.lateness import Late, late_days, late_feeds
from bankfeeds.models import Account, Connection, Day, Finding, Pull

YEAR = timedelta(days=365)
PULLS, PULLS_SINCE = 40, timedelta(days=90)
FEW_PULLS, FEW_SINCE = 12, timedelta(days=14)
FINDINGS = 20

QUIET, CHANGED, FAILED, HELD, UNDONE, WAITS = "quiet", "changed", "failed", "held", "undone", "waits"
WRITES = ("new", "amended", "renumbered", "withdrawn", "rejected")
_ENDS = {"failed": FAILED, "held": HELD, "undone": UNDONE}
_DRAWN = ("pk", "account_id", "state", "requested_at", "finished_at", "retry_at", "reason", "read", *WRITES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """What the pictures need of a day; a day without a row is missing."""

    pk: int
    state: str
    lines: int
    closing: Decimal | None
    rejected: int
    difference: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """An account: how fresh it is, whether late, its last pulls (oldest first), a year of days, what is open.

    ``awaited``: the next day to be proven, and by when; None while nothing is asked of the bank.
    """

    account: Account
    fresh: Freshness
    late: Late | None
    awaited: tuple[date, datetime] | None
    pulls: Sequence[Pull]
    days: Mapping[date, DayFacts]
    findings: Sequence[Finding]
    more_findings: int


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where a connection stands in the list of all. ``rank`` sorts it: 0 is worst."""

    pk: int
    label: str
    state: str
    rank: int
    findings: int = 0
    failing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A line of the list: the connection, its least fresh account, who is late, its last pulls (oldest first)."""

    standing: Standing
    connection: Connection
    accounts: int
    fresh: Freshness | None
    late: Sequence[tuple[Account, Late]] = ()
    pulls: Sequence[Pull] = field(default_factory=list)


LATE, FAILS, FINDS, FINE, PAUSED, DRAFT, CLOSED = range(7)
_RANKS = {"paused": PAUSED, "draft": DRAFT, "closed": CLOSED}


def outcome(pull: Pull) -> str:
    """Return what a pull came to, in one of six words."""
    if pull.state == "failed" and pull.retry_at is not None:
        return WAITS
    if pull.state == "booked":
        return CHANGED if any(getattr(pull, name) for name in WRITES) else QUIET
    return _ENDS.get(pull.state, WAITS)


def account_healths(
    connection: Connection, accounts: Sequence[Account], *, now: datetime
) -> list[AccountHealth]:
    """Return the health of these accounts of the connection. The number of queries does not grow with them."""
    keys = [account.pk for account in accounts]
    fresh = freshness_of(keys)
    late = late_feeds(now=now, connections=[connection.pk])
    pulls = _pulls(keys, most=PULLS, since=now - PULLS_SINCE)
    today = now.astimezone(zone_of(connection.time_zone)).date()
    days = _days(keys, since=today - YEAR)
    findings: dict[int, list[Finding]] = defaultdict(list)
    for finding in Finding.objects.filter(account__in=keys, state="open").order_by("-opened_at", "-pk"):
        findings[finding.account_id or 0].append(finding)
    return [
        AccountHealth(
            account=account,
            fresh=fresh[account.pk],
            late=late.get(account.pk),
            awaited=_awaited(connection, fresh[account.pk], now),
            pulls=pulls.get(account.pk, []),
            days=days.get(account.pk, {}),
            findings=findings[account.pk][:FINDINGS],
            more_findings=max(0, len(findings[account.pk]) - FINDINGS),
        )
        for account in accounts
    ]


def standings(*, now: datetime) -> list[Standing]:
    """Return all connections, those in trouble first, in a handful of queries however many there are."""
    late = {connection for connection, _, _ in late_days(now=now).values()}
    failing = queries.failing_connections()
    opened = Finding.objects.filter(state="open").order_by().values("connection").annotate(n=Count("pk"))
    findings = dict(opened.values_list("connection", "n"))
    found = []
    for pk, label, state in Connection.objects.order_by().values_list("pk", "label", "state"):
        rank = _RANKS.get(state, FINE)
        if rank == FINE:
            rank = LATE if pk in late else FAILS if pk in failing else FINDS if pk in findings else FINE
        found.append(
            Standing(pk=pk, label=label, state=state, rank=rank, findings=findings.get(pk, 0),
                     failing=failing.get(pk, "") if pk in failing else "")
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.rank, one.label))


def feed_rows(shown: Sequence[Standing], *, now: datetime) -> list[FeedRow]:
    """Return the lines of a page of the list, in its order; the number of queries does not grow with it."""
    keys = [one.pk for one in shown]
    connections = Connection.objects.defer("trust_roots").in_bulk(keys)
    accounts: dict[int, list[Account]] = defaultdict(list)
    for account in Account.objects.filter(connection__in=keys).order_by("number"):
        accounts[account.connection_id].append(account)
    everyone = [account.pk for mine in accounts.values() for account in mine]
    fresh = freshness_of(everyone)
    late = late_feeds(now=now, connections=keys)
    pulls = _pulls(everyone, most=FEW_PULLS, since=now - FEW_SINCE)
    return [
        FeedRow(
            standing=one,
            connection=connections[one.pk],
            accounts=len(accounts[one.pk]),
            fresh=_least(fresh[account.pk] for account in accounts[one.pk]),
            late=[(account, late[account.pk]) for account in accounts[one.pk] if account.pk in late],
            pulls=_newest(pulls, accounts[one.pk]),
        )
        for one in shown
        if one.pk in connections
    ]


def complete_to(connection: Connection) -> date | None:
    """Return the day to which every account of the connection is complete; None: one of them is to none."""
    found = freshness_of(list(connection.accounts.values_list("pk", flat=True)))
    least = _least(found.values())
    return least.proven_through if least else None


def _least(found: Iterable[Freshness]) -> Freshness | None:
    return min(found, key=lambda one: one.proven_through or date.min, default=None)


def _newest(pulls: Mapping[int, Sequence[Pull]], accounts: Iterable[Account]) -> list[Pull]:
    mine = [pull for account in accounts for pull in pulls.get(account.pk, [])]
    return sorted(mine, key=lambda pull: pull.requested_at)[-FEW_PULLS:]


def _pulls(accounts: Collection[int], *, most: int, since: datetime) -> dict[int, list[Pull]]:
    """Return the newest pulls of each account since then, the oldest first."""
    place = Window(RowNumber(), partition_by="account", order_by=[F("requested_at").desc(), F("pk").desc()])
    rows = Pull.objects.filter(account__in=accounts, requested_at__gte=since).only(*_DRAWN)
    found: dict[int, list[Pull]] = defaultdict(list)
    for pull in rows.annotate(place=place).filter(place__lte=most).order_by("requested_at", "pk"):
        found[pull.account_id].append(pull)
    return found


def _days(accounts: Collection[int], *, since: date) -> dict[int, dict[date, DayFacts]]:
    columns = ("pk", "state", "lines", "closing", "rejected", "difference")
    rows = Day.objects.filter(account__in=accounts, as_of_date__gte=since).order_by("as_of_date")
    found: dict[int, dict[date, DayFacts]] = defaultdict(dict)
    for row in rows.values("account", "as_of_date", *columns):
        facts: dict[str, Any] = {name: row[name] for name in columns}
        found[row["account"]][row["as_of_date"]] = DayFacts(**facts)
    return found


def _awaited(connection: Connection, fresh: Freshness, now: datetime) -> tuple[date, datetime] | None:
    if not connection.pullable:
        return None
    terms = {"times": connection.pull_times, "zone": connection.time_zone}
    day = awaited_day(known=fresh.proven_through, now=now, **terms)
    return day, due(day, **terms)
