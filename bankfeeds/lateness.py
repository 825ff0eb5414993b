"""Feeds that are late: the day that should be proven by now is not, and why.

Late is judged for all feeds in a few queries. A paused feed is not late; nor is one whose first reading was booked
after the day was due; nor is a business day of which the bank tells nothing to an account that often has such days.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Subquery

from bankfeeds import queries
from bankfeeds.expectation import business_days_before, day_words, due, moment_words, overdue_day
from bankfeeds.freshness import FACTS, TOLD, why
from bankfeeds.jpmorgan.transport import host_name
from bankfeeds.models import Account, Connection, Day, Finding, Outage, Pull
from bankfeeds.models.connection import PULLABLE

BUSY_DAYS = 5
"""Told of so many business days in a row before it, a day without lines and balances counts as not yet given."""
NO_WORKER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """An account whose ``day`` was to be proven at ``due_at``.

    ``outage``: its host cannot be reached at all; ``being_read``: a young pull is open, as after a pause or a stop, and
    gets the same grace to catch up.
    """

    account_id: int
    connection_id: int
    day: date
    due_at: datetime
    reason: str
    outage: bool
    being_read: bool

    def sentence(self, masked: str, zone: str) -> str:
        """Return the whole, for a person: which day, since when, and why."""
        when = moment_words(self.due_at, zone)
        return f"{masked}: {day_words(self.day)} was to be proven by {when} and is not: {self.reason}."


def late_feeds(*, now: datetime, connections: Collection[int] | None = None) -> dict[int, Late]:
    """Return the late accounts by key, of these connections or of all, with the reasons. Ten queries at most."""
    found = late_days(now=now, connections=connections)
    reasons, reading = _Reasons(found, now), _being_read(found, now)
    return {
        pk: Late(
            account_id=pk, connection_id=connection, day=day, due_at=at, reason=reasons.of(pk),
            outage=pk in reasons.unreachable, being_read=pk in reading,
        )
        for pk, (connection, day, at) in found.items()
    }  # fmt: skip


def late_days(
    *, now: datetime, connections: Collection[int] | None = None
) -> dict[int, tuple[int, date, datetime]]:
    """Return the late accounts by key: their connection, the day that is not proven, and when it was due."""
    expected = _expected(now, connections)
    found = {}
    for day in sorted({day for day, _ in expected.values()}):
        for pk, connection, began in _unproven(day, connections):
            wanted, at = expected.get(connection, (None, now))
            if wanted == day and began is not None and began <= at:
                found[pk] = (connection, day, at)
    idle = _idle(found)
    return {pk: one for pk, one in found.items() if pk not in idle}


def oldest_proven(accounts: Collection[int]) -> datetime | None:
    """Return the earliest of the accounts' newest proven days (midnight UTC); None where one has none."""
    own = Day.objects.filter(account=OuterRef("pk"), state="proven").order_by("-as_of_date")
    rows = (
        Account.objects.filter(pk__in=accounts)
        .order_by()
        .annotate(newest=Subquery(own.values("as_of_date")[:1]))
    )
    days = list(rows.values_list("newest", flat=True))
    known = [day for day in days if day is not None]
    if not days or len(known) < len(days):
        return None
    return datetime.combine(min(known), time(), tzinfo=UTC)


def _expected(now: datetime, connections: Collection[int] | None) -> dict[int, tuple[date, datetime]]:
    """Return the day each connection must have proven by now, and when it was due; worked out once per timetable."""
    rows = Connection.objects.filter(state__in=PULLABLE)
    if connections is not None:
        rows = rows.filter(pk__in=connections)
    known: dict[tuple[str, tuple[str, ...]], tuple[date, datetime]] = {}
    found = {}
    for pk, zone, times in rows.order_by().values_list("pk", "time_zone", "pull_times"):
        key = (zone, tuple(times))
        if key not in known:
            day = overdue_day(now=now, times=times, zone=zone, grace=settings.LATE_AFTER)
            known[key] = (day, due(day, times=times, zone=zone))
        found[pk] = known[key]
    return found


def _unproven(day: date, connections: Collection[int] | None) -> Any:
    proven = Day.objects.filter(account=OuterRef("pk"), as_of_date=day, state="proven")
    booked = Pull.objects.filter(account=OuterRef("pk"), state__in=["booked", "undone"]).order_by(
        "requested_at"
    )
    rows = Account.objects.filter(~Exists(proven), connection__state__in=PULLABLE)
    if connections is not None:
        rows = rows.filter(connection__in=connections)
    began = Subquery(booked.values("finished_at")[:1])
    return rows.annotate(began=began).order_by().values_list("pk", "connection_id", "began")


def _idle(found: Mapping[int, tuple[int, date, datetime]]) -> set[int]:
    """Return the accounts of which the bank told nothing for the day, as it does now and then for them."""
    days = {day for _, day, _ in found.values()}
    quiet = Q(state="final", stated=False, lines=0, rejected=0, as_of_date__in=days)
    rows = Day.objects.filter(quiet, account__in=found).values_list("account", "as_of_date") if found else ()
    mine = {pk: day for pk, day in rows if found[pk][1] == day}
    idle = set(mine)
    for day in set(mine.values()):
        before = Day.objects.filter(TOLD, account__in=[pk for pk, own in mine.items() if own == day])
        before = before.filter(as_of_date__in=business_days_before(day, BUSY_DAYS))
        told = before.order_by().values("account").annotate(n=Count("pk")).values_list("account", "n")
        idle -= {pk for pk, n in told if n == BUSY_DAYS}
    return idle


def _being_read(found: Mapping[int, tuple[int, date, datetime]], now: datetime) -> set[int]:
    if not found:
        return set()
    young = queries.open_pulls().filter(
        requested_at__gt=now - settings.LATE_AFTER, state__in=["queued", "fetching"]
    )
    return set(young.filter(account__in=found).values_list("account", flat=True))


class _Reasons:
    """What is known about the late accounts, asked once for all of them."""

    def __init__(self, found: Mapping[int, tuple[int, date, datetime]], now: datetime) -> None:
        self.now, self.found = now, found
        self.unreachable: dict[int, str] = {}
        if not found:
            return
        beat = queries.last_heartbeat()
        self.stopped = beat if beat is not None and now - beat > NO_WORKER else None
        rows = (
            Account.objects.filter(pk__in=found).select_related("connection").defer("connection__trust_roots")
        )
        self.accounts = {row.pk: row for row in rows}
        self.pulls = {pull.account_id: pull for pull in queries.newest_pulls(found)}
        days = {day for _, day, _ in found.values()}
        facts = Day.objects.filter(account__in=found, as_of_date__in=days).values(*FACTS)
        self.days = {(row["account"], row["as_of_date"]): row for row in facts}
        refused = Finding.objects.filter(account__in=found, state="open", kind="balances_refused")
        self.balances = set(refused.values_list("account", flat=True))
        outages = {one.host.name: one for one in Outage.objects.filter(ended_at=None).select_related("host")}
        for pk, account in self.accounts.items() if outages else ():
            hosts = [
                host_name(url) for url in (account.connection.api_host, account.connection.token_url) if url
            ]
            stopped = next((outages[host] for host in hosts if host in outages), None)
            if stopped:
                since = moment_words(stopped.began_at, account.connection.time_zone)
                self.unreachable[pk] = f"{stopped.host.name} cannot be reached since {since}"

    def of(self, pk: int) -> str:
        zone = self.accounts[pk].connection.time_zone
        if self.stopped is not None:
            return f"no worker has run since {moment_words(self.stopped, zone)}"
        if pk in self.unreachable:
            return self.unreachable[pk]
        return self._pull(self.pulls.get(pk), zone) or self._day(pk)

    def _pull(self, pull: Pull | None, zone: str) -> str:
        if pull is None:
            return "it is not read at all"
        asked = moment_words(pull.requested_at, zone)
        if pull.state == "held":
            return f"a pull of {asked} is held for an answer"
        if pull.state == "failed":
            ended = moment_words(pull.finished_at or pull.requested_at, zone)
            return f"the pull of {ended} failed: {pull.reason.rstrip('.')}"
        if pull.state in ("queued", "fetching"):
            return f"the pull asked for {asked} is not done"
        if self.now - pull.requested_at > settings.LATE_AFTER + timedelta(days=1):
            return f"nothing was asked of the bank since {asked}"
        return ""

    def _day(self, pk: int) -> str:
        day = self.found[pk][1]
        told = self.days.get((pk, day))
        if pk in self.balances and not (told and told["rejected"]):
            return "the bank refuses its balances"
        return why(told)
