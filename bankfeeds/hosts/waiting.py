"""The pulls that wait for a host, and how they come back: one after the other, not all in one second."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from bankfeeds.hosts.addresses import calling
from bankfeeds.models import BankHost, Connection, Pull
from bankfeeds.models.connection import PULLABLE
from bankfeeds.models.host import BreakerState

STEP = timedelta(seconds=15)
CALLS_PER_PULL = 6
"""What an ordinary pull asks; after an outage it asks for the days of the outage as well."""
FASTEST = 60
"""So many pulls come back within one step at most, however large the budget of calls."""
FIRST = {"requested": 0, "scheduled": 1, "backfill": 2}


def shut_hosts() -> list[BankHost]:
    """Return the hosts that are not called by everybody, by name; usually none."""
    return list(BankHost.objects.exclude(state=BreakerState.CLOSED).order_by("name"))


def pulls_waiting_for(name: str) -> QuerySet[Pull]:
    """Return the open pulls that need this host and that nobody works on."""
    waits = Q(state="queued") | Q(state="failed", retry_at__isnull=False)
    connections = Connection.objects.filter(calling([name]), state__in=PULLABLE)
    return Pull.objects.filter(waits, account__connection__in=connections)


def feeds_waiting_for(name: str) -> int:
    """Return how many connections have pulls that wait for this host."""
    return pulls_waiting_for(name).order_by().values("account__connection").distinct().count()


def spread(name: str, *, now: datetime) -> int:
    """Give every pull that waits for the host a time of its own from ``now`` on; return how many there are.

    What a person asked for comes first, a backfill last; the rate is what the budget of calls can carry.
    """
    rows = pulls_waiting_for(name).values_list("pk", "kind", "requested_at")
    keys = [pk for pk, _, _ in sorted(rows, key=lambda row: (FIRST.get(row[1], 1), row[2], row[0]))]
    size = per_step()
    for number, start in enumerate(range(0, len(keys), size)):
        with transaction.atomic():
            # Locked by key: whoever else writes several of these rows takes them in this order too.
            chunk = Pull.objects.select_for_update().filter(pk__in=keys[start : start + size]).order_by("pk")
            still = [pull.pk for pull in chunk if pull.state in ("queued", "failed") and pull.is_open]
            Pull.objects.filter(pk__in=still).update(retry_at=now + STEP * number, rung_at=None)
    return len(keys)


def per_step() -> int:
    """Return how many pulls come back within one step."""
    rate = float(settings.BANK_CALLS_PER_SECOND)
    if rate <= 0:
        return FASTEST
    return max(1, min(FASTEST, int(rate * STEP.total_seconds() / CALLS_PER_PULL)))
