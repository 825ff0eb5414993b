"""Reads that answer a question about feeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Value, When

from bankfeeds.freshness import Freshness, freshness_of
from bankfeeds.hosts import addresses, waiting
from bankfeeds.models import (
    Account,
    BankHost,
    Connection,
    Day,
    Finding,
    Heartbeat,
    Line,
    LineId,
    Pull,
)
from bankfeeds.models.connection import PULLABLE
from bankfeeds.models.pull import PullKind
from certificates import queries as certificates

WORKER = "worker"
RING_AGAIN = timedelta(minutes=10)
RANK = Case(
    When(kind=PullKind.REQUESTED, then=Value(0)),
    When(kind=PullKind.BACKFILL, then=Value(2)),
    default=Value(1),
)
"""Whose turn it is: what a person asked for, then the schedule, then older days."""


def last_heartbeat() -> datetime | None:
    """Return when a worker last executed a heartbeat; None: never."""
    return Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()


def has_new_key(connection: Connection) -> bool:
    """Say whether a certified key of the connection waits for its proof or its activation."""
    return certificates.keys_of(scope=connection.scope).filter(state="certified").exists()


def due_pulls(*, now: datetime) -> QuerySet[Pull]:
    """Return the pulls somebody should work on now: asked for, scheduled, older days; the longest waiting first.

    None whose host is not called.
    """
    shut = waiting.shut_hosts()
    found = _due(now=now)
    return found.exclude(_calls(shut)) if shut else found


def _calls(shut: list[BankHost]) -> Q:
    connections = Connection.objects.filter(addresses.calling([host.name for host in shut]))
    return Q(account__connection__in=connections.values("pk"))


def _due(*, now: datetime) -> QuerySet[Pull]:
    waiting = Q(state="queued") | Q(state="failed", retry_at__isnull=False)
    abandoned = Q(state="fetching", lease_expires_at__lte=now)
    return (
        Pull.objects.filter(waiting | abandoned, account__connection__state__in=PULLABLE)
        .filter(Q(retry_at=None) | Q(retry_at__lte=now))
        .filter(Q(account__connection__not_before=None) | Q(account__connection__not_before__lte=now))
        .select_related("account__connection")
        .order_by(RANK, "requested_at", "pk")
    )


def pulls_to_ring(*, now: datetime) -> QuerySet[Pull]:
    """Return the due pulls no worker was called for lately; an older call counts as lost.

    Of those at a host that is to be tried again, one: the longest waiting.
    """
    quiet = _due(now=now).filter(Q(rung_at=None) | Q(rung_at__lte=now - RING_AGAIN))
    shut = waiting.shut_hosts()
    if not shut:
        return quiet
    tried = [host for host in shut if host.retry_at is not None and host.retry_at <= now]
    kept = [host for host in shut if host not in tried]
    candidates = quiet.exclude(_calls(kept)) if kept else quiet
    probes = {candidates.filter(_calls([host])).values_list("pk", flat=True).first() for host in tried}
    return quiet.filter(Q(pk__in=probes - {None}) | ~_calls(shut))


def oldest_due_pull(*, now: datetime) -> datetime | None:
    """Return since when the longest waiting pull has been due; None when none is. Older days may wait for long."""
    times = [
        max(when for when in (pull.requested_at, pull.retry_at, pull.lease_expires_at) if when is not None)
        for pull in due_pulls(now=now).exclude(kind=PullKind.BACKFILL)
    ]
    return min(times, default=None)


def open_pulls() -> QuerySet[Pull]:
    """Return the pulls that are queued, at work, held, or waiting for their next attempt."""
    return Pull.objects.filter(
        Q(state__in=["queued", "fetching", "held"]) | Q(state="failed", retry_at__isnull=False)
    )


def open_findings(*, connection: Connection | None = None) -> QuerySet[Finding]:
    """Return the findings a person must see, oldest first; of one connection, or of all."""
    found = (
        Finding.objects.filter(state="open")
        .select_related("connection", "account")
        .order_by("opened_at", "pk")
    )
    return found.filter(connection=connection) if connection else found


def lines_for_export(*, connection: Connection) -> Iterator[Line]:
    """Return every posted line of the connection, withdrawn ones marked, by account, day and id."""
    return (
        Line.objects.filter(account__connection=connection)
        .select_related("account")
        .order_by("account__number", "as_of_date", "transaction_id")
        .iterator(chunk_size=2000)
    )


def day_rows(*, connection: Connection) -> list[Day]:
    """Return the days to reconcile, by account and day: from the first to the last day with balances or lines.

    The bank said nothing about days at either edge without balances and lines: there is nothing to prove yet.
    """
    found: list[Day] = []
    for account in connection.accounts.order_by("number"):
        first, last = _edges(account)
        if first is not None:
            days = Day.objects.filter(account=account, as_of_date__range=(first, last))
            found += days.exclude(state__in=["provisional"]).select_related("account").order_by("as_of_date")
    return found


def newest_pulls(accounts: Collection[int] | QuerySet[Any, Any], *, ended: bool = False) -> QuerySet[Pull]:
    """Return the newest pull of each account; with ``ended``, the newest that nobody waits for or works on."""
    own = Pull.objects.filter(account=OuterRef("pk")).order_by("-requested_at", "-pk")
    if ended:
        own = own.exclude(state__in=["queued", "fetching"])
    newest = (
        Account.objects.filter(pk__in=accounts).order_by().annotate(newest=Subquery(own.values("pk")[:1]))
    )
    return Pull.objects.filter(pk__in=newest.values("newest")).order_by()


def failing_connections() -> dict[int, str]:
    """Return the connections whose newest pull of some account failed or is held: key of the connection, reason."""
    accounts = Account.objects.filter(connection__state__in=PULLABLE).order_by().values("pk")
    newest = newest_pulls(accounts, ended=True).filter(state__in=["failed", "held"])
    found: dict[int, str] = {}
    for pull in newest.select_related("account").order_by("account"):
        found.setdefault(pull.account.connection_id, pull.reason)
    return found


def freshness(account: Account) -> Freshness:
    """Return how far an account's days are known without a gap, and how far proven."""
    return freshness_of([account.pk])[account.pk]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvidence:
    """What a connection has to show. Days count from each account's first to its last day with balances or lines.

    ``duplicates``: see the query of that name; ``key_requested``: a signing request exists; ``key_usable``: a key
    with a certificate in date is active; ``reason``: why the newest pull failed, or empty.
    """

    connection_id: int
    state: str
    accounts: int
    key_requested: bool
    key_usable: bool
    last_pull_ok: bool
    has_connection_test_ok: bool
    first_booked_at: datetime | None
    last_booked_at: datetime | None
    accounts_booked: int
    second_pull_wrote_nothing: bool
    lines: int
    withdrawn: int
    first_day: date | None
    last_day: date | None
    days_total: int
    days_proven: int
    days_broken: int
    days_missing: int
    open_findings: int
    duplicates: int
    reason: str

    @property
    def all_days_proven(self) -> bool:
        return self.days_total > 0 and self.days_proven == self.days_total and not self.days_missing


def feed_evidence(connection: Connection, *, now: datetime) -> FeedEvidence:
    """Return what the gates of the onboarding ask about a feed, at ``now``."""
    booked = Pull.objects.filter(account__connection=connection, state="booked")
    times = booked.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    days = day_rows(connection=connection)
    states = [day.state for day in days]
    lines = Line.objects.filter(account__connection=connection)
    main = certificates.usable(scope=connection.scope, use=connection.main_use, now=now)
    failing = failing_connections().get(connection.pk, "")
    return FeedEvidence(
        connection_id=connection.pk,
        state=connection.state,
        accounts=connection.accounts.count(),
        key_requested=certificates.keys_of(scope=connection.scope).exists(),
        key_usable=main is not None,
        last_pull_ok=bool(times["last"]) and not failing,
        has_connection_test_ok=bool(times["first"]),
        first_booked_at=times["first"],
        last_booked_at=times["last"],
        accounts_booked=booked.values("account").distinct().count(),
        second_pull_wrote_nothing=_repeated_without_writing(connection),
        lines=lines.filter(state="booked").count(),
        withdrawn=lines.filter(state="withdrawn").count(),
        first_day=min((day.as_of_date for day in days), default=None),
        last_day=max((day.as_of_date for day in days), default=None),
        days_total=len(days),
        days_proven=states.count("proven"),
        days_broken=states.count("broken"),
        days_missing=sum(one.gaps for one in freshness_of(_keys(connection)).values()),
        open_findings=open_findings(connection=connection).count(),
        duplicates=duplicates(connection),
        reason=failing,
    )


def duplicates(connection: Connection) -> int:
    """Return how many lines lack the one id in use that makes them a line of their own: 0, or the ledger is wrong."""
    lines = Line.objects.filter(account__connection=connection)
    return (
        lines.count()
        - LineId.objects.filter(
            line__account__connection=connection, current=True, transaction_id=F("line__transaction_id")
        ).count()
    )


def orphans() -> int:
    """Return how many lines and ids name an account or a pull that does not exist: 0, or rows were removed by hand.

    The database does not check these references itself (decision 0008). It reads every line: for a verification, not
    for a page.
    """
    accounts, pulls = Account.objects.values("pk"), Pull.objects.values("pk")
    lines = Line.objects.exclude(
        Exists(accounts.filter(pk=OuterRef("account_id"))),
        Exists(pulls.filter(pk=OuterRef("first_pull_id"))),
        Exists(pulls.filter(pk=OuterRef("last_changed_pull_id"))),
    )
    ids = LineId.objects.exclude(
        Exists(accounts.filter(pk=OuterRef("account_id"))),
        Exists(pulls.filter(pk=OuterRef("first_pull_id"))),
    )
    return lines.count() + ids.count()


def _keys(connection: Connection) -> list[int]:
    return list(connection.accounts.values_list("pk", flat=True))


def _repeated_without_writing(connection: Connection) -> bool:
    """Say whether every account was read again at least once and that reading booked, changed and removed nothing."""
    accounts = list(connection.accounts.all())
    for account in accounts:
        pulls = list(Pull.objects.filter(account=account, state="booked").order_by("finished_at"))
        if not any(
            not (p.new or p.amended or p.renumbered or p.withdrawn) and p.read == p.same for p in pulls[1:]
        ):
            return False
    return bool(accounts)


def _edges(account: Account) -> tuple[date | None, date | None]:
    known = Day.objects.filter(account=account).exclude(state="provisional")
    # A row that says missing was known once, until the pull that read it was undone.
    undone = Q(state="missing")
    edges = known.filter(undone | Q(stated=True) | Q(lines__gt=0) | Q(rejected__gt=0)).aggregate(
        first=Min("as_of_date"), last=Max("as_of_date")
    )
    return edges["first"], edges["last"]
