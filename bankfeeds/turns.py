"""Whose turn it is: the accounts whose time has come, the ones with older days to read, and how far those are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from bankfeeds.models import Account, Connection, Day, Pull
from bankfeeds.models.connection import PULLABLE
from bankfeeds.models.pull import PullKind
from bankfeeds.pipeline.plan import HISTORY_DAYS, ONE
from bankfeeds.queries import due_pulls, open_pulls
from certificates import queries as certificates

REFUSED_FOR = timedelta(days=1)


def room_for_pulls(*, now: datetime) -> int:
    """Return how many more pulls may be queued now: those that are due already take the places of the workers."""
    return max(0, int(settings.PULLS_PER_TICK) - due_pulls(now=now).order_by().count())


def accounts_due(*, now: datetime) -> QuerySet[Account]:
    """Return the accounts whose scheduled reading has come and which have no open pull, the longest due first."""
    return _accounts_come(now).exclude(_has(open_pulls()))


def accounts_due_before_older_days(*, now: datetime) -> QuerySet[Account]:
    """Return the accounts whose scheduled reading has come while a pull of older days waits for a worker."""
    waiting = open_pulls().filter(kind=PullKind.BACKFILL).exclude(state__in=["fetching", "held"])
    return _accounts_come(now).filter(_has(waiting))


def accounts_behind(*, now: datetime) -> QuerySet[Account]:
    """Return the accounts with older days to read and nothing else to do, those that were served last at the end.

    What the bank has refused is left alone: older days for a day, the account until it was read again.
    """
    mine = Pull.objects.filter(account=OuterRef("pk"))
    newest = mine.order_by("-requested_at", "-pk")
    refused = mine.filter(kind=PullKind.BACKFILL, needs_person=True, finished_at__gt=now - REFUSED_FOR)
    return (
        Account.objects.filter(behind=True, connection__state__in=PULLABLE)
        .exclude(_has(open_pulls()))
        .exclude(Exists(refused))
        .annotate(served=Subquery(newest.values("requested_at")[:1]))
        .annotate(stopped=Subquery(newest.values("needs_person")[:1]))
        .filter(stopped=False)
        .select_related("connection")
        .order_by("served", "pk")
    )


def drafts_with_key(*, now: datetime) -> list[Connection]:
    """Return the draft connections whose key is in use, in two questions for all of them."""
    drafts = {one.scope: one for one in Connection.objects.filter(state="draft").order_by("pk")}
    if not drafts:
        return []
    used = set(certificates.in_use(now=now).filter(scope__in=drafts).values_list("scope", "use"))
    return [one for scope, one in drafts.items() if (scope, one.main_use) in used]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """How many of the ``wanted`` days since ``first`` are read; ``at_work`` reads older ones, or waits to.

    ``refused``: why the bank last would not give older days, or empty.
    """

    first: date
    read: int
    wanted: int
    at_work: Pull | None
    refused: str

    @property
    def percent(self) -> int:
        """Return whole percents, 100 only when nothing is left."""
        return self.read * 100 // self.wanted if self.wanted else 100


def backfill_progress(account: Account, *, today: date) -> BackfillProgress | None:
    """Return how far the reading of the account's older days has come, by its coverage; None when none are left."""
    if not account.behind:
        return None
    days = Day.objects.filter(account=account, as_of_date__lt=today)
    first = account.connection.history_start
    if first is None:
        oldest = days.order_by("as_of_date").values_list("as_of_date", flat=True).first()
        first = min(day for day in (oldest, today - timedelta(days=HISTORY_DAYS)) if day is not None)
    read = days.filter(as_of_date__gte=first).exclude(state__in=["missing", "provisional"]).count()
    slices = Pull.objects.filter(account=account, kind=PullKind.BACKFILL).order_by("-requested_at", "-pk")
    newest = slices.first()
    return BackfillProgress(
        first=first,
        read=read,
        wanted=(today - ONE - first).days + 1,
        at_work=newest if newest is not None and newest.is_open else None,
        refused=newest.reason if newest is not None and newest.needs_person else "",
    )


def first_gapless_day(account: Account) -> date | None:
    """Return since when the account's days are read without a gap up to the last one read; None when none is."""
    days = Day.objects.filter(account=account).exclude(state__in=["missing", "provisional"])
    found = None
    for day in days.order_by("-as_of_date").values_list("as_of_date", flat=True).iterator():
        if found is not None and day != found - ONE:
            break
        found = day
    return found


def _accounts_come(now: datetime) -> QuerySet[Account]:
    return (
        Account.objects.filter(connection__state__in=PULLABLE)
        .filter(Q(next_pull_at=None) | Q(next_pull_at__lte=now))
        .select_related("connection")
        .order_by(F("next_pull_at").asc(nulls_first=True), "pk")
    )


def _has(pulls: QuerySet[Pull]) -> Exists:
    return Exists(pulls.filter(account=OuterRef("pk")))
