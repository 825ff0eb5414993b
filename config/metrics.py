"""``/metrics``: when certificates end, how many feeds are late and whether anybody would notice, in Prometheus' text
format 0.0.4.

Off until METRICS_TOKEN is set, and not there for whoever does not show it. No customer's name is in it: keys are
named by number. An instant that never was is 0.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found

from bankfeeds.hosts.outages import host_states, standstills
from bankfeeds.lateness import late_days, oldest_proven
from bankfeeds.queries import last_heartbeat
from certificates import queries, watch

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer whoever shows the token, and 404 everybody else."""
    if not _may_read(request):
        return page_not_found(request, Http404())  # not raised: so that the refusal is not cached either
    return HttpResponse("".join(expose(now=timezone.now())), content_type=CONTENT_TYPE)


def expose(*, now: datetime) -> Iterator[str]:
    """Return the families in the exposition format, as they stand at ``now``."""
    live, outages = watch.live_certificates(), standstills()
    labels = [
        {"key": str(c.key.pk), "use": c.key.use, "environment": c.key.environment, "state": str(c.key.state)}
        for c in live
    ]
    yield _family("certificate_end_timestamp_seconds", "When the certificate of a live key ends.",
                  zip(labels, [c.not_after.timestamp() for c in live], strict=True))  # fmt: skip
    yield _family("key_proven_timestamp_seconds", "When the bank last let us in with a live key; 0: never.",
                  zip(labels, [_instant(c.key.proven_at) for c in live], strict=True))  # fmt: skip
    yield _family("certificate_monitor_run_timestamp_seconds", "Last completed run of the monitor; 0: never.",
                  [({}, _instant(watch.last_run()))])  # fmt: skip
    yield _family("certificate_mails", "Mails about certificates that are not out, by state.",
                  [({"state": state}, count) for state, count in watch.mails_not_out().items()])  # fmt: skip
    yield _family("sealed_keys", "Private keys sealed under each keyring version.",
                  [({"provider": provider, "version": version}, rows)
                   for (provider, version), rows in sorted(queries.envelopes_per_version().items())])  # fmt: skip
    yield _family("approvals_waiting", "Acts that wait for a second person, or for being done.",
                  [({}, watch.approvals_waiting(now=now).count())])  # fmt: skip
    yield _family("bank_host_shut", "1 while a host of the bank is not called by every worker, else 0.",
                  [({"host": name}, shut) for name, shut in host_states().items()])  # fmt: skip
    yield _family("bank_outage_begin_timestamp_seconds", "Since when a host has not been reached, while it lasts.",
                  [({"host": one.name}, one.since.timestamp()) for one in outages])  # fmt: skip
    yield _family("bank_outage_feeds_waiting", "Feeds that wait for a host that is not reached.",
                  [({"host": one.name}, one.feeds) for one in outages])  # fmt: skip
    yield _family("worker_heartbeat_timestamp_seconds", "When a worker last executed something; 0: never.",
                  [({}, _instant(last_heartbeat()))])  # fmt: skip
    yield from _late_feeds(now)


def _late_feeds(now: datetime) -> Iterator[str]:
    late = late_days(now=now)
    yield _family("feed_accounts_late", "Accounts whose last business day is due and not proven.",
                  [({}, len(late))])  # fmt: skip
    yield _family("feed_late_oldest_proven_timestamp_seconds",
                  "Newest proven day of the late account that is furthest behind; 0: none is late or it has none.",
                  [({}, _instant(oldest_proven(late)))])  # fmt: skip


@sensitive_variables()
def _may_read(request: HttpRequest) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    # Compared as bytes and in constant time: neither its length nor its letters can be felt for.
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(shown.encode(), token.encode())


def _family(name: str, meaning: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP lockkeeper_{name} {meaning}", f"# TYPE lockkeeper_{name} gauge"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
        lines.append(
            f"lockkeeper_{name}{{{inner}}} {value:.0f}" if inner else f"lockkeeper_{name} {value:.0f}"
        )
    return "\n".join(lines) + "\n"


def _escaped(said: str) -> str:
    return said.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _instant(at: datetime | None) -> float:
    return at.timestamp() if at else 0
