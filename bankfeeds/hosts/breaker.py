"""Whether a host of the bank may be called: an outage is one alarm and few calls, however many feeds it stops.

Every worker reads and writes the same row. A host is shut after questions in a row that it did not answer, tried by
exactly one worker when its time has come, and called again by all once that one is answered. Locks: the host's row,
its outage, the audit chain; whoever holds an account and a pull has taken them before.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import transaction

from audit.recording import Actor, record
from bankfeeds.hosts import waiting
from bankfeeds.hosts.addresses import alone_at, hosts_of
from bankfeeds.jpmorgan.errors import NotCalled
from bankfeeds.models import BankHost, Connection, Outage
from bankfeeds.models.host import BreakerState

FAILURES = 5
"""So many questions in a row without an answer shut a host."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
PROBE = timedelta(minutes=3)
"""For so long one worker alone may try a host that was shut; after that another one may."""
SOURCES = 8
"""The newest are kept: whose calls failed first is forgotten before whose call failed last."""


def failed(
    name: str, *, source: str, connected: bool, sentence: str, owner: str, actor: Actor, now: datetime
) -> None:
    """Count a question the host did not answer; shut it when they are enough, or again after a try in vain.

    ``source`` is ``<connection>/<account>``: what only one of them meets is its own trouble and shuts nothing, unless
    the host took no connection at all (``connected``), which no credential can be blamed for.
    """
    with transaction.atomic():
        host = BankHost.objects.select_for_update().get(name=name)
        if host.state == BreakerState.CLOSED:
            host.failures += 1
            host.unconnected += not connected
            host.sources = [*(one for one in host.sources if one != source), source][-SOURCES:]
            host.reason = sentence
            if _is_down(host):
                _shut(host, actor, now)
        elif host.state == BreakerState.HALF_OPEN and owner and host.prober == owner:
            _shut_again(host, sentence, actor, now)
        else:
            return  # a call that was under way when the host was shut
        host.save()
        if host.state == BreakerState.OPEN:
            tries = host.outages.filter(ended_at=None).values_list("tries", flat=True).first() or 0
            verb = "bankfeeds.host_tried_in_vain" if tries else "bankfeeds.host_shut"
            data = {"host": name, "tries": tries, "failures": host.failures}
            record(verb=verb, actor=actor, subject=host, now=now, reason=sentence, data=data)


def answered(host: BankHost, *, owner: str, actor: Actor, now: datetime) -> None:
    """Note that the host answered: failures in a row end, and a shut host that ``owner`` tried is called again."""
    if host.state == BreakerState.CLOSED:
        if host.failures:
            still = BankHost.objects.filter(pk=host.pk, state=BreakerState.CLOSED)
            still.update(failures=0, unconnected=0, sources=[], reason="")
    elif owner and host.prober == owner:
        _open_up(host, owner, actor, now)


def enter(name: str, *, owner: str, now: datetime) -> BankHost:
    """Return the host's row when it may be called by ``owner`` now. Raises NotCalled."""
    host = _row(name)
    if host.state == BreakerState.CLOSED or (owner and _holds(host, owner)):
        return host
    return _take(host, owner, now)


def take_probes(connection: Connection, *, owner: str, now: datetime) -> None:
    """Take the one try at each shut host of the connection. Raises NotCalled; then, undo what was taken.

    Called within the claim of a pull, so that of a thousand waiting pulls one is claimed and not all.
    """
    shut = BankHost.objects.filter(name__in=hosts_of(connection)).exclude(state=BreakerState.CLOSED)
    for host in shut.order_by("name"):
        _take(host, owner, now)


def let_go(*, owner: str, now: datetime) -> None:
    """Hand back a try that ended without the host being asked, so that another worker need not wait for its end."""
    BankHost.objects.filter(state=BreakerState.HALF_OPEN, prober=owner).update(
        state=BreakerState.OPEN, prober="", retry_at=now + FIRST_PAUSE
    )


def probes(name: str, *, owner: str) -> bool:
    """Say whether ``owner`` is the one who tries this host."""
    return BankHost.objects.filter(name=name, state=BreakerState.HALF_OPEN, prober=owner).exists()


def call_again(*, host: BankHost, actor: Actor, now: datetime, reason: str) -> BankHost:
    """Let a worker try a shut host at once. The row is locked by the caller, in whose transaction this is."""
    host.state, host.prober, host.retry_at = BreakerState.OPEN, "", now
    host.save(update_fields=["state", "prober", "retry_at"])
    data = {"host": host.name}
    record(verb="bankfeeds.host_call_asked_for", actor=actor, subject=host, now=now, reason=reason, data=data)
    return host


def why(host: BankHost) -> str:
    """Return why the host is not called, for whoever waits for it."""
    since = f" since {host.opened_at:%Y-%m-%d %H:%M} UTC" if host.opened_at else ""
    return f"The bank's host {host.name} is not reached{since}; it is tried by one pull at a time until it answers."


def _row(name: str) -> BankHost:
    host = BankHost.objects.filter(name=name).first()
    if host is None:
        BankHost.objects.bulk_create([BankHost(name=name)], ignore_conflicts=True)
        host = BankHost.objects.get(name=name)
    return host


def _holds(host: BankHost, owner: str) -> bool:
    return host.state == BreakerState.HALF_OPEN and host.prober == owner


def _take(host: BankHost, owner: str, now: datetime) -> BankHost:
    """Become the one who tries the host, if its time has come and nobody else was first. Raises NotCalled."""
    if _holds(host, owner):
        return host
    if owner and host.retry_at is not None and host.retry_at <= now:
        # Whoever finds the row as it was read is the one; a prober that died is followed when its time is over.
        seen = BankHost.objects.filter(
            pk=host.pk, state=host.state, retry_at=host.retry_at, prober=host.prober
        )
        taken = {"state": BreakerState.HALF_OPEN, "prober": owner, "retry_at": now + PROBE}
        if seen.update(**taken):
            for field, value in taken.items():
                setattr(host, field, value)
            return host
    raise NotCalled(why(host), until=max(host.retry_at or now, now + FIRST_PAUSE))


def _is_down(host: BankHost) -> bool:
    if host.unconnected >= FAILURES:
        return True
    if host.failures < FAILURES or len(host.sources) < 2:
        return False
    connections = {source.partition("/")[0] for source in host.sources}
    # Several accounts of one customer speak for the host only where nobody else could.
    return len(connections) > 1 or alone_at(host.name, connection_pk=int(connections.pop()))


def _shut(host: BankHost, actor: Actor, now: datetime) -> None:
    host.state, host.opened_at, host.retry_at, host.prober = BreakerState.OPEN, now, now + pause(0), ""
    Outage.objects.create(host=host, began_at=now, sentence=host.reason)


def _shut_again(host: BankHost, sentence: str, actor: Actor, now: datetime) -> None:
    outage = host.outages.select_for_update().get(ended_at=None)
    outage.tries, outage.sentence = outage.tries + 1, sentence
    outage.save(update_fields=["tries", "sentence"])
    host.state, host.retry_at, host.prober = BreakerState.OPEN, now + pause(outage.tries), ""
    host.failures, host.reason = host.failures + 1, sentence


def _open_up(host: BankHost, owner: str, actor: Actor, now: datetime) -> None:
    # The queue first, while nobody is let through yet: what waits comes back one after the other.
    waited = waiting.spread(host.name, now=now)
    with transaction.atomic():
        fresh = BankHost.objects.select_for_update().get(pk=host.pk)
        if not _holds(fresh, owner):
            return
        for outage in fresh.outages.select_for_update().filter(ended_at=None):
            outage.ended_at = now
            outage.save(update_fields=["ended_at"])
        fresh.state, fresh.failures, fresh.unconnected, fresh.sources = BreakerState.CLOSED, 0, 0, []
        fresh.opened_at, fresh.retry_at, fresh.prober, fresh.reason = None, None, "", ""
        fresh.save()
        data = {"host": fresh.name, "pulls_waiting": waited}
        record(verb="bankfeeds.host_answers_again", actor=actor, subject=fresh, now=now, data=data)
    host.state = BreakerState.CLOSED


def pause(tries: int) -> timedelta:
    """Return the wait after so many tries in vain: half a minute, doubled each time, at most ten minutes; jittered."""
    longest: timedelta = min(FIRST_PAUSE * 2 ** min(tries, 10), LONGEST_PAUSE)
    return longest - longest * random.randrange(0, 25) / 100  # noqa: S311 - spreads load, guards nothing
