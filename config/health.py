"""Health probes: ``/healthz`` says the process answers, ``/readyz`` says whether the product works, and why not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bankfeeds import queries
from certificates import watch

HEARTBEAT_LIMIT = timedelta(minutes=3)
OVERDUE_LIMIT = timedelta(minutes=30)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 whenever this process can answer at all."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part works, 503 otherwise; the body names each part with ``ok`` or its trouble."""
    parts = inspect(now=timezone.now())
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse({"ready": healthy, **parts}, status=200 if healthy else 503)


def inspect(*, now: datetime) -> dict[str, str]:
    """Return the state of database, migrations, worker, the oldest due pull and the certificate monitor at ``now``."""
    try:
        return {
            "database": _database(),
            "migrations": _migrations(),
            "heartbeat": _heartbeat(now),
            "pulls": _pulls(now),
            "certificates": _certificates(now),
        }
    except DatabaseError:
        return {"database": "the database does not answer or its tables are missing"}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} migrations are not applied" if waiting else "ok"


def _heartbeat(now: datetime) -> str:
    beat = queries.last_heartbeat()
    if beat is None:
        return "no worker has executed a heartbeat yet"
    age = now - beat
    return (
        "ok"
        if age <= HEARTBEAT_LIMIT
        else f"no worker has executed a heartbeat for {int(age.total_seconds())} s"
    )


def _pulls(now: datetime) -> str:
    due = queries.oldest_due_pull(now=now)
    if due is None or now - due <= OVERDUE_LIMIT:
        return "ok"
    return f"the oldest due pull has waited for {int((now - due).total_seconds())} s"


def _certificates(now: datetime) -> str:
    since = watch.monitor_stopped_since(now=now)
    if since is None:
        return "ok"
    return f"the certificate monitor has not run for {int((now - since).total_seconds() // 3600)} h"
