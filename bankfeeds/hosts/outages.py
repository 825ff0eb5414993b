"""The outages that last, and who waits for them: what the console, the metrics and the mails say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bankfeeds.hosts import addresses, waiting
from bankfeeds.models import BankHost, Connection, Outage, Pull


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """A host that is not called now: since when, why, how many connections wait, and when it is tried next."""

    host_id: int
    name: str
    since: datetime
    reason: str
    feeds: int
    retry_at: datetime | None


def standstills() -> list[Standstill]:
    """Return the outages that last, the oldest first."""
    rows = Outage.objects.filter(ended_at=None).select_related("host").order_by("began_at", "pk")
    return [
        Standstill(
            host_id=outage.host_id,
            name=outage.host.name,
            since=outage.began_at,
            reason=outage.sentence,
            feeds=waiting.feeds_waiting_for(outage.host.name),
            retry_at=outage.host.retry_at,
        )
        for outage in rows
    ]


def host_states() -> dict[str, int]:
    """Return for every host that was ever called whether it is shut (1) or called (0), by name."""
    rows = BankHost.objects.order_by("name").values_list("name", "state")
    return {name: int(state != "closed") for name, state in rows}


def connections_at_shut_hosts() -> set[int]:
    """Return the connections whose host is not called: they wait, and have not failed."""
    shut = waiting.shut_hosts()
    if not shut:
        return set()
    found = Connection.objects.filter(addresses.calling([host.name for host in shut]))
    return set(found.values_list("pk", flat=True))


def waits_for(pull: Pull) -> BankHost | None:
    """Return the host that this pull waits for, if it is its turn otherwise; None when it waits for none."""
    if not pull.is_open or pull.state == "held":
        return None
    names = addresses.hosts_of(pull.account.connection)
    return next((host for host in waiting.shut_hosts() if host.name in names), None)
