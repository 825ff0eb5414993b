"""The probes tell the truth."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from bankfeeds import queries
from bankfeeds.models import Heartbeat
from certificates.models import MonitorRun
from config import health


@pytest.mark.django_db
def test_ready_only_with_database_migrations_heartbeat_and_no_overdue_pull(now: datetime) -> None:
    Heartbeat.objects.create(name=queries.WORKER, at=now - timedelta(minutes=1))
    assert health.inspect(now=now) == {
        "database": "ok", "migrations": "ok", "heartbeat": "ok", "pulls": "ok", "certificates": "ok",
    }  # fmt: skip


@pytest.mark.django_db
def test_a_missing_or_old_heartbeat_is_said(now: datetime) -> None:
    assert health.inspect(now=now)["heartbeat"] == "no worker has executed a heartbeat yet"
    Heartbeat.objects.create(name=queries.WORKER, at=now - timedelta(minutes=4))
    assert health.inspect(now=now)["heartbeat"] == "no worker has executed a heartbeat for 240 s"


@pytest.mark.django_db
def test_a_certificate_monitor_that_stopped_is_said(now: datetime) -> None:
    MonitorRun.objects.create(at=now)
    said = [health.inspect(now=now + timedelta(hours=hours))["certificates"] for hours in (26, 27)]
    assert said == ["ok", "the certificate monitor has not run for 27 h"]


@pytest.mark.django_db
def test_an_unapplied_migration_is_said(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name = '0002_append_only'")
    assert health.inspect(now=now)["migrations"].endswith("migrations are not applied")


@pytest.mark.django_db
def test_the_probes_answer_over_http(client: Any) -> None:
    alive, ready = client.get("/healthz"), client.get("/readyz")
    assert (alive.status_code, alive.content, ready.status_code, ready.json()["ready"]) == (
        200,
        b"ok",
        503,
        False,
    )
